"""A sweep as a user has it: stopped by Ctrl-C, gone on with, and read in other programs."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netplay.cli import main
from netplay.telemetry import read_log, summarise

MOVIE = {
    "segment_duration_ms": 2000,
    "bitrates_kbps": [300, 1000, 2500],
    "segment_sizes_bits": [[600_000, 2_000_000, 5_000_000]] * 100,
}

WANTED = (
    *("trace", "movie", "abr", "profile", "played_bitrate_kbps", "played_utility", "score"),
    *("play_time_s", "rebuffer_s", "rebuffer_ratio", "startup_s", "switches"),
    *("bitrate_change_kbps", "qoe_lin", "qoe_hd", "seed", "settings", "netplay", "python"),
)


@pytest.fixture
def given(tmp_path: Path) -> list[str]:
    chance = random.Random(1)
    (tmp_path / "movie.json").write_text(json.dumps(MOVIE))
    with (tmp_path / "set.jsonl").open("w") as file:
        for number in range(12):
            pieces = [[1000, chance.randint(300, 5000), 30] for _ in range(60)]
            file.write(json.dumps({"name": f"t{number}", "trace": pieces}) + "\n")
    movie, traces = tmp_path / "movie.json", tmp_path / "set.jsonl"
    return ["simulate", "--movie", str(movie), "--trace", str(traces), "--qoe", "lin"]


def read(path: Path) -> list[dict[str, object]]:
    """Return the rows of a file of results, in an order that does not depend on who was first."""
    rows: list[dict[str, object]]
    match path.suffix:
        case ".csv":
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
        case ".jsonl":
            rows = [json.loads(line) for line in path.read_text().splitlines()]
        case _:
            parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
            rows = parquet.read_table(path).to_pylist()
    return sorted(rows, key=lambda row: (str(row["trace"]), str(row["abr"])))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "jobs"), [("o.jsonl", 1), ("o.csv", 2), ("o.parquet", 2)])
def test_a_sweep_stopped_by_ctrl_c_goes_on_and_ends_as_if_it_had_not_been(
    given: list[str], tmp_path: Path, name: str, jobs: int
) -> None:
    out, whole = tmp_path / name, tmp_path / f"whole{Path(name).suffix}"
    growing = out if out.suffix != ".parquet" else out.with_suffix(".parquet.jsonl")
    more = ["--abr", "hybrid", "--abr", "bola-e", "--jobs", str(jobs)]
    command = [sys.executable, "-m", "netplay.cli", *given, *more, "--out"]

    with subprocess.Popen(
        [*command, str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C goes to all of a terminal's foreground processes
    ) as sweep:
        while sweep.poll() is None and rows_in(growing) < 3:
            os.sched_yield()
        os.killpg(sweep.pid, signal.SIGINT)
        said, complained = sweep.communicate(timeout=60)
    kept = rows_in(growing)
    again = subprocess.run([*command, str(out)], capture_output=True, check=True, timeout=120)
    subprocess.run([*command, str(whole)], capture_output=True, check=True, timeout=120)

    assert (sweep.returncode, said) == (130, "")
    assert complained == f"netplay: interrupted; the same command goes on with {out}\n"
    assert 3 <= kept < 24
    assert b"24 sessions, 0 failed" in again.stdout
    assert read(out) == read(whole)
    assert len(read(out)) == 24
    assert growing == out or not growing.exists()


def rows_in(path: Path) -> int:
    if not path.exists():
        return 0
    return path.read_text().count("\n") - (path.suffix == ".csv")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["o.jsonl", "o.csv", "o.parquet"])
def test_every_format_has_the_same_rows_with_every_column(
    given: list[str], tmp_path: Path, name: str
) -> None:
    out, plain = tmp_path / name, tmp_path / "plain.jsonl"
    more = ["--qoe", "hd", "--abr", "bola-e", "--set", "gamma_p=4", "--seed", "3", "--out"]

    codes = [main([*given, *more, str(path)]) for path in (out, plain)]

    rows = read(out)
    assert codes == [0, 0]
    assert set(WANTED) <= set(rows[0])
    assert rows[0]["settings"] == '{"gamma_p": 4}'
    for row, expected in zip(rows, read(plain), strict=True):
        for column, value in expected.items():
            said = row[column]
            if name.endswith(".csv"):
                assert said == ("" if value is None else str(value))
            else:
                assert said == value


@pytest.mark.slow
def test_every_session_leaves_a_log_that_can_be_read_again(
    given: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "rows.jsonl"

    code = main([*given, "--log", str(tmp_path / "logs"), "--out", str(out)])

    logs = {path.stem: path for path in (tmp_path / "logs").iterdir()}
    assert code == 0
    assert len(logs) == 12
    for row in read(out):
        path = logs[f"netplay-hybrid-movie-set-{row['trace']}"]
        log = read_log(path.read_text().splitlines(keepends=True))
        summary = summarise((record.now_us, record.message) for record in log.records)
        assert log.header.notes["trace"] == row["trace"]
        assert summary.stalls == row["rebuffers"]


def test_the_links_conditions_are_options_and_stand_in_every_row(
    given: list[str], tmp_path: Path
) -> None:
    out, hosts = tmp_path / "rows.jsonl", tmp_path / "hosts.json"
    hosts.write_text('{"a": {"faults": [{"kind": "status", "times": 2}]}, "b": {"rtt_ms": 9}}')
    given[4] = str(tmp_path / "one.csv")
    Path(given[4]).write_text("seconds,kbps\n1,4000\n")
    options = ["--slow-start", "--loss", "0.01", "--header-bytes", "500", "--audio", "64"]

    code = main([*given, *options, "--hosts", str(hosts), "--out", str(out)])

    (row,) = read(out)
    link = json.loads(str(row["link"]))
    assert (code, row["error"]) == (0, "")
    assert (link["loss"], link["header_bytes"], link["audio_bps"]) == (0.01, 500, 64_000)
    assert link["slow_start"] == {"initial_bytes": 14_600, "idle_us": 1_000_000}
    assert list(link["hosts"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (["--loss", "1"], "a link loses a share in [0, 1), not 1"),
        (["--loss", "nan"], "a share"),
        (["--header-bytes", "-5"], "nothing about it is negative"),
        (["--audio", "inf"], "sound has a rate"),
    ],
)
def test_conditions_that_cannot_be_are_told_in_one_line(
    given: list[str], wrong: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([*given, *wrong])

    said = capsys.readouterr().err
    assert code == 2
    assert says in said
    assert said.count("\n") == 1
