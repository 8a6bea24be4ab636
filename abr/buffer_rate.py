"""Pensieve's two yardsticks: a buffer rule by index, and a rate rule.

Neither is a published algorithm. The buffer rule is called BB and cites BBA, but it maps
the buffer to the number of the rung rather than to its bitrate; it is what Pensieve's and
many later papers compare with, so its numbers are reproduced under its own name.
"""

from __future__ import annotations

from typing import Final

from abr.contract import Abandonment, Choice, Keep, Progress, Sample, View
from abr.mpc import WINDOW, Forecast
from abr.segment_link import share_bps

__all__ = ["PensieveBb", "Rate"]

RESERVOIR_S: Final = 5.0
CUSHION_S: Final = 10.0
"""Pensieve, test/bb.py."""


class PensieveBb:
    """Picks a rung by how far up the cushion the buffer is.

    Args:
        reservoir_s: Below this much only the lowest rung will do.
        cushion_s: From the reservoir so much further on the highest will.

    Source:
        Pensieve's test/bb.py (Mao et al., SIGCOMM 2017).
    """

    def __init__(self, *, reservoir_s: float = RESERVOIR_S, cushion_s: float = CUSHION_S) -> None:
        if not (reservoir_s >= 0 and cushion_s > 0):
            raise ValueError(
                f"reservoir_s {reservoir_s} must not be negative and cushion_s {cushion_s} positive"
            )
        self._reservoir_s = reservoir_s
        self._cushion_s = cushion_s

    def choose(self, view: View) -> Choice:
        """Return the rung at this level of the buffer."""
        top = len(view.rungs) - 1
        above_s = view.buffered_s - self._reservoir_s
        if above_s < 0:
            rung = 0
        elif above_s >= self._cushion_s:
            rung = top
        else:
            rung = int(top * above_s / self._cushion_s)
        return Choice(rung, reason=f"{view.buffered_s:.1f} s of buffer")

    def observe(self, sample: Sample) -> None:
        """Do nothing: the buffer says it all."""

    def abandon(self, view: View, progress: Progress) -> Abandonment:  # noqa: ARG002
        """Return that the download goes on, always."""
        return Keep()


class Rate:
    """Picks the highest rung under the harmonic mean of the last rates.

    Args:
        window: How many.

    Source:
        The rate-based baseline of Pensieve (Mao et al., SIGCOMM 2017) and of MPC (Yin et
        al., SIGCOMM 2015).
    """

    def __init__(self, *, window: int = WINDOW) -> None:
        self._forecast = Forecast(window=window, robust=False)

    def choose(self, view: View) -> Choice:
        """Return the highest rung under the forecast."""
        forecast = self._forecast.mbytes_per_s
        if forecast is None:
            return Choice(0, reason="nothing measured yet")
        bps = share_bps(view, forecast * 8e6)
        fits = (rung for rung, r in enumerate(view.rungs) if r.bitrate_bps <= bps)
        reason = f"within {bps / 1e6:.2f} Mb/s"
        return Choice(max(fits, default=0), reason=reason, estimate_bps=forecast * 8e6)

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._forecast.observe(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:  # noqa: ARG002
        """Return that the download goes on, always."""
        return Keep()
