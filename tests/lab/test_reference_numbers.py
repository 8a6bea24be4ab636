"""A few sessions of the published references, where their data is at hand."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

import abr
from netplay.lab.figures import figures
from netplay.lab.movies import read_movie
from netplay.lab.session import play
from netplay.lab.traces import read_traces
from netplay.sim.profiles import profile

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "abr" / "sabre"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="Sabre's reference sessions (../shared/data/abr) are not here"
)


@pytest.mark.slow
@pytest.mark.parametrize("config", ["no_abandon", "default"])
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("bola", "bola"), ("bolae", "bola-e"), ("dynamicdash",) * 2, ("throughput",) * 2],
)
def test_profile_sabre_gives_what_sabre_gives(config: str, theirs: str, ours: str) -> None:
    movie = read_movie(DATA / "bbb.json")
    trace = next(read_traces(DATA / "norway_hsdpa_3g.jsonl.gz"))
    like = profile("sabre")
    like = like if config == "default" else like.keeping_downloads()

    got = figures(play(movie, trace, abr.controller(ours), like), movie)

    said = reference(config, trace.name, theirs)
    assert got.played_bitrate_kbps == pytest.approx(float(said["time_average_played_bitrate"]))
    assert got.score == pytest.approx(float(said["time_average_score"]), rel=1e-5)
    assert got.play_time_s == pytest.approx(float(said["total_play_time"]))
    assert got.bitrate_change_kbps == pytest.approx(float(said["time_average_bitrate_change"]))


def reference(config: str, trace: str, name: str) -> dict[str, str]:
    with gzip.open(DATA / "sabre_reference.csv.gz", "rt") as file:
        return next(
            row
            for row in csv.DictReader(file)
            if (row["config"], row["trace"], row["abr"]) == (config, trace, name)
        )
