"""Does profile `pensieve` give what Pensieve's environment gives, trace by trace?

Over the 142 Norwegian test traces, QoE_lin of chunks 2 to 48 of Envivio: Pensieve's BB, and
RobustMPC as its test code has it, with each of the defects on or off: the error history
that runs on from trace to trace, and the sizes that are looked up one chunk too far.

    python benchmarks/pensieve_parity.py --data ../shared/data/abr
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from figures import arguments, write_json

import abr
from abr.contract import Controller
from netplay.lab.figures import qoe_scores
from netplay.lab.movies import Movie, make_movie
from netplay.lab.session import play
from netplay.lab.traces import NetworkTrace, read_traces
from netplay.sim.profiles import profile

PLAYED = 48
"""Of the 49 chunks; the sizes of the last are known all the same."""


@dataclass(frozen=True)
class Case:
    """A controller, whether it goes on from trace to trace, and the mean it is held to."""

    name: str
    make: Callable[[], Controller]
    needed: float
    reference: str = ""
    carries: bool = False


CASES = (
    Case("BB", lambda: abr.controller("pensieve-bb"), 30.043, "bb"),
    Case(
        "RobustMPC, history carried",
        lambda: abr.controller("robust-mpc", sizes_ahead=1, carry_history=True),
        41.193,
        "mpc",
        carries=True,
    ),
    Case("RobustMPC, fresh", lambda: abr.controller("robust-mpc", sizes_ahead=1), 39.591),
    Case("RobustMPC, fresh, index mended", lambda: abr.controller("robust-mpc"), 42.267),
)


def envivio(path: Path) -> Movie:
    said = json.loads(path.read_text())
    return make_movie(
        "envivio",
        segment_us=said["segment_duration_ms"] * 1000,
        bitrates_bps=[kbps * 1000 for kbps in said["bitrates_kbps"]],
        sizes_bytes=[[bits // 8 for bits in row] for row in said["segment_sizes_bits"]],
        segments=PLAYED,
    )


def scores(case: Case, movie: Movie, traces: Sequence[NetworkTrace]) -> dict[str, float]:
    """Return QoE_lin by trace, in the order of the file."""
    found: dict[str, float] = {}
    controller = case.make()
    for trace in traces:
        if not case.carries:
            controller = case.make()
        result = play(movie, trace, controller, profile("pensieve"))
        found[trace.name] = qoe_scores(result.played, movie, ["lin"], startup_s=0.0)["lin"]
    return found


def references(path: Path) -> dict[str, dict[str, float]]:
    said: dict[str, dict[str, float]] = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            said.setdefault(row["abr"], {})[row["trace"]] = float(row["qoe_lin_sum"])
    return said


def off_by(got: Mapping[str, float], said: Mapping[str, float]) -> tuple[float, int]:
    """Return the worst deviation of a trace, and how many are off in the third decimal."""
    apart = [abs(got[name] - said[name]) for name in got]
    return max(apart), sum(one >= 5e-4 for one in apart)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/abr"))
    asked = parser.parse_args()
    home: Path = asked.data / "pensieve"
    if not (home / "pensieve_reference.csv").exists():
        print(f"no reference at {asked.data}: give its folder with --data")
        return
    movie = envivio(home / "envivio.json")
    traces = list(read_traces(home / "norway142_test.jsonl.gz"))
    said = references(home / "pensieve_reference.csv")
    written: list[dict[str, object]] = []
    print(
        f"{'QoE_lin over ' + str(len(traces)) + ' traces':34} {'mean':>8} {'needed':>8}  by trace"
    )
    for case in CASES:
        got = scores(case, movie, traces)
        mean = sum(got.values()) / len(got)
        worst, off = off_by(got, said[case.reference]) if case.reference in said else (None, None)
        by_trace = "no reference" if worst is None else f"{off} off, worst {worst:.1e}"
        print(f"{case.name:34} {mean:8.3f} {case.needed:8.3f}  {by_trace}")
        written.append(
            {
                "case": case.name,
                "mean": mean,
                "needed": case.needed,
                "traces_off": off,
                "worst": worst,
            }
        )
    write_json(asked.json, {"cases": written})


if __name__ == "__main__":
    main()
