"""How many sessions a second are simulated in step on one core, and whether they are the same.

A thousand sessions at once under the profile `sabre` without abandonment: converting the
traces and the movie, playing and the figures of every session are all in the time. A part of
the sessions is played one by one as well, with the real `Session` and the real controller:
their rungs and their scores must be the same. Sabre does 94 to 228 sessions a second without
abandonment on a machine like the one this was written on; a Sabre checkout, where one is
given, plays some of the sessions in this very process instead, for a ratio side by side.

    .venv/bin/python benchmarks/batch_speed.py [--sabre CHECKOUT] [--data ../shared/data/abr]

Aims: 30 times Sabre's speed at 1,000 sessions; the same rungs in every session, and for
bola-e in 97 % of them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from figures import arguments, write_json
from sim_speed import SABRE_NAMES, Sabre, best_s, made_movie, made_traces

import abr
from abr.lockstep import names
from netplay.lab.batch import BatchResult, simulate_batch
from netplay.lab.figures import figures
from netplay.lab.movies import Movie, read_movie
from netplay.lab.plan import profile_for
from netplay.lab.session import play
from netplay.lab.traces import NetworkTrace, read_traces

SABRE_RATES = (94.0, 228.0)
"""Sabre's sessions a second without abandonment, its slowest and its fastest algorithm."""

DATA_SETS = ("fcc_sd", "fcc_hd", "ghent_lte_4g", "norway_hsdpa_3g")


@dataclass(frozen=True)
class Asked:
    """What is to be measured.

    Attributes:
        runs: Of each batch; the fastest counts, as others only add noise to it.
        alone: How many of the sessions are played one by one too.
    """

    movie_path: Path
    movie: Movie
    traces: list[NetworkTrace]
    runs: int
    alone: int


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/abr"))
    parser.add_argument("--sabre", type=Path, help="a checkout of UMass-LIDS/sabre")
    parser.add_argument("--sessions", type=int, default=1_000, help="at once")
    parser.add_argument("--alone", type=int, default=40, help="how many to play one by one too")
    parser.add_argument("--runs", type=int, default=3, help="of each batch; the best counts")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, traces = inputs(given.data, given.sessions, Path(folder))
        asked = Asked(path, read_movie(path), traces, given.runs, min(given.alone, len(traces)))
        sabre = None if given.sabre is None else Sabre(given.sabre, path, Path(folder))
        if sabre is None:
            print("no Sabre checkout (--sabre): ratios to its published speeds\n")
        rows = [measured(asked, name, sabre) for name in names() if name != "bba-2"]
    report(rows, len(traces))
    write_json(given.json, {"movie": path.name, "sessions": len(traces), "rows": rows})


def inputs(data: Path, count: int, folder: Path) -> tuple[Path, list[NetworkTrace]]:
    """Return a movie's file and traces: the field's where they are at hand, else our own."""
    movie = data / "sabre" / "bbb.json"
    if not movie.exists():
        print(f"no {movie}: a movie and traces made here instead")
        return made_movie(folder), made_traces(count)
    paths = [data / "sabre" / f"{name}.jsonl.gz" for name in DATA_SETS]
    whole = [trace for path in paths for trace in read_traces(path)]
    # Every set has its part, and of more sessions than there are traces some meet twice.
    step = max(1, len(whole) / count)
    chosen = [whole[int(place * step) % len(whole)] for place in range(count)]
    return movie, chosen


def measured(asked: Asked, name: str, sabre: Sabre | None) -> dict[str, object]:
    """Return the figures of one controller."""
    batch = partial(simulate_batch, asked.movie, asked.traces, name, profile="sabre")
    spent_s = best_s(asked.runs, batch)
    places = range(0, len(asked.traces), max(1, len(asked.traces) // asked.alone))
    began_s = time.process_time()
    same = same_sessions(asked, name, batch(), places)
    alone_s = time.process_time() - began_s
    rate = len(asked.traces) / spent_s
    least, most = SABRE_RATES
    theirs = sabre_rate(asked, name, sabre, places[:12])
    return {
        "controller": name,
        "sessions_per_s": rate,
        "alone_per_s": len(places) / alone_s,
        "ratio_to_sabres_fastest": rate / most,
        "ratio_to_sabres_slowest": rate / least,
        "sabre_sessions_per_s": theirs,
        "ratio": None if theirs is None else rate / theirs,
        "compared": len(places),
        "same": same,
    }


def same_sessions(asked: Asked, name: str, batch: BatchResult, places: Sequence[int]) -> int:
    """Return how many sessions have the same rungs and the same score when played alone."""
    way = profile_for("sabre", buffer_s=None, abandon=False)
    same = 0
    for place in places:
        alone = play(asked.movie, asked.traces[place], abr.controller(name), way)
        rungs = [one.rung for one in alone.played]
        score = figures(alone, asked.movie).score
        near = abs(score - batch.figures["score"][place]) < 1e-9
        same += rungs == batch.rungs[place].tolist() and bool(near)
    return same


def sabre_rate(asked: Asked, name: str, sabre: Sabre | None, places: Sequence[int]) -> float | None:
    """Return how many of the same sessions Sabre plays a second, here and now."""
    if sabre is None or name not in SABRE_NAMES:
        return None
    spent_s = 0.0
    for place in places:
        run = sabre.ready(asked.traces[place], SABRE_NAMES[name], abandons=False)
        spent_s += best_s(asked.runs, run)
    return len(places) / spent_s


def report(rows: Sequence[dict[str, object]], sessions: int) -> None:
    print(
        f"{sessions} sessions at once; Sabre: {SABRE_RATES[0]:.0f} to {SABRE_RATES[1]:.0f} a second"
    )
    print(
        f"{'controller':12} {'sessions/s':>10} {'of 228':>7} {'of 94':>6} {'one by one':>10}"
        f" {'Sabre here':>10} {'ratio':>6}  same"
    )
    for row in rows:
        print(
            f"{row['controller']:12} {row['sessions_per_s']:10.0f}"
            f" {row['ratio_to_sabres_fastest']:7.1f} {row['ratio_to_sabres_slowest']:6.1f}"
            f" {row['alone_per_s']:10.1f} {told(row['sabre_sessions_per_s']):>10}"
            f" {told(row['ratio']):>6}  {row['same']} of {row['compared']}"
        )


def told(figure: object) -> str:
    return "-" if figure is None else format(figure, ".1f")


if __name__ == "__main__":
    main()
