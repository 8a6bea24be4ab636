"""A real playback is scored by the models that score a simulated one."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from abr.qoe import lin
from netplay import Player, SessionRules, SkippingClock
from netplay.lab.recorded import score_log
from netplay.telemetry import Header, LogWriter, played, read_log

from .hosts import hosts
from .screen import Screen

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

RULES = SessionRules(target_us=2_000_000, max_buffer_us=3_000_000, start_us=500_000)


@pytest.mark.parametrize("path", ["manifest.mpd", "master.m3u8"])
async def test_the_log_of_a_real_run_has_a_score_by_every_model(
    folder: Path, tmp_path: Path, path: str
) -> None:
    file = tmp_path / "session.jsonl"
    header = Header.of("hybrid", {}, rules=RULES, seed=1)
    with anyio.fail_after(20), LogWriter(file, header) as log:
        async with (
            hosts(folder) as served,
            Player(Screen(), rules=RULES, seed=1, clock=SkippingClock(), taps=[log]) as player,
        ):
            await player.open(served.url(path))
            await player.play()
            await player.wait_finished()
            summary = player.summary()

    scored = score_log(file, ["lin", "log", "hd", "sabre"])

    shown = list(played((one.now_us, one.message) for one in read_log(file).records))
    assert summary.startup is not None
    assert scored["startup_s"] == summary.startup.first_frame_us / 1e6
    assert scored["rebuffers"] == summary.stalls
    assert scored["qoe_lin"] == lin().score(shown)
    assert scored["score"] == scored["qoe_sabre"]
    assert sum(one.duration_s for one in shown) == pytest.approx(summary.shown_us / 1e6)
    assert scored["played_bitrate_kbps"] > 0
