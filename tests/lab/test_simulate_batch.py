"""A batch is the study it stands for, row by row."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from lab_world import SECOND, clip, steady

from abr.lockstep import names
from netplay.lab.batch import simulate_batch
from netplay.lab.movies import Movie, read_movie
from netplay.lab.study import simulate
from netplay.lab.traces import NetworkTrace, read_traces
from netplay.sim.batch import LockstepRefused

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "abr" / "sabre"


def assert_equal(
    movie: Movie,
    traces: list[NetworkTrace],
    name: str,
    *,
    profile: str,
    buffer_s: float | None = None,
    settings: dict[str, object] | None = None,
) -> None:
    """Check that every figure of every session is the one in the study's row."""
    study = simulate(
        movie,
        traces,
        name,
        profile=profile,
        buffer_s=buffer_s,
        abandon=False,
        settings=settings,
    )

    batch = simulate_batch(
        movie, traces, name, profile=profile, buffer_s=buffer_s, settings=settings
    )

    assert batch.traces == tuple(row["trace"] for row in study.rows)
    arrays = study.arrays()
    for figure, column in batch.figures.items():
        np.testing.assert_allclose(column, arrays[figure].astype(float), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("profile", ["netplay", "sabre", "pensieve"])
def test_every_figure_is_that_of_the_study(profile: str) -> None:
    traces = [steady(f"{kbps}", kbps) for kbps in (150, 290, 700, 4_000)]

    assert_equal(clip(), traces, "throughput", profile=profile, buffer_s=8.0)
    assert_equal(clip(), traces, "bola", profile=profile, settings={"gamma_p": 3.0})


def test_what_is_not_played_in_step_is_played_alone() -> None:
    dies = NetworkTrace("dies", ((SECOND, 3_000_000, 0), (90 * SECOND, 0, 0)))
    never = NetworkTrace("never", ((1, 1_000_000, 0), (900 * SECOND, 0, 0)))
    traces = [steady("good", 3_000), dies, never]

    batch = simulate_batch(clip(), traces, "bba", profile="netplay")

    assert_equal(clip(), traces[:2], "bba", profile="netplay")
    assert batch.alone.tolist() == [1, 2]
    assert len(batch) == 3
    assert list(batch.errors) == [2]
    assert "DeliveryError" in batch.errors[2]
    assert np.isnan(batch.figures["score"]).tolist() == [False, False, True]
    assert batch.rungs[2].tolist() == [-1] * 5
    assert np.isnan(batch.download_s).any(axis=1).tolist() == [False, True, True]


def test_times_and_levels_are_those_of_arithmetic() -> None:
    # 75,000 bytes at 1.2 Mb/s take half a second, behind a round trip of 20 ms.
    batch = simulate_batch(clip(), [steady("one", 1_200)], "bba-0", profile="sabre")

    assert batch.download_s[0, 0] == pytest.approx(0.52)
    assert batch.buffered_s[0, :3].tolist() == [0.0, 2.0, 3.48]
    assert batch.figures["startup_s"].tolist() == [0.52]
    assert batch.rebuffer_s.sum() == 0


def test_movies_and_traces_may_be_files(tmp_path: Path) -> None:
    film, set_of_two = tmp_path / "film.json", tmp_path / "two.jsonl"
    film.write_text(
        '{"segment_duration_ms": 2000, "bitrates_kbps": [300, 1000],'
        ' "segment_sizes_bits": [[600000, 2000000], [600000, 2000000]]}',
        encoding="utf-8",
    )
    set_of_two.write_text(
        '{"name": "a", "trace": [[1000, 5000, 20]]}\n{"name": "b", "trace": [[1000, 400, 20]]}\n',
        encoding="utf-8",
    )

    batch = simulate_batch(film, [set_of_two, steady("c", 700)], "bola", profile="sabre")

    assert batch.traces == ("a", "b", "c")
    assert batch.movie == "film"
    assert batch.rungs.shape == (3, 2)


def test_what_no_batch_can_play_is_refused() -> None:
    with pytest.raises(LockstepRefused, match="trace dead never carries anything"):
        simulate_batch(clip(), [steady("one", 1), steady("dead", 0)], "bba", profile="sabre")
    with pytest.raises(ValueError, match="a trace at least"):
        simulate_batch(clip(), [], "bba")
    with pytest.raises(ValueError, match=f"'mpc' has no twin; {', '.join(names())} have one"):
        simulate_batch(clip(), [steady("one", 1)], "mpc")
    with pytest.raises(ValueError, match="does not take"):
        simulate_batch(clip(), [steady("one", 1)], "bba", settings={"gamma_p": 3.0})
    with pytest.raises(ValueError, match="no profile"):
        simulate_batch(clip(), [steady("one", 1)], "bba", profile="shaka")


@pytest.mark.slow
@pytest.mark.skipif(
    not DATA.is_dir(), reason="Sabre's traces and movies (../shared/data/abr) are not here"
)
@pytest.mark.parametrize("name", [name for name in names() if name != "bba-2"])
def test_sessions_over_measured_links_are_the_same(name: str) -> None:
    movie = read_movie(DATA / "bbb.json")
    sets = sorted(DATA.glob("*.jsonl.gz"))
    traces = [
        replace(trace, name=f"{path.name}/{trace.name}")
        for path in sets
        for trace in islice(read_traces(path), 2)
    ]

    assert len(sets) == 4
    assert_equal(movie, traces, name, profile="sabre")
