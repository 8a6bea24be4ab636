"""What is scored from a log is what the simulation that wrote it was scored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lab_world import clip, steady

from netplay.core.messages import Tick
from netplay.lab.movies import Movie, read_movie
from netplay.lab.recorded import score_log, score_session
from netplay.lab.study import simulate

MODELS = ("lin", "log", "hd", "v", "sabre")

MASTER = """#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=1000000,CODECS="avc1.64001f",RESOLUTION=1280x720
high.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=300000,CODECS="avc1.64001f",RESOLUTION=640x360
low.m3u8
"""

MEDIA = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n" + "#EXTINF:4,\ns.ts\n" * 9 + "#EXT-X-ENDLIST\n"


def hls(folder: Path) -> Movie:
    (folder / "title.m3u8").write_text(MASTER)
    for name in ("low", "high"):
        (folder / f"{name}.m3u8").write_text(MEDIA)
    (folder / "title.vmaf.json").write_text(json.dumps({"vmaf": [[40, 80]] * 9}))
    return read_movie(folder / "title.m3u8")


@pytest.mark.parametrize("kbps", [700, 6000])
@pytest.mark.parametrize("form", ["clip", "hls"])
def test_a_log_is_scored_as_its_session_was(tmp_path: Path, form: str, kbps: int) -> None:
    movie = clip(vmaf=True) if form == "clip" else hls(tmp_path)
    logs = tmp_path / "logs"
    (row,) = simulate(movie, steady("link", kbps), "bola-e", qoe=MODELS, log=logs).rows
    (log,) = logs.iterdir()

    scored = score_log(log, MODELS, movie=movie)

    assert row["error"] == ""
    assert scored == {name: row[name] for name in scored}
    assert {f"qoe_{name}" for name in MODELS} < scored.keys()


def test_a_model_that_needs_vmaf_says_that_there_is_none(tmp_path: Path) -> None:
    simulate(clip(), steady("link", 700), "bola-e", log=tmp_path)
    (log,) = tmp_path.iterdir()

    with pytest.raises(ValueError, match="needs the VMAF"):
        score_log(log, ["v"])


def test_of_nothing_there_is_no_score() -> None:
    with pytest.raises(ValueError, match="nothing was shown"):
        score_session([(0, Tick())])
