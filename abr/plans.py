"""Every plan for the next segments, and what each is worth: what MPC looks through.

A plan is a rung for each of the next few segments. Plans that begin alike share what
happened so far, so they are grown segment by segment rather than walked one by one: for six
rungs and five segments 9,330 steps of arithmetic instead of 38,880, in a few numpy calls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from abr.contract import Rung
from abr.qoe import hd_value

__all__ = ["MOST_PLANS", "Objective", "best_first", "fitting_horizon", "objective"]

MOST_PLANS: Final = 10_000
"""More would take longer than a millisecond to look through."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What a plan is worth: quality, less stalls, less changes of quality.

    Attributes:
        values: Quality of each rung, in `unit`s. Whole numbers where the quality is a
            bitrate, so that sums of them are exact and plans of equal worth tie.
        unit: What to divide sums of values by.
        stall_cost: Of a second.
        switch_cost: Of a change of quality by one.
    """

    values: tuple[float, ...]
    unit: float
    stall_cost: float
    switch_cost: float


def objective(
    quality: str, rungs: Sequence[Rung], *, stall_cost: float | None, switch_cost: float
) -> Objective:
    """Return the objective of a ladder.

    Args:
        quality: "lin", "log" or "hd", as in `abr.qoe`; "vmaf": the rungs' own quality,
            where all have one, else "lin".
        rungs: The ladder.
        stall_cost: Of a second of stall; None takes the top rung's quality, which is what
            Pensieve's table has for its ladder (4.3 and 2.66).
        switch_cost: Of a change of quality by one.

    Raises:
        ValueError: There is no such quality.
    """
    lowest_bps = max(rungs[0].bitrate_bps, 1)
    unit = 1.0
    match quality:
        case "log":
            values = [math.log(max(rung.bitrate_bps, 1) / lowest_bps) for rung in rungs]
        case "hd":
            values = [hd_value(rung.bitrate_bps) for rung in rungs]
        case "vmaf" if all(rung.quality is not None for rung in rungs):
            values = [rung.quality or 0.0 for rung in rungs]
        case "lin" | "vmaf":
            values, unit = [rung.bitrate_bps / 1000 for rung in rungs], 1000.0
        case _:
            raise ValueError(f"quality is lin, log, hd or vmaf, not {quality!r}")
    if stall_cost is None:
        # With one rung, or rungs of one bitrate, any cost orders plans the same way.
        stall_cost = values[-1] / unit or 1.0
    return Objective(tuple(values), unit, stall_cost, switch_cost)


def fitting_horizon(rungs: int, horizon: int) -> int:
    """Return the horizon, or as much of it as keeps the plans under MOST_PLANS."""
    while horizon > 1 and rungs**horizon >= MOST_PLANS:
        horizon -= 1
    return horizon


def best_first(
    worth: Objective,
    fetch_s: Sequence[Sequence[float]],
    *,
    segment_s: float,
    buffered_s: float,
    before: int | None,
) -> list[float]:
    """Return, for each rung, the worth of the best plan that begins with it.

    Args:
        worth: What a plan is worth.
        fetch_s: How long each of the next segments takes at each rung, one row a segment.
        segment_s: Duration of a segment.
        buffered_s: Media held now.
        before: The rung of the segment before; None if a change of quality costs nothing.

    Source:
        Yin et al., "A control-theoretic approach for dynamic adaptive video streaming over
        HTTP", SIGCOMM 2015: the buffer dynamics, without a full buffer, which the player
        waits for before a plan is made.
    """
    import numpy as np

    values = np.array(worth.values)
    rungs = len(values)
    changes = np.abs(values[:, None] - values[None, :])
    steps = np.array(fetch_s, dtype=float)
    # One entry a plan so far, in order, with its last rung as the last axis.
    short = steps[0] - buffered_s
    stalls = np.maximum(short, 0.0)
    buffers = np.maximum(-short, 0.0) + segment_s
    sums = values
    diffs = np.zeros(rungs) if before is None else changes[before]
    for step in steps[1:]:
        short = step[None, :] - buffers.reshape(-1, 1)
        stalls = (stalls.reshape(-1, 1) + np.maximum(short, 0.0)).ravel()
        buffers = (np.maximum(-short, 0.0) + segment_s).ravel()
        sums = (sums.reshape(-1, 1) + values).ravel()
        diffs = (diffs.reshape(-1, rungs, 1) + changes).ravel()
    rewards = sums / worth.unit - worth.stall_cost * stalls
    rewards -= worth.switch_cost * (diffs / worth.unit)
    best: list[float] = rewards.reshape(rungs, -1).max(axis=1).tolist()
    return best
