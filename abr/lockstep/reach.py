"""How far up the ladder link and buffer reach, in step: `abr.reserves`, `abr.safety_margin`."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from abr.lockstep.contract import Bools, Floats, Ints, Views
from abr.lockstep.estimates import Estimators, LinkEstimates, LowerMeans, Lowests
from abr.reserves import Reserves
from abr.safety_margin import SafetyMargin

__all__ = ["Rule", "rule_of"]


class Rule(Protocol):
    """How far up the ladder link and buffer reach."""

    def estimators(self) -> Estimators:
        """Return what the links are estimated by."""

    def reach(self, views: Views, links: LinkEstimates) -> tuple[Ints, Ints]:
        """Return how high to climb, and how high to stay."""


def rule_of(rule: Reserves | SafetyMargin) -> Rule:
    """Return the twin of a rule."""
    return _Reserves(rule) if isinstance(rule, Reserves) else _SafetyMargins(rule)


class _SafetyMargins:
    """The twin of `SafetyMargin`."""

    def __init__(self, rule: SafetyMargin) -> None:
        self._rule = rule

    def estimators(self) -> Estimators:
        """Return what the links are estimated by."""
        return LowerMeans(self._rule.fast_half_life_s, self._rule.slow_half_life_s)

    def reach(self, views: Views, links: LinkEstimates) -> tuple[Ints, Ints]:
        """Return the highest rungs within the safe bitrates; strictly below on low buffers."""
        rule, bitrates_bps = self._rule, views.ladder.bitrates_bps
        safe_bps = rule.safety_margin * links.bps(len(views.now_us))
        cautious = views.buffered_s < rule.cautious_below * min(views.target_s, views.max_buffer_s)
        below = np.searchsorted(bitrates_bps, safe_bps, side="left")
        within = np.searchsorted(bitrates_bps, safe_bps, side="right")
        rung: Ints = np.maximum(np.where(cautious, below, within) - 1, 0)
        return rung, rung


class _Reserves:
    """The twin of `Reserves`."""

    def __init__(self, rule: Reserves) -> None:
        self._rule = rule
        self._climb_reserves_s: Floats = np.zeros(0)
        self._stay_reserves_s: Floats = np.zeros(0)

    def estimators(self) -> Estimators:
        """Return what the links are estimated by."""
        return Lowests(self._rule.window)

    def reach(self, views: Views, links: LinkEstimates) -> tuple[Ints, Ints]:
        """Return how high to climb, and how high to stay."""
        rule = self._rule
        if not len(self._climb_reserves_s):
            self._lay_out(views)
        bps = rule.margin * links.bps(len(views.now_us))
        small = min(1.0, min(views.target_s, views.max_buffer_s) / rule.whole_target_s)
        left_s = max(views.remaining_segments, 1) * views.segment_s
        share = small * min(1.0, left_s / rule.ending_s)
        drains = self._drains(views, bps, links, spare_s=rule.spare_s * small)
        buffered_s = views.buffered_s
        climb = _highest(
            drains * min(rule.climb_over_s * small, left_s)
            <= buffered_s - self._climb_reserves_s[:, None] * share
        )
        stay = _highest(
            drains * min(rule.stay_over_s * small, left_s)
            <= buffered_s - self._stay_reserves_s[:, None] * share
        )
        if views.rung is None:
            return climb, stay
        held = climb < _highest(drains <= 0)
        held |= buffered_s < rule.climb_above_s * small
        held |= links.rise > rule.surge
        held &= climb > views.rung
        return np.where(held, views.rung, climb), np.where(held, views.rung, stay)

    def _drains(self, views: Views, bps: Floats, links: LinkEstimates, *, spare_s: float) -> Floats:
        """How many seconds of buffer a second of each rung costs, shape (rungs, sessions)."""
        ahead = range(min(self._rule.ahead, len(views.sizes_bytes)))
        rungs = range(views.ladder.top + 1)
        sizes = [[views.size_bytes(rung, i) for i in ahead] for rung in rungs]
        bits = np.array([8 * (sum(row) / len(row)) for row in sizes])
        drains: Floats = bits[:, None] / bps
        drains += links.ttfb_s
        drains /= views.segment_s
        drains -= 1
        if views.rung is not None:
            first_bits = np.array([8 * row[0] for row in sizes])
            comes_s: Floats = first_bits[:, None] / bps
            comes_s += links.ttfb_s
            drains[comes_s > views.buffered_s - spare_s] = np.inf
        return drains

    def _lay_out(self, views: Views) -> None:
        """Reckon what each rung reserves."""
        rule = self._rule
        logs = [math.log(max(rung.bitrate_bps, 1)) for rung in views.ladder.rungs]
        span = logs[-1] - logs[0]
        places = [(log - logs[0]) / span if span > 0 else 0.0 for log in logs]
        gaps = [log - under for log, under in zip(logs, [logs[0], *logs], strict=False)]
        both = list(zip(places, gaps, strict=True))
        self._climb_reserves_s = np.array(
            [rule.climb_reserve_s + rule.climb_slope_s * u - rule.gap_s * gap for u, gap in both]
        )
        self._stay_reserves_s = np.array(
            [rule.stay_reserve_s + rule.stay_slope_s * u - rule.gap_s * gap for u, gap in both]
        )


def _highest(held: Bools) -> Ints:
    """Return the highest rung of each session that is held to be true; else the lowest."""
    # In bytes, as a ladder has fewer than 256 rungs.
    rungs = np.arange(len(held), dtype=np.uint8)[:, None]
    highest: Ints = np.maximum.reduce(held.view(np.uint8) * rungs, axis=0).astype(np.int64)
    return highest
