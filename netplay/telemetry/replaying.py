"""A recorded session, decided once more.

A Session is a function of its events and their times, so a new one that is told what the
log says must answer what the log says. Where it does not, either the code has changed
since or something has leaked in that no event told; the first difference is where to
look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from netplay.core.messages import Action, Event
from netplay.telemetry.log import Header, Log
from netplay.telemetry.tap import Engine
from netplay.telemetry.wire import ACTIONS

__all__ = ["Difference", "Replay", "replay"]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a replay first answered something else.

    Attributes:
        line: Of the log: the expected action's, or of the event that should have no more.
        event: What both were told.
        expected: What the log has; None: nothing more.
        got: What the replay answered; None: nothing more.
    """

    line: int
    now_us: int
    event: Event
    expected: Action | None
    got: Action | None

    def __str__(self) -> str:
        return (
            f"line {self.line}, at {self.now_us} us, after {type(self.event).__name__}: "
            f"expected {self.expected}, got {self.got}"
        )


@dataclass(frozen=True, slots=True)
class Replay:
    """How a replay went.

    Attributes:
        events: How many were told, up to the difference.
        actions: How many agreed.
        difference: The first; None if there is none.
    """

    events: int
    actions: int
    difference: Difference | None = None

    @property
    def identical(self) -> bool:
        """Every action agreed."""
        return self.difference is None


def replay(log: Log, make_session: Callable[[Header], Engine]) -> Replay:
    """Tell a new Session what a log recorded and compare what it answers.

    Args:
        log: As `read_log` returns it.
        make_session: Makes a Session like the one recorded, by what the header says.

    Raises:
        ValueError: The log begins with an action.
    """
    session = make_session(log.header)
    events = actions = 0
    exchanges = list(_exchanges(log))
    for place, exchange in enumerate(exchanges):
        answers = session.handle(exchange.event, exchange.now_us)
        events += 1
        # A log that was cut off may lack the last answers to its last event.
        cut_off = not log.complete and place == len(exchanges) - 1
        for which in range(max(len(exchange.actions), len(answers))):
            expected = _item(exchange.actions, which)
            got = _item(answers, which)
            if expected == got:
                actions += 1
            elif not (cut_off and expected is None):
                line = exchange.line if expected is None else exchange.lines[which]
                found = Difference(line, exchange.now_us, exchange.event, expected, got)
                return Replay(events, actions, found)
    return Replay(events, actions)


@dataclass(slots=True)
class _Exchange:
    line: int
    now_us: int
    event: Event
    actions: list[Action]
    lines: list[int]


def _item(actions: list[Action], place: int) -> Action | None:
    return actions[place] if place < len(actions) else None


def _exchanges(log: Log) -> Iterator[_Exchange]:
    """Yield each event with the actions that answered it."""
    exchange: _Exchange | None = None
    for record in log.records:
        if isinstance(record.message, ACTIONS):
            if exchange is None:
                raise ValueError(f"line {record.line}: an action before any event")
            exchange.actions.append(cast("Action", record.message))
            exchange.lines.append(record.line)
            continue
        if exchange is not None:
            yield exchange
        exchange = _Exchange(record.line, record.now_us, cast("Event", record.message), [], [])
    if exchange is not None:
        yield exchange
