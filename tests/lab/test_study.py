"""Sweeps: the cross product, what fails alone, what goes on after an interruption."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from lab_world import clip, high, impossible, low, raising, steady

from netplay.errors import DatasetError
from netplay.lab.results import Results, columns
from netplay.lab.statistics import distribution
from netplay.lab.study import Study, simulate
from netplay.telemetry import read_log

TRACES = [steady("slow", 1500), steady("fast", 6000)]
BOTH = {"low": low, "high": high}


def by(study: Study, column: str) -> dict[tuple[object, object], object]:
    return {(row["trace"], row["abr"]): row[column] for row in study.rows}


def test_every_movie_is_played_over_every_trace_by_every_controller() -> None:
    study = simulate([clip("a"), clip("b")], TRACES, BOTH)

    assert [(row["movie"], row["trace"], row["abr"]) for row in study.rows] == [
        (movie, trace, name)
        for movie in ("a", "b")
        for trace in ("slow", "fast")
        for name in ("low", "high")
    ]
    assert study.failures == ()


def test_a_row_says_what_was_played_and_what_it_came_from() -> None:
    study = simulate(clip(), steady("fast", 6000), {"low": low}, profile="sabre", seed=7)

    (row,) = study.rows
    assert tuple(row) == columns(())
    # 20 ms and 75,000 bytes at 6 Mb/s before the first picture.
    assert row["startup_s"] == pytest.approx(0.12)
    assert row["play_time_s"] == pytest.approx(10.12)
    assert row["played_bitrate_kbps"] == pytest.approx(300 * 10 / 10.12)
    assert (row["rebuffer_s"], row["switches"], row["score"]) == (0, 0, 0)
    assert (row["seed"], row["settings"], row["abandon"]) == (7, "{}", True)


def test_quality_is_scored_by_every_model_that_is_asked_for() -> None:
    study = simulate(clip(vmaf=True), steady("fast", 6000), {"low": low}, qoe=["lin", "v"])

    assert study.rows[0]["qoe_lin"] == pytest.approx(4 * 0.3)
    assert study.rows[0]["qoe_v"] == pytest.approx(4 * (0.8469011 * 40 - 2.661618558))


def test_a_controller_that_fails_costs_its_own_rows_only() -> None:
    makers = {"low": low, "raising": raising, "impossible": impossible}

    study = simulate(clip(), TRACES, makers)

    errors = by(study, "error")
    assert errors["slow", "low"] == errors["fast", "low"] == ""
    assert errors["slow", "raising"] == "RuntimeError: out of ideas"
    assert errors["fast", "impossible"] == "ValueError: the controller chose rung 7 of 2"
    assert len(study.failures) == 4
    failed = next(one for one in study.standings(["score"]) if one.abr == "raising")
    assert (failed.failed, failed.over) == (2, None)


def test_a_link_that_is_dead_for_good_is_a_failure_and_no_hang() -> None:
    study = simulate(clip(), steady("dead", 0), {"low": low})

    assert study.failures[0]["error"] != ""


def test_worker_processes_give_the_same_rows() -> None:
    alone = simulate(clip(), TRACES, BOTH)

    together = simulate(clip(), TRACES, BOTH, jobs=2)

    def order(row: dict[str, object]) -> str:
        return f"{row['trace']} {row['abr']}"

    assert sorted(together.rows, key=order) == sorted(alone.rows, key=order)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet"])
def test_what_was_interrupted_goes_on_and_what_failed_is_tried_again(
    tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    made: list[str] = []

    def counted(label: str, make: Callable[[], object]) -> Callable[[], object]:
        def maker() -> object:
            made.append(label)
            return make()

        return maker

    makers = {"low": counted("low", low), "bad": counted("bad", raising)}
    first = simulate(clip(), TRACES, makers, out=out, qoe=["lin"])  # type: ignore[arg-type]
    made.clear()

    again = simulate(clip(), TRACES, makers, out=out, qoe=["lin"])  # type: ignore[arg-type]

    assert made == ["bad", "bad"]
    assert by(again, "qoe_lin")["slow", "low"] == by(first, "qoe_lin")["slow", "low"]
    assert len(again.rows) == 4
    assert list(tmp_path.iterdir()) == [out]


def test_a_sweep_that_is_stopped_keeps_every_row_that_was_there(tmp_path: Path) -> None:
    out = tmp_path / "rows.parquet"

    def stop(done: int, of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(clip(), TRACES, BOTH, out=out, told=stop)
    told: list[int] = []
    study = simulate(clip(), TRACES, BOTH, out=out, told=lambda done, _of: told.append(done))

    assert told == [2, 3, 4]
    assert len(study.rows) == 4
    assert list(tmp_path.iterdir()) == [out]


def test_a_row_that_was_cut_off_is_played_again(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    simulate(clip(), TRACES, BOTH, out=out)
    out.write_text(out.read_text()[:-40])

    simulate(clip(), TRACES, BOTH, out=out)

    assert len([json.loads(line) for line in out.read_text().splitlines()]) == 4


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet"])
def test_results_of_another_study_are_not_written_over(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    simulate(clip(), TRACES, BOTH, out=out)

    with pytest.raises(DatasetError, match="other columns"):
        simulate(clip(), TRACES, BOTH, out=out, qoe=["lin"])


def test_results_that_are_none_are_told_by_their_line(tmp_path: Path) -> None:
    broken = tmp_path / "rows.parquet"
    broken.write_bytes(b"no parquet")
    lines = tmp_path / "rows.jsonl"
    lines.write_text("{}\n{}\n")

    with pytest.raises(DatasetError, match="no Parquet"):
        Results(broken, ())
    with pytest.raises(DatasetError, match="line 1"):
        Results(lines, ())
    with pytest.raises(ValueError, match=r"\.jsonl, \.csv, \.parquet"):
        Results(tmp_path / "rows.xlsx", ())


def test_a_log_of_every_session_can_be_read_back(tmp_path: Path) -> None:
    simulate(clip(), TRACES, {"low": low}, log=tmp_path / "logs")

    logs = [read_log(path) for path in sorted((tmp_path / "logs").iterdir())]
    assert [log.header.notes["trace"] for log in logs] == ["fast", "slow"]
    assert all(log.complete and log.header.controller == "low" for log in logs)


def test_settings_go_to_the_controllers_that_have_them() -> None:
    study = simulate(
        clip(),
        TRACES[0],
        ["fixed", "throughput"],
        settings={"rung": 1, "throughput.safety_margin": 0.5},
    )

    assert [row["settings"] for row in study.rows] == ['{"rung": 1}', '{"safety_margin": 0.5}']


def test_a_buffer_and_abandonment_can_be_asked_for() -> None:
    study = simulate(clip(), TRACES[0], {"low": low}, buffer_s=6, abandon=False)

    assert (study.rows[0]["buffer_s"], study.rows[0]["abandon"]) == (6, False)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"abr": "hybird"}, "there are .*hybrid"),
        ({"abr": ["fixed", "fixed"]}, "named twice"),
        ({"abr": []}, "a controller at least"),
        ({"settings": {"depth": 3}}, "has a setting depth"),
        ({"abr": "fixed", "settings": {"fixed.depth": 3}}, "does not take"),
        ({"profile": "vlc"}, "no profile"),
        ({"qoe": ["best"]}, "no QoE model"),
        ({"qoe": ["v"]}, "clip has none"),
        ({"buffer_s": 0}, "some seconds"),
        ({"out": "rows.txt"}, "results end in"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_played(
    wrong: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        simulate(clip(), TRACES[0], **wrong)  # type: ignore[arg-type]


def test_columns_come_as_arrays() -> None:
    arrays = simulate(clip(), TRACES, {"low": low, "bad": raising}).arrays()

    assert arrays["abr"].tolist() == ["low", "bad", "low", "bad"]
    assert np.isnan(arrays["score"].astype(float)).tolist() == [False, True, False, True]


def test_controllers_are_compared_session_by_session() -> None:
    study = simulate(clip(), [steady(f"t{n}", 2000 + 100 * n) for n in range(6)], BOTH)

    yardstick, other = study.standings(["played_bitrate_kbps"])

    assert (yardstick.against, yardstick.difference) == ("", None)
    assert other.against == "low"
    assert other.difference is not None
    assert other.over is not None
    assert yardstick.over is not None
    assert other.difference.mean == pytest.approx(other.over.mean - yardstick.over.mean)
    assert other.difference.low <= other.difference.mean <= other.difference.high


def test_an_interval_covers_the_mean_it_was_drawn_from_19_times_in_20() -> None:
    chance = np.random.default_rng(3)
    covered = 0

    for seed in range(100):
        over = distribution(chance.normal(5, 1, 40).tolist(), seed=seed)
        covered += over.low <= 5 <= over.high

    assert 88 <= covered <= 99


def test_nothing_has_no_distribution() -> None:
    with pytest.raises(ValueError, match="no distribution"):
        distribution([])


def test_movies_and_traces_of_one_name_are_told_apart(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    traces = [steady("link", 1500), steady("link", 6000)]

    study = simulate([clip(), clip()], traces, {"low": low}, out=out)
    again = simulate([clip(), clip()], traces, {"low": low}, out=out)

    names = [(row["movie"], row["trace"]) for row in study.rows]
    assert names == [
        ("clip", "link"),
        ("clip", "link#2"),
        ("clip#2", "link"),
        ("clip#2", "link#2"),
    ]
    assert study.rows[0]["startup_s"] != study.rows[1]["startup_s"]
    assert again.rows == study.rows


def test_a_setting_of_a_wrong_kind_is_not_taken_for_an_unknown_one() -> None:
    with pytest.raises(ValueError, match=r"'fixed' does not take \(rung='x'\)"):
        simulate(clip(), TRACES, "fixed", settings={"rung": "x"})
