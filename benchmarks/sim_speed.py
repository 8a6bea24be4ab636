"""How many sessions a second are simulated on one core, against Sabre on the same inputs.

Every session is the real `Session` with the real controller under the profile `sabre`, with
Sabre's abandonment and without. A Sabre checkout, where one is given, runs in this very
process, session by session in turn with ours, so that both meet the same machine; the
figure that counts is the ratio. What an event costs is told apart: inside the controller,
in the rest of the Session (its events replayed, with nothing around it), and in the
simulator around it. A Session that is told less has dearer events and cheaper sessions, so
both are said.

    .venv/bin/python benchmarks/sim_speed.py [--sabre CHECKOUT] [--data ../shared/data/abr]

Aims: with abandonment 3 times Sabre's speed, without it no slower; at most 50 us an event
outside the controller. Each is said to be met or missed. Without a checkout the speed is held
against what Sabre did on a machine like the one this was written on, which is no comparison
side by side.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import CodeType
from typing import cast

from figures import arguments, median, write_json

import abr
from abr.contract import Abandonment, Choice, Controller, Progress, Sample, View
from netplay.core.messages import Event
from netplay.core.session import Session
from netplay.lab.movies import Movie, read_movie
from netplay.lab.session import play
from netplay.lab.traces import NetworkTrace, read_traces
from netplay.sim.profiles import Profile, profile
from netplay.telemetry import Message
from netplay.telemetry.wire import ACTIONS

SABRE_NAMES = {"throughput": "throughput", "bola-e": "bolae", "dynamic": "dynamic"}
"""Our controllers that Sabre has too, and how it calls them."""

TIMES_SABRE = {True: 3.0, False: 1.0}
"""How many times Sabre's speed is aimed at, with abandonment and without."""

SABRE_RATES = {True: (17.0, 52.0), False: (94.0, 228.0)}
"""Sabre's sessions a second, its slowest and its fastest algorithm, where it is not at hand."""

OUTSIDE_US = 50.0

DATA_SETS = ("fcc_sd", "fcc_hd", "ghent_lte_4g", "norway_hsdpa_3g")
LADDER_KBPS = (230, 331, 477, 688, 991, 1427, 2056, 2962, 5027, 6000)
SEGMENTS, SEGMENT_MS = 199, 3_000


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/abr"))
    parser.add_argument("--sabre", type=Path, help="a checkout of UMass-LIDS/sabre")
    parser.add_argument("--traces", type=int, default=12, help="how many, over all sets")
    parser.add_argument("--runs", type=int, default=3, help="of each session; the best counts")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        movie_path, traces = inputs(asked.data, asked.traces, Path(folder))
        sabre = None if asked.sabre is None else Sabre(asked.sabre, movie_path, Path(folder))
        if sabre is None:
            print("no Sabre checkout (--sabre): absolute figures only\n")
        rows = [
            measured(read_movie(movie_path), traces, name, sabre, asked.runs, abandons=abandons)
            for abandons in (True, False)
            for name in SABRE_NAMES
        ]
    report(rows)
    for row in rows:
        judge(row)
    write_json(asked.json, {"movie": movie_path.name, "traces": len(traces), "rows": rows})


# What is played.


def inputs(data: Path, count: int, folder: Path) -> tuple[Path, list[NetworkTrace]]:
    """Return a movie's file and traces: the field's where they are at hand, else our own."""
    found = data / "sabre" / "bbb.json"
    if not found.exists():
        print(f"no {found}: a movie and traces made here instead")
        return made_movie(folder), made_traces(count)
    each = max(1, count // len(DATA_SETS))
    traces: list[NetworkTrace] = []
    for name in DATA_SETS:
        whole = list(read_traces(data / "sabre" / f"{name}.jsonl.gz"))
        traces += whole[:: max(1, len(whole) // each)][:each]
    return found, traces


def made_movie(folder: Path) -> Path:
    """Write a movie of the usual length, its scenes as uneven as an encoder makes them."""
    dice = random.Random(1)
    scenes = [dice.uniform(0.5, 1.5) for _ in range(SEGMENTS)]
    sizes = [[round(kbps * SEGMENT_MS * scene) for kbps in LADDER_KBPS] for scene in scenes]
    path = folder / "made.json"
    movie = {
        "segment_duration_ms": SEGMENT_MS,
        "bitrates_kbps": LADDER_KBPS,
        "segment_sizes_bits": sizes,
    }
    path.write_text(json.dumps(movie), encoding="utf-8")
    return path


def made_traces(count: int) -> list[NetworkTrace]:
    """Return random walks around means from 1 to 8 Mb/s, a step a second."""
    traces = []
    for number in range(count):
        dice = random.Random(number)
        level = math.log(1e6 * 8 ** (number / max(1, count - 1)))
        walk = (level + dice.gauss(0, 0.4) for _ in range(300))
        pieces = tuple((1_000_000, round(math.exp(here)), 50_000) for here in walk)
        traces.append(NetworkTrace(f"made-{number}", pieces))
    return traces


# Ours.


def measured(
    movie: Movie,
    traces: Sequence[NetworkTrace],
    name: str,
    sabre: Sabre | None,
    runs: int,
    *,
    abandons: bool,
) -> dict[str, object]:
    """Return the figures of one controller over all traces."""
    way = profile("sabre") if abandons else profile("sabre").keeping_downloads()
    ours: list[float] = []
    theirs: list[float] = []
    costs: list[Cost] = []
    for trace in traces:
        ours.append(best_s(runs, partial(session_of, movie, trace, name, way)))
        if sabre is not None:
            run = sabre.ready(trace, SABRE_NAMES[name], abandons=abandons)
            theirs.append(best_s(runs, run))
        costs.append(cost(movie, trace, name, way))
    events = sum(one.events for one in costs)
    controller_s = sum(one.controller_s for one in costs)
    session_s = sum(one.session_s for one in costs)
    ratios = [their_s / our_s for our_s, their_s in zip(ours, theirs, strict=False)]
    return {
        "controller": name,
        "abandonment": abandons,
        "sessions_per_s": len(ours) / sum(ours),
        "sabre_sessions_per_s": len(theirs) / sum(theirs) if theirs else None,
        "ratio": median(ratios) if ratios else None,
        "events_per_session": events / len(costs),
        "controller_us": 1e6 * controller_s / events,
        "session_us": 1e6 * session_s / events,
        "simulator_us": 1e6 * (sum(ours) - controller_s - session_s) / events,
        "outside_us": 1e6 * (sum(ours) - controller_s) / events,
        "session_ms": 1e3 * sum(ours) / len(ours),
    }


def session_of(movie: Movie, trace: NetworkTrace, name: str, way: Profile) -> None:
    play(movie, trace, abr.controller(name), way)


def best_s(runs: int, run: Callable[[], object]) -> float:
    """Return the processor time of the fastest of some runs: others only add noise to it."""
    times = []
    for _ in range(runs):
        began_s = time.process_time()
        run()
        times.append(time.process_time() - began_s)
    return min(times)


@dataclass(frozen=True)
class Cost:
    """What the events of one session cost."""

    events: int
    controller_s: float
    session_s: float


def cost(movie: Movie, trace: NetworkTrace, name: str, way: Profile) -> Cost:
    """Tell a Session once more what it was told, with nothing around it but a clock."""
    told: list[tuple[int, Event]] = []

    def keep(now_us: int, message: Message) -> None:
        if not isinstance(message, ACTIONS):
            told.append((now_us, cast("Event", message)))

    play(movie, trace, abr.controller(name), way, taps=[keep])
    link = way.link(trace.bandwidth(), trace.rtt_us())
    timed = Timed(way.controller(abr.controller(name), link))
    session = Session(timed, rules=way.rules)
    began_s = time.process_time()
    for now_us, event in told:
        session.handle(event, now_us)
    return Cost(len(told), timed.spent_s, time.process_time() - began_s - timed.spent_s)


class Timed:
    """A controller whose time is counted."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.spent_s = 0.0

    def choose(self, view: View) -> Choice:
        """Count a choice."""
        began_s = time.process_time()
        try:
            return self._controller.choose(view)
        finally:
            self.spent_s += time.process_time() - began_s

    def observe(self, sample: Sample) -> None:
        """Count what a measurement takes."""
        began_s = time.process_time()
        self._controller.observe(sample)
        self.spent_s += time.process_time() - began_s

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        """Count a look at a download."""
        began_s = time.process_time()
        try:
            return self._controller.abandon(view, progress)
        finally:
            self.spent_s += time.process_time() - began_s


# Sabre.


class Sabre:
    """A checkout of Sabre, run in this process: compiled once, its state new for each session."""

    def __init__(self, checkout: Path, movie: Path, folder: Path) -> None:
        path = checkout / "src" / "sabre.py"
        self._code: CodeType = compile(path.read_text(encoding="utf-8"), str(path), "exec")
        self._movie = movie
        self._network = folder / "network.json"

    def ready(self, trace: NetworkTrace, name: str, *, abandons: bool) -> Callable[[], None]:
        """Return what plays a session over a trace with a controller of its own."""
        periods = [
            {"duration_ms": us / 1e3, "bandwidth_kbps": bps / 1e3, "latency_ms": rtt_us / 1e3}
            for us, bps, rtt_us in trace.pieces
        ]
        self._network.write_text(json.dumps(periods), encoding="utf-8")
        words = ["sabre.py", "-m", str(self._movie), "-n", str(self._network), "-a", name]
        if not abandons:
            words.append("-noa")
        return partial(self._run, words)

    def _run(self, words: list[str]) -> None:
        before = sys.argv
        try:
            sys.argv = words
            with contextlib.redirect_stdout(io.StringIO()):
                exec(self._code, {"__name__": "__main__"})
        finally:
            sys.argv = before


def report(rows: Sequence[dict[str, object]]) -> None:
    print(
        f"{'controller':11} {'abandons':8} {'sessions/s':>10} {'Sabre':>7} {'ratio':>6}"
        f" {'ms':>6} {'events':>7}"
        f"  us an event: {'controller':>10} {'Session':>8} {'simulator':>9} {'both':>6}"
    )
    for row in rows:
        print(
            f"{row['controller']:11} {'yes' if row['abandonment'] else 'no':8}"
            f" {row['sessions_per_s']:10.1f} {told(row['sabre_sessions_per_s'], '.1f'):>7}"
            f" {told(row['ratio'], '.2f'):>6} {row['session_ms']:6.1f}"
            f" {row['events_per_session']:7.0f}"
            f"  {'':12} {row['controller_us']:10.1f} {row['session_us']:8.1f}"
            f" {row['simulator_us']:9.1f} {row['outside_us']:6.1f}"
        )


def judge(row: dict[str, object]) -> None:
    """Say whether a row meets the aims, and note it there."""
    abandons, ours, outside_us = row["abandonment"], row["sessions_per_s"], row["outside_us"]
    assert isinstance(abandons, bool)
    assert isinstance(ours, float)
    assert isinstance(outside_us, float)
    aim, (slowest, fastest) = TIMES_SABRE[abandons], SABRE_RATES[abandons]
    if isinstance(ratio := row["ratio"], float):
        fast, seen = ratio >= aim, f"{ratio:.2f} times Sabre"
    else:
        fast = ours >= aim * fastest
        seen = f"{ours / fastest:.2f} to {ours / slowest:.2f} times Sabre as once measured"
    row["meets_speed"], row["meets_event"] = fast, outside_us <= OUTSIDE_US
    print(
        f"{row['controller']} {'with' if abandons else 'without'} abandonment: "
        f"{seen} (aim {aim:g}): {'met' if fast else 'missed'}; "
        f"{outside_us:.1f} us an event outside the controller (aim {OUTSIDE_US:g}): "
        f"{'met' if row['meets_event'] else 'missed'}"
    )


def told(figure: object, form: str) -> str:
    return "-" if figure is None else format(figure, form)


if __name__ == "__main__":
    main()
