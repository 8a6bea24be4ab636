"""BOLA-E: BOLA for players that start, seek and wait, with a buffer that is partly virtual.

BOLA reads everything from the buffer, but after a start or a seek the buffer is empty for
reasons that say nothing of the link, and a full buffer that waits for room says the link is
better than it looks. A placeholder stands in for segments that are not there: added to the
level, it puts BOLA where the throughput says it should be, and it shrinks as real segments
come. An insufficient-buffer rule looks after the real buffer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from abr.bola import GAMMA_P, SILENT_STEP_S, Curve, ask_in, curve, room_ms
from abr.contract import Abandonment, Choice, Keep, Progress, Sample, Switch, View
from abr.held import Held
from abr.insufficient import InsufficientBuffer
from abr.segment_link import SegmentLink

__all__ = ["BolaE"]

MINIMUM_MS: Final = 10_000.0
MINIMUM_A_RUNG_MS: Final = 2_000.0
"""Sabre and dash.js: the lowest rung alone up to 10 s, and 2 s more of levels for each rung."""


@dataclass(frozen=True, slots=True)
class _Left:
    """A download that was left: at which rung, and the placeholder it had."""

    rung: int
    target: int
    placeholder_ms: float


class BolaE:
    """Picks the rung with the best score at the level of a buffer that is partly virtual.

    Args:
        insufficient_buffer: Apply the insufficient-buffer rule. Without it this is BOLA-PL,
            whose levels are those of plain BOLA.
        oscillation_averse: Where the buffer wants more than the link sustains, take what it
            sustains (as BOLA-O) instead of one rung more (as BOLA-U).
        gamma_p: How much a stall weighs against utility; only without the rule.

    Source:
        Spiteri, Sitaraman, Sparacio, "From theory to practice: improving bitrate adaptation
        in the DASH reference player", MMSys 2018, TOMM 2019; the order of the steps is
        Sabre's (`bolae`).
    """

    def __init__(
        self,
        *,
        insufficient_buffer: bool = True,
        oscillation_averse: bool = False,
        gamma_p: float = GAMMA_P,
        link: SegmentLink | None = None,
    ) -> None:
        if not gamma_p > 1:
            raise ValueError(f"gamma_p must be above 1, not {gamma_p}")
        self._insufficient: InsufficientBuffer | None = None
        self._guards_buffer = insufficient_buffer
        self._steps_beyond = 0 if oscillation_averse else 1
        self._gamma_p = gamma_p
        self._link = link or SegmentLink()
        self._held = Held()
        self._starting = True
        self._placeholder_ms = 0.0
        self._last = 0
        self._began_us: int | None = None
        self._segment = 0
        self._left: _Left | None = None
        self._curve: Curve | None = None
        self._curve_key: tuple[object, ...] = ()

    @property
    def placeholder_s(self) -> float:
        """How much of the buffer is virtual."""
        return self._placeholder_ms / 1000

    def choose(self, view: View) -> Choice:
        """Return the rung with the best score, or how long to wait for it."""
        self._link.on(view.device.network)
        self.take_in(view)
        choice = self._held.due(view) or self._held.keep(view, self.decide(view))
        self.asked(view, choice)
        return choice

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._link.observe(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        """Return whether a lower rung is worth more per bit than the rest of a download."""
        left_bits = 8 * (progress.size_bytes - progress.bytes)
        if self._curve is None or self._starting or left_bits <= 0:
            return Keep()
        if progress.rung == 0:
            return Keep()
        flowed_s = progress.elapsed_s - (progress.ttfb_s or 0.0)
        if progress.bytes <= 0 or progress.ttfb_s is None or flowed_s <= 0:
            return ask_in(view, SILENT_STEP_S)
        # To leave costs another first byte, during which this download would have gone on.
        ttfb_ms = progress.ttfb_s * 1000
        effective_ms = view.buffered_s * 1000 + self._placeholder_ms
        level_ms = max(0.0, effective_ms - ttfb_ms)
        saved_bits = left_bits - progress.ttfb_s * 8 * progress.bytes / flowed_s
        if saved_bits > 0:
            target = self._curve.leave_for(progress, left_bits=saved_bits, level_ms=level_ms)
            if target is not None:
                self.leave(view, progress, target)
                return Switch(target, f"worth more at {effective_ms / 1000:.1f} s of buffer")
        below_ms = self._curve.leaves_below_ms(progress, left_bits=left_bits)
        lowest_ms = max(0.0, self._placeholder_ms - ttfb_ms)
        if below_ms <= lowest_ms or not view.playing:
            # Even an empty buffer is above the level, or the level stays where it is.
            return Keep()
        return ask_in(view, (level_ms - below_ms) / 1000 / (abs(view.rate) or 1.0))

    # What a controller that has BOLA-E decide only now and then must tell it.

    def take_in(self, view: View) -> None:
        """Account for what became of the segment before: it came, or it was left."""
        self._curve = self._curve_for(view)
        if view.rung is None:
            self._starting, self._began_us, self._left = True, None, None
            return
        if self._began_us is None:
            return
        level_ms = view.buffered_s * 1000
        if view.fetched_segments == self._segment:
            if self._left is not None:
                self._last = self._left.rung
                self._placeholder_ms = self._left.placeholder_ms
                self._deflate(self._left.target, level_ms)
        else:
            rung = min(view.rung, len(view.rungs) - 1)
            waited_ms = view.waited_s * 1000
            took_ms = (view.now_us - self._began_us) / 1000 - waited_ms
            level_ms += waited_ms * view.rate
            level_was_ms = level_ms + took_ms
            most_ms = max(0.0, self._curve.ceiling_ms(rung) - level_was_ms)
            self._placeholder_ms = min(self._placeholder_ms, most_ms)
            if level_ms > 0:
                # Another rule may have taken a higher rung than BOLA would have.
                least_ms = self._curve.floor_ms(rung) - level_was_ms
                self._placeholder_ms = max(self._placeholder_ms, least_ms)
            # Time without a download, for want of room, is time that would have filled more.
            self._placeholder_ms += waited_ms
            self._last = rung
        self._began_us, self._left = None, None

    def asked(self, view: View, choice: Choice) -> None:
        """Note that a segment is fetched from now on, if the answer was no wait."""
        self._segment = view.fetched_segments
        if choice.wait_s == 0:
            self._began_us = view.now_us

    def leave(self, view: View, progress: Progress, target: int) -> None:
        """Note that a download is left: something went wrong, so less of the buffer is virtual."""
        self._left = _Left(progress.rung, target, self._placeholder_ms)
        self._deflate(target, view.buffered_s * 1000)
        self._began_us = view.now_us

    def decide(self, view: View) -> Choice:
        """Return the rung with the best score now, whatever was waited for before."""
        video_bps = self._link.video_bps(view)
        last = self._last = min(self._last, len(view.rungs) - 1)
        if video_bps is None:
            return Choice(last, reason="nothing measured yet")
        assert self._curve is not None, "take_in comes first"
        level_ms = view.buffered_s * 1000
        sustainable = self._link.sustainable(view, video_bps)
        if self._starting:
            self._starting = False
            self._insufficient = InsufficientBuffer() if self._guards_buffer else None
            self._placeholder_ms = max(0.0, self._curve.floor_ms(sustainable) - level_ms)
            reason = f"start at what the link sustains, {self.placeholder_s:.1f} s virtual"
            return Choice(sustainable, reason=reason, estimate_bps=self._link.bps)
        effective_ms = level_ms + self._placeholder_ms
        scores = self._curve.scores(effective_ms)
        rung = scores.index(max(scores))
        reason = f"{view.buffered_s:.1f} s of buffer and {self.placeholder_s:.1f} s virtual"
        if rung > last and rung > sustainable:
            reason += f" say {rung}, the link sustains {sustainable}"
            rung = max(last, sustainable) + self._steps_beyond
            rung = min(rung, len(view.rungs) - 1)
        wait_ms = self._wait_ms(rung, level_ms)
        if self._insufficient is not None:
            within = self._insufficient.cap(view, rung, bps=video_bps, ttfb_s=self._link.ttfb_s)
            if within < rung:
                rung, wait_ms = within, 0.0
                self._deflate(rung, level_ms, floor_only=True)
                reason += ", too little of it for more"
        wait_s = wait_ms / 1000 / (abs(view.rate) or 1.0)
        return Choice(
            rung, wait_s=wait_s, reason=reason, scores=scores, estimate_bps=self._link.bps
        )

    def _wait_ms(self, rung: int, level_ms: float) -> float:
        """Take what the level has above a ceiling from the placeholder, and wait for the rest."""
        assert self._curve is not None, "take_in comes first"
        excess_ms = level_ms + self._placeholder_ms - self._curve.ceiling_ms(rung)
        if excess_ms <= 0:
            return 0.0
        if excess_ms <= self._placeholder_ms:
            self._placeholder_ms -= excess_ms
            return 0.0
        wait_ms = excess_ms - self._placeholder_ms
        self._placeholder_ms = 0.0
        return 0.0 if rung == len(self._curve.utilities) - 1 else wait_ms

    def _deflate(self, target: int, level_ms: float, *, floor_only: bool = False) -> None:
        """Leave no more of the buffer virtual than a rung needs."""
        assert self._curve is not None, "take_in comes first"
        # After leaving for the lowest rung, up to where it alone would do.
        wanted_ms = self._curve.floor_ms(target) if target or floor_only else MINIMUM_MS
        self._placeholder_ms = min(self._placeholder_ms, max(0.0, wanted_ms - level_ms))

    def _curve_for(self, view: View) -> Curve:
        bitrates_bps = tuple(rung.bitrate_bps for rung in view.rungs)
        full_ms = room_ms(view)
        key = (bitrates_bps, full_ms, view.segment_s)
        if self._curve is not None and key == self._curve_key:
            return self._curve
        self._curve_key = key
        if not self._guards_buffer:
            segment_ms = view.segment_s * 1000
            levels_ms = max(full_ms - segment_ms, segment_ms / 4)
            return curve(bitrates_bps, room_ms=levels_ms, gamma=self._gamma_p - 1, first=1.0)
        shape = curve(bitrates_bps, room_ms=1.0, gamma=0.0, first=1.0)
        buffer_ms = max(MINIMUM_MS + MINIMUM_A_RUNG_MS * len(bitrates_bps), full_ms)
        # One rung alone has no spread of utilities; any would do.
        spread = (shape.utilities[-1] - 1) or 1.0
        gamma = spread / (buffer_ms / MINIMUM_MS - 1)
        return Curve(shape.bitrates_kbps, shape.utilities, MINIMUM_MS / gamma, gamma)
