"""Is the start inside its budget, and playback inside its own, on the links of the lab?

A thousand starts over FCC and 4G traces with seeded round trips of 10 to 60 ms: a name that is
looked up, TCP, TLS 1.3, the manifest and the first segment, from the beginning of each trace
(--anywhere: from a seeded moment of it). 99 of 100 show a picture within 2 s. Each phase has a
share of that (DNS 20 ms, TLS 50, manifest 100, first segment 500), and how many starts keep it
is told. Beside ours, on the same links, a controller that always takes the lowest rung: what
it needs, the link and the title need, and no controller starts much sooner.

Media comes in CMAF chunks of half a second, or as whole segments. Whole titles over the sets
then rebuffer for less than 0.1 % of the time; beside that, again, the lowest rung alone.

    python benchmarks/budget.py --data ../shared/data/abr
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from figures import arguments, median, percentile, write_json

import abr
from abr.contract import Controller
from netplay.lab.movies import Movie, read_movie
from netplay.lab.study import simulate
from netplay.lab.traces import NetworkTrace, read_traces
from netplay.sim import SlowStart, simulate_session
from netplay.sim.profiles import profile

BUDGET_MS = {"dns": 20, "tls": 50, "manifest": 100, "first segment": 500, "first frame": 2000}
SETS = (("fcc_sd", "bbb"), ("fcc_hd", "bbb"), ("ghent_lte_4g", "bbb"))
PLAYED = (
    ("fcc_hd", "bbb4k", 0.001),
    ("ghent_lte_4g", "bbb4k", 0.001),
    ("norway_hsdpa_3g", "bbb", None),
)

TCP_RTTS, TLS_RTTS = 1, 1
"""Of TLS 1.3."""

MANIFEST_BYTES = 8_000
"""An MPD of ten rungs; a multivariant playlist is a fifth of it."""

CHUNK_US = 500_000

UNTIL_US = 30_000_000


def ours() -> Controller:
    return abr.controller("hybrid")


def lowest() -> Controller:
    return abr.controller("fixed", rung=0)


@dataclass(frozen=True)
class Case:
    """One start to be made: over which link, and how far the servers are."""

    set: str
    movie: Movie
    trace: NetworkTrace
    rtt_us: int
    lookup_us: int


@dataclass(frozen=True)
class Start:
    """One start, by phase, in milliseconds."""

    set: str
    dns: float
    tls: float
    manifest: float
    first_segment: float
    first_frame: float


def cases(data: Path, count: int, seed: int, *, anywhere: bool) -> list[Case]:
    """Return so many starts to be made, spread over the sets."""
    chance = random.Random(seed)
    sets = [
        (name, read_movie(data / f"{movie}.json"), list(read_traces(data / f"{name}.jsonl.gz")))
        for name, movie in SETS
    ]
    made: list[Case] = []
    for number in range(count):
        name, movie, traces = sets[number % len(sets)]
        trace = chance.choice(traces)
        if anywhere:
            trace = rotated(trace, chance.randrange(len(trace.pieces)))
        rtt_us = chance.randrange(10_000, 60_001)
        # A resolver is asked once; it is no farther than the server.
        made.append(Case(name, movie, trace, rtt_us, chance.randrange(1_000, rtt_us)))
    return made


def rotated(trace: NetworkTrace, place: int) -> NetworkTrace:
    return replace(trace, pieces=trace.pieces[place:] + trace.pieces[:place])


def start(
    case: Case, make: Callable[[], Controller], *, chunk_us: int | None, slow: bool
) -> Start | None:
    """Return how a start went; None if there was no picture in half a minute."""
    player = profile("netplay")
    link = replace(
        player.link(case.trace.bandwidth(), case.rtt_us),
        connect_rtts=TCP_RTTS + TLS_RTTS,
        lookup_us=case.lookup_us,
        slow_start=SlowStart() if slow else None,
    )
    result = simulate_session(
        replace(case.movie.content, manifest_bytes=MANIFEST_BYTES),
        make(),
        link,
        rules=player.rules,
        chunk_us=chunk_us,
        until_us=UNTIL_US,
    )
    told = result.summary.startup
    if told is None:
        return None
    # A lookup and round trips take the same on every link; what is left of the manifest's time
    # is its own.
    connected_us = case.lookup_us + (TCP_RTTS + TLS_RTTS) * case.rtt_us
    return Start(
        set=case.set,
        dns=case.lookup_us / 1000,
        tls=TLS_RTTS * case.rtt_us / 1000,
        manifest=(told.manifest_us - connected_us) / 1000,
        first_segment=(told.first_bytes_us + told.first_segment_us) / 1000,
        first_frame=told.first_frame_us / 1000,
    )


def phase(name: str, made: Sequence[Start]) -> dict[str, float]:
    values = [float(getattr(one, name.replace(" ", "_"))) for one in made]
    within = sum(value <= BUDGET_MS[name] for value in values) / len(values)
    figures = {
        "median_ms": median(values),
        "p99_ms": percentile(values, 0.99),
        "budget_ms": float(BUDGET_MS[name]),
        "within": within,
    }
    print(
        f"    {name:14} median {figures['median_ms']:7.0f} ms   p99 {figures['p99_ms']:7.0f} ms   "
        f"{within:6.1%} within {BUDGET_MS[name]} ms"
    )
    return figures


def starts(every: Sequence[Case], *, slow: bool) -> dict[str, object]:
    """Make all starts by ours and by the lowest rung, in chunks and whole; say how they went."""
    told: dict[str, object] = {}
    for form, chunk_us in (("chunks", CHUNK_US), ("whole segments", None)):
        for who, make in (("ours", ours), ("lowest rung", lowest)):
            made = [start(case, make, chunk_us=chunk_us, slow=slow) for case in every]
            seen = [one for one in made if one is not None]
            print(f"  {who}, {form}: {len(made) - len(seen)} without a picture in 30 s")
            names = list(BUDGET_MS) if who == "ours" else ["first segment", "first frame"]
            phases: dict[str, object] = {name: phase(name, seen) for name in names}
            for name, _ in SETS:
                own = [one.first_frame for one in seen if one.set == name]
                phases[name] = percentile(own, 0.99)
                print(f"      {name:12} p99 of the first frame {phases[name]:7.0f} ms")
            told[f"{who}, {form}"] = phases
    return told


def rebuffering(data: Path, sessions: int, jobs: int) -> dict[str, object]:
    """Play whole titles; say for how much of the time each controller stalled."""
    told: dict[str, object] = {}
    for name, movie, needed in PLAYED:
        traces = list(read_traces(data / f"{name}.jsonl.gz"))
        step = max(1, len(traces) // sessions) if sessions else 1
        study = simulate(
            read_movie(data / f"{movie}.json"),
            traces[::step],
            {"ours": ours, "lowest rung": lowest},
            jobs=jobs,
        )
        limit = "no limit" if needed is None else f"limit {needed:.1%}"
        for one in study.standings(["rebuffer_ratio"]):
            assert one.over is not None, "no session was played"
            told[f"{name}, {one.abr}"] = asdict(one.over)
            print(
                f"  {name:16} {one.abr:12} rebuffers {one.over.mean:.3%} of {one.over.count} "
                f"sessions' time (95 %: {one.over.low:.3%} to {one.over.high:.3%}; {limit})"
            )
    return told


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/abr"))
    parser.add_argument("--starts", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=40, help="traces a set; 0: all")
    parser.add_argument("--anywhere", action="store_true", help="start in the middle of traces")
    parser.add_argument("--slow-start", action="store_true", help="connections begin slowly")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    data: Path = asked.data / "sabre"
    if not (data / "fcc_hd.jsonl.gz").exists():
        print(f"no traces at {asked.data}: give their folder with --data")
        return
    every = cases(data, asked.starts, asked.seed, anywhere=asked.anywhere)
    print(f"{len(every)} starts")
    began = starts(every, slow=asked.slow_start)
    stalled = rebuffering(data, asked.sessions, asked.jobs)
    write_json(asked.json, {"starts": len(every), "phases": began, "rebuffering": stalled})


if __name__ == "__main__":
    main()
