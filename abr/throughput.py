"""The plain throughput rule: the highest rung that downloads in less time than it plays.

The floor that other controllers are measured against. It looks at the buffer for one
thing only: that the segment comes before it runs out.
"""

from __future__ import annotations

from abr.contract import Abandonment, Choice, Progress, Sample, View
from abr.estimate import INITIAL_BPS
from abr.guardrails import Guardrails
from abr.insufficient import InsufficientBuffer
from abr.overdue import overdue
from abr.segment_link import SegmentLink, share_bps

__all__ = ["Throughput"]

SAFETY_MARGIN = 0.9
"""Sabre's THROUGHPUT and dash.js (Settings.js, bandwidthSafetyFactor): 0.9 of the estimate."""


class Throughput:
    """Picks the highest rung whose first byte and body come within the segment's duration.

    Until anything was measured it goes by what it was told of the link, or by the kind of
    network; knowing neither it starts with the lowest rung.

    Args:
        safety_margin: Share of the estimated throughput that is safe to use.
        initial_bps: Throughput remembered from earlier sessions.
        guardrails: Limits by device, network and quality.
        insufficient_buffer: Take no rung that would not come before the buffer runs out.

    Source:
        Sabre's THROUGHPUT: latency + p b / (0.9 throughput) <= p, the insufficient-buffer
        rule, and a download left when it takes longer than 1.8 p.
    """

    def __init__(
        self,
        safety_margin: float = SAFETY_MARGIN,
        *,
        initial_bps: float | None = None,
        guardrails: Guardrails | None = None,
        insufficient_buffer: bool = True,
        link: SegmentLink | None = None,
    ) -> None:
        if not 0 < safety_margin <= 1:
            raise ValueError(f"safety_margin lies in (0, 1], not {safety_margin}")
        if initial_bps is not None and not 0 < initial_bps < float("inf"):
            raise ValueError(f"a remembered rate must be positive, not {initial_bps}")
        self._safety_margin = safety_margin
        self._initial_bps = initial_bps
        self._guardrails = guardrails or Guardrails()
        self._insufficient = InsufficientBuffer() if insufficient_buffer else None
        self._link = link or SegmentLink()

    def choose(self, view: View) -> Choice:
        """Return the highest rung that the link keeps up with."""
        self._link.on(view.device.network)
        cap = self._guardrails.cap(view)
        video_bps = self._link.video_bps(view)
        measured = video_bps is not None
        if video_bps is None:
            video_bps = share_bps(view, self._believed_bps(view))
        safe_bps = self._safety_margin * video_bps
        rung = min(self._link.sustainable(view, safe_bps), cap.rung)
        reason = f"within {safe_bps / 1e6:.2f} Mb/s"
        if rung == cap.rung and cap.reason:
            reason = f"{cap.reason}, {reason}"
        if measured and self._insufficient is not None:
            within = self._insufficient.cap(view, rung, bps=video_bps, ttfb_s=self._link.ttfb_s)
            if within < rung:
                rung, reason = within, f"{view.buffered_s:.1f} s of buffer, {reason}"
        return Choice(rung, reason=reason, estimate_bps=self._link.bps)

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._link.observe(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        """Return whether a download that takes far too long should be left for a lower rung."""
        return overdue(
            view,
            progress,
            self._link,
            safety_margin=self._safety_margin,
            cap=self._guardrails.cap(view).rung,
        )

    def _believed_bps(self, view: View) -> float:
        if self._initial_bps is not None:
            return self._initial_bps
        network = view.device.network
        return 0.0 if network == "unknown" else INITIAL_BPS[network]
