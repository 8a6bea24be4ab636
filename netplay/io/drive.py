"""Runs a Session in real time: tells it what happens, performs what it decides.

One task owns the Session. Everything else (transfers, decoders, the presenter, the app)
only leaves events in a queue. Before each Tick the transfers report how far they are, so
that the Session judges them by what came and not by what was last said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import assert_never

import anyio
from anyio.abc import TaskGroup

from netplay import errors
from netplay.core.messages import (
    Action,
    Cancel,
    Connect,
    Event,
    Evict,
    Fail,
    Feed,
    Fetch,
    Finish,
    Flush,
    Hold,
    Opened,
    Play,
    Removed,
    Resolve,
    Tick,
)
from netplay.core.session import Session
from netplay.errors import Attempt, NetplayError
from netplay.io.clock import Clock
from netplay.io.fetch.fetcher import Fetcher
from netplay.io.net.network import Network
from netplay.io.show.render import Renderer, RenderSettings
from netplay.io.show.sink import Sink
from netplay.telemetry.tap import Tap, tell

__all__ = ["Driver"]


class Driver:
    """One Session, its transfers and its decoders, for as long as `run` runs.

    Args:
        session: New; nothing else may call it.
        network: Moves the bytes.
        sink: Is given the frames; closed at the end.
        clock: Tells the time to everything.
        taps: See every event and action.
    """

    def __init__(
        self,
        session: Session,
        *,
        network: Network,
        sink: Sink,
        clock: Clock,
        settings: RenderSettings,
        taps: Iterable[Tap] = (),
    ) -> None:
        self.session = session
        self._network = network
        self._sink = sink
        self._clock = clock
        self._settings = settings
        self._taps = tuple(taps)
        self._events: deque[Event] = deque()
        self._changed = anyio.Event()

    def tell(self, event: Event) -> None:
        """Leave an event for the Session; returns at once."""
        self._events.append(event)
        self._changed.set()

    async def run(self, opened: Opened) -> None:
        """Play until cancelled.

        Raises:
            NetplayError: Playback cannot go on.
        """
        async with anyio.create_task_group() as tasks:
            fetcher, renderer = self._performers(opened, tasks)
            try:
                self._handle(opened, fetcher, renderer)
                while True:
                    await self._step(fetcher, renderer)
            finally:
                with anyio.CancelScope(shield=True):
                    await fetcher.aclose()
                    await renderer.aclose()
                tasks.cancel_scope.cancel()

    def _performers(self, opened: Opened, tasks: TaskGroup) -> tuple[Fetcher, Renderer]:
        fetcher = Fetcher(
            self._network,
            opened.presentation,
            emit=self.tell,
            clock=self._clock.now_us,
            task_group=tasks,
        )
        renderer = Renderer(
            self._sink,
            self.tell,
            clock=self._clock,
            task_group=tasks,
            source=fetcher.source,
            settings=self._settings,
        )
        return fetcher, renderer

    async def _step(self, fetcher: Fetcher, renderer: Renderer) -> None:
        """Handle what has happened, or wait until something does or is due."""
        if not self._events and not self._due():
            await self._clock.wait(self._changed, self.session.next_wakeup_us)
        if self._due():
            fetcher.report()
            self._drain(fetcher, renderer)
            self._handle(Tick(), fetcher, renderer)
        else:
            self._drain(fetcher, renderer)
        # Those whom the actions concern run before the next event is looked at.
        await anyio.lowlevel.checkpoint()

    def _due(self) -> bool:
        wakeup_us = self.session.next_wakeup_us
        return wakeup_us is not None and self._clock.now_us() >= wakeup_us

    def _drain(self, fetcher: Fetcher, renderer: Renderer) -> None:
        self._changed = anyio.Event()
        while self._events:
            self._handle(self._events.popleft(), fetcher, renderer)

    def _handle(self, event: Event, fetcher: Fetcher, renderer: Renderer) -> None:
        now_us = self._clock.now_us()
        actions = self.session.handle(event, now_us)
        tell(self._taps, now_us, event, actions)
        for action in actions:
            self._perform(action, fetcher, renderer)

    def _perform(self, action: Action, fetcher: Fetcher, renderer: Renderer) -> None:
        match action:
            case Fetch() | Resolve() | Cancel() | Connect() | Evict():
                fetcher.perform(action)
            case Feed() | Flush() | Play() | Hold() | Finish():
                renderer.perform(action)
            case Removed():
                pass  # said for the taps alone
            case Fail():
                raise _error(action)
            case _:
                assert_never(action)


def _error(fail: Fail) -> NetplayError:
    """Return the error that a Fail stands for."""
    attempts: tuple[Attempt, ...] = fail.attempts
    told = "; ".join(f"{who}: {what}" for who, what in attempts) or fail.reason
    match fail.error:
        case "DeliveryError":
            return errors.DeliveryError(fail.what, attempts)
        case "DecodeError":
            return errors.DecodeError(fail.what, told)
        case "MediaError":
            return errors.MediaError(fail.what, told)
        case "LicenseError":
            return errors.LicenseError(f"{fail.what}: {told}")
        case "ManifestError":
            return errors.ManifestError(fail.what, fail.reason, attempts)
        case _:
            assert_never(fail.error)
