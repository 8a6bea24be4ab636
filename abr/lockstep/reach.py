"""How far up the ladder link and buffer reach, in step: `abr.buffer_value`, `abr.safety_margin`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from abr.buffer_value import RATES, BufferValue
from abr.lockstep.contract import Bools, Floats, Ints, Views
from abr.lockstep.estimates import Estimators, Forecasts, LinkEstimates, LowerMeans
from abr.safety_margin import SafetyMargin

__all__ = ["Reaches", "Rule", "rule_of"]


@dataclass(frozen=True, slots=True)
class Reaches:
    """`abr.reach.Reach` of many sessions; None: no climb need wait."""

    climb: Ints
    stay: Ints
    early: Bools | None


class Rule(Protocol):
    """How far up the ladder link and buffer reach."""

    def estimators(self) -> Estimators:
        """Return what the links are estimated by."""

    def reach(self, views: Views, links: LinkEstimates) -> Reaches:
        """Return how high to climb, how high to stay, and where a climb had better wait."""


def rule_of(rule: BufferValue | SafetyMargin) -> Rule:
    """Return the twin of a rule."""
    return _BufferValues(rule) if isinstance(rule, BufferValue) else _SafetyMargins(rule)


class _SafetyMargins:
    """The twin of `SafetyMargin`."""

    def __init__(self, rule: SafetyMargin) -> None:
        self._rule = rule

    def estimators(self) -> Estimators:
        """Return what the links are estimated by."""
        return LowerMeans(self._rule.fast_half_life_s, self._rule.slow_half_life_s)

    def reach(self, views: Views, links: LinkEstimates) -> Reaches:
        """Return the highest rungs within the safe bitrates; strictly below on low buffers."""
        rule, bitrates_bps = self._rule, views.ladder.bitrates_bps
        safe_bps = rule.safety_margin * links.bps(len(views.now_us))
        cautious = views.buffered_s < rule.cautious_below * min(views.target_s, views.max_buffer_s)
        below = np.searchsorted(bitrates_bps, safe_bps, side="left")
        within = np.searchsorted(bitrates_bps, safe_bps, side="right")
        rung: Ints = np.maximum(np.where(cautious, below, within) - 1, 0)
        return Reaches(rung, rung, None)


class _BufferValues:
    """The twin of `BufferValue`."""

    def __init__(self, rule: BufferValue) -> None:
        self._rule = rule

    def estimators(self) -> Estimators:
        """Return what the links are estimated by."""
        rule = self._rule
        return Forecasts(rule.half_life_segments, rule.sharpness)

    def reach(self, views: Views, links: LinkEstimates) -> Reaches:
        """Return how high to climb, how high to stay, and where a climb had better wait."""
        rule, left = self._rule, max(views.remaining_segments, 1)
        bits = _bits(views, min(rule.ahead, left))
        takes_s: Floats = bits / (rule.margin * links.bps(len(views.now_us)))
        takes_s += links.ttfb_s
        target_s = min(views.target_s, views.max_buffer_s)
        scale_s = rule.scale_s * rule.small(target_s)
        share = rule.share(target_s, left * views.segment_s)
        values, losses = self._price(views, takes_s, rule.spread * links.spread, scale_s)
        climb = (values - math.exp(rule.climb_level_s * share / scale_s) * losses).argmax(axis=0)
        if views.rung is None:
            return Reaches(climb, climb, None)
        losses *= math.exp(rule.stay_level_s * share / scale_s)
        values -= losses
        values[np.arange(len(values))[:, None] > views.rung] = -np.inf
        whole_s: Floats = np.add.reduce(takes_s, axis=0)
        sustained = _highest(whole_s <= len(takes_s) * views.segment_s)
        early = (climb < sustained) | (links.rise > rule.surge)
        return Reaches(climb, values.argmax(axis=0), early)

    def _price(
        self, views: Views, takes_s: Floats, spread: Floats | float, scale_s: float
    ) -> tuple[Floats, Floats]:
        """What rungs are worth, and what buffer they leave to lack; shape (rungs, sessions)."""
        rule, segment_s = self._rule, views.segment_s
        most_s = min(views.target_s, views.max_buffer_s)
        lowest_bps = max(views.ladder.rungs[0].bitrate_bps, 1)
        gains, losses = np.empty(takes_s.shape[1:]), np.zeros(takes_s.shape[1:])
        for place, rung in enumerate(views.ladder.rungs):
            gains[place] = len(takes_s) * math.log(max(rung.bitrate_bps, 1) / lowest_bps)
        for at, weight in RATES:
            slower: Floats | float = np.exp(-at * spread)
            stall_s, then_s = _play(takes_s, slower, views.buffered_s, segment_s, most_s)
            stall_s *= rule.stall_cost
            stall_s -= rule.floor * then_s
            stall_s *= weight
            stall_s /= segment_s
            gains -= stall_s
            np.negative(then_s, out=then_s)
            then_s /= scale_s
            np.exp(then_s, out=then_s)
            then_s *= scale_s
            then_s *= weight
            then_s /= segment_s
            losses += then_s
        return gains, losses


def _bits(views: Views, ahead: int) -> Floats:
    """The sizes of so many next segments, shape (segments, rungs, 1)."""
    rungs = range(views.ladder.top + 1)
    rows = [[[8 * views.size_bytes(rung, i)] for rung in rungs] for i in range(ahead)]
    return np.array(rows)


def _play(
    takes_s: Floats, slower: Floats | float, buffered_s: Floats, segment_s: float, most_s: float
) -> tuple[Floats, Floats]:
    """The twin of `abr.buffer_value._play`."""
    stall_s = np.zeros(takes_s.shape[1:])
    level_s = np.empty(takes_s.shape[1:])
    level_s[:] = buffered_s
    for told_s in takes_s:
        level_s -= slower * told_s
        stall_s -= np.minimum(level_s, 0.0)
        np.maximum(level_s, 0.0, out=level_s)
        level_s += segment_s
        np.minimum(level_s, most_s, out=level_s)
    return stall_s, level_s


def _highest(held: Bools) -> Ints:
    """Return the highest rung of each session that is held to be true; else the lowest."""
    # In bytes, as a ladder has fewer than 256 rungs.
    rungs = np.arange(len(held), dtype=np.uint8)[:, None]
    highest: Ints = np.maximum.reduce(held.view(np.uint8) * rungs, axis=0).astype(np.int64)
    return highest
