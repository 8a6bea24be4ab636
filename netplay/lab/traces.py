"""Bandwidth traces from files, in the formats that the field's simulators read.

A trace is a row of pieces, each of a duration, a rate and a round trip, and begins anew
when it ends. Which format a file has is told by its name and its first line:

- `*.jsonl`, `*.jsonl.gz`: a set, a trace a line:
  {"name": "bus-1", "trace": [[duration_ms, kbps, latency_ms], ...]}
- `*.json`: Sabre: [{"duration_ms": 1000, "bandwidth_kbps": 5000, "latency_ms": 75}, ...]
- `*.csv`: a header `seconds,kbps` or `seconds,kbps,latency_ms`, then a row for each piece,
  its duration first
- lines of two numbers: Pensieve's cooked traces, a moment in seconds and the Mbit/s up to it
- lines of one whole number: Mahimahi, the millisecond at which a packet of 1,500 bytes may go
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netplay.errors import DatasetError
from netplay.lab.files import element_line, lines, number, parsed, text
from netplay.sim.trace import Trace

__all__ = ["ASSUMED_RTT_US", "NetworkTrace", "read_traces"]

ASSUMED_RTT_US: Final = 80_000
"""Round trip where a file says none: that of Pensieve's environment."""

_PACKET_BITS: Final = 1500 * 8
_BIN_MS: Final = 100
"""Mahimahi tells of packets; their rate is taken over this long. A guess: ten packets or
more above 1.2 Mb/s, and finer than any of the other formats."""

_MAX_PIECES: Final = 1_000_000
_MAX_SPAN_MS: Final = 7 * 24 * 3_600_000
_MAX_DIGITS: Final = len(str(_MAX_SPAN_MS)) + 1
_MAX_KBPS: Final = 1e9


@dataclass(frozen=True, slots=True)
class NetworkTrace:
    """What a link did over time.

    Attributes:
        pieces: (duration in microseconds, bits a second, round trip in microseconds).
    """

    name: str
    pieces: tuple[tuple[int, int, int], ...]

    def bandwidth(self) -> Trace:
        """Return the rate over time, again and again."""
        return Trace((us, bps) for us, bps, _ in self.pieces)

    def rtt_us(self) -> int | Trace:
        """Return the round trip: one number where it never changes."""
        if len({rtt_us for _, _, rtt_us in self.pieces}) == 1:
            return self.pieces[0][2]
        return Trace((us, rtt_us) for us, _, rtt_us in self.pieces)


def read_traces(path: Path, *, rtt_us: int = ASSUMED_RTT_US) -> Iterator[NetworkTrace]:
    """Yield the traces of a file: one, or as many as a set holds.

    Args:
        rtt_us: Round trip where the file says none.

    Raises:
        DatasetError: The file is no trace; it names the line.
    """
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    match suffixes[-1:]:
        case [".jsonl"]:
            yield from _set(path)
        case [".json"]:
            yield _sabre(path)
        case [".csv"]:
            yield _csv(path, rtt_us)
        case _:
            yield _plain(path, rtt_us)


def _set(path: Path) -> Iterator[NetworkTrace]:
    """Yield the traces of JSON Lines."""
    empty = True
    for line, said in lines(path):
        empty = False
        one = parsed(said, path, line=line)
        if not isinstance(one, dict) or not isinstance(one.get("trace"), list):
            raise DatasetError(str(path), line, 'no {"name": ..., "trace": [[ms, kbps, ms], ...]}')
        name = str(one.get("name", line))
        yield _made(name, _triples(path, line, one["trace"]), path, line=line)
    if empty:
        raise DatasetError(str(path), None, "holds no trace")


def _triples(path: Path, line: int, rows: Sequence[object]) -> Iterator[tuple[int, int, int]]:
    for place, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != 3:
            raise DatasetError(str(path), line, f"piece {place} is not [ms, kbps, ms]")
        try:
            yield _piece(*row)
        except ValueError as error:
            raise DatasetError(str(path), line, f"piece {place}: {error}") from error


def _sabre(path: Path) -> NetworkTrace:
    said = text(path)
    rows = parsed(said, path)
    if not isinstance(rows, list):
        raise DatasetError(str(path), 1, "not a list of {duration_ms, bandwidth_kbps, latency_ms}")

    def pieces() -> Iterator[tuple[int, int, int]]:
        for place, row in enumerate(rows):
            try:
                if not isinstance(row, dict):
                    raise ValueError("not an object")  # noqa: TRY004
                yield _piece(
                    _entry(row, "duration_ms"),
                    _entry(row, "bandwidth_kbps"),
                    _entry(row, "latency_ms"),
                )
            except ValueError as error:
                raise DatasetError(str(path), element_line(said, place), str(error)) from error

    return _made(path.stem, pieces(), path)


def _entry(row: Mapping[str, object], name: str) -> object:
    if name not in row:
        raise ValueError(f"{name} is missing")
    return row[name]


def _csv(path: Path, rtt_us: int) -> NetworkTrace:
    rows = lines(path)
    place, header = next(rows, (1, ""))
    columns = [column.strip() for column in header.split(",")]
    if columns not in (["seconds", "kbps"], ["seconds", "kbps", "latency_ms"]):
        raise DatasetError(str(path), place, "the header is not seconds,kbps[,latency_ms]")

    def pieces() -> Iterator[tuple[int, int, int]]:
        for line, said in rows:
            row = next(csv.reader([said]))
            try:
                if len(row) != len(columns):
                    raise ValueError(f"{len(row)} columns of {len(columns)}")
                latency_ms = row[2] if len(row) == 3 else rtt_us / 1000
                yield _piece(number(row[0], "the duration") * 1000, row[1], latency_ms)
            except ValueError as error:
                raise DatasetError(str(path), line, str(error)) from error

    return _made(path.stem, pieces(), path)


def _plain(path: Path, rtt_us: int) -> NetworkTrace:
    """Read lines of numbers: two are Pensieve's, one is Mahimahi's."""
    rows = [(line, said.split()) for line, said in lines(path)]
    name = path.name.removesuffix(".gz")
    match rows[:1]:
        case [(_, [_, _])]:
            return _made(name, _cooked(rows, rtt_us, path), path)
        case [(_, [_])]:
            return _made(name, _mahimahi(rows, rtt_us, path), path)
        case [(line, _)]:
            raise DatasetError(str(path), line, "neither one number a line nor two")
        case _:
            raise DatasetError(str(path), None, "holds no trace")


def _cooked(
    rows: Sequence[tuple[int, list[str]]], rtt_us: int, path: Path
) -> Iterator[tuple[int, int, int]]:
    """Yield Pensieve's pieces: the rate of a line holds from the line before up to its moment."""
    before_us: int | None = None
    for line, row in rows:
        try:
            if len(row) != 2:
                raise ValueError(f"{len(row)} numbers instead of seconds and Mbit/s")
            at_us = round(number(row[0], "the moment") * 1e6)
            if before_us is not None and at_us <= before_us:
                raise ValueError("its moment is not after that of the line before")
            mbps = number(row[1], "the rate")
            if before_us is not None:
                piece = _piece((at_us - before_us) / 1000, mbps * 1000, rtt_us / 1000)
                yield piece
        except ValueError as error:
            raise DatasetError(str(path), line, str(error)) from error
        before_us = at_us


def _mahimahi(
    rows: Sequence[tuple[int, list[str]]], rtt_us: int, path: Path
) -> Iterator[tuple[int, int, int]]:
    """Yield the rate of packets, bin by bin."""
    packets: Counter[int] = Counter()
    last_ms = 0
    for line, row in rows:
        said = row[0] if len(row) == 1 else ""
        if not said.isascii() or not said.isdigit():
            raise DatasetError(str(path), line, "not a whole number of ms, at least the last one")
        # Python reads no number of thousands of digits.
        at_ms = int(said.lstrip("0")[:_MAX_DIGITS] or 0)
        if at_ms > _MAX_SPAN_MS:
            raise DatasetError(str(path), line, "later than a week")
        if at_ms < last_ms:
            raise DatasetError(str(path), line, "not a whole number of ms, at least the last one")
        last_ms = at_ms
        # The trace repeats with its last line; a packet then belongs to what ends there.
        packets[max(0, last_ms - 1) // _BIN_MS] += 1
    for place in range(-(-last_ms // _BIN_MS)):
        length_ms = min(_BIN_MS, last_ms - place * _BIN_MS)
        bps = packets[place] * _PACKET_BITS * 1000 // length_ms
        yield length_ms * 1000, bps, rtt_us


def _piece(duration_ms: object, kbps: object, latency_ms: object) -> tuple[int, int, int]:
    duration_us = round(number(duration_ms, "the duration") * 1000)
    rate_kbps = number(kbps, "the rate")
    rtt_ms = number(latency_ms, "the latency")
    if duration_us <= 0 or duration_us > _MAX_SPAN_MS * 1000:
        raise ValueError(f"the duration is {duration_us / 1000:g} ms")
    if rate_kbps > _MAX_KBPS or rtt_ms > _MAX_SPAN_MS:
        raise ValueError("the rate or the latency is absurd")
    return duration_us, round(rate_kbps * 1000), round(rtt_ms * 1000)


def _made(
    name: str, pieces: Iterable[tuple[int, int, int]], path: Path, *, line: int | None = None
) -> NetworkTrace:
    taken: list[tuple[int, int, int]] = []
    for piece in pieces:
        taken.append(piece)
        if len(taken) > _MAX_PIECES:
            raise DatasetError(str(path), line, f"{name} has more than {_MAX_PIECES:,} pieces")
    if not taken:
        raise DatasetError(str(path), line, f"{name} has no piece")
    return NetworkTrace(name, tuple(taken))
