"""Traces from every format, and what is said of those that are none."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from netplay.errors import DatasetError
from netplay.lab.traces import NetworkTrace, read_traces


def written(path: Path, text: str) -> Path:
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read(path: Path) -> list[NetworkTrace]:
    return list(read_traces(path, rtt_us=80_000))


def test_sabres_json_is_durations_rates_and_latencies(tmp_path: Path) -> None:
    path = written(
        tmp_path / "bus.json",
        '[{"duration_ms": 1500, "bandwidth_kbps": 5000, "latency_ms": 75},\n'
        ' {"duration_ms": 500, "bandwidth_kbps": 0, "latency_ms": 100}]',
    )

    (trace,) = read(path)

    assert trace == NetworkTrace("bus", ((1_500_000, 5_000_000, 75_000), (500_000, 0, 100_000)))


@pytest.mark.parametrize("name", ["set.jsonl", "set.jsonl.gz"])
def test_a_set_holds_a_trace_a_line(tmp_path: Path, name: str) -> None:
    path = written(
        tmp_path / name,
        '{"name": "a", "trace": [[1000, 800.5, 20]]}\n\n{"name": "b", "trace": [[10, 1, 0]]}\n',
    )

    assert read(path) == [
        NetworkTrace("a", ((1_000_000, 800_500, 20_000),)),
        NetworkTrace("b", ((10_000, 1_000, 0),)),
    ]


def test_a_csv_may_leave_the_latency_to_the_reader(tmp_path: Path) -> None:
    short = written(tmp_path / "short.csv", "seconds,kbps\n1.5,3000\n")
    long = written(tmp_path / "long.csv", "seconds,kbps,latency_ms\n2,4000,35\n")

    assert read(short)[0].pieces == ((1_500_000, 3_000_000, 80_000),)
    assert read(long)[0].pieces == ((2_000_000, 4_000_000, 35_000),)


def test_a_rate_of_pensieve_holds_up_to_its_moment(tmp_path: Path) -> None:
    path = written(tmp_path / "norway_bus_1", "0.0\t9.9\n0.5\t4.5\n2.0 1.25\n")

    (trace,) = read(path)

    assert trace.name == "norway_bus_1"
    assert trace.pieces == ((500_000, 4_500_000, 80_000), (1_500_000, 1_250_000, 80_000))


def test_packets_of_mahimahi_become_rates(tmp_path: Path) -> None:
    path = written(tmp_path / "up.mahi", "10\n20\n100\n250\n")

    (trace,) = read(path)

    assert trace.pieces == (
        (100_000, 360_000, 80_000),
        (100_000, 0, 80_000),
        (50_000, 240_000, 80_000),
    )


def test_a_latency_that_never_changes_is_one_number(tmp_path: Path) -> None:
    steady = NetworkTrace("a", ((1_000, 5, 20_000), (2_000, 6, 20_000)))
    varied = NetworkTrace("b", ((1_000, 5, 20_000), (2_000, 6, 30_000)))

    rtt = varied.rtt_us()

    assert steady.rtt_us() == 20_000
    assert not isinstance(rtt, int)
    assert [rtt.at(0), rtt.at(1_500)] == [20_000, 30_000]
    assert steady.bandwidth().at(1_500) == 6


@pytest.mark.parametrize(
    ("name", "text", "line", "says"),
    [
        ("a.json", "[{}, \n", 2, "no JSON"),
        ("a.json", '{"a": 1}', 1, "not a list"),
        (
            "a.json",
            '[\n{"duration_ms": 1, "bandwidth_kbps": 1, "latency_ms": 1},\n{"duration_ms": 1}]',
            3,
            "bandwidth_kbps is missing",
        ),
        ("a.json", "[1]", 1, "not an object"),
        ("a.json", "[]", None, "no piece"),
        ("a.jsonl", '{"name": "x", "trace": [[1, 2, 3]]}\n{"name": "y"}', 2, "trace"),
        ("a.jsonl", '{"name": "x", "trace": [[1, 2]]}', 1, "piece 0 is not"),
        ("a.jsonl", '{"name": "x", "trace": [[1, -2, 3]]}', 1, "piece 0: the rate is -2"),
        ("a.jsonl", '{"name": "x", "trace": [[1, true, 3]]}', 1, "no number"),
        ("a.jsonl", "", None, "holds no trace"),
        ("a.csv", "s,kbps\n", 1, "header"),
        ("a.csv", "seconds,kbps\n1,2\n3\n", 3, "1 columns of 2"),
        ("a.csv", "seconds,kbps\n1,fast\n", 2, "the rate is no number"),
        ("a.csv", "seconds,kbps\n0,5\n", 2, "duration"),
        ("a.csv", "seconds,kbps\n1,1e12\n", 2, "absurd"),
        ("cooked", "0 1\n1 2\n1 3\n", 3, "not after"),
        ("cooked", "0 1\n1 2 3\n", 2, "3 numbers"),
        ("cooked", "1 2 3\n", 1, "neither one number a line nor two"),
        ("cooked", "\n", None, "holds no trace"),
        ("mahi", "5\n4\n", 2, "at least the last one"),
        ("mahi", "5\n6.5\n", 2, "whole number"),
        ("mahi", "5\n99999999999\n", 2, "later than a week"),
        ("mahi", "5\n" + "9" * 5000, 2, "later than a week"),
        ("cooked", "0 1\n1 " + "9" * 5000, 2, "the rate is inf"),
        ("a.jsonl", '{"name": "x", "trace": [[1, 2, 3]]}\n{"trace": []}', 2, "2 has no piece"),
    ],
)
def test_a_bad_file_names_its_line(
    tmp_path: Path, name: str, text: str, line: int | None, says: str
) -> None:
    path = written(tmp_path / name, text)

    with pytest.raises(DatasetError, match=says) as caught:
        read(path)

    assert caught.value.line == line
    assert caught.value.path == str(path)


def test_what_cannot_be_read_is_told_by_its_name(tmp_path: Path) -> None:
    absent = tmp_path / "nowhere.csv"
    damaged = tmp_path / "set.jsonl.gz"
    damaged.write_bytes(gzip.compress(b"x" * 1000)[:-9])
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(gzip.compress(b"")[:10] + b"\xff" * 20)
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\xfa")

    with pytest.raises(DatasetError, match=r"nowhere\.csv: cannot be read"):
        read(absent)
    with pytest.raises(DatasetError, match="cannot be read"):
        read(damaged)
    with pytest.raises(DatasetError, match="cannot be read"):
        read(broken)
    with pytest.raises(DatasetError, match="not UTF-8"):
        read(binary)
