"""`netplay simulate`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netplay.cli import main

MOVIE = {
    "segment_duration_ms": 2000,
    "bitrates_kbps": [300, 1000],
    "segment_sizes_bits": [[600_000, 2_000_000]] * 5,
}


@pytest.fixture
def given(tmp_path: Path) -> list[str]:
    movie, trace = tmp_path / "clip.json", tmp_path / "link.csv"
    movie.write_text(json.dumps(MOVIE))
    trace.write_text("seconds,kbps\n5,2500\n5,400\n")
    return ["simulate", "--movie", str(movie), "--trace", str(trace)]


def test_controllers_are_laid_beside_the_first(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([*given, "--abr", "throughput", "--abr", "bola-e", "--qoe", "lin"])

    said = capsys.readouterr().out
    assert code == 0
    assert "2 sessions, 0 failed" in said
    assert "to throughput" in said
    assert "qoe_lin" in said


def test_rows_go_to_a_file_and_the_summary_to_json(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.jsonl"

    code = main([*given, "--abr", "fixed", "--set", "rung=1", "--out", str(out), "--json"])

    told = json.loads(capsys.readouterr().out)
    (row,) = map(json.loads, out.read_text().splitlines())
    assert code == 0
    assert (told["sessions"], told["failures"]) == (1, [])
    assert told["standings"][0]["figure"] == "score"
    assert (row["trace"], row["movie"], row["abr"]) == ("link", "clip", "fixed")
    assert row["settings"] == '{"rung": 1}'


def test_failures_are_counted_and_named(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link.csv").write_text("seconds,kbps\n5,0\n")

    code = main([*given, "--no-abandon", "--buffer", "8"])

    said = capsys.readouterr().out
    assert code == 0
    assert "1 sessions, 1 failed" in said
    assert "hybrid on link, clip: ValueError: nothing was shown" in said


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (["--abr", "hybird"], "there are bba"),
        (["--set", "rung"], "KEY=VALUE"),
        (["--set", "deph=3"], "no controller here has a setting deph"),
        (["--profile", "vlc"], "there are netplay, sabre"),
        (["--qoe", "best"], "no QoE model"),
        (["--out", "rows.txt"], ".parquet"),
    ],
)
def test_bad_arguments_are_told_in_one_line(
    given: list[str], wrong: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([*given, *wrong])

    said = capsys.readouterr().err
    assert code == 2
    assert says in said
    assert said.count("\n") == 1


def test_a_bad_file_names_its_line(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link.csv").write_text("seconds,kbps\n5,quick\n")

    code = main(given)

    assert code == 1
    assert "link.csv, line 2: the rate is no number" in capsys.readouterr().err
