"""The schema of the event log is checked in, up to date, and true of what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from made_messages import messages
from scripted import SECOND, at, opened, play, segment

from netplay.core.messages import Finish, Hold, Tick
from netplay.core.rules import SessionRules
from netplay.telemetry import Header, LogLines, Message
from netplay.telemetry.schema import event_log_schema

CHECKED_IN = Path(__file__).resolve().parents[2] / "docs" / "event-log.schema.json"
VALIDATOR = Draft202012Validator(event_log_schema())


def lines_of(messages: list[tuple[int, Message]]) -> list[str]:
    lines = LogLines()
    header = Header.of("hybrid", {"margin": 0.7}, rules=SessionRules(), seed=3)
    return [lines.first(header), *(lines.next(*one) for one in messages), lines.last()]


def test_the_schema_in_docs_is_up_to_date() -> None:
    assert json.loads(CHECKED_IN.read_text(encoding="utf-8")) == event_log_schema()


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(event_log_schema())


def test_every_line_of_a_log_is_as_the_schema_says() -> None:
    session = at(0, opened(), segment(1, "low", 0), Tick(), Hold(0, "start"), play(0, 5))
    session += at(20 * SECOND, Hold(20 * SECOND, "end"), Finish())

    for line in lines_of(session):
        VALIDATOR.validate(json.loads(line))


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(message=messages())
def test_whatever_message_there_could_be_is_as_the_schema_says(message: Message) -> None:
    line = json.loads(lines_of([(5, message)])[1])

    VALIDATOR.validate(line)


@pytest.mark.parametrize(
    "wrong",
    [
        {"now_us": 0, "event": {"is": "Nonsense"}},
        {"now_us": 0, "event": {"is": "Finish"}},
        {"now_us": 0, "event": {"is": "Tick", "colour": 1}},
        {"now_us": 0.5, "event": {"is": "Tick"}},
        {"event": {"is": "Tick"}},
        {"now_us": 0, "action": {"is": "Play", "position_us": 0, "at_us": 0, "rate": "x"}},
        {"now_us": 0, "action": {"is": "Fetch", "fetch_id": 1, "track": "smell"}},
        {"format": 0},
        {"lines": -1},
        {},
    ],
)
def test_what_is_no_line_is_refused(wrong: object) -> None:
    assert not VALIDATOR.is_valid(wrong)
