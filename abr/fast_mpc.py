"""FastMPC: the plans of MPC looked up in a table, by buffer, forecast and rung before.

The paper enumerates the table offline and ships it, so that a browser need not plan. Here a
cell is filled when it is first looked up, by the planner that MPC uses, for the middle of
the cell and segments of nominal size; a table for a whole ladder would take half a minute
to fill and most of its cells are never seen. What a cell answers depends on nothing else,
so the answers are those of the table filled beforehand.
"""

from __future__ import annotations

import math
from typing import Final

from abr.contract import Abandonment, Choice, Keep, Progress, Sample, View
from abr.mpc import HORIZON, WINDOW, Forecast
from abr.plans import best_first, fitting_horizon, objective
from abr.segment_link import share_bps

__all__ = ["FastMpc"]

BINS: Final = 100
"""Yin et al., SIGCOMM 2015, found little to gain from more than 100 levels of each."""

SPAN: Final = 4.0
"""The forecasts told apart go from the lowest bitrate over this to the highest times this: a
guess. Below, only the lowest rung will do at any buffer; above, only the highest."""


class FastMpc:
    """Picks the rung that a table holds for this buffer, forecast and rung before.

    Args:
        robust: Divide the forecast by one plus the worst of its last errors.
        horizon: Segments ahead at most.
        window: Samples of the harmonic mean, and errors looked back on.
        buffer_bins: Levels of buffer told apart, from empty to full.
        rate_bins: Forecasts told apart, on a logarithmic scale.
        quality: "lin" (Mbit/s), "log", "hd" or "vmaf", as in `abr.qoe`.
        stall_cost: Of a second of stall; None takes the quality of the top rung.
        switch_cost: Of a change of quality by one.

    Source:
        Yin et al., "A control-theoretic approach for dynamic adaptive video streaming over
        HTTP", SIGCOMM 2015, section 5.
    """

    def __init__(
        self,
        *,
        robust: bool = False,
        horizon: int = HORIZON,
        window: int = WINDOW,
        buffer_bins: int = BINS,
        rate_bins: int = BINS,
        quality: str = "lin",
        stall_cost: float | None = None,
        switch_cost: float = 1.0,
    ) -> None:
        if min(horizon, buffer_bins, rate_bins) < 1:
            raise ValueError("horizon, buffer_bins and rate_bins must be at least 1")
        if quality not in ("lin", "log", "hd", "vmaf"):
            raise ValueError(f"quality is lin, log, hd or vmaf, not {quality!r}")
        self._forecast = Forecast(window=window, robust=robust)
        self._horizon = horizon
        self._buffer_bins = buffer_bins
        self._rate_bins = rate_bins
        self._quality = quality
        self._stall_cost = stall_cost
        self._switch_cost = switch_cost
        self._table: dict[tuple[int, int, int | None], tuple[float, ...]] = {}
        self._table_key: tuple[object, ...] = ()

    def choose(self, view: View) -> Choice:
        """Return the rung in the table."""
        forecast = self._forecast.mbytes_per_s
        if forecast is None:
            return Choice(0, reason="nothing measured yet")
        estimate_bps = forecast * 8e6
        bps = share_bps(view, estimate_bps)
        if bps <= 0:
            return Choice(0, reason="other tracks take the link", estimate_bps=estimate_bps)
        key = (view.rungs, view.segment_s, view.max_buffer_s)
        if key != self._table_key:
            self._table, self._table_key = {}, key
        before = None if view.rung is None else min(view.rung, len(view.rungs) - 1)
        cell = (self._buffer_bin(view), self._rate_bin(view, bps), before)
        scores = self._table.get(cell)
        if scores is None:
            scores = self._table[cell] = self._fill(view, cell)
        # Of equals the highest, as in MPC.
        rung = len(scores) - 1 - scores[::-1].index(max(scores))
        reason = f"cell {cell[0]}, {cell[1]} of the table"
        return Choice(rung, reason=reason, scores=scores, estimate_bps=estimate_bps)

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._forecast.observe(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:  # noqa: ARG002
        """Return that the download goes on, always: the paper has no rule for leaving one."""
        return Keep()

    def _buffer_bin(self, view: View) -> int:
        share = view.buffered_s / view.max_buffer_s
        return min(max(int(share * self._buffer_bins), 0), self._buffer_bins - 1)

    def _rate_span(self, view: View) -> tuple[float, float]:
        """The logarithms of the lowest and the highest forecast told apart."""
        bitrates_bps = [max(rung.bitrate_bps, 1) for rung in view.rungs]
        return math.log(bitrates_bps[0] / SPAN), math.log(bitrates_bps[-1] * SPAN)

    def _rate_bin(self, view: View, bps: float) -> int:
        low, high = self._rate_span(view)
        share = (math.log(bps) - low) / (high - low)
        return min(max(int(share * self._rate_bins), 0), self._rate_bins - 1)

    def _fill(self, view: View, cell: tuple[int, int, int | None]) -> tuple[float, ...]:
        """Plan for the middle of a cell."""
        buffer_bin, rate_bin, before = cell
        low, high = self._rate_span(view)
        bps = math.exp(low + (rate_bin + 0.5) / self._rate_bins * (high - low))
        fetch_s = [rung.bitrate_bps * view.segment_s / bps for rung in view.rungs]
        worth = objective(
            self._quality,
            view.rungs,
            stall_cost=self._stall_cost,
            switch_cost=self._switch_cost,
        )
        scores = best_first(
            worth,
            [fetch_s] * fitting_horizon(len(view.rungs), self._horizon),
            segment_s=view.segment_s,
            buffered_s=(buffer_bin + 0.5) / self._buffer_bins * view.max_buffer_s,
            before=before,
        )
        return tuple(scores)
