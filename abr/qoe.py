"""How good a playback was, as one number: the published models, each a fold over what was shown.

A model takes `Played` records in order and looks at each once, so it scores a simulation
and a real playback alike. Start-up is in no record; the one model that counts it is told.

ITU-T P.1203 is not among them: no implementation of it is installable from PyPI.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from abr.contract import Played

__all__ = [
    "HD_MU",
    "LIN_MU",
    "LOG_MU",
    "NAMES",
    "Additive",
    "Comyco",
    "QoeModel",
    "SabreScore",
    "hd",
    "hd_value",
    "lin",
    "lin_value",
    "log",
    "log_value",
    "model",
]

LIN_MU: Final = 4.3
LOG_MU: Final = 2.66
HD_MU: Final = 8.0
"""Mao et al., "Neural adaptive video streaming with Pensieve", SIGCOMM 2017, table 1: what a
second of stall costs. The first two are the value of the top rung of its ladder."""

_HD: Final = ((300, 1.0), (750, 2.0), (1200, 3.0), (1850, 12.0), (2850, 15.0), (4300, 20.0))
"""The same table: kbit/s and value of QoE_hd, which favours high definition."""


class QoeModel(Protocol):
    """Scores a playback."""

    def score(self, played: Iterable[Played]) -> float:
        """Return how good it was; more is better."""


def lin_value(bitrate_bps: float) -> float:
    """Return the quality of a bitrate in QoE_lin: its Mbit/s."""
    return bitrate_bps / 1e6


def log_value(bitrate_bps: float, lowest_bps: float) -> float:
    """Return the quality of a bitrate in QoE_log: the logarithm over the lowest."""
    return math.log(bitrate_bps / lowest_bps)


def hd_value(bitrate_bps: float) -> float:
    """Return the quality of a bitrate in QoE_hd: as published, and on a line between."""
    kbps = bitrate_bps / 1000
    at = bisect_right(_HD, kbps, key=lambda point: point[0])
    if at == 0:
        return _HD[0][1] * kbps / _HD[0][0]
    if at == len(_HD):
        return _HD[-1][1]
    (low_kbps, low), (high_kbps, high) = _HD[at - 1], _HD[at]
    return low + (high - low) * (kbps - low_kbps) / (high_kbps - low_kbps)


@dataclass(frozen=True, slots=True)
class Additive:
    """The sum over segments of quality, less stalls, less changes of quality.

    Attributes:
        quality: Of a segment.
        stall_cost: Of a second.
        switch_cost: Of a change of quality by one.
        drop_first: The first segment counts only as what the second one changes from, as in
            Pensieve's code: there it was not the controller that chose it.
    """

    quality: Callable[[Played], float]
    stall_cost: float
    switch_cost: float = 1.0
    drop_first: bool = True

    def score(self, played: Iterable[Played]) -> float:
        """Return the sum."""
        total = 0.0
        before: float | None = None
        for segment in played:
            quality = self.quality(segment)
            if before is not None or not self.drop_first:
                change = abs(quality - before) if before is not None else 0.0
                total += quality - self.stall_cost * segment.stall_s - self.switch_cost * change
            before = quality
        return total


def lin(*, drop_first: bool = True) -> Additive:
    """Return QoE_lin."""
    return Additive(lambda p: lin_value(p.bitrate_bps), LIN_MU, drop_first=drop_first)


def log(lowest_bps: float, *, drop_first: bool = True) -> Additive:
    """Return QoE_log for a ladder with this lowest bitrate."""
    return Additive(lambda p: log_value(p.bitrate_bps, lowest_bps), LOG_MU, drop_first=drop_first)


def hd(*, drop_first: bool = True) -> Additive:
    """Return QoE_hd."""
    return Additive(lambda p: hd_value(p.bitrate_bps), HD_MU, drop_first=drop_first)


@dataclass(frozen=True, slots=True)
class Comyco:
    """QoE_v: VMAF, with rises and falls of it weighed apart, fitted to a subjective study.

    Attributes:
        drop_first: As in `Additive`.

    Source:
        Huang et al., "Comyco: quality-aware adaptive video streaming via imitation
        learning", ACM Multimedia 2019; the weights are those of its code.
    """

    drop_first: bool = True

    def score(self, played: Iterable[Played]) -> float:
        """Return the sum over segments.

        Raises:
            ValueError: The VMAF of a segment is not known.
        """
        total = 0.0
        before: float | None = None
        for number, segment in enumerate(played):
            if segment.quality is None:
                raise ValueError(f"QoE_v needs the VMAF of every segment; number {number} has none")
            if before is not None or not self.drop_first:
                change = segment.quality - before if before is not None else 0.0
                total += (
                    0.8469011 * segment.quality
                    - 28.79591348 * segment.stall_s
                    + 0.29797156 * max(change, 0.0)
                    - 1.06099887 * max(-change, 0.0)
                    - 2.661618558
                )
            before = segment.quality
        return total


@dataclass(frozen=True, slots=True)
class SabreScore:
    """Utility less stalls, averaged over all the time the viewer spent, start-up included.

    Attributes:
        lowest_bps: Bitrate of the lowest rung, whose utility is 0.
        gamma_p: What a second of stall costs, in utility times seconds.
        startup_s: From the first request to the first picture.

    Source:
        Sabre's "time average score".
    """

    lowest_bps: float
    gamma_p: float = 5.0
    startup_s: float = 0.0

    def score(self, played: Iterable[Played]) -> float:
        """Return the average; 0 of nothing."""
        worth = 0.0
        spent_s = self.startup_s
        for segment in played:
            worth += log_value(segment.bitrate_bps, self.lowest_bps) * segment.duration_s
            worth -= self.gamma_p * segment.stall_s
            spent_s += segment.duration_s + segment.stall_s
        return worth / spent_s if spent_s else 0.0


NAMES: Final = ("lin", "log", "hd", "v", "sabre")


def model(name: str, *, lowest_bps: float, startup_s: float = 0.0) -> QoeModel:
    """Return a model by name.

    Args:
        name: One of `NAMES`; "v" is Comyco's.
        lowest_bps: Bitrate of the lowest rung.
        startup_s: From the first request to the first picture; only "sabre" counts it.

    Raises:
        ValueError: There is no such model.
    """
    match name:
        case "lin":
            return lin()
        case "log":
            return log(lowest_bps)
        case "hd":
            return hd()
        case "v":
            return Comyco()
        case "sabre":
            return SabreScore(lowest_bps, startup_s=startup_s)
        case _:
            raise ValueError(f"no QoE model is called {name!r}; there are {', '.join(NAMES)}")
