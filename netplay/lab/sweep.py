"""Plays the sessions of a plan, in this process or in several, each on its own.

A session that fails costs its own row and nobody else's: a controller is anybody's code.
Rows come as sessions end; their order is not that of the plan where several run at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from re import sub
from typing import Final

from netplay.lab.figures import figures, qoe_scores
from netplay.lab.plan import Job, Plan, Row
from netplay.lab.results import columns
from netplay.lab.session import play
from netplay.sim.drive import Simulated
from netplay.telemetry.log import Header, LogLines
from netplay.telemetry.wire import Message

__all__ = ["played", "rows"]

_AHEAD: Final = 4
"""Sessions handed to each worker before one is done, so that none waits for work."""


def rows(plan: Plan, jobs: Iterable[Job], *, workers: int = 1) -> Iterator[Row]:
    """Yield a row for each session, as it ends."""
    if workers <= 1:
        for job in jobs:
            yield played(plan, job)
        return
    waiting = iter(jobs)
    with ProcessPoolExecutor(workers, initializer=_take_plan, initargs=(plan,)) as pool:
        running: set[Future[Row]] = set()
        try:
            while True:
                room = workers * _AHEAD - len(running)
                running |= {pool.submit(_played_here, job) for job in islice(waiting, room)}
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_plan: Plan | None = None
"""In a worker process: what it works on. Sent once, as movies are large."""


def _take_plan(plan: Plan) -> None:
    global _plan  # the one thing a worker process is for
    _plan = plan


def _played_here(job: Job) -> Row:
    assert _plan is not None, "a worker is given its plan first"
    return played(_plan, job)


def played(plan: Plan, job: Job) -> Row:
    """Play one session and return its row; a failure is told in its column `error`."""
    row: Row = dict.fromkeys(columns(plan.qoe)) | plan.heading(job)
    try:
        result = _result(plan, job)
        figure = figures(result, plan.movies[job.movie])
        row |= asdict(figure)
        scores = qoe_scores(
            result.played, plan.movies[job.movie], plan.qoe, startup_s=figure.startup_s
        )
        row |= {f"qoe_{name}": score for name, score in scores.items()}
        row["ending"] = result.ending
        row["error"] = "; ".join(result.summary.errors)
    except Exception as error:  # noqa: BLE001  # whatever a controller raises is its row's
        row["error"] = f"{type(error).__name__}: {error}"
    return row


def _result(plan: Plan, job: Job) -> Simulated:
    movie, contender = plan.movies[job.movie], plan.contenders[job.contender]
    source, trace = plan.traces[job.trace]
    controller, conditions = contender.make(), plan.conditions
    if plan.log is None:
        return play(movie, trace, controller, plan.profile, conditions=conditions, seed=plan.seed)
    header = Header.of(
        contender.name,
        dict(contender.settings),
        rules=plan.profile.rules,
        seed=plan.seed,
        notes={
            "movie": movie.name,
            "traces": source,
            "trace": trace.name,
            "link": conditions.told(),
        },
    )
    name = "-".join((plan.profile.name, contender.name, movie.name, source, trace.name))
    with _Log(plan.log / f"{sub(r'[^A-Za-z0-9._-]', '_', name)}.jsonl", header) as log:
        return play(
            movie,
            trace,
            controller,
            plan.profile,
            conditions=conditions,
            seed=plan.seed,
            taps=(log,),
        )


class _Log:
    """A tap that writes every message at once: virtual time waits for the disk."""

    def __init__(self, path: Path, header: Header) -> None:
        self._lines = LogLines()
        self._file = path.open("w", encoding="utf-8")
        self._file.write(self._lines.first(header))

    def __call__(self, now_us: int, message: Message) -> None:
        self._file.write(self._lines.next(now_us, message))

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.write(self._lines.last())
        self._file.close()
