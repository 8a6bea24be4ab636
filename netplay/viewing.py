"""One title being played: its driver in a task, what became of it, and who waits for what.

The Player makes a Viewing for each title it opens. It ends by being stopped or by failing;
a failure is raised from whichever call waits for playback next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import anyio
from anyio.abc import TaskGroup

from netplay.core.messages import Event, Finish, Opened, Rendered
from netplay.core.session import Session
from netplay.core.status import Status
from netplay.errors import NetplayError
from netplay.io.clock import Clock
from netplay.io.drive import Driver
from netplay.io.keys.systems import KeySystems
from netplay.io.net.network import Network
from netplay.io.show.render import RenderSettings
from netplay.io.show.sink import Sink
from netplay.telemetry.qoe import Qoe
from netplay.telemetry.summary import Summary
from netplay.telemetry.tap import Tap
from netplay.telemetry.wire import Message

__all__ = ["Viewing", "Waiter"]


class Waiter:
    """Somebody who waits for a message.

    Attributes:
        seek: It waits for a seek, which a newer one supersedes.
    """

    def __init__(self, meets: Callable[[Message], bool], *, seek: bool) -> None:
        self.meets = meets
        self.seek = seek
        self.superseded = False
        self.done = anyio.Event()


class Viewing:
    """Plays what was opened, from `start` until `stop` or a failure.

    Attributes:
        finished: It was played to the end, and nobody has sought back since.
        failure: Why it ended by itself; None if it did not.
    """

    def __init__(
        self,
        opened: Opened,
        session: Session,
        *,
        network: Network,
        sink: Sink,
        clock: Clock,
        settings: RenderSettings,
        key_systems: KeySystems,
        taps: Iterable[Tap],
    ) -> None:
        self.presentation = opened.presentation
        self.finished = False
        self.failure: NetplayError | None = None
        self._failure_told = False
        self._opened = opened
        self._clock = clock
        self._qoe = Qoe()
        self._driver = Driver(
            session,
            network=network,
            sink=sink,
            clock=clock,
            settings=settings,
            key_systems=key_systems,
            taps=(self._qoe, *taps, self._watch),
        )
        self._waiters: list[Waiter] = []
        self._scope = anyio.CancelScope()
        self._over = anyio.Event()

    # Its life.

    def start(self, tasks: TaskGroup) -> None:
        """Begin; returns at once."""
        tasks.start_soon(self._run, name="netplay driver")

    async def stop(self) -> None:
        """End it and wait until everything it had opened is closed."""
        self._scope.cancel()
        with anyio.CancelScope(shield=True):
            await self._over.wait()

    async def _run(self) -> None:
        try:
            with self._scope:
                await self._driver.run(self._opened)
        except* NetplayError as group:
            self.failure = _first(group)
        finally:
            self._over.set()
            for waiter in self._waiters:
                waiter.done.set()

    # What the app says and hears.

    def tell(self, event: Event) -> None:
        """Leave an event for the session; raises what playback failed of."""
        self.raise_failure()
        self._driver.tell(event)

    def raise_failure(self) -> None:
        """Raise what playback failed of, if it did."""
        if self.failure is not None:
            self._failure_told = True
            raise self.failure

    @property
    def untold(self) -> NetplayError | None:
        """A failure that nobody has heard of."""
        return None if self._failure_told else self.failure

    def status(self) -> Status:
        """Return what it is doing now."""
        return self._driver.session.status(self._clock.now_us())

    def summary(self) -> Summary:
        """Return how it went for the viewer so far."""
        return self._qoe.summary()

    # Waiting for what the session does.

    def expect(self, meets: Callable[[Message], bool], *, seek: bool = False) -> Waiter:
        """Note, before it can happen, that a message is waited for."""
        waiter = Waiter(meets, seek=seek)
        self._waiters.append(waiter)
        return waiter

    def forget(self, waiter: Waiter) -> None:
        """Nobody waits for it after all."""
        self._waiters.remove(waiter)

    async def outcome(self, waiter: Waiter) -> bool:
        """Wait; return False if a newer seek came first.

        Raises:
            NetplayError: Playback failed.
            anyio.ClosedResourceError: It was stopped.
        """
        try:
            if not self._over.is_set():
                await waiter.done.wait()
        finally:
            self._waiters.remove(waiter)
        self.raise_failure()
        if self._over.is_set() and not waiter.superseded:
            raise anyio.ClosedResourceError("the player was closed")
        return not waiter.superseded

    def supersede_seeks(self) -> None:
        """Let those go who wait for an earlier seek."""
        for waiter in self._waiters:
            if waiter.seek and not waiter.done.is_set():
                waiter.superseded = True
                waiter.done.set()

    def shows_the_seek(self, message: Message) -> bool:
        """Whether a message says that the picture (or sound) of the last seek is there."""
        if isinstance(message, Finish):
            return True
        if not isinstance(message, Rendered):
            return False
        status = self.status()
        lane = status.lane(message.track)
        leading = "video" if status.lane("video") is not None else "audio"
        return (
            message.track == leading and lane is not None and message.generation == lane.generation
        )

    def _watch(self, now_us: int, message: Message) -> None:
        del now_us
        if isinstance(message, Finish):
            self.finished = True
        for waiter in self._waiters:
            if waiter.meets(message):
                waiter.done.set()


def _first(group: BaseExceptionGroup[NetplayError]) -> NetplayError:
    """Return the first error of a group, with the rest as its notes."""
    flat: list[NetplayError] = []

    def collect(one: BaseException) -> None:
        if isinstance(one, BaseExceptionGroup):
            for inner in one.exceptions:
                collect(inner)
        else:
            assert isinstance(one, NetplayError)
            flat.append(one)

    collect(group)
    first, *others = flat
    for other in others:
        first.add_note(f"and: {other}")
    return first
