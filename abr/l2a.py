"""L2A: learns online how to split a link between bitrates so that the buffer stays where it is.

The rung is drawn from a learnt mix of bitrates. With every segment the mix moves against
the gradient of what it would do to the buffer and is put back onto the simplex; a
multiplier remembers by how much the buffer has been overdrawn. Made for live playback with a
buffer of a second or two. Nothing in it is random.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from abr.contract import Abandonment, Choice, Keep, Progress, Sample, View
from abr.segment_link import SegmentLink

__all__ = ["L2a", "onto_simplex"]

HORIZON: Final = 4
CAUTION: Final = HORIZON**0.99
STEP: Final = max(HORIZON, CAUTION * math.sqrt(HORIZON))
REACT: Final = 2.0
START_S: Final = 1.5
SAFE_SHARE: Final = 0.9
"""dash.js, L2ARule: horizon, caution (V_L), step (alpha), how hard the multiplier is set back
when the rung outruns the link, the buffer that ends the start, and the share of the
throughput that is safe to start with."""


def onto_simplex(point: Sequence[float]) -> list[float]:
    """Return the nearest point whose entries are not negative and add up to 1.

    Source:
        Chen, Ye, "Projection onto a simplex", arXiv 1101.6081.
    """
    total = 0.0
    for place, value in enumerate(sorted(point, reverse=True), start=1):
        total += value
        # The largest entries stay above zero; the first that would not ends the search.
        if value - (total - 1) / place <= 0:
            break
        shift = (total - 1) / place
    return [max(value - shift, 0.0) for value in point]


class L2a:
    """Picks the rung nearest to a learnt mean of the bitrates, one rung up at a time.

    A rung up is taken only if the last segment came that fast; the reference goes further
    up than one if it did not, which reads like an oversight.

    Args:
        start_s: Level of buffer that ends the start, in which throughput alone decides.

    Source:
        Karagkioules, Mekuria, Griffioen, Wagenaar, "Online learning for low-latency adaptive
        streaming", MMSys 2020; the constants are those of dash.js (L2ARule.js), in kbit/s
        throughout as in its version 4.
    """

    def __init__(self, *, start_s: float = START_S) -> None:
        if not start_s >= 0:
            raise ValueError(f"start_s must not be negative, not {start_s}")
        self._start_s = start_s
        self._link = SegmentLink()
        self._last_kbps: float | None = None
        self._mix: list[float] = []
        self._multiplier = 0.0

    def choose(self, view: View) -> Choice:
        """Return the rung nearest to the mean of the mix."""
        self._link.on(view.device.network)
        video_bps = self._link.video_bps(view)
        if video_bps is None or self._last_kbps is None:
            return Choice(0, reason="nothing measured yet")
        rungs = len(view.rungs)
        if view.rung is None or len(self._mix) != rungs:
            self._mix = []
        if not self._mix:
            rung = self._link.sustainable(view, SAFE_SHARE * video_bps)
            if view.rung is not None and view.buffered_s >= self._start_s:
                self._mix = [float(place == rung) for place in range(rungs)]
                self._multiplier = CAUTION
            return Choice(rung, reason="start, by throughput", estimate_bps=self._link.bps)
        return self._learn(view, max(self._last_kbps - view.other_bps / 1000, 1.0))

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._link.observe(sample)
        if not sample.cached and sample.rung is not None and sample.busy_s > 0:
            self._last_kbps = 8 * sample.bytes / sample.busy_s / 1000

    def abandon(self, view: View, progress: Progress) -> Abandonment:  # noqa: ARG002
        """Return that the download goes on, always: it is a second long."""
        return Keep()

    def _learn(self, view: View, link_kbps: float) -> Choice:
        """Move the mix by what the last segment showed, and return the rung nearest to it."""
        kbps = [rung.bitrate_bps / 1000 for rung in view.rungs]
        # How many seconds of link each bitrate takes a second of media, at this speed.
        takes = [abs(view.rate or 1.0) * rate / link_kbps for rate in kbps]
        pull = view.segment_s / (2 * STEP) * (self._multiplier + CAUTION)
        moved = [
            weight + (pull * take if take <= 1 else -pull * take)
            for weight, take in zip(self._mix, takes, strict=True)
        ]
        mix = onto_simplex(moved)
        # The last mix and its change, each weighed by what it takes: as the paper has it.
        drawn = sum(
            (2 * new - old) * take for new, old, take in zip(mix, self._mix, takes, strict=True)
        )
        self._multiplier = max(0.0, self._multiplier + view.segment_s * (drawn - 1))
        self._mix = mix
        mean_kbps = sum(weight * rate for weight, rate in zip(mix, kbps, strict=True))
        scores = tuple(-abs(rate - mean_kbps) for rate in kbps)
        rung = scores.index(max(scores))
        before = min(view.rung or 0, len(kbps) - 1)
        if rung > before:
            rung = before + 1 if kbps[before + 1] <= link_kbps else before
        if kbps[rung] >= link_kbps:
            self._multiplier = REACT * max(CAUTION, self._multiplier)
        return Choice(
            rung,
            reason=f"a mean of {mean_kbps / 1000:.2f} Mb/s",
            scores=scores,
            estimate_bps=self._link.bps,
        )
