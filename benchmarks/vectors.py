"""How well and how fast netplay reads the manifests of the conformance vectors.

    python benchmarks/vectors.py [--vectors DIR] [--json FILE]

Facts on which reference parsers agree are compared as the vectors' own run_expect.py does:
times to 2 ms, the rest exactly. They are counted by fact and by the feature that a vector
exercises. Each manifest is timed, and the same manifests are parsed by the peers `mpegdash`
and `m3u8` in the same run; the figure is netplay's time over theirs.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import m3u8
from mpegdash.parser import MPEGDASHParser
from vectors_adapter import parse_dash, parse_hls

import netplay

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parents[1] / "shared" / "data" / "vectors"
TOLERANCE_S = 2e-3
SLOW_S = 0.1
MEGABYTE = 1 << 20
DASH_FACTS = ("n_segments", "urls", "durations", "init")
SHOWN_FAILURES = 20

Facts = dict[str, Any]
_Compared = tuple[str, str, bool]


@dataclass(slots=True)
class Score:
    """Comparisons that came out right, by whatever they are counted by."""

    right: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, *, right: bool) -> None:
        """Count one comparison."""
        self.all[name] += 1
        self.right[name] += right

    def table(self) -> dict[str, tuple[int, int]]:
        """Return right and all of each name."""
        return {name: (self.right[name], self.all[name]) for name in sorted(self.all)}


@dataclass(slots=True)
class Result:
    """Everything that one run found out."""

    facts: Score = field(default_factory=Score)
    features: Score = field(default_factory=Score)
    rejected: Score = field(default_factory=Score)
    failures: list[tuple[str, str]] = field(default_factory=list)
    times_s: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    peers_s: dict[str, float] = field(default_factory=dict)

    def ratio(self, kind: str) -> float | None:
        """Return netplay's time over the peer's, on what the peer could read."""
        both = [name for name in self.peers_s if name.startswith(f"{kind}/")]
        peer_s = sum(self.peers_s[name] for name in both)
        return sum(self.times_s[name] for name in both) / peer_s if peer_s else None

    def slow(self) -> list[tuple[str, float]]:
        """Return what took too long and is no megabyte."""
        return [
            (name, taken_s)
            for name, taken_s in self.times_s.items()
            if taken_s > SLOW_S and self.sizes[name] < MEGABYTE
        ]


def agrees(expected: Any, got: Any) -> bool:
    """Whether a value is the expected one, by the rules of the vectors."""
    match expected:
        case {"__truncated_list__": True}:
            ends = [*expected["first"], *expected["last"]]
            if not isinstance(got, list) or len(got) != expected["len"]:
                return False
            count = len(expected["first"])
            return agrees(ends, [*got[:count], *got[-len(expected["last"]) :]])
        case bool():
            return expected is got
        case int() | float() if isinstance(got, int | float) and not isinstance(got, bool):
            return abs(expected - got) <= TOLERANCE_S
        case list() if isinstance(got, list | tuple):
            return len(expected) == len(got) and all(map(agrees, expected, got))
        case _:
            return bool(expected == got)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--vectors", type=Path, default=VECTORS)
    arguments.add_argument("--split", default="dev")
    arguments.add_argument("--json", type=Path)
    given = arguments.parse_args()
    expectations = given.vectors / f"{given.split}_expect.json"
    if not expectations.exists():
        print(
            f"no vectors at {given.vectors}: {expectations.name} is missing; nothing was compared"
        )
        return 1
    result = run(given.vectors, json.loads(expectations.read_text()))
    report(result)
    if given.json:
        given.json.write_text(json.dumps(as_json(result), indent=1))
    return 0


def run(vectors: Path, expectations: dict[str, Facts]) -> Result:
    """Read every manifest of the vectors and compare what they say with what is expected."""
    with (vectors / "MANIFEST.csv").open(newline="") as table:
        exercises = {row["id"]: row["exercises"].split() for row in csv.DictReader(table)}
    result = Result()
    for name, expected in sorted(expectations.items()):
        kind = name.partition("/")[0]
        if kind in ("hls", "dash"):
            text = (vectors / expected["path"]).read_text(errors="replace")
            _time(result, name, expected, text)
            got = _read(kind, text, expected)
            if "must_reject" in expected:
                result.rejected.add(kind, right=isinstance(got, Exception))
                continue
            for fact, place, right in _compared(kind, expected, got):
                result.facts.add(f"{kind} {fact}", right=right)
                for feature in exercises.get(name) or ["(nothing special)"]:
                    result.features.add(f"{kind} {feature}", right=right)
                if not right:
                    result.failures.append((name, place))
    return result


def _read(kind: str, text: str, expected: Facts) -> Facts | Exception:
    try:
        if kind == "hls":
            return parse_hls(text, expected["base_url"])
        return parse_dash(text, expected["base_url"], expected.get("now_ms"))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what came of reading
        return error


def _compared(kind: str, expected: Facts, got: Facts | Exception) -> Iterator[_Compared]:
    """Yield (fact, where it is, whether it agrees) of one manifest."""
    consensus = expected.get("consensus")
    if not consensus:
        return
    facts = {} if isinstance(got, Exception) else got
    if kind == "hls":
        for fact, value in consensus["facts"].items():
            yield fact, fact, agrees(value, facts.get(fact))
        return
    for wanted in consensus["representations"]:
        found = facts.get("representations", {}).get(wanted["key"], {})
        for fact in DASH_FACTS:
            if wanted.get(fact) is not None:
                place = f"{wanted['key']}.{fact}"
                yield fact, place, agrees(wanted[fact], found.get(fact))


def _time(result: Result, name: str, expected: Facts, text: str) -> None:
    """Time netplay and its peer on one manifest; the best of three each."""
    url, now_ms = expected["base_url"], expected.get("now_ms")
    utc_us = None if now_ms is None else now_ms * 1000

    def ours() -> None:
        netplay.parse_manifest(text, url, utc_us=utc_us)

    def theirs() -> None:
        if name.startswith("hls/"):
            m3u8.loads(text, uri=url)
        elif "<MPD" in text:
            MPEGDASHParser.parse(text)
        else:
            raise ValueError("mpegdash would open it as a file or a URL")

    result.sizes[name] = len(text)
    result.times_s[name], _ = _best_s(ours)
    peer_s, read = _best_s(theirs)
    if read:
        result.peers_s[name] = peer_s


def _best_s(job: Callable[[], None]) -> tuple[float, bool]:
    times, read = [], True
    for _ in range(3):
        began = time.perf_counter()
        try:
            job()
        except Exception:  # noqa: BLE001 - a peer may raise anything on what it cannot read
            read = False
        times.append(time.perf_counter() - began)
    return min(times), read


def report(result: Result) -> None:
    for title, score in (("fact", result.facts), ("feature", result.features)):
        print(f"{title:34}{'agree':>7}{'of':>7}")
        for name, (right, total) in score.table().items():
            print(f"{name:34}{right:>7}{total:>7}{100 * right / total:>8.1f} %")
        print()
    for name, place in result.failures[:SHOWN_FAILURES]:
        print(f"disagrees: {name} {place}")
    for kind, peer in (("hls", "m3u8"), ("dash", "mpegdash")):
        right, total = _totals(result, kind)
        refused, hostile = result.rejected.right[kind], result.rejected.all[kind]
        share = 100 * right / total if total else 0.0
        print(f"{kind}: {right} of {total} facts, {share:.2f} %; {refused} of {hostile} rejected")
        ratio = result.ratio(kind)
        taken = [taken_s for name, taken_s in result.times_s.items() if name.startswith(kind)]
        if ratio is not None and taken:
            print(
                f"  time: {ratio:.2f} of {peer}'s; "
                f"median {1000 * statistics.median(taken):.2f} ms, "
                f"longest {1000 * max(taken):.0f} ms"
            )
    for name, taken_s in result.slow():
        print(f"slow: {name} took {1000 * taken_s:.0f} ms")


def _totals(result: Result, kind: str) -> tuple[int, int]:
    names = [name for name in result.facts.all if name.startswith(kind)]
    return (
        sum(result.facts.right[name] for name in names),
        sum(result.facts.all[name] for name in names),
    )


def as_json(result: Result) -> Facts:
    """Return the figures for a machine."""
    return {
        "facts": result.facts.table(),
        "features": result.features.table(),
        "rejected": result.rejected.table(),
        "time_ratio": {kind: result.ratio(kind) for kind in ("hls", "dash")},
        "longest_s": max(result.times_s.values(), default=0.0),
        "slow": result.slow(),
        "failures": result.failures,
    }


if __name__ == "__main__":
    sys.exit(main())
