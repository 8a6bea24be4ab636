"""When to leave a download: it will not make it, and a lower rung would be in sooner.

The answer is computed rather than polled. Whatever arrives later, a download can never
look worse than if nothing more arrived, so the first moment at which the answer could
turn is known at once, and the player need not ask before it. What is left only shrinks:
once no lower rung could be in sooner, none ever will be, and the question is closed. A
segment moves only downwards, so it is fetched at most once a rung.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from abr.contract import Abandonment, Keep, Progress, Switch, View

__all__ = ["LateRule"]


@dataclass(frozen=True, slots=True)
class LateRule:
    """Leaves a download whose end lies past the end of the buffer.

    Attributes:
        margin: Share of the rate seen that the rung changed to is expected to get; the
            download that runs is given all of it, so a change must be worth its while.
        settle_s: How long bytes must have flowed before their rate means anything. dash.js,
            AbandonRequestsRule: 500 ms after the first byte; Sabre the same.
        duration_share: Share of the segment's duration for which they must have flowed,
            unless the buffer is short. hls.js, abr-controller: half of it.
        buffer_share: Share of the buffer left after which there is no time for that. A
            guess: with four times as much left, a pause of the link may yet pass.
        patience_s: How long the end may be away while nothing plays and so no buffer runs
            out; never more than the segment's duration. A guess: a sweep over start-up
            times and stalls would settle it.
        step_s: The least time between two answers, so that a download on the brink is not
            asked about every millisecond. Sabre's check of progress: 50 ms.
    """

    margin: float = 0.7
    settle_s: float = 0.5
    duration_share: float = 0.5
    buffer_share: float = 0.25
    patience_s: float = 2.0
    step_s: float = 0.05

    def __post_init__(self) -> None:
        """Refuse a rule that would leave downloads for nothing or be asked for ever."""
        if not 0 < self.margin <= 1:
            raise ValueError(f"margin lies in (0, 1], not {self.margin}")
        if not (self.step_s > 0 and self.settle_s >= 0 and self.patience_s >= 0):
            raise ValueError(f"the times of {self} must not be negative, nor step_s zero")

    def judge(
        self, view: View, progress: Progress, *, ttfb_s: float | None, cap: int
    ) -> Abandonment:
        """Return whether to leave a download, or from when on to ask again.

        Args:
            view: What the controller sees, of the segment on its way.
            progress: How far it has come.
            ttfb_s: The time to first byte to count on; None if unknown.
            cap: The highest rung that may be asked for.
        """
        left_bytes = progress.size_bytes - progress.bytes
        # The bytes each lower rung costs, as many as if they came at the full rate.
        costs_bytes = {
            rung: _size_bytes(view, progress, rung) / self.margin
            for rung in range(min(progress.rung, cap + 1, len(view.rungs)))
        }
        costs_bytes = {rung: cost for rung, cost in costs_bytes.items() if cost < left_bytes}
        if not costs_bytes:
            return Keep()
        if progress.ttfb_s is None:
            # The server has not answered, which says nothing of the link.
            return self._ask_in(view, self.settle_s)

        # Headers alone count as a byte, so that a link that died after them has a rate.
        got_bytes = max(progress.bytes, 1)
        flowed_s = max(progress.elapsed_s - progress.ttfb_s, 0.0)
        s_a_byte = flowed_s / got_bytes
        request_s = max(ttfb_s or 0.0, progress.ttfb_s)
        waits_s = {r: request_s * (1 + view.rungs[r].resolve_requests) for r in costs_bytes}
        finish_s = left_bytes * s_a_byte
        deadline_s = self._deadline_s(view, progress)
        settled_in_s = self._settled_in_s(view, progress, flowed_s, deadline_s)
        if settled_in_s <= 0 and finish_s > deadline_s:
            arrives_s = {r: waits_s[r] + cost * s_a_byte for r, cost in costs_bytes.items()}
            target = _best(arrives_s, finish_s, deadline_s)
            if target is not None:
                reason = (
                    f"{finish_s:.1f} s to go, {deadline_s:.1f} s to spare, "
                    f"rung {target} in {arrives_s[target]:.1f} s"
                )
                return Switch(target, reason)

        # If not one byte more came, the rate seen at x seconds from now would be bytes /
        # (flowed + x). It is then late when left * (flowed + x) / bytes passes the
        # deadline, which a moving playhead brings x nearer; and a lower rung is sooner when
        # (left - cost) * (flowed + x) / bytes passes what its requests wait.
        late_in_s = (deadline_s - finish_s) / (left_bytes / got_bytes + view.playing)
        sooner_in_s = min(
            waits_s[r] * got_bytes / (left_bytes - cost) - flowed_s
            for r, cost in costs_bytes.items()
        )
        return self._ask_in(view, max(settled_in_s, late_in_s, sooner_in_s))

    def _ask_in(self, view: View, in_s: float) -> Keep:
        return Keep(view.now_us + math.ceil(max(in_s, self.step_s) * 1e6))

    def _settled_in_s(
        self, view: View, progress: Progress, flowed_s: float, deadline_s: float
    ) -> float:
        """How long until what was seen is evidence enough; 0 or less once it is."""
        hurried_s = self.buffer_share * deadline_s - flowed_s
        if view.playing:
            # The deadline comes nearer while the bytes flow.
            hurried_s /= 1 + self.buffer_share
        calm_s = self.duration_share * progress.duration_s - flowed_s
        return max(self.settle_s - flowed_s, min(hurried_s, calm_s))

    def _deadline_s(self, view: View, progress: Progress) -> float:
        if view.playing:
            return view.buffered_s / (abs(view.rate) or 1.0)
        return min(self.patience_s, progress.duration_s)


def _size_bytes(view: View, progress: Progress, rung: int) -> float:
    announced = view.sizes_bytes[0][rung]
    if announced is not None:
        return announced
    return view.rungs[rung].bitrate_bps * progress.duration_s / 8


def _best(arrives_s: dict[int, float], finish_s: float, deadline_s: float) -> int | None:
    """The highest rung in before the deadline; else the soonest; None if none is sooner."""
    in_time = [r for r, s in arrives_s.items() if s < finish_s and s <= deadline_s]
    if in_time:
        return max(in_time)
    soonest = min(arrives_s, key=lambda rung: arrives_s[rung])
    return soonest if arrives_s[soonest] < finish_s else None
