"""What a simulated session comes to, in the figures that the field compares.

Averages are over all the time the viewer spent, start-up and stalls included, as Sabre
has them, so that figures of every profile can be laid beside Sabre's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from abr.contract import Played
from abr.qoe import SabreScore, log_value, model
from netplay.lab.movies import Movie
from netplay.sim.drive import Simulated
from netplay.telemetry.summary import Summary

__all__ = ["Figures", "figures", "figures_of", "qoe_scores", "scores_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One session in numbers.

    Attributes:
        played_bitrate_kbps: Mean over the time spent.
        played_utility: ln(bitrate / lowest), likewise.
        score: Sabre's time-average score: utility less 5 a second of stall.
        play_time_s: All the time spent: start-up, playing and stalls.
        rebuffer_ratio: Stalls as a share of it.
        startup_s: From the first request to the first picture.
        bitrate_change_kbps: Sum of changes of bitrate, as a mean over time and segment.
    """

    played_bitrate_kbps: float
    played_utility: float
    score: float
    play_time_s: float
    rebuffer_s: float
    rebuffer_ratio: float
    rebuffers: int
    startup_s: float
    switches: int
    bitrate_change_kbps: float


def figures(result: Simulated, movie: Movie) -> Figures:
    """Return what a simulated session came to.

    Raises:
        ValueError: Nothing was shown.
    """
    return figures_of(
        result.played,
        result.summary,
        lowest_bps=movie.bitrates_bps[0],
        segment_us=movie.segment_us,
    )


def figures_of(
    played: Sequence[Played], summary: Summary, *, lowest_bps: int, segment_us: int
) -> Figures:
    """Return what a session came to, simulated or not.

    Args:
        lowest_bps: Bitrate of the lowest rung.
        segment_us: Duration of a segment.

    Raises:
        ValueError: Nothing was shown.
    """
    if summary.startup is None or not played:
        raise ValueError("nothing was shown")
    startup_s = summary.startup.first_frame_us / 1e6
    rebuffer_s = sum(one.stall_s for one in played)
    spent_s = startup_s + rebuffer_s + sum(one.duration_s for one in played)
    changes_bps = [abs(b.bitrate_bps - a.bitrate_bps) for a, b in pairwise(played)]
    return Figures(
        played_bitrate_kbps=sum(o.bitrate_bps * o.duration_s for o in played) / 1000 / spent_s,
        played_utility=sum(
            log_value(one.bitrate_bps, lowest_bps) * one.duration_s for one in played
        )
        / spent_s,
        score=SabreScore(lowest_bps, startup_s=startup_s).score(played),
        play_time_s=spent_s,
        rebuffer_s=rebuffer_s,
        rebuffer_ratio=rebuffer_s / spent_s,
        rebuffers=summary.stalls,
        startup_s=startup_s,
        switches=sum(change > 0 for change in changes_bps),
        bitrate_change_kbps=sum(changes_bps) / 1000 * (segment_us / 1e6) / spent_s,
    )


def qoe_scores(
    played: Sequence[Played], movie: Movie, names: Sequence[str], *, startup_s: float
) -> dict[str, float]:
    """Return the score of each QoE model by its name.

    Raises:
        ValueError: A model does not exist, or needs what the movie does not have.
    """
    judged, lowest_bps = movie.judged(played), movie.bitrates_bps[0]
    return scores_of(judged, names, lowest_bps=lowest_bps, startup_s=startup_s)


def scores_of(
    played: Sequence[Played], names: Sequence[str], *, lowest_bps: int, startup_s: float
) -> dict[str, float]:
    """Return the score of each QoE model by its name, of what was shown anywhere.

    Raises:
        ValueError: A model does not exist, or needs what a record does not have.
    """
    return {
        name: model(name, lowest_bps=lowest_bps, startup_s=startup_s).score(played)
        for name in names
    }
