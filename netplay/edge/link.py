"""What a link does to bytes: a rate that follows a trace, a round trip, fair turns.

Nothing here waits or opens a socket: time is an argument, so the arithmetic is tested
exactly, and `relay` performs it. A packet starts when the link is free and it is there, and
the moment it has left is computed rather than waited for. So a caller that looks late still
gets the moments right, and the rate is honest at 1 Mb/s and at 100 Mb/s alike.
"""

import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any, Generic, NamedTuple, TypeVar

__all__ = ["Bottleneck", "Capacity", "Departure", "LinkSpec"]

FlowT = TypeVar("FlowT", bound=Hashable)

PACKET_BYTES = 1448
"""An Ethernet frame's TCP payload with timestamps: the least worth a turn."""
LARGEST_TURN_BYTES = 16 * 1024
TURN_S = 0.001
"""How long one flow's turn lasts where packets are short: flows alternate a thousand times
a second, which no player can tell from packet by packet, at an eighth of the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSpec:
    """A viewer's access link.

    Attributes:
        trace: (duration_s, kbps) after one another, for ever again; a rate may be 0.
        rtt_s: There and back, without queueing.
        queue_bytes: What may wait for the link, each connection.
    """

    trace: tuple[tuple[float, float], ...]
    rtt_s: float = 0.02
    queue_bytes: int = 128 * 1024

    def __post_init__(self) -> None:
        if not self.trace or self.rtt_s < 0 or self.queue_bytes < PACKET_BYTES:
            raise ValueError("a link needs a trace, a round trip >= 0 and room for a packet")
        for duration_s, kbps in self.trace:
            if not (0 < duration_s < math.inf and 0 <= kbps < math.inf):
                raise ValueError(f"a trace is of spans and rates, not ({duration_s}, {kbps})")

    @classmethod
    def constant(cls, kbps: float, *, rtt_s: float = 0.02) -> "LinkSpec":
        """Return a link whose rate never changes."""
        return cls(trace=((1.0, kbps),), rtt_s=rtt_s)

    @property
    def peak_bytes_per_s(self) -> float:
        """At its best moment."""
        return max(kbps for _, kbps in self.trace) * 125

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> "LinkSpec":
        """Read a link back.

        Raises:
            ValueError: It is not one.
        """
        try:
            trace = tuple((float(span), float(kbps)) for span, kbps in said["trace"])
            return cls(**said | {"trace": trace})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a link: {said}") from error


class Capacity:
    """How much a trace lets through until when, and when so much has gone through."""

    def __init__(self, trace: tuple[tuple[float, float], ...]) -> None:
        self._rates = [kbps * 125 for _, kbps in trace]
        spans = [duration_s for duration_s, _ in trace]
        self._edges_s = list(accumulate(spans, initial=0.0))
        passed = (span * rate for span, rate in zip(spans, self._rates, strict=True))
        self._passed = list(accumulate(passed, initial=0.0))

    @property
    def alive(self) -> bool:
        """Anything passes at all."""
        return self._passed[-1] > 0

    def rate_at(self, moment_s: float) -> float:
        """Return bytes a second at a moment."""
        within_s = moment_s % self._edges_s[-1]
        return self._rates[min(bisect_right(self._edges_s, within_s), len(self._rates)) - 1]

    def resumes_s(self, moment_s: float) -> float:
        """Return the first moment from here on at which anything passes."""
        rounds, within_s = divmod(moment_s, self._edges_s[-1])
        span = min(bisect_right(self._edges_s, within_s), len(self._rates)) - 1
        if self._rates[span] > 0:
            return moment_s
        for later in range(span + 1, span + 1 + len(self._rates)):
            again, place = divmod(later, len(self._rates))
            if self._rates[place] > 0:
                return (rounds + again) * self._edges_s[-1] + self._edges_s[place]
        return math.inf

    def passed_by(self, moment_s: float) -> float:
        """Return the bytes that a busy link lets through from the trace's start to a moment."""
        rounds, within_s = divmod(moment_s, self._edges_s[-1])
        span = min(bisect_right(self._edges_s, within_s), len(self._rates)) - 1
        inside = self._passed[span] + (within_s - self._edges_s[span]) * self._rates[span]
        return rounds * self._passed[-1] + inside

    def finish_s(self, start_s: float, size_bytes: int) -> float:
        """Return when bytes that start at a moment have left; infinity on a dead link."""
        if not self.alive:
            return math.inf
        target = self.passed_by(start_s) + size_bytes
        rounds, within = divmod(target, self._passed[-1])
        if within == 0:
            # Exactly at the end of a round: the moment its last byte left, not the start of
            # the next, which a zero rate may put off.
            rounds, within = rounds - 1, self._passed[-1]
        span = bisect_left(self._passed, within) - 1
        inside_s = self._edges_s[span] + (within - self._passed[span]) / self._rates[span]
        return max(start_s, rounds * self._edges_s[-1] + inside_s)


class Departure(NamedTuple, Generic[FlowT]):
    """Bytes of a flow, and when the last of them has left the link."""

    flow: FlowT
    data: memoryview
    left_s: float


class _Waiting(NamedTuple):
    data: memoryview
    since_s: float


class Bottleneck(Generic[FlowT]):
    """One link that several flows queue for, each its turn.

    Args:
        link: Its trace starts at `now_s`.
        now_s: On the clock of every later call.
    """

    def __init__(self, link: LinkSpec, now_s: float) -> None:
        self._queues: dict[FlowT, deque[_Waiting]] = {}
        self._turns: deque[FlowT] = deque()
        self.shape(link, now_s)

    def shape(self, link: LinkSpec, now_s: float) -> None:
        """Go on as another link, whose trace starts now; what has started has left as it was."""
        self._capacity = Capacity(link.trace)
        self._origin_s = now_s
        self._free_s = now_s

    def offer(self, flow: FlowT, data: bytes | memoryview, now_s: float) -> None:
        """Let bytes of a flow wait for their turn."""
        queue = self._queues.get(flow)
        if queue is None:
            queue = self._queues[flow] = deque()
            self._turns.append(flow)
        queue.append(_Waiting(memoryview(data), now_s))

    def drop(self, flow: FlowT) -> None:
        """Forget what a flow has waiting."""
        if self._queues.pop(flow, None) is not None:
            self._turns.remove(flow)

    def departures(self, now_s: float) -> Iterator[Departure[FlowT]]:
        """Yield, in order, every turn that has started by now."""
        while self._turns:
            flow = self._turns[0]
            queue = self._queues[flow]
            data, since_s = queue[0]
            ready_s = max(self._free_s, since_s) - self._origin_s
            start_s = self._origin_s + self._capacity.resumes_s(ready_s)
            if start_s > now_s:
                # Nothing starts while the rate is 0, so that another shape can still help.
                self._free_s = start_s
                return
            rate = self._capacity.rate_at(start_s - self._origin_s)
            turn = int(min(LARGEST_TURN_BYTES, max(PACKET_BYTES, rate * TURN_S)))
            sent = data[:turn]
            left_s = self._origin_s + self._capacity.finish_s(start_s - self._origin_s, len(sent))
            self._free_s = left_s
            if len(sent) == len(data):
                queue.popleft()
            else:
                queue[0] = _Waiting(data[turn:], since_s)
            self._turns.popleft()
            if queue:
                self._turns.append(flow)
            else:
                del self._queues[flow]
            yield Departure(flow, sent, left_s)

    @property
    def next_s(self) -> float | None:
        """When the next turn starts; None while nothing waits, or nothing can ever leave."""
        return self._free_s if self._turns and self._free_s < math.inf else None
