"""A league table of the controllers, and whether the default one is as good as it is meant to be.

Sabre's movies over its own traces as its player, by its score and its rebuffering ratio;
Envivio (six rungs, VMAF known) as Pensieve's environment, by QoE_lin, log, hd and v, and
QoE_lin in per cent of the best plan with the future known. Means have bootstrap 95 %
intervals; differences are to the first controller, session by session. Progress is shown on
standard error.

    python benchmarks/controllers.py --data ../shared/data/abr               # a sample
    python benchmarks/controllers.py --data ../shared/data/abr --sessions 0  # every trace
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from figures import arguments, write_json
from optima import best_lin
from pensieve_parity import PLAYED, envivio

import abr
from netplay.lab.movies import Movie, read_movie
from netplay.lab.statistics import Standing, standings
from netplay.lab.study import Study, simulate
from netplay.lab.traces import NetworkTrace, read_traces

DESIGNS = ("hybrid", "hybrid-brisk")
"""The default controller, and the same with climbs free until its start is over."""

STDOUT = Path("-")

QOE = ("lin", "log", "hd", "v")
RIVALS = ("bola-e", "dynamic")
SETS_TO_WIN = 3


@dataclass(frozen=True)
class Field:
    """A movie over a set of traces, as whose player, and what counts there."""

    movie: str
    traces: str
    profile: str
    qoe: tuple[str, ...]
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What is asked of the default controller, and what it was."""

    asked: str
    met: bool
    seen: str


LIN = tuple(f"qoe_{name}" for name in QOE)
SCORE = ("score", "rebuffer_ratio")
FIELDS = (
    Field("pensieve/envivio", "pensieve/norway142_test", "pensieve", QOE, LIN),
    Field("pensieve/envivio", "pensieve/train127", "pensieve", QOE, LIN),
    Field("pensieve/envivio", "puffer/puffer21_dev", "pensieve", QOE, LIN),
    Field("sabre/bbb", "sabre/norway_hsdpa_3g", "sabre", (), SCORE),
    Field("sabre/bbb4k", "sabre/ghent_lte_4g", "sabre", (), SCORE),
    Field("sabre/bbb", "sabre/fcc_sd", "sabre", (), SCORE),
    Field("sabre/bbb4k", "sabre/fcc_hd", "sabre", (), SCORE),
)


def some(path: Path, count: int) -> list[NetworkTrace]:
    """Return so many traces spread over a set; 0: all."""
    every = list(read_traces(path))
    step = max(1, len(every) // count) if count else 1
    return list(islice(every[::step], count or None))


def movie_of(field: Field, path: Path) -> Movie:
    """Return a field's movie; of Envivio as many segments as Pensieve's environment plays."""
    if field.profile != "pensieve":
        return read_movie(path)
    return replace(envivio(path), vmaf=read_movie(path).vmaf)


def table(ranked: Sequence[Standing], figure: str) -> Iterator[str]:
    """Yield a line a controller, the highest mean first."""
    shown = [one for one in ranked if one.figure == figure and one.over is not None]
    for one in sorted(shown, key=lambda one: -one.over.mean if one.over else 0.0):
        assert one.over is not None
        over = one.over
        line = f"    {one.abr:15} {over.mean:10.4g}  {over.low:10.4g} to {over.high:<10.4g}"
        if one.difference is not None:
            apart = one.difference
            line += f" {apart.mean:+10.4g} ({apart.low:+.4g} to {apart.high:+.4g})"
        yield line


def share(study: Study, best: dict[str, float]) -> Iterator[str]:
    """Yield how much of the best QoE_lin each controller got, on the traces it is known of."""
    total = sum(best.values())
    for name in study.names:
        rows = [row for row in study.rows if row["abr"] == name and row["trace"] in best]
        got = sum(value for row in rows if isinstance(value := row.get("qoe_lin"), int | float))
        if total > 0 and len(rows) == len(best):
            yield f"    {name:15} {100 * got / total:6.1f} %"


def against(study: Study, design: str, rival: str, figure: str) -> Standing:
    """Return how a design's figure differs from its rival's, session by session."""
    found = standings(study.rows, (rival, design), (figure,))
    return next(one for one in found if one.abr == design)


def sabre_outcome(field: Field, study: Study, design: str) -> Outcome:
    """Return whether a design beats its rivals on a set without rebuffering more."""
    met, seen = True, []
    for rival in RIVALS:
        score = against(study, design, rival, "score").difference
        stalls = against(study, design, rival, "rebuffer_ratio").difference
        if score is None or stalls is None:
            return Outcome(f"{design}, {field.traces}: all sessions end", met=False, seen="none")
        met = met and score.mean > 0 and stalls.low <= 0
        seen.append(
            f"{rival}: score {score.mean:+.4f} ({score.low:+.4f} to {score.high:+.4f}), "
            f"rebuffering {100 * stalls.mean:+.3f} ({100 * stalls.low:+.3f} to "
            f"{100 * stalls.high:+.3f}) points"
        )
    return Outcome(
        f"{design}, {field.traces}: beats both, no more rebuffering", met, "; ".join(seen)
    )


def pensieve_outcome(field: Field, study: Study, design: str) -> Outcome:
    """Return whether a design beats RobustMPC in QoE_lin."""
    apart = against(study, design, "robust-mpc", "qoe_lin").difference
    if apart is None:
        return Outcome(f"{design}, {field.traces}: all sessions end", met=False, seen="none")
    seen = f"{apart.mean:+.3f} ({apart.low:+.3f} to {apart.high:+.3f})"
    return Outcome(f"{design}, {field.traces}: beats robust-mpc in QoE_lin", apart.mean > 0, seen)


def show(
    field: Field, study: Study, best: dict[str, float], say: Callable[[str], None]
) -> dict[str, object]:
    """Say a field's table, and return what is written of it."""
    ranked = study.standings(field.figures)
    say(f"{field.movie} over {field.traces}: {len(study.rows)} sessions")
    for figure in field.figures:
        say(f"  {figure}, and the difference to {study.names[0]}")
        say("\n".join(table(ranked, figure)))
    if best:
        say(f"  QoE_lin, per cent of the best plan on {len(best)} of the traces")
        say("\n".join(share(study, best)))
    return {
        "movie": field.movie,
        "traces": field.traces,
        "failures": [dict(row) for row in study.failures],
        "standings": [asdict(one) for one in ranked],
        "best_lin": best,
    }


def told(field: Field, done: int, of: int) -> None:
    """Show how far a field is: in place on a terminal, at its end elsewhere."""
    if sys.stderr.isatty() or done == of:
        end = "\n" if done == of else ""
        print(f"\r{field.traces}: {done} of {of}", end=end, file=sys.stderr, flush=True)


def outcomes(played: Sequence[tuple[Field, Study]], design: str) -> list[Outcome]:
    """Return what is asked of a design, one line each."""
    names = {name for _, study in played for name in study.names}
    found = []
    if {design, *RIVALS} <= names:
        sets = [
            sabre_outcome(field, study, design)
            for field, study in played
            if field.profile == "sabre"
        ]
        won = sum(one.met for one in sets)
        asked = f"{design}: {SETS_TO_WIN} of Sabre's 4 sets won"
        found += [*sets, Outcome(asked, won >= SETS_TO_WIN, f"{won} of {len(sets)}")]
    if {design, "robust-mpc"} <= names:
        found += [
            pensieve_outcome(field, study, design)
            for field, study in played
            if field.profile == "pensieve"
        ]
    return found


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/abr"))
    parser.add_argument("--sessions", type=int, default=12, help="traces a set; 0: all")
    parser.add_argument("--optimal", type=int, default=4, help="traces a set to plan for; 0: none")
    parser.add_argument(
        "--abr",
        nargs="*",
        default=["hybrid", *(name for name in abr.names() if name != "hybrid")],
        help="all of the registry, if not given",
    )
    parser.add_argument("--profile", help="instead of each field's own")
    parser.add_argument("--buffer", type=float, metavar="S")
    parser.add_argument("--no-abandon", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    # Standard output is the figures' alone where they go there.
    say = partial(print, file=sys.stderr if asked.json == STDOUT else sys.stdout, flush=True)
    played: list[tuple[Field, Study]] = []
    written: list[dict[str, object]] = []
    for field in FIELDS:
        path, movie = asked.data / f"{field.traces}.jsonl.gz", asked.data / f"{field.movie}.json"
        if not (movie.exists() and path.exists()):
            say(f"{field.movie} or {field.traces} is not in {asked.data}: give it with --data")
            continue
        traces = some(path, asked.sessions)
        study = simulate(
            movie_of(field, movie),
            traces,
            asked.abr,
            profile=asked.profile or field.profile,
            qoe=field.qoe,
            jobs=asked.jobs,
            buffer_s=asked.buffer,
            abandon=not asked.no_abandon,
            told=partial(told, field),
        )
        played.append((field, study))
        planned = 0 if field.profile != "pensieve" else asked.optimal
        step = max(1, len(traces) // planned) if planned else 1
        best = {one.name: best_lin(movie, one, segments=PLAYED) for one in traces[::step][:planned]}
        written.append(show(field, study, best, say))
    found = [one for design in DESIGNS for one in outcomes(played, design)]
    for one in found:
        say(f"{'met' if one.met else 'NOT MET'}: {one.asked}: {one.seen}")
    write_json(asked.json, {"fields": written, "asked": [asdict(one) for one in found]})


if __name__ == "__main__":
    main()
