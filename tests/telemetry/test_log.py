"""A log is complete, readable, free of secrets, and never in the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from scripted import MOVIE, SECOND, at, opened, play, segment

from netplay.core.device import Device, Preferences
from netplay.core.messages import Fetch, Finish, Opened, Tick
from netplay.core.rules import SessionRules
from netplay.telemetry import (
    VERBATIM,
    Header,
    LogError,
    LogLines,
    LogWriter,
    Message,
    Record,
    WireError,
    read_log,
)

HEADER = Header(seed=7, controller="hybrid", settings={"margin": 0.7}, rules={"target_us": 1})
STREAM = [
    *at(0, opened(), segment(1, "low", 0), play(0, 0)),
    *at(20 * SECOND, Tick(), Finish()),
]


def lines_of(stream: list[tuple[int, Message]]) -> list[str]:
    lines = LogLines(VERBATIM)
    return [lines.first(HEADER), *(lines.next(*one) for one in stream), lines.last()]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"

    with LogWriter(path, HEADER) as log:
        for now_us, message in STREAM:
            log(now_us, message)
    read = read_log(path)

    assert read.header == HEADER
    assert read.complete
    assert read.records == tuple(
        Record(line, now_us, message) for line, (now_us, message) in enumerate(STREAM, 2)
    )


def test_every_line_is_one_json_object_that_says_event_or_action() -> None:
    kinds = [set(json.loads(line)) for line in lines_of(STREAM)[1:-1]]

    assert kinds[0] == {"now_us", "event"}
    assert kinds[1] == {"now_us", "action"}


def test_the_header_is_made_from_settings_and_rules_as_they_are() -> None:
    @dataclass(frozen=True)
    class Settings:
        margin: float = 0.7
        caps: frozenset[str] = frozenset({"b", "a"})

    header = Header.of("mine", Settings(), rules=SessionRules(target_us=5), seed=3)

    assert header.settings == {"margin": 0.7, "caps": ["a", "b"]}
    assert SessionRules(**header.rules) == SessionRules(target_us=5)  # type: ignore[arg-type]


def test_settings_that_are_neither_dataclass_nor_mapping_are_refused() -> None:
    with pytest.raises(TypeError, match="not int"):
        Header.of("mine", 3, rules={}, seed=0)


def test_a_log_holds_no_secrets(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    movie = replace(MOVIE, url="https://ada:lovelace@a/movie.mpd?token=secret")

    with LogWriter(path, HEADER) as log:
        log(0, Opened(movie, Device(), Preferences(), 0))

    text = path.read_text()
    assert "secret" not in text
    assert "lovelace" not in text


def test_logs_with_the_same_salt_can_be_compared(tmp_path: Path) -> None:
    movie = replace(MOVIE, url="https://a/movie.mpd?token=secret")

    for name in ("one", "two"):
        with LogWriter(tmp_path / name, HEADER, salt=b"pepper") as log:
            log(0, Opened(movie, Device(), Preferences(), 0))

    assert (tmp_path / "one").read_text() == (tmp_path / "two").read_text()


def test_a_path_that_cannot_be_written_is_known_before_playback(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LogWriter(tmp_path / "no" / "such" / "folder.jsonl", HEADER)


def test_a_disk_that_fails_is_reported_at_the_end_and_not_before() -> None:
    log = LogWriter("/dev/full", HEADER)
    for _ in range(50):
        log(0, opened())

    with pytest.raises(OSError, match="No space left"):
        log.close()


def test_a_message_that_cannot_be_written_is_reported_at_the_end(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "log", HEADER)
    log(0, Device())  # type: ignore[arg-type]

    with pytest.raises(WireError, match="Device is no message"):
        log.close()


def test_a_log_may_be_closed_twice(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "log", HEADER)

    log.close()
    log.close()

    assert read_log(tmp_path / "log").complete


def test_a_log_that_was_cut_off_is_read_up_to_there() -> None:
    lines = lines_of(STREAM)

    torn = read_log([*lines[:3], lines[3][:-9]])

    assert not torn.complete
    assert [record.message for record in torn.records] == [message for _, message in STREAM[:2]]


def test_a_log_without_its_closing_line_is_not_complete() -> None:
    assert not read_log(lines_of(STREAM)[:-1]).complete


Damage = Callable[[list[str]], list[str]]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda _: [], "line 1: not JSON"),
        (lambda _: ["[]\n"], "line 1: a JSON list, not an object"),
        (lambda _: ['{"format": 99}\n'], "line 1: no session log of format 1"),
        (lambda _: ['{"format": 1}\n'], "line 1: the header lacks controller, netplay,"),
        (lambda _: ['{"format": 1, "seed": "x"}\n'], "line 1: the header's 'seed'"),
        (lambda _: ['{"format": 1, "salt": "x"}\n'], "line 1: the header's 'salt'"),
        (lambda lines: [lines[0], "oops\n", *lines[1:]], "line 2: not JSON"),
        (lambda lines: [lines[0], "[" * 100_000 + "\n"], "line 2: not JSON"),
        (lambda lines: [lines[0], '{"event": {"is": "Tick"}}\n'], "line 2: now_us is missing"),
        (lambda lines: [lines[0], '{"now_us": 1, "event": {}}\n'], "line 2: dict is no class"),
        (
            lambda lines: [lines[0], '{"now_us": 1, "action": {"is": "Tick"}}\n'],
            "line 2: Tick is no action",
        ),
        (lambda lines: [lines[0], lines[-1]], "line 2: 0 records, not 7, precede it"),
    ],
)
def test_what_is_no_log_is_refused_with_its_line(damage: Damage, told: str) -> None:
    with pytest.raises(LogError) as caught:
        read_log(damage(lines_of(STREAM)))

    assert str(caught.value).startswith(told)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "movie.mp4"
    path.write_bytes(bytes(range(256)) * 10)

    with pytest.raises(LogError, match="line 1: not JSON"):
        read_log(path)


def test_an_id_with_a_token_stays_one_id_in_the_whole_log() -> None:
    rep = replace(MOVIE.periods[0].sets[0].representations[0], id="0/low?token=secret")
    ladder = replace(MOVIE.periods[0].sets[0], representations=(rep,))
    movie = replace(MOVIE, periods=(replace(MOVIE.periods[0], sets=(ladder,)),))
    lines = LogLines()
    text = [
        lines.first(HEADER),
        lines.next(0, Opened(movie, Device(), Preferences(), 0)),
        lines.next(0, Fetch(1, "video", rep.id, 0, "a", reason=f"first: {rep.id}/0")),
    ]

    _, fetch = (record.message for record in read_log(text).records)
    first, _ = (record.message for record in read_log(text).records)

    assert "secret" not in "".join(text)
    assert isinstance(first, Opened)
    assert isinstance(fetch, Fetch)
    written = first.presentation.periods[0].sets[0].representations[0].id
    assert fetch.representation == written
    assert fetch.reason == f"first: {written}/0"
