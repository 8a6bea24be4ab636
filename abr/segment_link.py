"""The link as Sabre's and dash.js's rules take it: every segment that came counts at once.

`LinkEstimate` guards a player against what sockets and caches do to measurements. The
published rules know none of that, and a reproduction of them must not either: no sample
is merged, doubted or set against an initial belief. Time to first byte is kept apart from
the rate, and both are means over media time, so long segments weigh as much as short ones.
"""

from __future__ import annotations

from abr.contract import NetworkType, Sample, View
from abr.estimate import FAST_HALF_LIFE_S, SLOW_HALF_LIFE_S, DecayingMean, DualEwma

__all__ = ["SegmentLink", "share_bps"]

_UNKNOWN_S = 4.0
"""Weight of the time to first byte of a transfer that brought no known amount of media: a
usual segment's."""


def share_bps(view: View, bps: float) -> float:
    """Return what video may take of a link's rate, beside other tracks and at this speed.

    Played at twice the speed, every track takes twice its bitrate.
    """
    return bps / (abs(view.rate) or 1.0) - view.other_bps


class SegmentLink:
    """The lower of a fast and a slow mean of the rate, the longer of two of the latency.

    Source:
        Sabre: half-lives of 3 s and 8 s of download time for the rate, of as much media
        (3 s / segment duration segments, and 8 s) for the latency.
    """

    def __init__(self) -> None:
        self._network: NetworkType = "unknown"
        self._forget()

    def _forget(self) -> None:
        self._rate = DualEwma()
        self._fast_ttfb = DecayingMean(FAST_HALF_LIFE_S)
        self._slow_ttfb = DecayingMean(SLOW_HALF_LIFE_S)

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        if sample.cached:
            return
        self._rate.observe(sample)
        weight_s = sample.duration_s or _UNKNOWN_S
        self._fast_ttfb.add(sample.ttfb_s, weight_s)
        self._slow_ttfb.add(sample.ttfb_s, weight_s)

    def on(self, network: NetworkType) -> None:
        """Take in what kind of link it is; a change from one known kind to another forgets all."""
        if network in ("unknown", self._network):
            return
        if self._network != "unknown":
            self._forget()
        self._network = network

    @property
    def bps(self) -> float | None:
        """The rate to count on; None while nothing was observed."""
        return self._rate.bps

    @property
    def ttfb_s(self) -> float:
        """The time to first byte to count on; 0 while nothing was observed."""
        return max(self._fast_ttfb.mean or 0.0, self._slow_ttfb.mean or 0.0)

    def video_bps(self, view: View) -> float | None:
        """Return what the link has for video; None while nothing was observed."""
        bps = self.bps
        return None if bps is None else share_bps(view, bps)

    def sustainable(self, view: View, bps: float) -> int:
        """Return the highest rung whose latency and body come within the segment's duration."""
        if bps <= 0:
            return 0
        segment_s, ttfb_s, highest = view.segment_s, self.ttfb_s, 0
        for rung in range(1, len(view.rungs)):
            if ttfb_s + segment_s * view.rungs[rung].bitrate_bps / bps > segment_s:
                break
            highest = rung
        return highest
