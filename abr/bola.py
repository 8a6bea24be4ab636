"""BOLA: the buffer alone says which rung is worth its bits, without any estimate of the link.

Each rung has a utility, the logarithm of its bitrate. A rung's score at a buffer level is
what it adds per bit, less what the level charges: the fuller the buffer, the dearer are
the cheap rungs. The best score wins, which makes a ladder of buffer levels, one a rung.

Milliseconds and kilobits here: the levels at which two rungs are worth the same are
hit exactly by BOLA-E after a download was left, so that the rounding of a sum decides, and
a reproduction has to round alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from abr.contract import Abandonment, Choice, Keep, Progress, Sample, Switch, View
from abr.held import Held
from abr.segment_link import SegmentLink

__all__ = ["SILENT_STEP_S", "STEP_S", "Bola", "Curve", "ask_in", "curve", "room_ms"]

GAMMA_P: Final = 5.0
"""Sabre (-gp): how much a stall weighs against utility."""

LEAST_SEGMENTS: Final = 3.0
"""Sabre: BOLA-FINITE thinks of a buffer of three segments at least, however near the end."""

STEP_S: Final = 0.025
"""The least time between two questions about a download: half of Sabre's, which looks at
one every 50 ms, so that none of its looks is missed."""

SILENT_STEP_S: Final = 0.25
"""The same while nothing has come yet, so that nothing can be said. A guess: ten times as long."""

Guard = Literal["none", "u", "o"]


@dataclass(frozen=True, slots=True)
class Curve:
    """What each rung is worth at each level of the buffer.

    Attributes:
        bitrates_kbps: Of the ladder.
        utilities: ln of the bitrate over the lowest, plus a constant that is in gamma too.
        scale_ms: V p, what one unit of utility is worth in buffer.
        gamma: gamma p.
    """

    bitrates_kbps: tuple[float, ...]
    utilities: tuple[float, ...]
    scale_ms: float
    gamma: float

    def scores(self, level_ms: float) -> tuple[float, ...]:
        """Return the score of every rung; the highest wins, the lowest rung of equals."""
        return tuple(
            (self.scale_ms * (utility + self.gamma) - level_ms) / kbps
            for kbps, utility in zip(self.bitrates_kbps, self.utilities, strict=True)
        )

    def ceiling_ms(self, rung: int) -> float:
        """Return the level at which a rung is worth nothing any more: better to wait."""
        return self.scale_ms * (self.utilities[rung] + self.gamma)

    def floor_ms(self, rung: int) -> float:
        """Return the level from which a rung is worth no less than any below it."""
        kbps, utility = self.bitrates_kbps[rung], self.utilities[rung]
        level_ms = 0.0
        for lower_kbps, lower in zip(self.bitrates_kbps[:rung], self.utilities, strict=False):
            if lower < utility:
                shared = (kbps * lower - lower_kbps * utility) / (kbps - lower_kbps)
                level_ms = max(level_ms, self.scale_ms * (self.gamma + shared))
        return level_ms

    def leave_for(self, progress: Progress, *, left_bits: float, level_ms: float) -> int | None:
        """Return the rung that is worth more per bit than what is left; None if there is none."""
        size_bits = 8 * progress.size_bytes
        current = progress.rung
        best = (self.ceiling_ms(current) - level_ms) / left_bits
        target = None
        for rung in range(current):
            bits = size_bits * self.bitrates_kbps[rung] / self.bitrates_kbps[current]
            score = (self.ceiling_ms(rung) - level_ms) / bits
            # A rung that costs more than what is left is no saving, whatever its score.
            if bits < left_bits and score > best:
                best, target = score, rung
        return target

    def leaves_below_ms(self, progress: Progress, *, left_bits: float) -> float:
        """Return the level under which some lower rung is worth more than what is left.

        It falls as what is left shrinks, so as long as the level is above it now, nothing
        that arrives can bring the moment nearer.
        """
        size_bits = 8 * progress.size_bytes
        current = progress.rung
        highest_ms = 0.0
        for rung in range(current):
            bits = size_bits * self.bitrates_kbps[rung] / self.bitrates_kbps[current]
            if bits < left_bits:
                worth_ms = self.ceiling_ms(rung)
                gain_ms = self.ceiling_ms(current) - worth_ms
                highest_ms = max(highest_ms, worth_ms - bits * gain_ms / (left_bits - bits))
        return highest_ms


def curve(bitrates_bps: Sequence[int], *, room_ms: float, gamma: float, first: float) -> Curve:
    """Return the curve whose top rung is worth nothing at a level of room_ms.

    Args:
        bitrates_bps: Of the ladder, lowest first.
        room_ms: The level at which the top rung is worth nothing: a full buffer.
        gamma: gamma p.
        first: Utility of the lowest rung.
    """
    kbps = tuple(max(bps, 1) / 1000 for bps in bitrates_bps)
    offset = first - math.log(kbps[0])
    utilities = tuple(math.log(rate) + offset for rate in kbps)
    return Curve(kbps, utilities, room_ms / (utilities[-1] + gamma), gamma)


def room_ms(view: View) -> float:
    """Return how much the buffer holds when it is full."""
    return min(view.max_buffer_s, view.target_s + view.segment_s) * 1000


def ask_in(view: View, in_s: float) -> Keep:
    """Return an answer that keeps a download, and is to be asked for again in a while."""
    # Two microseconds early, for players whose clock is rounded.
    return Keep(view.now_us + max(math.floor(in_s * 1e6) - 2, round(STEP_S * 1e6)))


class Bola:
    """Picks the rung with the best score at this level of the buffer.

    Args:
        finite: Think of a small buffer near the start and the end of a title
            (BOLA-FINITE), and leave downloads that a lower rung would beat.
        guard: What to do where the buffer wants a higher rung than the link sustains.
            "u" (BOLA-U) goes one rung above what it sustains; "o" (BOLA-O) takes that rung
            and waits until the buffer fits it; "none" goes by the buffer alone.
        gamma_p: How much a stall weighs against utility.

    Source:
        Spiteri, Urgaonkar, Sitaraman, "BOLA: near-optimal bitrate adaptation for online
        videos", INFOCOM 2016 (ToN 2020); the order of the steps and the use of nominal
        bitrates for sizes are Sabre's, whose `bola` is finite with guard "u" and whose
        `bola -ab` is not finite, with the same guard.
    """

    def __init__(
        self,
        *,
        finite: bool = True,
        guard: Guard = "u",
        gamma_p: float = GAMMA_P,
        link: SegmentLink | None = None,
    ) -> None:
        if not gamma_p > 0:
            raise ValueError(f"gamma_p must be positive, not {gamma_p}")
        if guard not in ("none", "u", "o"):
            raise ValueError(f"guard is none, u or o, not {guard!r}")
        self._finite = finite
        self._guard = guard
        self._gamma = gamma_p
        self._link = link or SegmentLink()
        self._held = Held()
        self._last = 0
        self._curve: Curve | None = None

    def choose(self, view: View) -> Choice:
        """Return the rung with the best score, within what the guard allows."""
        self._link.on(view.device.network)
        return self._held.due(view) or self._held.keep(view, self.decide(view))

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._link.observe(sample)

    def decide(self, view: View) -> Choice:
        """Return the rung with the best score now, whatever was waited for before."""
        if view.rung is None:
            self._last = 0
        self._last = min(self._last, len(view.rungs) - 1)
        level_ms = view.buffered_s * 1000
        self._curve = curve(
            [rung.bitrate_bps for rung in view.rungs],
            room_ms=self._room_ms(view),
            gamma=self._gamma,
            first=0.0,
        )
        scores = self._curve.scores(level_ms)
        rung = scores.index(max(scores))
        reason = f"{view.buffered_s:.1f} s of buffer"
        wait_ms = 0.0
        if self._guard == "none":
            # All scores negative: nothing is worth its bits until the buffer has drained.
            wait_ms = max(0.0, level_ms - self._curve.ceiling_ms(len(view.rungs) - 1))
        elif rung > self._last:
            rung, wait_ms, limit = self._guarded(view, self._curve, rung)
            reason += limit
        self._last = rung
        return Choice(
            rung,
            wait_s=wait_ms / 1000 / (abs(view.rate) or 1.0),
            reason=reason,
            scores=scores,
            estimate_bps=self._link.bps,
        )

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        """Return whether a lower rung is worth more per bit than the rest of a download."""
        left_bits = 8 * (progress.size_bytes - progress.bytes)
        if not self._finite or self._curve is None or left_bits <= 0:
            return Keep()
        level_ms = view.buffered_s * 1000
        if progress.bytes > 0 and level_ms <= self._curve.ceiling_ms(progress.rung):
            target = self._curve.leave_for(progress, left_bits=left_bits, level_ms=level_ms)
            if target is not None:
                self._last = target
                return Switch(target, f"worth more at {view.buffered_s:.1f} s of buffer")
        below_ms = self._curve.leaves_below_ms(progress, left_bits=left_bits)
        if below_ms <= 0 or not view.playing:
            return Keep()
        wait_s = (level_ms - below_ms) / 1000 / (abs(view.rate) or 1.0)
        return ask_in(view, wait_s if progress.bytes > 0 else max(wait_s, SILENT_STEP_S))

    def _room_ms(self, view: View) -> float:
        segment_ms = view.segment_s * 1000
        buffer_ms = room_ms(view)
        if self._finite:
            segments = float(view.fetched_segments)
            if view.remaining_segments is not None:
                segments = min(segments, view.remaining_segments)
            buffer_ms = min(buffer_ms, max(segments / 2, LEAST_SEGMENTS) * segment_ms)
        # A buffer too small for a segment and a level above it still has its levels.
        return max(buffer_ms - segment_ms, segment_ms / 4)

    def _guarded(self, view: View, worth: Curve, rung: int) -> tuple[int, float, str]:
        """Return what the link allows of a step up, the wait for it, and why."""
        video_bps = self._link.video_bps(view)
        if video_bps is None:
            return self._last, 0.0, ", nothing measured yet"
        sustainable = self._link.sustainable(view, video_bps)
        if rung <= sustainable:
            return rung, 0.0, ""
        limit = f" say {rung}, the link sustains {sustainable}"
        if self._last > sustainable:
            return self._last, 0.0, limit
        if self._guard == "u":
            return sustainable + 1, 0.0, limit
        wait_ms = max(0.0, view.buffered_s * 1000 - worth.ceiling_ms(sustainable))
        return sustainable, wait_ms, limit
