"""Decision for decision what the reference implementations do, on a sample of their sessions.

The traces, movies and what the references give on them are not part of the project.
"""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from reference_players import LoopedLink, Movie, SabrePlayer, Stretch, pensieve_session

from abr import Controller, controller
from abr.qoe import lin

DATA = Path(__file__).parents[3] / "shared" / "data" / "abr"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the reference sessions in {DATA} are missing"),
]

SABRE_NAMES = {
    "bola": "bola",
    "bola-basic": "bola-basic",
    "bolae": "bola-e",
    "dynamic": "dynamic",
    "dynamicdash": "dynamicdash",
    "throughput": "throughput",
}


def movie_of(name: str) -> Movie:
    loaded = json.loads((DATA / name).read_text())
    return Movie(
        loaded["segment_duration_ms"], loaded["bitrates_kbps"], loaded["segment_sizes_bits"]
    )


def traces_of(name: str) -> dict[str, list[Stretch]]:
    with gzip.open(DATA / name, "rt") as lines:
        traces: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return {trace["name"]: trace["trace"] for trace in traces}


def sabre_rows(config: str, traces: str, abr: str) -> list[dict[str, str]]:
    """The first, the middle and the last session of a set."""
    with gzip.open(DATA / "sabre" / "sabre_reference.csv.gz", "rt") as lines:
        rows = [
            row
            for row in csv.DictReader(lines)
            if (row["config"], row["traces"], row["abr"]) == (config, traces, abr)
        ]
    return [rows[0], rows[len(rows) // 2], rows[-1]]


@pytest.mark.parametrize("abr", SABRE_NAMES)
@pytest.mark.parametrize("traces", ["norway_hsdpa_3g", "ghent_lte_4g", "fcc_sd", "fcc_hd"])
@pytest.mark.parametrize("config", ["default", "no_abandon"])
def test_sessions_are_sabres(config: str, traces: str, abr: str) -> None:
    stretches = traces_of(f"sabre/{traces}.jsonl.gz")
    for row in sabre_rows(config, traces, abr):
        player = SabrePlayer(
            movie_of(f"sabre/{row['movie']}.json"),
            LoopedLink(stretches[row["trace"]]),
            controller(SABRE_NAMES[abr]),
            leaves=config == "default",
        )

        kbps, utility, play_s, rebuffer_s = player.play()

        assert kbps == pytest.approx(float(row["time_average_played_bitrate"]), abs=2e-6)
        assert utility == pytest.approx(float(row["time_average_played_utility"]), abs=2e-6)
        assert play_s == pytest.approx(float(row["total_play_time"]), abs=2e-6)
        assert rebuffer_s == pytest.approx(float(row["total_rebuffer"]), abs=2e-6)


def pensieve_scores(make: Callable[[], Controller]) -> dict[str, float]:
    movie = movie_of("pensieve/envivio.json")
    traces = traces_of("pensieve/norway142_test.jsonl.gz")
    return {
        name: lin().score(pensieve_session(movie, stretches, make()))
        for name, stretches in traces.items()
    }


def pensieve_rows(abr: str) -> dict[str, float]:
    with (DATA / "pensieve" / "pensieve_reference.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["abr"] == abr]
    return {row["trace"]: float(row["qoe_lin_sum"]) for row in rows}


def test_pensieves_buffer_rule_scores_as_there_trace_by_trace() -> None:
    scores = pensieve_scores(lambda: controller("pensieve-bb"))

    assert scores == pytest.approx(pensieve_rows("bb"), abs=5e-4)
    assert fmean(scores.values()) == pytest.approx(30.043, abs=5e-4)


def test_robust_mpc_with_its_history_running_on_scores_as_there_trace_by_trace() -> None:
    carried = controller("robust-mpc", sizes_ahead=1, carry_history=True)

    scores = pensieve_scores(lambda: carried)

    assert scores == pytest.approx(pensieve_rows("mpc"), abs=5e-4)
    assert fmean(scores.values()) == pytest.approx(41.193, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "sizes_ahead", "mean", "digits"),
    [("robust-mpc", 1, 39.591, 3), ("robust-mpc", 0, 42.267, 3), ("mpc", 0, 13.74, 2)],
)
def test_mpc_with_a_fresh_history_scores_as_its_reference(
    name: str, sizes_ahead: int, mean: float, digits: int
) -> None:
    scores = pensieve_scores(lambda: controller(name, sizes_ahead=sizes_ahead))

    assert round(fmean(scores.values()), digits) == mean


def test_the_rate_rule_scores_as_there() -> None:
    assert round(fmean(pensieve_scores(lambda: controller("rate")).values()), 2) == 35.02
