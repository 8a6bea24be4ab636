"""A league table of the controllers: who does best on which links.

Envivio (six rungs, VMAF known) over every set of traces, by QoE_lin, log, hd and v; and
Sabre's movies over its own traces, by its score and its rebuffering ratio. Means have
bootstrap 95 % intervals; differences are to the first controller, session by session.

    python benchmarks/controllers.py --data ../shared/data/abr               # a sample
    python benchmarks/controllers.py --data ../shared/data/abr --sessions 0  # every trace
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from figures import arguments, write_json

from netplay.lab.movies import read_movie
from netplay.lab.statistics import Standing
from netplay.lab.study import simulate
from netplay.lab.traces import NetworkTrace, read_traces

CONTROLLERS = (
    "hybrid",
    "bola-e",
    "dynamic",
    "bola",
    "throughput",
    "bba-2",
    "robust-mpc",
    "festive",
    "hyb",
)

QOE = ("lin", "log", "hd", "v")


@dataclass(frozen=True)
class Field:
    """A movie over a set of traces, and what counts there."""

    movie: str
    traces: str
    qoe: tuple[str, ...]
    figures: tuple[str, ...]


ENVIVIO_FIGURES = tuple(f"qoe_{name}" for name in QOE)
SABRE_FIGURES = ("score", "rebuffer_ratio")
FIELDS = (
    Field("pensieve/envivio", "pensieve/norway142_test", QOE, ENVIVIO_FIGURES),
    Field("pensieve/envivio", "pensieve/train127", QOE, ENVIVIO_FIGURES),
    Field("pensieve/envivio", "puffer/puffer21_dev", QOE, ENVIVIO_FIGURES),
    Field("sabre/bbb", "sabre/norway_hsdpa_3g", (), SABRE_FIGURES),
    Field("sabre/bbb4k", "sabre/ghent_lte_4g", (), SABRE_FIGURES),
    Field("sabre/bbb", "sabre/fcc_sd", (), SABRE_FIGURES),
    Field("sabre/bbb4k", "sabre/fcc_hd", (), SABRE_FIGURES),
)


def some(path: Path, count: int) -> list[NetworkTrace]:
    """Return so many traces spread over a set; 0: all."""
    every = list(read_traces(path))
    step = max(1, len(every) // count) if count else 1
    return list(islice(every[::step], count or None))


def table(standings: Sequence[Standing], figure: str) -> list[str]:
    ranked = sorted(
        (one for one in standings if one.figure == figure and one.over is not None),
        key=lambda one: -one.over.mean if one.over else 0.0,
    )
    lines = []
    for one in ranked:
        assert one.over is not None
        over = one.over
        line = f"    {one.abr:12} {over.mean:10.4g}  {over.low:10.4g} to {over.high:<10.4g}"
        if one.difference is not None:
            apart = one.difference
            line += f" {apart.mean:+10.4g} ({apart.low:+.4g} to {apart.high:+.4g})"
        lines.append(line)
    return lines


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/abr"))
    parser.add_argument("--sessions", type=int, default=12, help="traces a set; 0: all")
    parser.add_argument("--abr", nargs="*", default=list(CONTROLLERS))
    parser.add_argument("--profile", default="netplay")
    parser.add_argument("--buffer", type=float, metavar="S")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    written: list[dict[str, object]] = []
    for field in FIELDS:
        movie = asked.data / f"{field.movie}.json"
        path = asked.data / f"{field.traces}.jsonl.gz"
        if not (movie.exists() and path.exists()):
            print(f"{field.movie} or {field.traces} is not in {asked.data}: give it with --data")
            continue
        study = simulate(
            read_movie(movie),
            some(path, asked.sessions),
            asked.abr,
            profile=asked.profile,
            qoe=field.qoe,
            jobs=asked.jobs,
            buffer_s=asked.buffer,
        )
        standings = study.standings(field.figures)
        print(f"{field.movie} over {field.traces}: {len(study.rows)} sessions")
        for figure in field.figures:
            print(f"  {figure}, and the difference to {asked.abr[0]}")
            print("\n".join(table(standings, figure)))
        written.append(
            {
                "movie": field.movie,
                "traces": field.traces,
                "failures": [dict(row) for row in study.failures],
                "standings": [asdict(one) for one in standings],
            }
        )
    write_json(asked.json, {"profile": asked.profile, "fields": written})


if __name__ == "__main__":
    main()
