"""HYB: the highest rung that comes in a small share of what the buffer holds.

One line of arithmetic that looks at both the link and the buffer, as production players do
in one form or another; Oboe tunes its one number to the state of the link.
"""

from __future__ import annotations

from typing import Final

from abr.contract import Abandonment, Choice, Keep, Progress, Sample, View
from abr.mpc import WINDOW, Forecast
from abr.segment_link import share_bps

__all__ = ["Hyb"]

BETA: Final = 0.25
"""Akhtar et al.: the value found best over all of their traces without tuning."""


class Hyb:
    """Picks the highest rung whose segment takes less than a share of the buffer to fetch.

    Args:
        beta: The share.
        window: Samples of the harmonic mean that forecasts the rate; the paper takes its
            player's own forecast, this one is MPC's.

    Source:
        Akhtar et al., "Oboe: auto-tuning video ABR algorithms to network conditions",
        SIGCOMM 2018.
    """

    def __init__(self, *, beta: float = BETA, window: int = WINDOW) -> None:
        if not 0 < beta <= 1:
            raise ValueError(f"beta lies in (0, 1], not {beta}")
        self._beta = beta
        self._forecast = Forecast(window=window, robust=False)

    def choose(self, view: View) -> Choice:
        """Return the highest rung that comes in time."""
        forecast = self._forecast.mbytes_per_s
        if forecast is None:
            return Choice(0, reason="nothing measured yet")
        mbytes_per_s = share_bps(view, forecast * 8e6) / 8e6
        allowed_s = self._beta * view.buffered_s
        allowed_bytes = allowed_s * max(mbytes_per_s, 0.0) * 1e6
        fits = (rung for rung in range(len(view.rungs)) if view.size_bytes(rung) < allowed_bytes)
        reason = f"within {allowed_s:.1f} s at {mbytes_per_s * 8:.2f} Mb/s"
        return Choice(max(fits, default=0), reason=reason, estimate_bps=forecast * 8e6)

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._forecast.observe(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:  # noqa: ARG002
        """Return that the download goes on, always: the paper has no rule for leaving one."""
        return Keep()
