"""Is the start inside its budget, and playback inside its own, on the links of the lab?

A thousand starts over FCC and 4G traces with seeded round trips of 10 to 60 ms, over TLS, from
the beginning of each trace (--anywhere: from a seeded moment of it), of media in CMAF chunks
of half a second: 99 of 100 show a picture within 2 s. Each phase has a share of that (DNS
20 ms, TLS 50, manifest 100, first segment 500), and how many starts keep it is told. Whole
titles over the sets then rebuffer for less than 0.1 % of the time.

    python benchmarks/budget.py --data ../shared/data/abr
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from figures import arguments, median, percentile, write_json

import abr
from netplay.lab.movies import Movie, read_movie
from netplay.lab.study import simulate
from netplay.lab.traces import NetworkTrace, read_traces
from netplay.sim import simulate_session
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


@dataclass(frozen=True)
class Start:
    """One start, by phase, in milliseconds."""

    dns: float
    tls: float
    manifest: float
    first_segment: float
    first_frame: float


def rotated(trace: NetworkTrace, place: int) -> NetworkTrace:
    return replace(trace, pieces=trace.pieces[place:] + trace.pieces[:place])


def start(movie: Movie, trace: NetworkTrace, rtt_us: int, dns_us: int) -> Start | None:
    """Return how a start went; None if there was no picture in half a minute."""
    ours = profile("netplay")
    link = replace(ours.link(trace.bandwidth(), rtt_us), connect_rtts=TCP_RTTS + TLS_RTTS)
    result = simulate_session(
        replace(movie.content, manifest_bytes=MANIFEST_BYTES),
        abr.controller("hybrid"),
        link,
        rules=ours.rules,
        chunk_us=CHUNK_US,
        until_us=UNTIL_US,
    )
    told = result.summary.startup
    if told is None:
        return None
    tls_us = TLS_RTTS * rtt_us
    return Start(
        dns=dns_us / 1000,
        tls=tls_us / 1000,
        manifest=(told.manifest_us - (TCP_RTTS + TLS_RTTS) * rtt_us) / 1000,
        first_segment=(told.first_bytes_us + told.first_segment_us) / 1000,
        first_frame=(dns_us + told.first_frame_us) / 1000,
    )


def starts(data: Path, count: int, seed: int, *, anywhere: bool = False) -> list[Start | None]:
    """Return so many starts, spread over the sets."""
    chance = random.Random(seed)
    sets = [
        (read_movie(data / f"{movie}.json"), list(read_traces(data / f"{name}.jsonl.gz")))
        for name, movie in SETS
    ]
    made: list[Start | None] = []
    for number in range(count):
        movie, traces = sets[number % len(sets)]
        trace = chance.choice(traces)
        if anywhere:
            trace = rotated(trace, chance.randrange(len(trace.pieces)))
        rtt_us = chance.randrange(10_000, 60_001)
        # A resolver is asked once; it is no farther than the server.
        made.append(start(movie, trace, rtt_us, chance.randrange(1_000, rtt_us)))
    return made


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
        f"  {name:14} median {figures['median_ms']:7.0f} ms   p99 {figures['p99_ms']:7.0f} ms   "
        f"{within:6.1%} within {BUDGET_MS[name]} ms"
    )
    return figures


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/abr"))
    parser.add_argument("--starts", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=40, help="traces a set; 0: all")
    parser.add_argument("--anywhere", action="store_true", help="start in the middle of traces")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    data: Path = asked.data / "sabre"
    if not (data / "fcc_hd.jsonl.gz").exists():
        print(f"no traces at {asked.data}: give their folder with --data")
        return
    every = starts(data, asked.starts, asked.seed, anywhere=asked.anywhere)
    made = [one for one in every if one is not None]
    print(f"{len(every)} starts, {len(every) - len(made)} of them without a picture in 30 s")
    phases = {name: phase(name, made) for name in BUDGET_MS}
    ratios: dict[str, float] = {}
    for name, movie, needed in PLAYED:
        traces = list(read_traces(data / f"{name}.jsonl.gz"))
        step = max(1, len(traces) // asked.sessions) if asked.sessions else 1
        study = simulate(read_movie(data / f"{movie}.json"), traces[::step], jobs=asked.jobs)
        found = study.standings(["rebuffer_ratio"])[0].over
        assert found is not None, "no session was played"
        ratios[name] = found.mean
        limit = "no limit" if needed is None else f"limit {needed:.1%}"
        print(f"  {name:16} rebuffers {found.mean:.3%} of {found.count} sessions' time ({limit})")
    write_json(asked.json, {"starts": len(every), "phases": phases, "rebuffering": ratios})


if __name__ == "__main__":
    main()
