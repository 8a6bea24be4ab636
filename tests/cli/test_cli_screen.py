"""What is drawn, and how numbers and takeovers are put into words."""

from __future__ import annotations

import doctest
import io

import pytest
from rich.console import Console

from netplay.cli import words
from netplay.cli.outcome import summary_lines
from netplay.cli.screen import Screen
from netplay.cli.takeover import Takeover
from netplay.core.messages import Fetch, Fetched, FetchFailed
from netplay.core.status import Bookmark, LaneStatus, Status
from netplay.telemetry.summary import Summary

LANE = LaneStatus(
    track="video",
    representation="0/v",
    rung=1,
    rungs=5,
    bitrate_bps=2_350_000,
    height=720,
    buffered_us=((0, 30_000_000),),
    ahead_us=12_000_000,
    generation=0,
    host="oca-2",
)
STATUS = Status(
    state="playing",
    position_us=18_000_000,
    duration_us=60_000_000,
    ahead_us=12_000_000,
    rate=1.0,
    throughput_bps=4_200_000,
    reason="within 2.94 Mb/s",
    stalls=2,
    lanes=(LANE,),
    bookmark=Bookmark(18_000_000),
)


def fetch(fetch_id: int, host: str) -> Fetch:
    return Fetch(fetch_id, "video", "0/v", fetch_id, host)


def test_a_terminal_shows_position_buffer_rung_link_host_and_stalls() -> None:
    drawn = io.StringIO()

    with Screen(Console(file=drawn, force_terminal=True, width=120)) as screen:
        screen.say("opening")
        screen.show(STATUS)
        screen.note("oca-1 is stopped")

    for part in (
        *("opening", "playing", "0:18.0 / 1:00.0", "12.0 s", "720p  2.35 Mb/s", "(2 of 5)"),
        *("4.20 Mb/s", "oca-2", "stalls 2", "within 2.94 Mb/s", "oca-1 is stopped"),
    ):
        assert part in drawn.getvalue()


def test_nothing_is_drawn_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen() as screen:
        screen.say("opening")
        screen.show(STATUS)
        screen.note("oca-1 is stopped")
        bar = screen.encoding()

    assert bar is None
    assert capsys.readouterr() == ("", "")


def test_the_words_for_numbers_are_as_their_examples_say() -> None:
    failed, tried = doctest.testmod(words)

    assert (failed, tried > 0) == (0, True)


def test_a_takeover_is_told_from_the_failure_to_the_first_bytes_from_elsewhere() -> None:
    known: list[str] = []
    takeover = Takeover()
    takeover.when_known = lambda: known.append(str(takeover))

    takeover(0, fetch(1, "oca-1"))
    takeover(900_000, Fetched(1, 100, 900_000))
    takeover(1_000_000, fetch(2, "oca-1"))
    name = takeover.stop(30_000_000)
    takeover(1_200_000, FetchFailed(2, "reset", "the connection broke"))
    takeover(1_200_000, fetch(3, "oca-2"))
    takeover(1_450_000, Fetched(3, 100, 1_450_000))
    takeover(1_500_000, fetch(4, "oca-3"))
    takeover(1_600_000, Fetched(4, 100, 1_600_000))

    assert name == "oca-1"
    assert known == [
        "oca-1 was stopped at 30.0 s; oca-2 took over 0.25 s after the first failed request"
    ]
    assert takeover.to_json() == {
        "stopped": "oca-1",
        "stopped_at_us": 30_000_000,
        "failed_after_us": 200_000,
        "taken_over_by": "oca-2",
        "gap_us": 250_000,
    }


def test_a_takeover_without_a_failed_request_and_one_that_never_came_are_told_too() -> None:
    calm, silent = Takeover(), Takeover()
    for takeover in (calm, silent):
        takeover(0, fetch(1, "oca-1"))
        takeover(1, Fetched(1, 100, 1))
        takeover.stop(6_000_000)
    calm(2, fetch(2, "oca-2"))
    calm(3, Fetched(2, 100, 3))

    assert str(calm) == "oca-1 was stopped at 6.0 s; oca-2 took over with the next request"
    assert str(silent) == "oca-1 was stopped at 6.0 s; nothing was fetched after that"
    assert str(Takeover()) == "no server was stopped"


def test_a_session_that_showed_nothing_has_a_summary_too() -> None:
    lines = summary_lines(Summary(errors=("DeliveryError: video/1",), removed=2, decode_failures=1))

    said = "\n".join(lines)
    assert "no frame was shown" in said
    assert "nothing was shown" in said
    assert "DeliveryError: video/1" in said
    assert "2 representations or segments" in said
