"""`netplay play` against real servers, in a process of its own, as a user has it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import abr
from netplay.core.messages import Fetch, Opened
from netplay.core.rules import SessionRules
from netplay.core.session import Session
from netplay.edge.testbed import Testbed
from netplay.telemetry import Header, Log, read_log, replay

from .conftest import Netplay

pytestmark = pytest.mark.slow


def fetched(log: Log, track: str) -> set[str]:
    """Return the names of what was fetched for a track."""
    return {
        message.representation.partition("/")[2]
        for message in (record.message for record in log.records)
        if isinstance(message, Fetch) and message.track == track
    }


@pytest.mark.parametrize("manifest", ["manifest.mpd", "master.m3u8"])
def test_a_title_plays_to_its_end_and_its_summary_is_alone_on_standard_output(
    netplay: Netplay, bed: Testbed, manifest: str
) -> None:
    done = netplay("play", bed.url(manifest), "--json")

    summary = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert summary["finished"] is True
    assert summary["shown_us"] == 2_000_000
    assert summary["frames_shown"] + summary["frames_dropped"] == 48
    assert sum(summary["bytes_by_host"].values()) == summary["bytes"] > 0


def test_without_json_the_summary_is_in_words(netplay: Netplay, bed: Testbed) -> None:
    done = netplay("play", bed.mpd_url)

    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[0].split() == ["played", "2.0", "s,", "to", "the", "end"]
    assert [line.split()[0] for line in lines] == [
        "played",
        "start-up",
        "stalls",
        "quality",
        "frames",
        "fetched",
    ]


def test_a_title_on_disk_plays_without_a_server(netplay: Netplay, folder: Path) -> None:
    done = netplay("play", folder / "manifest.mpd", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["finished"] is True


def test_it_stops_after_the_duration_asked_for(netplay: Netplay, bed: Testbed) -> None:
    done = netplay("play", bed.mpd_url, "--duration", "0.5", "--json")

    summary = json.loads(done.stdout)
    assert done.returncode == 0
    assert summary["finished"] is False
    assert 400_000 <= summary["shown_us"] < 1_500_000


def test_it_begins_where_it_is_told_to(netplay: Netplay, bed: Testbed) -> None:
    done = netplay("play", bed.mpd_url, "--start", "1.5", "--json")

    summary = json.loads(done.stdout)
    assert done.returncode == 0
    assert summary["finished"] is True
    assert summary["shown_us"] == pytest.approx(500_000, abs=50_000)


def test_a_log_of_it_replays_to_the_same_actions(
    netplay: Netplay, bed: Testbed, tmp_path: Path
) -> None:
    def made(header: Header) -> Session:
        rules = SessionRules(**header.rules)  # type: ignore[arg-type]
        return Session(
            abr.controller(header.controller, **header.settings), rules=rules, seed=header.seed
        )

    done = netplay("play", bed.hls_url, "--log", tmp_path / "it.jsonl", "--abr", "throughput")
    log = read_log(tmp_path / "it.jsonl")
    again = replay(log, made)

    assert done.returncode == 0
    assert log.complete
    assert log.header.controller == "throughput"
    assert again.difference is None
    assert again.actions > 10


def test_what_the_viewer_prefers_reaches_the_session(
    netplay: Netplay, bed: Testbed, tmp_path: Path
) -> None:
    done = netplay(
        *("play", bed.mpd_url, "--duration", "1.5", "--log", tmp_path / "it.jsonl"),
        *("--audio-lang", "sv", "--text-lang", "en", "--max-height", "36", "--hwaccel", "none"),
    )

    log = read_log(tmp_path / "it.jsonl")
    opened = log.records[0].message
    assert done.returncode == 0
    assert isinstance(opened, Opened)
    assert opened.preferences.max_height == 36
    assert fetched(log, "audio") == {"audio-sv"}
    assert fetched(log, "text") == {"text-en"}
    assert fetched(log, "video") == {"video-36p-60k"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes and SIGINT")
@pytest.mark.parametrize("command", ["play", "demo"])
def test_ctrl_c_ends_it_with_130_and_leaves_no_process_behind(
    bed: Testbed, tmp_path: Path, environment: dict[str, str], command: str
) -> None:
    pipe = tmp_path / "log"
    os.mkfifo(pipe)
    target = ["demo", "--fast"] if command == "demo" else ["play", bed.mpd_url]
    with subprocess.Popen(
        [sys.executable, "-m", "netplay.cli", *target, "--json", "--log", str(pipe)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        with pipe.open(encoding="ascii") as lines:
            next(line for line in lines if '"is":"Fetched"' in line)
            children = _children(running.pid)
            running.send_signal(signal.SIGINT)
            for _ in lines:
                pass  # or it could not write the rest
        out, err = running.communicate(timeout=60)

    assert (running.returncode, out, err) == (130, "", "")
    assert len(children) == (4 if command == "demo" else 0)
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def _children(pid: int) -> list[str]:
    """Return the process ids of a process's children, whichever thread started them."""
    if not Path("/proc").is_dir():
        pytest.skip("child processes are looked up in /proc, which this system lacks")
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [child for task in tasks for child in (task / "children").read_text().split()]
