"""`netplay demo`: all of it, as a stranger runs it first."""

from __future__ import annotations

import json

import pytest

from .conftest import Netplay

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
