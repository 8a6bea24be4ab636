"""`netplay.simulate`: every movie over every trace by every controller, and what it shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from abr.contract import Controller
from netplay.lab.conditions import Conditions
from netplay.lab.movies import Movie, read_movie
from netplay.lab.plan import Contender, Job, Plan, Row, contenders, profile_for
from netplay.lab.results import Results, columns
from netplay.lab.statistics import Standing, standings
from netplay.lab.sweep import rows
from netplay.lab.traces import NetworkTrace, read_traces

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FIGURES", "Study", "simulate"]

FIGURES: Final = (
    "score",
    "played_bitrate_kbps",
    "rebuffer_ratio",
    "startup_s",
    "switches",
)
"""What a summary shows, QoE models besides."""


@dataclass(frozen=True, slots=True)
class Study:
    """The results of a sweep.

    Attributes:
        rows: One a session, by column; those of an earlier, interrupted run included.
        names: The controllers, as they were named.
        qoe: The QoE models asked for.
    """

    rows: tuple[Row, ...]
    names: tuple[str, ...]
    qoe: tuple[str, ...] = ()
    seed: int = 0

    @property
    def figures(self) -> tuple[str, ...]:
        """The columns that a summary is about."""
        return (*FIGURES, *(f"qoe_{name}" for name in self.qoe))

    @property
    def failures(self) -> tuple[Row, ...]:
        """The rows of sessions that failed."""
        return tuple(row for row in self.rows if row.get("error"))

    def standings(self, figures: Sequence[str] | None = None) -> list[Standing]:
        """Return how each controller did in each figure, compared with the first."""
        return standings(self.rows, self.names, figures or self.figures, seed=self.seed)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return every column as an array: numbers as floats, NaN where there is none."""
        import numpy as np

        found: dict[str, NDArray[np.generic]] = {}
        for name in columns(self.qoe):
            values = [row.get(name) for row in self.rows]
            if any(isinstance(value, str) for value in values):
                found[name] = np.array([str(value) for value in values])
            else:
                found[name] = np.array(
                    [float(v) if isinstance(v, int | float) else np.nan for v in values]
                )
        return found


def simulate(
    movie: str | Path | Movie | Iterable[str | Path | Movie],
    trace: str | Path | NetworkTrace | Iterable[str | Path | NetworkTrace],
    abr: str | Sequence[str] | Mapping[str, Callable[[], Controller]] = "hybrid",
    *,
    profile: str = "netplay",
    qoe: Sequence[str] = (),
    jobs: int = 1,
    out: str | Path | None = None,
    log: str | Path | None = None,
    buffer_s: float | None = None,
    abandon: bool = True,
    settings: Mapping[str, object] | None = None,
    conditions: Conditions | None = None,
    seed: int = 0,
    told: Callable[[int, int], None] | None = None,
) -> Study:
    """Play every movie over every trace by every controller in virtual time.

    Args:
        movie: Movies, or files of them: Sabre's JSON, an MPD, an HLS playlist; or URLs of
            manifests.
        trace: Traces, or files of one or of a set.
        abr: Names as `abr.controller` knows them; or by your own names what makes a new one.
        profile: Whose player: "netplay", "sabre", "sabre-mended" or "pensieve".
        qoe: Models to score by: "lin", "log", "hd", "v", "sabre".
        jobs: Worker processes; 1: this one alone.
        out: A .jsonl, .csv or .parquet that gets each row as its session ends. What is in
            it already is not played again, failures excepted.
        log: A folder that gets a log of every session.
        buffer_s: Maximum buffer; None: the profile's.
        abandon: Downloads may be left half way.
        settings: Of controllers, by name; "NAME.setting" is for one of them alone.
        conditions: Of the links, and who serves: slow start, loss, headers, hosts with traces
            and faults of their own, sound beside the picture; None: as the profile says.
        told: Called with (sessions done, sessions in all) now and then.

    Raises:
        ValueError: No such controller, setting, profile or QoE model.
        DatasetError: A file is not what it should be; it names the line.
    """
    named = (
        tuple(Contender(name, make) for name, make in abr.items())
        if isinstance(abr, Mapping)
        else contenders([abr] if isinstance(abr, str) else abr, settings or {})
    )
    conditions = conditions or Conditions()
    plan = Plan(
        movies=tuple(_under(conditions, one) for one in _movies_apart(_movies(movie))),
        traces=tuple(_traces_apart(_traces(trace))),
        contenders=named,
        profile=profile_for(profile, buffer_s=buffer_s, abandon=abandon),
        qoe=tuple(qoe),
        seed=seed,
        buffer_s=buffer_s,
        conditions=conditions,
        log=None if log is None else Path(log),
    )
    if plan.log is not None:
        plan.log.mkdir(parents=True, exist_ok=True)
    results = None if out is None else Results(Path(out), plan.qoe)
    found = _played(plan, results, jobs, told or (lambda _done, _of: None))
    return Study(tuple(found), tuple(one.name for one in named), plan.qoe, seed)


def _played(
    plan: Plan, results: Results | None, workers: int, told: Callable[[int, int], None]
) -> list[Row]:
    """Play what is not in the results yet, and return the rows of this plan."""
    found: list[Row] = []
    todo: list[Job] = []
    for job in plan.jobs():
        earlier = None if results is None else results.of(plan.heading(job))
        if earlier is None:
            todo.append(job)
        else:
            found.append(earlier)
    done, every = len(found), len(found) + len(todo)
    told(done, every)
    with results or nullcontext():
        for row in rows(plan, todo, workers=workers):
            found.append(row)
            if results is not None:
                results.write(row)
            done += 1
            told(done, every)
    return found


def _under(conditions: Conditions, movie: Movie) -> Movie:
    """Return a movie with the sound and the hosts that are asked for."""
    if conditions.audio_bps:
        movie = movie.with_audio(conditions.audio_bps)
    return movie.served_by(tuple(conditions.hosts)) if conditions.hosts else movie


def _movies(given: str | Path | Movie | Iterable[str | Path | Movie]) -> Iterator[Movie]:
    for one in [given] if isinstance(given, str | Path | Movie) else given:
        yield one if isinstance(one, Movie) else read_movie(one)


def _movies_apart(movies: Iterable[Movie]) -> Iterator[Movie]:
    """Yield movies; a name that was there before gets a number, as rows are told by names."""
    seen: Counter[str] = Counter()
    for one in movies:
        seen[one.name] += 1
        number = seen[one.name]
        yield one if number == 1 else replace(one, name=f"{one.name}#{number}")


def _traces_apart(traces: Iterable[tuple[str, NetworkTrace]]) -> Iterator[tuple[str, NetworkTrace]]:
    """Yield traces, told apart likewise."""
    seen: Counter[tuple[str, str]] = Counter()
    for source, one in traces:
        seen[source, one.name] += 1
        number = seen[source, one.name]
        yield source, one if number == 1 else replace(one, name=f"{one.name}#{number}")


def _traces(
    given: str | Path | NetworkTrace | Iterable[str | Path | NetworkTrace],
) -> Iterator[tuple[str, NetworkTrace]]:
    """Yield (name of the file or set, trace)."""
    for one in [given] if isinstance(given, str | Path | NetworkTrace) else given:
        if isinstance(one, NetworkTrace):
            yield "", one
            continue
        path = Path(one)
        for trace in read_traces(path):
            yield path.name.partition(".")[0], trace
