"""What a licence service does wrong when it is told to, and how often each bearer may ask.

A fault waits until a request of its purpose comes, strikes as often as it was told to, and
is gone. Faults that wait for the same request strike in the order they were added.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from netplay.edge.license.policy import RateLimit

__all__ = ["Fault", "FaultKind", "Faults", "Purpose", "RateLimiter"]

FaultKind = Literal[
    "slow", "status", "hang", "malformed", "wrong_key", "replay", "forged", "redirect"
]
"""slow: answer rightly, but `delay_s` late.
status: answer with `status`, and Retry-After where `retry_after_s` says so.
hang: never answer.
malformed: break off the right answer half way, under the length of what is left.
wrong_key: the right key ids, and every key wrong; signed like any other answer.
replay: the last licence that this key system's clients were given, whoever asks for
    what; waits until there has been one.
forged: a Widevine licence changed after it was signed; ClearKey signs nothing and answers
    rightly.
redirect: send the client to `location`.

Those that are about keys and signatures pass over requests for the service certificate."""

ABOUT_LICENSES = frozenset(("wrong_key", "replay", "forged"))

Purpose = Literal["license", "certificate", "renewal", "key"]
"""What a request wants: a licence; the service certificate; a licence renewed; one HLS key."""

MOST_BEARERS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to fail.

    Attributes:
        kind: See `FaultKind`.
        times: How many requests it strikes; None: all from now on.
        purpose: Only requests with this purpose; None: any.
        delay_s: For "slow".
        status: For "status".
        retry_after_s: For "status"; None: no such header.
        location: For "redirect", an absolute URL.
    """

    kind: FaultKind
    times: int | None = 1
    purpose: Purpose | None = None
    delay_s: float = 0.0
    status: int = 503
    retry_after_s: int | None = None
    location: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"no fault {self.kind!r}; there are {', '.join(get_args(FaultKind))}")
        if self.purpose is not None and self.purpose not in get_args(Purpose):
            raise ValueError(f"no purpose {self.purpose!r}")
        if not 0 <= self.delay_s < math.inf or (self.times is not None and self.times < 1):
            raise ValueError("a fault strikes at least once, after a time that is not negative")
        if (self.kind == "redirect") != bool(self.location):
            raise ValueError("a redirect needs a location, and nothing else has one")

    def to_json(self) -> dict[str, Any]:
        """Return what `Fault(**…)` takes."""
        return asdict(self)


class Faults:
    """The faults that still wait for requests."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, *faults: Fault) -> None:
        """Let these strike too, after those that wait already."""
        self._waiting += faults

    def clear(self) -> None:
        """Let nothing strike any more."""
        self._waiting.clear()

    def strike(self, purpose: Purpose, *, can_replay: bool) -> Fault | None:
        """Return the fault of a request and count it, or None for a request that goes well."""
        for place, fault in enumerate(self._waiting):
            if fault.purpose not in (None, purpose) or (fault.kind == "replay" and not can_replay):
                continue
            if fault.kind in ABOUT_LICENSES and purpose == "certificate":
                continue
            if fault.times == 1:
                del self._waiting[place]
            elif fault.times is not None:
                self._waiting[place] = replace(fault, times=fault.times - 1)
            return fault
        return None


class RateLimiter:
    """A token bucket for each bearer; knows the last ten thousand of them.

    Args:
        clock: Returns seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, float]] = {}
        self._order: deque[str] = deque()

    def wait_s(self, bearer: str, limit: RateLimit) -> float:
        """Return 0 and count a request, or how long until one would be let through."""
        now_s = self._clock()
        held, since_s = self._known.get(bearer, (float(limit.burst), now_s))
        held = min(float(limit.burst), held + (now_s - since_s) * limit.per_s)
        if bearer not in self._known:
            self._order.append(bearer)
            if len(self._order) > MOST_BEARERS:
                del self._known[self._order.popleft()]
        # A bucket filled by tiny steps ends a rounding error short of a whole request.
        through = held >= 1 - 1e-9
        self._known[bearer] = (max(0.0, held - 1) if through else held, now_s)
        return 0.0 if through else (1 - held) / limit.per_s
