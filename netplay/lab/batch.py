"""`netplay.simulate_batch`: one movie over thousands of traces at once, by one controller.

The sessions of `netplay.simulate` without abandonment, in step (`netplay.sim.batch`), some
hundred times as fast. The few in which the player's patience may have ended, which is not
played in step, are played one by one: the results are the same, session by session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import abr as controllers
from abr.lockstep import twin
from abr.qoe import SabreScore, log_value
from netplay.lab.figures import figures
from netplay.lab.movies import Movie, read_movie
from netplay.lab.plan import profile_for
from netplay.lab.session import play
from netplay.lab.traces import NetworkTrace, read_traces
from netplay.sim.batch import Batch, Links, LockstepRefused, Traces, play_in_step
from netplay.sim.drive import Simulated

__all__ = ["BatchResult", "simulate_batch"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What came of many sessions; of every segment, shape (sessions, segments).

    Attributes:
        traces: Their names, in the order of the sessions.
        rungs: What was shown, 0 the lowest; -1 where a session ended before.
        rebuffer_s: For how long each segment was waited for.
        download_s: From its request to its last byte.
        buffered_s: Media held ahead when it was asked for.
        figures: By the names of `Figures`, shape (sessions,).
        alone: Sessions that were played one by one; of these download_s and buffered_s are
            NaN.
        errors: Of sessions that showed nothing, by their place: why. Their figures are NaN.
    """

    traces: tuple[str, ...]
    movie: str
    abr: str
    profile: str
    rungs: Ints
    rebuffer_s: Floats
    download_s: Floats
    buffered_s: Floats
    figures: Mapping[str, Floats]
    alone: Ints
    errors: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.traces)


def simulate_batch(
    movie: str | Path | Movie,
    trace: str | Path | NetworkTrace | Iterable[str | Path | NetworkTrace],
    abr: str,
    *,
    profile: str = "netplay",
    buffer_s: float | None = None,
    settings: Mapping[str, object] | None = None,
) -> BatchResult:
    """Play a movie over every trace by one controller, all sessions in step.

    Equal to `simulate(movie, trace, abr, abandon=False, ...)`: no download is ever left.

    Args:
        movie: A movie, or its file.
        trace: Traces, or files of one or of a set.
        abr: A controller that has a twin (`abr.lockstep.names()`).
        profile: Whose player: "netplay", "sabre", "sabre-mended" or "pensieve".
        buffer_s: Maximum buffer; None: the profile's.
        settings: Of the controller.

    Raises:
        LockstepRefused: The movie, a trace or the profile is beyond what sessions in step
            can do; `simulate` plays them.
        ValueError: There are no traces, or no such profile, controller or setting, or the
            controller has no twin.
        DatasetError: A file is not what it should be; it names the line.
    """
    film = movie if isinstance(movie, Movie) else read_movie(movie)
    traces = list(_traces(trace))
    way = profile_for(profile, buffer_s=buffer_s, abandon=False)
    given = dict(settings or {})
    batch = play_in_step(film.content, twin(abr, **given), links(traces), way)
    sheet = _Sheet(batch, film)
    alone = np.flatnonzero(batch.overdue)
    for place in alone.tolist():
        controller = controllers.controller(abr, **given)
        sheet.fill(place, play(film, traces[place], controller, way))
    return BatchResult(
        traces=tuple(trace.name for trace in traces),
        movie=film.name,
        abr=abr,
        profile=way.name,
        rungs=sheet.rungs,
        rebuffer_s=sheet.rebuffer_s,
        download_s=sheet.download_s,
        buffered_s=sheet.buffered_s,
        figures=sheet.figures,
        alone=alone,
        errors=sheet.errors,
    )


def _traces(
    given: str | Path | NetworkTrace | Iterable[str | Path | NetworkTrace],
) -> Iterator[NetworkTrace]:
    for one in [given] if isinstance(given, str | Path | NetworkTrace) else given:
        if isinstance(one, NetworkTrace):
            yield one
        else:
            yield from read_traces(Path(one))


def links(traces: Sequence[NetworkTrace]) -> Links:
    """Return traces as links in step.

    Raises:
        LockstepRefused: One never carries anything; it is named.
        ValueError: There are none.
    """
    if not traces:
        raise ValueError("a batch has a trace at least")
    bandwidth, rtt_us = Traces.from_pieces([trace.pieces for trace in traces])
    if len(bandwidth.dead):
        raise LockstepRefused(f"trace {traces[bandwidth.dead[0]].name} never carries anything")
    return Links(bandwidth, rtt_us)


class _Sheet:
    """The results of all sessions, of which some are yet to be filled in."""

    def __init__(self, batch: Batch, movie: Movie) -> None:
        self._movie = movie
        self.rungs: Ints = batch.rungs
        self.rebuffer_s: Floats = batch.stall_us / 1e6
        self.download_s: Floats = (batch.done_us - batch.asked_us) / 1e6
        self.buffered_s: Floats = batch.buffered_us / 1e6
        self.figures = _figures(batch, movie)
        self.errors: dict[int, str] = {}

    def fill(self, place: int, result: Simulated) -> None:
        """Fill in a session that was played alone."""
        shown = result.played
        self.rungs[place] = -1
        self.rungs[place, : len(shown)] = [one.rung for one in shown]
        self.rebuffer_s[place] = 0.0
        self.rebuffer_s[place, : len(shown)] = [one.stall_s for one in shown]
        self.download_s[place] = self.buffered_s[place] = np.nan
        said = dict.fromkeys(self.figures, np.nan)
        if shown:
            said = asdict(figures(result, self._movie))
        else:
            self.errors[place] = "; ".join(result.summary.errors) or "nothing was shown"
        for name, column in self.figures.items():
            column[place] = said[name]


def _figures(batch: Batch, movie: Movie) -> dict[str, Floats]:
    """Return what `figures` returns, of every session."""
    bitrates_bps = np.array(movie.bitrates_bps, dtype=np.float64)
    worths = np.array([log_value(bps, movie.bitrates_bps[0]) for bps in movie.bitrates_bps])
    duration_s = batch.duration_us / 1e6
    shown_bps = bitrates_bps[batch.rungs]
    startup_s = batch.startup_us / 1e6
    rebuffer_s = (batch.stall_us / 1e6).sum(axis=1)
    spent_s = startup_s + rebuffer_s + duration_s.sum()
    worth = worths[batch.rungs] @ duration_s
    changes_bps = np.abs(np.diff(shown_bps, axis=1))
    cost = SabreScore(movie.bitrates_bps[0]).gamma_p
    return {
        "played_bitrate_kbps": shown_bps @ duration_s / 1000 / spent_s,
        "played_utility": worth / spent_s,
        "score": (worth - cost * rebuffer_s) / spent_s,
        "play_time_s": spent_s,
        "rebuffer_s": rebuffer_s,
        "rebuffer_ratio": rebuffer_s / spent_s,
        "rebuffers": (batch.stall_us > 0).sum(axis=1).astype(np.float64),
        "startup_s": startup_s,
        "switches": (changes_bps > 0).sum(axis=1).astype(np.float64),
        "bitrate_change_kbps": changes_bps.sum(axis=1) / 1000 * (movie.segment_us / 1e6) / spent_s,
    }
