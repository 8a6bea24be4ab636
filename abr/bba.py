"""BBA: the rung is a function of the buffer, with no estimate of the link at all.

BBA-0 maps the buffer to a bitrate, BBA-1 to the size of a segment and with a reservoir that
grows for a stretch of large segments, and BBA-2 adds a start that is bolder than the map
for as long as segments come faster than they play.

The paper's numbers are for a buffer of 240 s and segments of 4 s; they shrink in
proportion to the fullest level at which a segment may be asked for.
"""

from __future__ import annotations

from typing import Final, Literal

from abr.contract import Abandonment, Choice, Keep, Progress, Sample, View

__all__ = ["Bba"]

RESERVOIR_S: Final = 90.0
CUSHION_S: Final = 126.0
LEAST_RESERVOIR_S: Final = 8.0
MOST_RESERVOIR_S: Final = 140.0
FULL_S: Final = 236.0
"""Huang et al.: a buffer of 240 s, which has room for a segment of 4 s up to 236 s."""

BOLD_SHARE: Final = 0.875
CALM_SHARE: Final = 0.5
"""The same: at the start, go up when a segment brought 0.875 of its duration to an empty
buffer, falling to half of it to a full cushion."""


class Bba:
    """Picks a rung by the level of the buffer, and keeps it until the map has moved on by one.

    Args:
        version: 0, 1 or 2, as in the paper.

    Source:
        Huang et al., "A buffer-based approach to rate adaptation: evidence from a large
        video streaming service", SIGCOMM 2014. The reservoir of BBA-1 looks as far ahead as
        the view tells sizes; the paper looks 480 s.
    """

    def __init__(self, version: Literal[0, 1, 2] = 2) -> None:
        if version not in (0, 1, 2):
            raise ValueError(f"BBA is 0, 1 or 2, not {version!r}")
        self._version = version
        self._starting = version == 2
        self._segment = -1
        self._level_s = 0.0
        self._fetched_s: float | None = None

    def choose(self, view: View) -> Choice:
        """Return the rung on the map, or a bolder one at the start."""
        sizes = [self._size_bits(view, rung) for rung in range(len(view.rungs))]
        reservoir_s = self._reservoir_s(view)
        share = self._share(view, reservoir_s)
        rung = self._mapped(view, sizes, share)
        reason = f"{view.buffered_s:.1f} s of buffer, {reservoir_s:.1f} s of them reserve"
        if self._version == 2:
            bold = self._bold(view, rung)
            if bold is not None:
                rung, reason = bold, f"start: {reason}"
        return Choice(rung, reason=reason)

    def observe(self, sample: Sample) -> None:
        """Take in how long a segment took; what it brought a second is not looked at."""
        if not sample.cached and sample.rung is not None and sample.duration_s > 0:
            self._fetched_s = (sample.busy_s + sample.ttfb_s) / sample.duration_s

    def abandon(self, view: View, progress: Progress) -> Abandonment:  # noqa: ARG002
        """Return that the download goes on, always: the paper has no rule for leaving one."""
        return Keep()

    def _size_bits(self, view: View, rung: int, ahead: int = 0) -> float:
        if self._version == 0:
            return view.rungs[rung].bitrate_bps * view.segment_s
        return 8 * view.size_bytes(rung, ahead)

    def _scale(self, view: View) -> float:
        """How much smaller this buffer is than the paper's."""
        full_s = min(view.max_buffer_s, view.target_s + view.segment_s) - view.segment_s
        return max(full_s, view.segment_s / 4) / FULL_S

    def _reservoir_s(self, view: View) -> float:
        scale = self._scale(view)
        if self._version == 0:
            return RESERVOIR_S * scale
        # What the segments ahead take at the lowest rung beyond what they bring, on a link
        # that carries just that rung.
        lowest_bps = max(view.rungs[0].bitrate_bps, 1)
        needs_s = sum(
            self._size_bits(view, 0, ahead) / lowest_bps - view.segment_s
            for ahead in range(len(view.sizes_bytes))
        )
        return min(max(needs_s, LEAST_RESERVOIR_S * scale), MOST_RESERVOIR_S * scale)

    def _share(self, view: View, reservoir_s: float) -> float:
        """How far up the map the buffer is: 0 within the reservoir, 1 past the cushion."""
        top_s = (RESERVOIR_S + CUSHION_S) * self._scale(view)
        return min(max((view.buffered_s - reservoir_s) / (top_s - reservoir_s), 0.0), 1.0)

    def _mapped(self, view: View, sizes: list[float], share: float) -> int:
        """Return the rung by the map: the one before until the next size up or down is passed."""
        top = len(sizes) - 1
        if share <= 0 or view.rung is None:
            return 0
        if share >= 1:
            return top
        before = min(view.rung, top)
        low_bits = view.rungs[0].bitrate_bps * view.segment_s
        high_bits = view.rungs[top].bitrate_bps * view.segment_s
        map_bits = low_bits + share * (high_bits - low_bits)
        if before < top and map_bits >= sizes[before + 1]:
            return max((rung for rung in range(top + 1) if sizes[rung] < map_bits), default=before)
        if before > 0 and map_bits <= sizes[before - 1]:
            return min((rung for rung in range(top + 1) if sizes[rung] > map_bits), default=before)
        return before

    def _bold(self, view: View, mapped: int) -> int | None:
        """Return the rung of the start, one up at most; None once the start is over."""
        before = min(view.rung or 0, len(view.rungs) - 1)
        if view.rung is None:
            self._starting, self._level_s, self._segment = True, 0.0, view.fetched_segments
            self._fetched_s = None
            return 0
        if not self._starting:
            return None
        level_s = view.buffered_s + view.waited_s * view.rate
        again = view.fetched_segments == self._segment
        if mapped > before or (not again and level_s < self._level_s):
            self._starting = False
            return None
        self._level_s, self._segment = level_s, view.fetched_segments
        if again or self._fetched_s is None:
            return before
        cushion_s = (RESERVOIR_S + CUSHION_S) * self._scale(view)
        filled = min(view.buffered_s / cushion_s, 1.0)
        needed = BOLD_SHARE - (BOLD_SHARE - CALM_SHARE) * filled
        brought = 1 - self._fetched_s
        return min(before + 1, len(view.rungs) - 1) if brought > needed else before
