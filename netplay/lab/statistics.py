"""What a sweep shows: the middle and the ends of every figure, and how sure that is.

Controllers are compared session by session: on the same movie over the same trace, what a
difference is worth shows long before the means of either tell them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netplay.lab.plan import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Distribution", "Standing", "distribution", "standings"]

RESAMPLES: Final = 2_000
"""Enough for the ends of a 95 % interval to stand to about a hundredth of its width."""

_CELLS: Final = 4_000_000
"""Of a resampling at a time: 32 MB."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A figure over sessions.

    Attributes:
        low, high: Bootstrap 95 % confidence interval of the mean.
    """

    count: int
    mean: float
    median: float
    p5: float
    p95: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How one controller did, under one profile, in one figure.

    Attributes:
        failed: Sessions without this figure.
        against: The controller compared with, on the sessions both finished; "" for that
            one itself.
        difference: This one's figure less that one's.
    """

    abr: str
    figure: str
    failed: int
    over: Distribution | None
    against: str = ""
    difference: Distribution | None = None


def distribution(values: Sequence[float], *, seed: int = 0) -> Distribution:
    """Return the distribution of values.

    Raises:
        ValueError: There are none.
    """
    import numpy as np

    if not values:
        raise ValueError("nothing has no distribution")
    taken = np.asarray(values, dtype=float)
    p5, median, p95 = (float(one) for one in np.percentile(taken, [5, 50, 95]))
    low, high = (float(one) for one in np.percentile(_means(taken, seed), [2.5, 97.5]))
    return Distribution(len(values), float(taken.mean()), median, p5, p95, low, high)


def _means(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return the means of resamples, drawn with replacement."""
    import numpy as np

    chance = np.random.default_rng(seed)
    count = len(values)
    at_once = max(1, _CELLS // count)
    parts = [
        values[chance.integers(0, count, (min(at_once, RESAMPLES - done), count))].mean(axis=1)
        for done in range(0, RESAMPLES, at_once)
    ]
    return np.concatenate(parts)


def standings(
    rows: Iterable[Row], names: Sequence[str], figures: Sequence[str], *, seed: int = 0
) -> list[Standing]:
    """Return how each controller did in each figure, the first named being the yardstick."""
    sessions: dict[str, dict[tuple[object, ...], Row]] = {name: {} for name in names}
    for row in rows:
        key = (row["profile"], row["movie"], row["traces"], row["trace"])
        if row["abr"] in sessions:
            sessions[str(row["abr"])][key] = row
    return [
        _standing(name, names[0], figure, sessions, seed) for figure in figures for name in names
    ]


def _standing(
    name: str,
    first: str,
    figure: str,
    sessions: Mapping[str, Mapping[tuple[object, ...], Row]],
    seed: int,
) -> Standing:
    mine = _values(sessions[name], figure)
    failed = len(sessions[name]) - len(mine)
    over = distribution(list(mine.values()), seed=seed) if mine else None
    if name == first:
        return Standing(name, figure, failed, over)
    theirs = _values(sessions[first], figure)
    apart = [value - theirs[key] for key, value in mine.items() if key in theirs]
    difference = distribution(apart, seed=seed) if apart else None
    return Standing(name, figure, failed, over, first, difference)


def _values(
    sessions: Mapping[tuple[object, ...], Row], figure: str
) -> dict[tuple[object, ...], float]:
    return {
        key: float(value)
        for key, row in sessions.items()
        if isinstance(value := row.get(figure), int | float)
    }
