"""The connections to one host: who has one, who waits, and what each remembers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ["Connection", "Connections"]

Waiting = TypeVar("Waiting")


@dataclass(slots=True, eq=False)
class Connection:
    """One of them.

    Attributes:
        ready_us: It can carry a request from here on.
        window_bytes: Of the host's sender, when an answer last ended; None: none did.
    """

    ready_us: int
    window_bytes: int | None = None


@dataclass(slots=True, eq=False)
class Connections(Generic[Waiting]):
    """Those to one host, one request on each.

    Attributes:
        keep_us: One that was not used for so long is closed.
        lookup_us: Until its name is known, which is asked for once.
        free: Those that carry none.
        busy: How many carry one.
        waiting: Requests for which there is none yet.
    """

    keep_us: int
    lookup_us: int = 0
    free: list[Connection] = field(default_factory=list)
    busy: int = 0
    waiting: deque[Waiting] = field(default_factory=deque)
    _known_us: int | None = None

    def new_us(self, now_us: int, connect_us: int) -> int:
        """Return when a connection that is opened now can carry a request."""
        if self._known_us is None:
            self._known_us = now_us + self.lookup_us
        return max(now_us, self._known_us) + connect_us

    def take(self, now_us: int, new_us: int) -> Connection:
        """Take a free one, or a new one if that is ready sooner: at new_us."""
        self.busy += 1
        self.free = [one for one in self.free if one.ready_us >= now_us - self.keep_us]
        # The one used last: the others may go on ageing until they are closed.
        usable = [one for one in self.free if one.ready_us <= now_us]
        if usable:
            taken = max(usable, key=lambda one: one.ready_us)
        else:
            taken = min(self.free, key=lambda one: one.ready_us, default=Connection(new_us))
        if taken.ready_us > new_us:
            return Connection(new_us)
        if taken in self.free:
            self.free.remove(taken)
        return taken

    def end(self, now_us: int, kept: Connection | None) -> None:
        """A request ended; its connection is free, or closed if it is not kept."""
        self.busy -= 1
        if kept is not None:
            kept.ready_us = now_us
            self.free.append(kept)
