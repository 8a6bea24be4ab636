"""A tap sees every event on its way into a Session and every action on its way out.

Whoever drives a Session calls its taps: first with the event, then with each action the
Session answered, all with the moment at which it happened. A tap may not raise, wait or
change anything; the messages are frozen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from netplay.core.messages import Action, Event
from netplay.telemetry.wire import Message

__all__ = ["Engine", "Tap", "tell"]

Tap = Callable[[int, Message], None]


class Engine(Protocol):
    """Decides what an event at a moment leads to; a Session is one."""

    def handle(self, event: Event, now_us: int) -> list[Action]:
        """Take in what happened and return what to do."""


def tell(taps: Iterable[Tap], now_us: int, event: Event, actions: Iterable[Action]) -> None:
    """Show every tap an event and the actions that answered it, in that order."""
    for tap in taps:
        tap(now_us, event)
        for action in actions:
            tap(now_us, action)
