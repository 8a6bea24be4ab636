"""`netplay simulate`: a sweep with its progress, and a table of what it shows."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from netplay.cli.words import columns
from netplay.lab.conditions import Conditions
from netplay.lab.hosts import read_hosts
from netplay.lab.statistics import Distribution, Standing
from netplay.lab.study import Study, simulate
from netplay.sim.link import SlowStart

__all__ = ["Asked", "conditions", "setting", "sweep"]

_FAILURES_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for, as `netplay.simulate` takes it."""

    movies: Sequence[str]
    traces: Sequence[Path]
    abr: Sequence[str]
    profile: str = "netplay"
    qoe: Sequence[str] = ()
    jobs: int = 1
    out: Path | None = None
    log: Path | None = None
    buffer_s: float | None = None
    abandon: bool = True
    settings: Mapping[str, object] = field(default_factory=dict)
    conditions: Conditions = field(default_factory=Conditions)
    seed: int = 0


def sweep(asked: Asked, *, as_json: bool) -> None:
    """Play every session that is asked for, and say what came of them.

    Raises:
        ValueError: What is asked for cannot be.
        DatasetError: A file is not what it should be.
    """
    with _resumable(asked.out), _progress() as told:
        study = simulate(
            asked.movies,
            asked.traces,
            asked.abr,
            profile=asked.profile,
            qoe=asked.qoe,
            jobs=asked.jobs,
            out=asked.out,
            log=asked.log,
            buffer_s=asked.buffer_s,
            abandon=asked.abandon,
            settings=asked.settings,
            conditions=asked.conditions,
            seed=asked.seed,
            told=told,
        )
    said = json.dumps(_plain(study)) if as_json else "\n".join(_lines(study))
    sys.stdout.write(said + "\n")


def setting(text: str) -> tuple[str, object]:
    """Return the name and the value of KEY=VALUE; the value is JSON, or else a word.

    >>> setting("gamma_p=5"), setting("guard=o")
    (('gamma_p', 5), ('guard', 'o'))

    Raises:
        ValueError: It is no KEY=VALUE.
    """
    name, equals, said = text.partition("=")
    if not name or not equals:
        raise ValueError(f"a setting is KEY=VALUE, not {text!r}")
    try:
        value: object = json.loads(said)
    except json.JSONDecodeError:
        value = said
    return name, value


def conditions(
    *,
    slow_start: bool,
    loss: float,
    header_bytes: int | None,
    hosts: Path | None,
    audio_kbps: float,
) -> Conditions:
    """Return the conditions that the options name.

    Raises:
        ValueError: No link can be like that.
        DatasetError: The file of hosts is none.
    """
    if not audio_kbps < 1e9:
        raise ValueError(f"sound has a rate, not {audio_kbps:g} kbit/s")
    return Conditions(
        slow_start=SlowStart() if slow_start else None,
        loss=loss,
        header_bytes=header_bytes,
        hosts={} if hosts is None else read_hosts(hosts),
        audio_bps=round(audio_kbps * 1000),
    )


@contextmanager
def _resumable(out: Path | None) -> Iterator[None]:
    """Say, after Ctrl-C, that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        if out is not None:
            sys.stderr.write(f"netplay: interrupted; the same command goes on with {out}\n")
        raise


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal; nothing where nobody looks."""
    if not sys.stderr.isatty():
        yield lambda _done, _every: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    bar = Progress(
        BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=Console(stderr=True)
    )
    task = bar.add_task("sessions")
    calls = 0

    def told(done: int, every: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            # Not before the first session is over: the bar has a thread, and worker
            # processes are better forked from a process that has only one.
            bar.start()
        bar.update(task, completed=done, total=every)

    try:
        yield told
    finally:
        bar.stop()


def _plain(study: Study) -> dict[str, object]:
    return {
        "sessions": len(study.rows),
        "failures": [
            {name: row[name] for name in ("movie", "traces", "trace", "abr", "error")}
            for row in study.failures
        ],
        "standings": [asdict(one) for one in study.standings()],
    }


def _lines(study: Study) -> list[str]:
    """Return the table: a block a figure, a line a controller."""
    lines: list[str] = []
    standings = study.standings()
    for figure in study.figures:
        rows = [("mean", "95 % interval", "median", "p5", "p95", "against", "95 % interval")]
        names = [""]
        for one in standings:
            if one.figure == figure:
                names.append(one.abr)
                rows.append(_cells(one))
        body = columns(
            [(name, *cells) for name, cells in zip(names, rows, strict=True)], indent="  "
        )
        lines += [figure, *body, ""]
    failures = study.failures
    lines.append(f"{len(study.rows)} sessions, {len(failures)} failed")
    for row in failures[:_FAILURES_SHOWN]:
        lines.append(f"  {row['abr']} on {row['trace']}, {row['movie']}: {row['error']}")
    if len(failures) > _FAILURES_SHOWN:
        lines.append(f"  and {len(failures) - _FAILURES_SHOWN} more")
    return lines


def _cells(one: Standing) -> tuple[str, str, str, str, str, str, str]:
    over, apart = one.over, one.difference
    if over is None:
        return ("failed", "", "", "", "", "", "")
    difference = interval = ""
    if apart is not None:
        difference, interval = f"{apart.mean:+.4g} to {one.against}", _interval(apart, sign="+")
    return (
        f"{over.mean:.4g}",
        _interval(over),
        f"{over.median:.4g}",
        f"{over.p5:.4g}",
        f"{over.p95:.4g}",
        difference,
        interval,
    )


def _interval(over: Distribution, *, sign: str = "") -> str:
    return f"{over.low:{sign}.4g} to {over.high:{sign}.4g}"
