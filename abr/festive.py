"""FESTIVE: fair, efficient and stable among many players on one link.

Three habits: bitrates go up step by step, slower the higher they are, and down one step at
once; a step is taken only if what it gains in efficiency outweighs the switch; and requests
are spread at random, so that players do not fall into step with one another.
"""

from __future__ import annotations

from collections import deque
from random import Random
from typing import Final

from abr.contract import Abandonment, Choice, Keep, Progress, Sample, View
from abr.held import Held
from abr.mpc import Forecast
from abr.segment_link import share_bps

__all__ = ["Festive"]

WINDOW: Final = 20
SHARE: Final = 0.85
ALPHA: Final = 12.0
MEMORY_S: Final = 20.0
"""Jiang et al.: the harmonic mean of 20 samples, 0.85 of it is used, efficiency weighs 12
times stability, and switches of the last 20 s count."""


class Festive:
    """Picks the rung before or one beside it, whichever is the better deal.

    Args:
        window: Samples of the harmonic mean.
        share: Of the mean that is used.
        alpha: How much efficiency weighs against stability.
        spread: Wait, with more than a random level of buffer, until it has drained to that;
            the levels lie up to this share of a segment under the fullest. 0 never waits.
        seed: Of the random levels.

    Source:
        Jiang, Sekar, Zhang, "Improving fairness, efficiency, and stability in HTTP-based
        adaptive video streaming with FESTIVE", CoNEXT 2012.
    """

    def __init__(
        self,
        *,
        window: int = WINDOW,
        share: float = SHARE,
        alpha: float = ALPHA,
        spread: float = 1.0,
        seed: int = 0,
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"share lies in (0, 1], not {share}")
        if not 0 <= spread <= 1:
            raise ValueError(f"spread lies in [0, 1], not {spread}")
        self._forecast = Forecast(window=window, robust=False)
        self._share = share
        self._alpha = alpha
        self._spread = spread
        self._random = Random(seed)
        self._held = Held()
        self._wishes = 0
        self._switches: deque[int] = deque()

    def choose(self, view: View) -> Choice:
        """Return the better deal, after a random wait on a full buffer."""
        return self._held.due(view) or self._held.keep(view, self._decide(view))

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._forecast.observe(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:  # noqa: ARG002
        """Return that the download goes on, always: the paper has no rule for leaving one."""
        return Keep()

    def _decide(self, view: View) -> Choice:
        forecast = self._forecast.mbytes_per_s
        if forecast is None or view.rung is None:
            self._wishes = 0
            return Choice(0, reason="start")
        bps = share_bps(view, forecast * 8e6)
        before = min(view.rung, len(view.rungs) - 1)
        wanted = self._step(view, before, self._share * bps)
        rung, scores = self._better(view, before, wanted, bps)
        if rung != before:
            self._wishes = 0
            self._switches.append(view.now_us)
        reason = f"within {self._share * bps / 1e6:.2f} Mb/s"
        if rung != wanted:
            reason += f", {wanted} is not worth the switch"
        return Choice(
            rung,
            wait_s=self._wait_s(view),
            reason=reason,
            scores=scores,
            estimate_bps=forecast * 8e6,
        )

    def _step(self, view: View, before: int, safe_bps: float) -> int:
        """Return the rung to move to: one down at once, one up after as many wishes as rungs."""
        fits = (rung for rung, r in enumerate(view.rungs) if r.bitrate_bps <= safe_bps)
        target = max(fits, default=0)
        if target < before:
            self._wishes = 0
            return before - 1
        self._wishes = self._wishes + 1 if target > before else 0
        return before + 1 if self._wishes > before else before

    def _better(
        self, view: View, before: int, wanted: int, bps: float
    ) -> tuple[int, tuple[float, ...]]:
        """Return the rung that costs less in stability and efficiency, and minus what all cost."""
        while self._switches and view.now_us - self._switches[0] > MEMORY_S * 1e6:
            self._switches.popleft()
        # 2^n is past counting long before it is past a float.
        stability = 2.0 ** min(len(self._switches), 100)
        reference_bps = max(min(bps, view.rungs[wanted].bitrate_bps), 1.0)
        scores = tuple(
            -(stability + (rung != before)) - self._alpha * abs(r.bitrate_bps / reference_bps - 1)
            for rung, r in enumerate(view.rungs)
        )
        return (wanted if scores[wanted] > scores[before] else before), scores

    def _wait_s(self, view: View) -> float:
        if self._spread == 0:
            return 0.0
        full_s = min(view.max_buffer_s - view.segment_s, view.target_s)
        level_s = full_s - self._spread * self._random.random() * view.segment_s
        excess_s = min(view.buffered_s - max(level_s, 0.0), view.buffered_s)
        return max(excess_s, 0.0) / (abs(view.rate) or 1.0)
