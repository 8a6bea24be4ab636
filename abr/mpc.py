"""Model predictive control: plan the next segments, fetch the first of the best plan.

Every plan for the next few segments is played through a model of the buffer, with the
harmonic mean of the last rates as the forecast. RobustMPC divides the forecast by one plus
the worst error it made lately, which is most of what makes MPC work on links that vary.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

from abr.contract import Abandonment, Choice, Keep, Progress, Sample, View
from abr.plans import best_first, fitting_horizon, objective
from abr.segment_link import share_bps

__all__ = ["Forecast", "Mpc"]

HORIZON: Final = 5
WINDOW: Final = 5
"""Yin et al., SIGCOMM 2015: five segments ahead, five samples back."""


class Forecast:
    """The harmonic mean of the last rates, less the worst error it made lately.

    A rate counts the time to first byte, so that a forecast of it is a forecast of the
    whole time of a request: Pensieve's convention, whose environment adds it to the delay.
    Once a sample said that it was a video segment, those that do not are passed over: most of
    the time of an audio segment goes by before its first byte, and says nothing of a video's.
    """

    def __init__(self, *, window: int = WINDOW, robust: bool, carry_history: bool = False) -> None:
        if window < 1:
            raise ValueError(f"a window must hold at least one sample, not {window}")
        self._robust = robust
        self._carries = carry_history
        self._rates: deque[float] = deque(maxlen=window)
        self._errors: deque[float] = deque(maxlen=window)
        self._last: float | None = None
        self._knows_video = False

    def observe(self, sample: Sample) -> None:
        """Take in what the link did, and how far off the forecast of it was."""
        took_s = sample.busy_s + sample.ttfb_s
        is_video = sample.rung is not None
        if sample.cached or sample.bytes <= 0 or took_s <= 0 or (self._knows_video > is_video):
            return
        self._knows_video = is_video
        rate = sample.bytes / took_s / 1e6
        self._errors.append(abs(self._last - rate) / rate if self._last is not None else 0.0)
        self._rates.append(rate)
        self._last = self._mean()

    def begin(self) -> None:
        """Forget what an earlier session measured; its errors too, unless they carry over."""
        self._rates.clear()
        if not self._carries:
            self._errors.clear()
            self._last = None

    @property
    def mbytes_per_s(self) -> float | None:
        """The forecast, in 10^6 bytes a second; None while nothing was observed."""
        if not self._rates:
            return None
        return self._mean() / (1 + max(self._errors)) if self._robust else self._mean()

    def _mean(self) -> float:
        total = 0.0
        for rate in self._rates:
            total += 1 / rate
        return 1.0 / (total / len(self._rates))


class Mpc:
    """Picks the first rung of the plan with the best worth.

    With more rungs the horizon shortens, so that there are fewer than 10,000 plans.

    Args:
        robust: Divide the forecast by one plus the worst of its last errors (RobustMPC).
        horizon: Segments ahead at most.
        window: Samples of the harmonic mean, and errors looked back on.
        quality: "lin" (Mbit/s), "log", "hd" or "vmaf", as in `abr.qoe`.
        stall_cost: Of a second of stall; None takes the quality of the top rung.
        switch_cost: Of a change of quality by one.
        ties: Of plans that are worth the same, take the one that starts with the lowest
            rung ("first", as Pensieve's servers do) or the highest ("last", its test code).
        carry_history: A controller used for one session after another keeps its errors, as
            Pensieve's test code does by accident. A clock that jumps back is a new session.
        sizes_ahead: Look so many segments too far for sizes. 1 is the defect of Pensieve's
            test code; the view must then have a row more than the horizon.

    Source:
        Yin et al., "A control-theoretic approach for dynamic adaptive video streaming over
        HTTP", SIGCOMM 2015; the forecast and the order of the arithmetic are those of
        Pensieve's test code (Mao et al., SIGCOMM 2017).
    """

    def __init__(
        self,
        *,
        robust: bool = False,
        horizon: int = HORIZON,
        window: int = WINDOW,
        quality: str = "lin",
        stall_cost: float | None = None,
        switch_cost: float = 1.0,
        ties: Literal["first", "last"] = "last",
        carry_history: bool = False,
        sizes_ahead: int = 0,
    ) -> None:
        if horizon < 1:
            raise ValueError(f"horizon must be at least 1, not {horizon}")
        if sizes_ahead < 0:
            raise ValueError(f"sizes_ahead must not be negative, not {sizes_ahead}")
        if ties not in ("first", "last"):
            raise ValueError(f"ties is first or last, not {ties!r}")
        if quality not in ("lin", "log", "hd", "vmaf"):
            raise ValueError(f"quality is lin, log, hd or vmaf, not {quality!r}")
        self._forecast = Forecast(window=window, robust=robust, carry_history=carry_history)
        self._horizon = horizon
        self._quality = quality
        self._stall_cost = stall_cost
        self._switch_cost = switch_cost
        self._last_of_equals = ties == "last"
        self._sizes_ahead = sizes_ahead
        self._now_us = 0

    def choose(self, view: View) -> Choice:
        """Return the first rung of the best plan."""
        if view.now_us < self._now_us:
            self._forecast.begin()
        self._now_us = view.now_us
        forecast = self._forecast.mbytes_per_s
        if forecast is None:
            return Choice(0, reason="nothing measured yet")
        estimate_bps = forecast * 8e6
        mbytes_per_s = share_bps(view, estimate_bps) / 8e6
        if mbytes_per_s <= 0:
            return Choice(0, reason="other tracks take the link", estimate_bps=estimate_bps)
        scores, reason = self._plan(view, mbytes_per_s)
        best = max(scores)
        rung = scores.index(best)
        if self._last_of_equals:
            rung = len(scores) - 1 - scores[::-1].index(best)
        return Choice(rung, reason=reason, scores=tuple(scores), estimate_bps=estimate_bps)

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._forecast.observe(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:  # noqa: ARG002
        """Return that the download goes on, always: the paper has no rule for leaving one."""
        return Keep()

    def _plan(self, view: View, mbytes_per_s: float) -> tuple[list[float], str]:
        """Return the worth of the best plan for each first rung, and how plans were made."""
        wanted = self._horizon
        if view.remaining_segments is not None:
            wanted = max(1, min(wanted, view.remaining_segments))
        horizon = fitting_horizon(len(view.rungs), wanted)
        worth = objective(
            self._quality,
            view.rungs,
            stall_cost=self._stall_cost,
            switch_cost=self._switch_cost,
        )
        fetch_s = [
            [view.size_bytes(rung, ahead) / 1e6 / mbytes_per_s for rung in range(len(view.rungs))]
            for ahead in range(self._sizes_ahead, self._sizes_ahead + horizon)
        ]
        before = None if view.rung is None else min(view.rung, len(view.rungs) - 1)
        scores = best_first(
            worth,
            fetch_s,
            segment_s=view.segment_s,
            buffered_s=view.buffered_s,
            before=before,
        )
        reason = f"{horizon} ahead at {mbytes_per_s * 8:.2f} Mb/s"
        if horizon < wanted:
            reason += f", not {wanted}: {len(view.rungs)} rungs make too many plans"
        return scores, reason
