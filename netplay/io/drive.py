"""Runs a Session in real time: tells it what happens, performs what it decides.

One task owns the Session. Everything else (transfers, decoders, the presenter, the app)
only leaves events in a queue. Before each Tick the transfers report how far they are, so
that the Session judges them by what came and not by what was last said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import anyio

from netplay.core.messages import Event, Opened, Tick
from netplay.core.session import Session
from netplay.io.clock import Clock
from netplay.io.keys.systems import KeySystems
from netplay.io.net.network import Network
from netplay.io.performers import Performers
from netplay.io.show.render import RenderSettings
from netplay.io.show.sink import Sink
from netplay.telemetry.tap import Tap, tell

__all__ = ["Driver"]


class Driver:
    """One Session, its transfers, licences and decoders, for as long as `run` runs.

    Args:
        session: New; nothing else may call it.
        network: Moves the bytes.
        sink: Is given the frames; closed at the end.
        clock: Tells the time to everything.
        key_systems: Open what is encrypted; None: nothing does.
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
        key_systems: KeySystems | None = None,
        taps: Iterable[Tap] = (),
    ) -> None:
        self.session = session
        self._network = network
        self._sink = sink
        self._clock = clock
        self._settings = settings
        self._key_systems = key_systems
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
            performers = Performers(
                opened.presentation,
                emit=self.tell,
                task_group=tasks,
                network=self._network,
                sink=self._sink,
                clock=self._clock,
                settings=self._settings,
                key_systems=self._key_systems,
            )
            try:
                self._handle(opened, performers)
                while True:
                    await self._step(performers)
            finally:
                await performers.aclose()
                tasks.cancel_scope.cancel()

    async def _step(self, performers: Performers) -> None:
        """Handle what has happened, or wait until something does or is due."""
        if not self._events and not self._due():
            await self._clock.wait(self._changed, self.session.next_wakeup_us)
        if self._due():
            performers.report()
            self._drain(performers)
            self._handle(Tick(), performers)
        else:
            self._drain(performers)
        # Those whom the actions concern run before the next event is looked at.
        await anyio.lowlevel.checkpoint()

    def _due(self) -> bool:
        wakeup_us = self.session.next_wakeup_us
        return wakeup_us is not None and self._clock.now_us() >= wakeup_us

    def _drain(self, performers: Performers) -> None:
        self._changed = anyio.Event()
        while self._events:
            self._handle(self._events.popleft(), performers)

    def _handle(self, event: Event, performers: Performers) -> None:
        now_us = self._clock.now_us()
        actions = self.session.handle(event, now_us)
        tell(self._taps, now_us, event, actions)
        for action in actions:
            performers.perform(action)
