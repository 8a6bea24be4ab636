"""The default controller: a rule says how far link and buffer reach, limits say how to get there.

The rule is one of two: `BufferValue`, found by search over traces, or `SafetyMargin`, the rule
of thumb. Around it stand the limits that keep a viewer from being thrown about: seldom up,
not far down at once, and to the lowest rung before the buffer runs dry. Every second named
here is meant for buffer targets of 20 s and more, and shrinks in proportion below that, so
that 5 s is min(5 s, a quarter of the target) and 10 s is min(10 s, half of it), and a 2 s
buffer is steered by the same rules as a 60 s one.
"""

from __future__ import annotations

from dataclasses import dataclass

from abr.abandonment import LateRule
from abr.buffer_value import BufferValue
from abr.contract import Abandonment, Choice, Progress, Sample, Switch, View
from abr.estimate import TRUSTED_BYTES, LinkEstimate
from abr.guardrails import Cap, Guardrails, highest_within
from abr.safety_margin import SafetyMargin

__all__ = ["Hybrid", "HybridSettings"]

_BUFFER_VALUE = BufferValue()
_LATE = LateRule()
_GUARDRAILS = Guardrails()


@dataclass(frozen=True, slots=True)
class HybridSettings:
    """The numbers of `Hybrid`.

    The values given here are the preset `tuned`, the default: one setting for all links,
    found by search over traces (docs/hybrid.md).

    Attributes:
        rule: How far up the ladder link and buffer reach.
        start_max_height: Lines at most while the buffer is not past `start_capped_s`.
        start_capped_s: Buffer level up to which a start is capped; 0 caps the first segment
            alone.
        start_until_s: Buffer level past which a start is over, and a low buffer is trouble.
        climb_every_s: Least time between two upward switches.
        free_start: Until the start is over, climbs are neither that seldom nor put off.
        most_rungs_down: Rungs at most that one downward switch takes.
        panic_below_s: Buffer level under which only the lowest rung will do.
        full_target_s: Target buffer from which on the seconds above hold as they are: it is
            where a quarter of the target is 5 s.
        trusted_bytes: Measured bytes until which the initial belief is not exceeded.
            Shaka Player: 128 kB.
        keeps_to_leaving: Asked anew about a segment that was left for a lower rung, as
            Sabre asks, it goes no higher than that rung.
        late: When to leave a download.
        guardrails: Limits by device, network and quality.
    """

    rule: BufferValue | SafetyMargin = _BUFFER_VALUE
    start_max_height: int = 720
    start_capped_s: float = 0.0
    start_until_s: float = 10.0
    climb_every_s: float = 10.0
    free_start: bool = False
    most_rungs_down: int = 2
    panic_below_s: float = 5.0
    full_target_s: float = 20.0
    trusted_bytes: int = TRUSTED_BYTES
    keeps_to_leaving: bool = True
    late: LateRule = _LATE
    guardrails: Guardrails = _GUARDRAILS

    def __post_init__(self) -> None:
        """Refuse settings under which the rules contradict one another."""
        if self.most_rungs_down < 1:
            raise ValueError(f"most_rungs_down must be at least 1, not {self.most_rungs_down}")
        if self.start_max_height <= 0:
            raise ValueError(f"start_max_height must be positive, not {self.start_max_height}")
        if not self.full_target_s > 0:
            raise ValueError(f"full_target_s must be positive, not {self.full_target_s}")

    @classmethod
    def tuned(cls) -> HybridSettings:
        """Return the preset `tuned`."""
        return cls()

    @classmethod
    def brisk(cls) -> HybridSettings:
        """Return the preset `brisk`: `tuned`, but climbs are free until the start is over.

        On fast links what the limit on climbs costs is lost in the first ten seconds
        (docs/hybrid.md). A viewer may see several switches there.
        """
        return cls(free_start=True)

    @classmethod
    def article(cls, rule: SafetyMargin | None = None) -> HybridSettings:
        """Return the preset `article`.

        These are the rules of thumb by which a large streaming service's client is commonly
        described: seven tenths of the throughput, half the target to be bold, 720p until the
        buffer passes 10 s.

        Args:
            rule: The margin; that of the article if None.
        """
        return cls(
            rule=rule or SafetyMargin(),
            start_capped_s=10.0,
            keeps_to_leaving=False,
        )


@dataclass(frozen=True, slots=True)
class _Rise:
    """An upward switch that was answered: from which rung, and when."""

    rung: int
    at_us: int


@dataclass(frozen=True, slots=True)
class _Left:
    """A download that was left: which segment it was of, and for which rung."""

    fetched_segments: int
    rung: int


class Hybrid:
    """Picks the highest rung that link and buffer reach, within what a viewer should be spared.

    Under a panic level of buffer, once the buffer has been past the start or a stall has
    happened, only the lowest rung will do. A cap always holds, even against the limit on
    rungs down. Leaving a late download is not a switch of these rules either: it goes as
    far down as the buffer demands.

    Args:
        settings: The numbers; the preset `tuned` if None.
        initial_bps: Throughput remembered from earlier sessions on this network; None
            goes by the kind of network.
    """

    def __init__(
        self, settings: HybridSettings | None = None, *, initial_bps: float | None = None
    ) -> None:
        self._settings = settings = settings or HybridSettings.tuned()
        self._link = LinkEstimate(
            settings.rule.estimator,
            initial_bps=initial_bps,
            trusted_bytes=settings.trusted_bytes,
        )
        self._starting = True
        self._stalls_at_start: int | None = None
        self._rise: _Rise | None = None
        self._rose_at_us: int | None = None
        self._left: _Left | None = None

    def choose(self, view: View) -> Choice:
        """Return the rung to fetch next; never a wait."""
        self._take_in(view)
        cap = self._settings.guardrails.cap(view)
        rung, reason = self._rung(view)
        if cap.rung < rung:
            rung, reason = cap.rung, f"{cap.reason} allows {cap.rung} of {rung}: {reason}"
        left = self._left
        if left is not None and left.fetched_segments == view.fetched_segments and left.rung < rung:
            rung, reason = left.rung, f"left for {left.rung}: {reason}"
        # Only an intent: the next view tells whether the segment came at that rung.
        before = view.rung
        self._rise = _Rise(before, view.now_us) if before is not None and rung > before else None
        return Choice(rung, reason=reason, estimate_bps=self._link.measured_bps)

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._link.observe(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        """Return whether a late download should be left for a lower rung."""
        cap = self._settings.guardrails.cap(view)
        late = self._settings.late
        answer = late.judge(view, progress, ttfb_s=self._link.ttfb_s, cap=cap.rung)
        if isinstance(answer, Switch) and self._settings.keeps_to_leaving:
            self._left = _Left(view.fetched_segments, answer.rung)
        return answer

    def _take_in(self, view: View) -> None:
        self._link.on(view.device.network)
        if view.rung is None or self._stalls_at_start is None:
            self._starting, self._stalls_at_start = True, view.rebuffers
            self._left = None
        if view.buffered_s > self._scaled_s(self._settings.start_until_s, view):
            self._starting = False
        if self._rise is not None and view.rung is not None and view.rung > self._rise.rung:
            self._rose_at_us, self._rise = self._rise.at_us, None

    def _scaled_s(self, seconds_s: float, view: View) -> float:
        target_s = min(view.target_s, view.max_buffer_s)
        return seconds_s * min(1.0, target_s / self._settings.full_target_s)

    def _rung(self, view: View) -> tuple[int, str]:
        """The rung by link and buffer alone, before any cap."""
        settings = self._settings
        if self._panics(view):
            return 0, f"{view.buffered_s:.1f} s of buffer: the lowest"
        reach = settings.rule.reach(view, self._link)
        current = None if view.rung is None else min(view.rung, len(view.rungs) - 1)
        wanted, reason = reach.climb, reach.reason
        if current is not None and wanted <= current:
            wanted = min(current, reach.stay)
        if self._starting and view.buffered_s <= self._scaled_s(settings.start_capped_s, view):
            start = Cap(highest_within(view.rungs, settings.start_max_height), "start")
            if start.rung < wanted:
                wanted, reason = start.rung, f"conservative start, {reason}"
        if current is None:
            return wanted, reason
        if wanted > current and not (settings.free_start and self._starting):
            if not self._may_climb(view):
                return current, f"climbed a moment ago, {reason}"
            if reach.early:
                return current, f"{reach.early}, {reason}"
        if wanted < current - settings.most_rungs_down:
            return current - settings.most_rungs_down, f"step by step, {reason}"
        return wanted, reason

    def _panics(self, view: View) -> bool:
        """Whether the buffer is low although it has been high, or because it ran out."""
        stalled = view.rebuffers > (self._stalls_at_start or 0)
        low = view.buffered_s < self._scaled_s(self._settings.panic_below_s, view)
        return low and (stalled or not self._starting)

    def _may_climb(self, view: View) -> bool:
        if self._rose_at_us is None:
            return True
        since_us = view.now_us - self._rose_at_us
        return since_us >= self._scaled_s(self._settings.climb_every_s, view) * 1e6
