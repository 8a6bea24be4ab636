"""`netplay demo`: all of it, as a stranger runs it first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netplay.cli.demo import FAST_SHOW
from netplay.cli.protection import plan_of

from .conftest import Netplay, spellings

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("arguments", [("--fast",), ("--fast", "--hls")])
def test_the_demo_plays_on_when_the_server_in_use_is_stopped(
    netplay: Netplay, arguments: tuple[str, ...]
) -> None:
    done = netplay("demo", *arguments, "--json")

    summary = json.loads(done.stdout)
    takeover = summary["takeover"]
    assert (done.returncode, done.stderr) == (0, "")
    assert summary["finished"] is True
    assert summary["shown_us"] == 12_000_000
    assert takeover["stopped_at_us"] == 6_000_000
    assert takeover["taken_over_by"] in {"oca-1", "oca-2", "oca-3"} - {takeover["stopped"]}
    assert {takeover["stopped"], takeover["taken_over_by"]} <= summary["bytes_by_host"].keys()


@pytest.mark.parametrize("arguments", [("clearkey",), ("widevine", "--hls")])
def test_the_protected_demo_gets_its_licence_beside_the_first_segment_and_shows_no_key(
    netplay: Netplay, environment: dict[str, str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    log = tmp_path / "demo.jsonl"
    done = netplay("demo", "--fast", "--drm", *arguments, "--json", "--log", log)

    summary = json.loads(done.stdout)
    licence, takeover = summary["licence"], summary["takeover"]
    assert (done.returncode, done.stderr) == (0, "")
    assert summary["finished"] is True
    assert summary["shown_us"] == 12_000_000
    assert takeover["taken_over_by"] not in (None, takeover["stopped"])
    assert licence["system"] == arguments[0]
    assert licence["asked_us"] <= licence["first_segment_asked_us"] < licence["ready_us"]
    assert licence["first_frame_us"] >= licence["ready_us"]
    assert licence["licences"] == 1
    assert licence["renewals"] >= 1
    written = [done.stdout, done.stderr, log.read_text()]
    cached = [
        path.read_bytes()
        for path in Path(environment["XDG_CACHE_HOME"]).rglob("*")
        if path.is_file()
    ]
    assert len(cached) > 100
    for tier in plan_of(FAST_SHOW.spec).tiers:
        for key in tier.keys:
            assert not [one for one in written if any(it in one for it in spellings(key.key))]
            assert not [one for one in cached if key.key in one or key.key.hex().encode() in one]
