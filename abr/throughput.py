"""The plain throughput rule: the highest rung that downloads in less time than it plays.

The floor that other controllers are measured against. It looks at the buffer for one
thing only, whether a download on its way will be late.
"""

from __future__ import annotations

from abr.abandonment import LateRule
from abr.contract import Abandonment, Choice, Progress, Sample, View
from abr.estimate import LinkEstimate
from abr.guardrails import Guardrails

__all__ = ["Throughput"]

SAFETY_MARGIN = 0.9
"""Sabre's THROUGHPUT and dash.js (Settings.js, bandwidthSafetyFactor): 0.9 of the estimate."""


class Throughput:
    """Picks the highest rung whose first byte and body come within the segment's duration.

    Args:
        safety_margin: Share of the estimated throughput that is safe to use.
        initial_bps: Throughput remembered from earlier sessions; None goes by the network.
        guardrails: Limits by device, network and quality.
        late: When to leave a download.

    Source:
        Sabre's THROUGHPUT: latency + p b / (0.9 throughput) <= p.
    """

    def __init__(
        self,
        safety_margin: float = SAFETY_MARGIN,
        *,
        initial_bps: float | None = None,
        guardrails: Guardrails | None = None,
        late: LateRule | None = None,
    ) -> None:
        if not 0 < safety_margin <= 1:
            raise ValueError(f"safety_margin lies in (0, 1], not {safety_margin}")
        self._safety_margin = safety_margin
        self._guardrails = guardrails or Guardrails()
        self._late = late or LateRule()
        self._link = LinkEstimate(initial_bps=initial_bps)

    def choose(self, view: View) -> Choice:
        """Return the highest rung that the link keeps up with."""
        self._link.on(view.device.network)
        safe_bps = self._safety_margin * self._link.bps / (abs(view.rate) or 1.0) - view.other_bps
        cap = self._guardrails.cap(view)
        body_s = view.segment_s - (self._link.ttfb_s or 0.0)
        rung = max(
            (
                i
                for i, r in enumerate(view.rungs[: cap.rung + 1])
                if r.bitrate_bps * view.segment_s <= safe_bps * body_s
            ),
            default=0,
        )
        reason = f"within {safe_bps / 1e6:.2f} Mb/s"
        if rung == cap.rung and cap.reason:
            reason = f"{cap.reason}, {reason}"
        return Choice(rung, reason=reason, estimate_bps=self._link.measured_bps)

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._link.observe(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        """Return whether a late download should be left for a lower rung."""
        cap = self._guardrails.cap(view)
        return self._late.judge(view, progress, ttfb_s=self._link.ttfb_s, cap=cap.rung)
