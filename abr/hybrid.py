"""The default controller: throughput is the floor under it, the buffer says climb or hold.

What the link carries, less a margin, bounds the rung; the buffer decides how boldly that
bound is used. Every second named here is meant for buffer targets of 20 s and more, and
shrinks in proportion below that, so that 5 s is min(5 s, a quarter of the target) and 10 s
is min(10 s, half of it), and a 2 s buffer is steered by the same rules as a 60 s one.
"""

from __future__ import annotations

from dataclasses import dataclass

from abr.abandonment import LateRule
from abr.contract import Abandonment, Choice, Progress, Sample, View
from abr.estimate import FAST_HALF_LIFE_S, SLOW_HALF_LIFE_S, TRUSTED_BYTES, DualEwma, LinkEstimate
from abr.guardrails import Cap, Guardrails, highest_within

__all__ = ["Hybrid", "HybridSettings"]

_LATE = LateRule()
_GUARDRAILS = Guardrails()


@dataclass(frozen=True, slots=True)
class HybridSettings:
    """The numbers of `Hybrid`.

    The values given here are the preset `article`: the rules of thumb by which a large
    streaming service's client is commonly described. They are the default until values
    cross-validated over traces replace them, which is what would settle each of them.

    Attributes:
        safety_margin: Share of the estimated throughput that is safe to use. `article`;
            Media3's AdaptiveTrackSelection has the same 0.7.
        cautious_below: Share of the target buffer under which a rung must lie strictly
            below the safe bitrate; from there on it may equal it. `article`.
        start_max_height: Lines at most during the conservative start. `article`.
        start_until_s: Buffer level that ends the conservative start. `article`.
        climb_every_s: Least time between two upward switches. `article`.
        most_rungs_down: Rungs at most that one downward switch takes. `article`.
        panic_below_s: Buffer level under which only the lowest rung will do. `article`.
        full_target_s: Target buffer from which on the seconds above hold as they are.
            `article`: it is where a quarter of the target is 5 s.
        fast_half_life_s: Of the fast throughput mean, in busy time. dash.js, Sabre: 3 s.
        slow_half_life_s: Of the slow throughput mean, in busy time. dash.js, Sabre: 8 s.
        trusted_bytes: Measured bytes until which the initial belief is not exceeded.
            Shaka Player: 128 kB.
        late: When to leave a download.
        guardrails: Limits by device, network and quality.
    """

    safety_margin: float = 0.7
    cautious_below: float = 0.5
    start_max_height: int = 720
    start_until_s: float = 10.0
    climb_every_s: float = 10.0
    most_rungs_down: int = 2
    panic_below_s: float = 5.0
    full_target_s: float = 20.0
    fast_half_life_s: float = FAST_HALF_LIFE_S
    slow_half_life_s: float = SLOW_HALF_LIFE_S
    trusted_bytes: int = TRUSTED_BYTES
    late: LateRule = _LATE
    guardrails: Guardrails = _GUARDRAILS

    def __post_init__(self) -> None:
        """Refuse settings under which the rules contradict one another."""
        if not 0 < self.safety_margin <= 1:
            raise ValueError(f"safety_margin lies in (0, 1], not {self.safety_margin}")
        if self.most_rungs_down < 1:
            raise ValueError(f"most_rungs_down must be at least 1, not {self.most_rungs_down}")
        if self.start_max_height <= 0:
            raise ValueError(f"start_max_height must be positive, not {self.start_max_height}")
        if not self.full_target_s > 0:
            raise ValueError(f"full_target_s must be positive, not {self.full_target_s}")

    @classmethod
    def article(cls) -> HybridSettings:
        """Return the preset `article`."""
        return cls()


@dataclass(frozen=True, slots=True)
class _Rise:
    """An upward switch that was answered: from which rung, and when."""

    rung: int
    at_us: int


class Hybrid:
    """Picks the highest rung that the link carries safely, as boldly as the buffer allows.

    Under a panic level of buffer, once the buffer has been past the start or a stall has
    happened, only the lowest rung will do. A cap always holds, even against the limit on
    rungs down. Leaving a late download is not a switch of these rules either: it goes as
    far down as the buffer demands.

    Args:
        settings: The numbers; the preset `article` if None.
        initial_bps: Throughput remembered from earlier sessions on this network; None
            goes by the kind of network.
    """

    def __init__(
        self, settings: HybridSettings | None = None, *, initial_bps: float | None = None
    ) -> None:
        self._settings = settings = settings or HybridSettings.article()
        self._link = LinkEstimate(
            lambda: DualEwma(settings.fast_half_life_s, settings.slow_half_life_s),
            initial_bps=initial_bps,
            trusted_bytes=settings.trusted_bytes,
        )
        self._starting = True
        self._stalls_at_start: int | None = None
        self._rise: _Rise | None = None
        self._rose_at_us: int | None = None

    def choose(self, view: View) -> Choice:
        """Return the rung to fetch next; never a wait."""
        self._take_in(view)
        cap = self._settings.guardrails.cap(view)
        rung, reason = self._rung(view)
        if cap.rung < rung:
            rung, reason = cap.rung, f"{cap.reason} allows {cap.rung} of {rung}: {reason}"
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
        return self._settings.late.judge(view, progress, ttfb_s=self._link.ttfb_s, cap=cap.rung)

    def _take_in(self, view: View) -> None:
        self._link.on(view.device.network)
        if view.rung is None or self._stalls_at_start is None:
            self._starting, self._stalls_at_start = True, view.rebuffers
        if view.buffered_s > self._scaled_s(self._settings.start_until_s, view):
            self._starting = False
        if self._rise is not None and view.rung is not None and view.rung > self._rise.rung:
            self._rose_at_us, self._rise = self._rise.at_us, None

    def _scaled_s(self, seconds_s: float, view: View) -> float:
        target_s = min(view.target_s, view.max_buffer_s)
        return seconds_s * min(1.0, target_s / self._settings.full_target_s)

    def _rung(self, view: View) -> tuple[int, str]:
        """The rung by throughput and buffer alone, before any cap."""
        settings = self._settings
        if self._panics(view):
            return 0, f"{view.buffered_s:.1f} s of buffer: the lowest"
        wanted, reason = self._affordable(view)
        if self._starting:
            start = Cap(highest_within(view.rungs, settings.start_max_height), "start")
            if start.rung < wanted:
                wanted, reason = start.rung, f"conservative start, {reason}"
        if view.rung is None:
            return wanted, reason
        current = min(view.rung, len(view.rungs) - 1)
        if wanted > current and not self._may_climb(view):
            return current, f"climbed a moment ago, {reason}"
        if wanted < current - settings.most_rungs_down:
            return current - settings.most_rungs_down, f"step by step, {reason}"
        return wanted, reason

    def _panics(self, view: View) -> bool:
        """Whether the buffer is low although it has been high, or because it ran out."""
        stalled = view.rebuffers > (self._stalls_at_start or 0)
        low = view.buffered_s < self._scaled_s(self._settings.panic_below_s, view)
        return low and (stalled or not self._starting)

    def _affordable(self, view: View) -> tuple[int, str]:
        """The highest rung within the safe bitrate; strictly below it on a low buffer."""
        settings = self._settings
        # Played at twice the speed, every track takes twice its bitrate.
        safe_bps = settings.safety_margin * self._link.bps / (abs(view.rate) or 1.0)
        safe_bps -= view.other_bps
        target_s = min(view.target_s, view.max_buffer_s)
        cautious = view.buffered_s < settings.cautious_below * target_s
        rung = max(
            (
                i
                for i, r in enumerate(view.rungs)
                if r.bitrate_bps < safe_bps or (r.bitrate_bps == safe_bps and not cautious)
            ),
            default=0,
        )
        return rung, f"{'under' if cautious else 'within'} {safe_bps / 1e6:.2f} Mb/s"

    def _may_climb(self, view: View) -> bool:
        if self._rose_at_us is None:
            return True
        since_us = view.now_us - self._rose_at_us
        return since_us >= self._scaled_s(self._settings.climb_every_s, view) * 1e6
