"""A replay says whether a session would decide the same again, and where not."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest
from scripted import SECOND, Parrot, opened, play

from netplay.core.messages import Action, Event, Finish, Hold, Tick
from netplay.telemetry import VERBATIM, Header, Log, LogLines, read_log, replay, tell

TICK = Tick()
EXCHANGES: list[tuple[int, Event, list[Action]]] = [
    (0, opened(), [Hold(0, "start")]),
    (10, TICK, []),
    (20, TICK, [play(0, 20)]),
    (20 * SECOND, TICK, [Hold(20 * SECOND, "end"), Finish()]),
]


def log_of(exchanges: list[tuple[int, Event, list[Action]]], *, complete: bool = True) -> Log:
    lines = LogLines(VERBATIM)
    text = [lines.first(Header(seed=5))]
    for now_us, event, actions in exchanges:
        tell([lambda now, message: text.append(lines.next(now, message))], now_us, event, actions)
    return read_log([*text, lines.last()] if complete else text)


def answers() -> list[list[Action]]:
    return [list(actions) for _, _, actions in EXCHANGES]


def test_a_session_that_decides_the_same_is_identical() -> None:
    parrot = Parrot(answers())

    result = replay(log_of(EXCHANGES), lambda _: parrot)

    assert result.identical
    assert (result.events, result.actions) == (4, 4)
    assert parrot.told == [(now_us, event) for now_us, event, _ in EXCHANGES]


def test_the_session_is_made_from_the_header() -> None:
    headers = []

    replay(log_of([]), lambda header: headers.append(header) or Parrot([]))  # type: ignore[func-returns-value]

    assert [header.seed for header in headers] == [5]


def test_the_first_difference_is_told_with_its_line() -> None:
    changed = answers()
    changed[2] = [play(7, 20)]

    result = replay(log_of(EXCHANGES), lambda _: Parrot(changed))

    assert not result.identical
    assert result.difference is not None
    assert result.difference.line == 6
    assert result.difference.expected == play(0, 20)
    assert result.difference.got == play(7, 20)
    assert str(result.difference).startswith("line 6, at 20 us, after Tick: expected Play(")


def test_an_action_too_few_is_a_difference() -> None:
    changed = answers()
    changed[3] = changed[3][:1]

    difference = replay(log_of(EXCHANGES), lambda _: Parrot(changed)).difference

    assert difference is not None
    assert (difference.line, difference.expected, difference.got) == (9, Finish(), None)


def test_an_action_too_many_is_a_difference_at_the_event() -> None:
    changed = answers()
    changed[1] = [Finish()]

    difference = replay(log_of(EXCHANGES), lambda _: Parrot(changed)).difference

    assert difference is not None
    assert (difference.line, difference.expected, difference.got) == (4, None, Finish())


def test_a_log_cut_off_within_the_last_answer_is_not_a_difference() -> None:
    torn = [*EXCHANGES[:3], (20 * SECOND, TICK, EXCHANGES[3][2][:1])]

    result = replay(log_of(torn, complete=False), lambda _: Parrot(answers()))

    assert result.identical
    assert not replay(log_of(torn), lambda _: Parrot(answers())).identical


def test_a_log_that_begins_with_an_action_is_refused() -> None:
    lines = LogLines(VERBATIM)
    log = read_log([lines.first(Header()), lines.next(0, Finish())])

    with pytest.raises(ValueError, match="line 2: an action before any event"):
        replay(log, lambda _: Parrot([]))


def test_the_function_is_found_whatever_was_imported_before() -> None:
    package = importlib.import_module("netplay.telemetry")
    importlib.import_module("netplay.telemetry.replaying")

    assert all(not isinstance(getattr(package, name), ModuleType) for name in package.__all__)
