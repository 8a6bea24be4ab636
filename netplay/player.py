"""Player: the façade that most people need.

    async with netplay.Player() as player:
        await player.open("https://example.com/title/manifest.mpd")
        await player.play()
        await player.wait_finished()
        print(player.summary())

Runs under asyncio and trio. A failure of playback is raised from whichever call waits
for playback next, and from the `async with` block if none does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from fractions import Fraction
from types import TracebackType

import anyio
from anyio.abc import TaskGroup

import abr
from abr.contract import Controller
from netplay.core.device import Device, Preferences
from netplay.core.messages import (
    Action,
    Event,
    Finish,
    Opened,
    Paused,
    Play,
    RateSet,
    Rendered,
    Resumed,
    Sought,
    TracksChosen,
)
from netplay.core.rules import SessionRules
from netplay.core.session import Session
from netplay.core.status import Bookmark, Status
from netplay.errors import NetplayError, UnsupportedManifest
from netplay.io.clock import Clock, MonotonicClock
from netplay.io.drive import Driver
from netplay.io.hardware import probe_device, remembered_device
from netplay.io.load import load_manifest
from netplay.io.network import Network
from netplay.io.render import RenderSettings
from netplay.io.sink import NullSink, Sink
from netplay.telemetry.qoe import Qoe
from netplay.telemetry.summary import Summary
from netplay.telemetry.tap import Tap
from netplay.timeline import AdaptationSet, Presentation

__all__ = ["Player"]

CONNECTIONS_AHEAD = 4
"""The manifest takes one of them; picture and sound then ask for two things each at once."""

Message = Event | Action


class Player:
    """Plays one title at a time, from its manifest to frames at their time.

    An async context manager: leaving it closes everything it opened.

    Args:
        sink: Where frames go; None counts them and shows nothing. Closed with the title.
        controller: Picks the rungs: a name that `abr.controller` knows, or an object that
            keeps `abr.Controller`. An object serves one title.
        network: Connections and memory shared with other players; None makes one.
        device: What may be decoded and shown; None: what was found out about this machine.
        preferences: Languages, subtitles and limits to begin with.
        rules: Every number the session decides by.
        seed: Of the jitter of retries.
        hwaccel: "auto", "none" or a device type as FFmpeg names it.
        clock: Tells the time to everything; None is the real one.
        taps: See every event and action, as (now_us, message).

    Raises:
        ValueError: No controller or no hardware has that name.
    """

    def __init__(
        self,
        sink: Sink | None = None,
        *,
        controller: str | Controller = "hybrid",
        network: Network | None = None,
        device: Device | None = None,
        preferences: Preferences | None = None,
        rules: SessionRules | None = None,
        seed: int = 0,
        hwaccel: str = "auto",
        threads: str = "auto",
        clock: Clock | None = None,
        taps: Iterable[Tap] = (),
    ) -> None:
        if isinstance(controller, str):
            abr.controller(controller)  # a wrong name is the caller's mistake, told here
        self._controller = controller
        self._settings = RenderSettings(hwaccel=hwaccel, threads=threads)  # type: ignore[arg-type]
        self._sink: Sink = sink if sink is not None else NullSink()
        self._own_network = network is None
        self._network = network if network is not None else Network()
        self._device = device
        self._preferences = preferences or Preferences()
        self._rules = rules
        self._seed = seed
        self._clock: Clock = clock if clock is not None else MonotonicClock()
        self._taps = tuple(taps)
        self._qoe = Qoe()
        self._driver: Driver | None = None
        self._presentation: Presentation | None = None
        self._opening: _Opening | None = None
        self._running: anyio.CancelScope | None = None
        self._stopped = anyio.Event()
        self._failure: BaseException | None = None
        self._failure_told = False
        self._waiters: list[_Waiter] = []
        self._finished = False
        self._probed = device is not None or hwaccel == "none"
        self._stack = AsyncExitStack()
        self._tasks: TaskGroup | None = None

    async def __aenter__(self) -> Player:
        self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
        if self._tasks is not None:
            # Connections ahead of need, and the probe: nobody waits for these any more.
            self._tasks.cancel_scope.cancel()
        await self._stack.__aexit__(None, None, None)
        if error is None and self._failure is not None and not self._failure_told:
            raise self._failure

    # Opening and closing.

    async def open(
        self, url: str, *, at: Bookmark | None = None, start_s: float | None = None
    ) -> None:
        """Read a manifest and begin to fetch; holds at the first frame until `play`.

        Args:
            url: http, https or file, or a path of this machine.
            at: Where an earlier `status().bookmark` was, with its tracks.
            start_s: Where to begin, in seconds; None: where the title says.

        Raises:
            ManifestError: The manifest did not come or cannot be read.
            UnsupportedManifest: It demands what netplay cannot do; live playback, so far.
            anyio.ClosedResourceError: Meanwhile the player was closed, or asked to open
                something else.
        """
        if self._tasks is None:
            raise ValueError("a Player is an async context manager: async with Player() as player")
        await self._stop()
        opening = self._opening = _Opening()
        asked_us = self._clock.now_us()
        try:
            with opening.scope:
                for _ in range(CONNECTIONS_AHEAD):
                    # Most titles keep their first segments where their manifest is; a
                    # connection opened while that is on its way saves a round trip, or
                    # three with TLS.
                    self._tasks.start_soon(self._network.connect, url, name="netplay connect")
                loaded = await load_manifest(self._network, url)
        finally:
            opening.over.set()
        if opening.scope.cancelled_caught or self._opening is not opening:
            raise anyio.ClosedResourceError("the player was closed, or opened something else")
        self._opening = None
        if loaded.presentation.live is not None:
            raise UnsupportedManifest(url, "it is live; only titles on demand are played yet")
        if at is not None:
            wants = replace(
                self._preferences,
                sets=at.sets,
                audio_languages=at.audio_languages,
                text_languages=at.text_languages,
            )
            start_us: int | None = at.position_us
        else:
            wants = self._preferences
            start_us = None if start_s is None else round(start_s * 1e6)
        opened = Opened(
            presentation=loaded.presentation,
            device=self._device or remembered_device(),
            preferences=wants,
            asked_us=asked_us,
            start_us=start_us,
            paused=True,
            network=self._network.memory,
        )
        self._preferences = wants
        self._start(opened)

    async def close(self) -> None:
        """Stop playing and close everything; does nothing if it is closed."""
        await self._stop()
        if self._own_network:
            with anyio.CancelScope(shield=True):
                await self._network.aclose()

    def _start(self, opened: Opened) -> None:
        assert self._tasks is not None
        self._presentation = opened.presentation
        self._qoe = Qoe()
        self._finished, self._failure, self._failure_told = False, None, False
        session = Session(self._new_controller(opened), rules=self._rules, seed=self._seed)
        self._driver = Driver(
            session,
            network=self._network,
            sink=self._sink,
            clock=self._clock,
            settings=self._settings,
            taps=(self._qoe, *self._taps, self._watch),
        )
        self._running, self._stopped = anyio.CancelScope(), anyio.Event()
        self._tasks.start_soon(self._run, self._driver, opened, name="netplay driver")

    def _new_controller(self, opened: Opened) -> Controller:
        if not isinstance(self._controller, str):
            return self._controller
        remembered_bps = opened.network.throughput_bps
        if remembered_bps and self._controller in ("hybrid", "throughput"):
            return abr.controller(self._controller, initial_bps=float(remembered_bps))
        return abr.controller(self._controller)

    async def _run(self, driver: Driver, opened: Opened) -> None:
        assert self._running is not None
        try:
            with self._running:
                await driver.run(opened)
        except* NetplayError as group:
            self._failure = _first(group)
        finally:
            self._stopped.set()
            self._wake_all()

    async def _stop(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.scope.cancel()
            with anyio.CancelScope(shield=True):
                await opening.over.wait()
        if self._running is None:
            return
        self._remember()
        self._running.cancel()
        with anyio.CancelScope(shield=True):
            await self._stopped.wait()
        self._running = None

    def _remember(self) -> None:
        throughput_bps = self.status().throughput_bps
        if throughput_bps:
            memory = replace(self._network.memory, throughput_bps=round(throughput_bps))
            self._network.memory = memory

    # Playing.

    async def play(self) -> None:
        """Let the playhead move, and return once it does.

        Raises:
            NetplayError: Playback failed.
        """
        moving = self._expect(lambda message: isinstance(message, Play | Finish))
        self._tell(Resumed())
        if self.status().state in ("playing", "ended"):
            self._waiters.remove(moving)
        else:
            await self._outcome(moving)

    async def pause(self) -> None:
        """Let the playhead rest where it is."""
        self._tell(Paused())
        await anyio.lowlevel.checkpoint()

    async def resume(self) -> None:
        """Let the playhead move again; does not wait for it."""
        self._tell(Resumed())
        await anyio.lowlevel.checkpoint()

    async def seek(self, position_s: float, *, keyframe: bool = False) -> bool:
        """Be at a position, and return once the frame that covers it is shown.

        Args:
            position_s: In seconds on the title's timeline; brought within it.
            keyframe: The keyframe before will do; quicker, for scrubbing.

        Returns:
            False if another seek came before the frame was shown.

        Raises:
            NetplayError: Playback failed.
        """
        self._supersede()
        sought = Sought(round(position_s * 1e6), keyframe=keyframe)
        taken = False

        def is_shown(message: Message) -> bool:
            nonlocal taken
            if message is sought:
                taken = True  # what was rendered before says nothing of it
            return taken and self._shows_the_seek(message)

        shown = self._expect(is_shown, seek=True)
        self._finished = False
        self._tell(sought)
        return await self._outcome(shown)

    async def set_rate(self, rate: float | Fraction) -> None:
        """Play at another speed; ValueError unless it is positive."""
        exact = Fraction(rate).limit_denominator(1000)
        if exact <= 0:
            raise ValueError(f"rate must be positive, not {rate}")
        self._tell(RateSet(exact))
        await anyio.lowlevel.checkpoint()

    async def wait_finished(self) -> None:
        """Return when everything was played.

        Raises:
            NetplayError: Playback failed.
        """
        finished = self._expect(lambda message: isinstance(message, Finish))
        if self._finished:
            self._waiters.remove(finished)
            return
        await self._outcome(finished)

    # Choosing.

    def tracks(self) -> tuple[AdaptationSet, ...]:
        """Return everything on offer where the playhead is; `choose` takes their ids."""
        presentation = self.presentation
        period = presentation.period_at(self.status().position_us)
        return tuple(group for group in presentation.periods[period].sets if not group.trick)

    async def choose(
        self,
        *,
        sets: Sequence[str] | None = None,
        audio_languages: Sequence[str] | None = None,
        text_languages: Sequence[str] | None = None,
        max_height: int | None = None,
    ) -> None:
        """Play other tracks, without stopping; what is None stays as it is.

        Args:
            sets: Ids of AdaptationSets, which win over languages.
            audio_languages: BCP 47 tags, most wanted first.
            text_languages: The same for subtitles; () takes them away.
            max_height: Of the picture.
        """
        wants = self._preferences
        if sets is not None:
            known = {group.id for period in self.presentation.periods for group in period.sets}
            unknown = [name for name in sets if name not in known]
            if unknown:
                raise ValueError(f"no AdaptationSet {unknown[0]!r}; there are {sorted(known)}")
            wants = replace(wants, sets=tuple(sets))
        elif audio_languages is not None or text_languages is not None:
            wants = replace(wants, sets=())
        if audio_languages is not None:
            wants = replace(wants, audio_languages=tuple(audio_languages))
        if text_languages is not None:
            wants = replace(wants, text_languages=tuple(text_languages))
        if max_height is not None:
            wants = replace(wants, max_height=max_height)
        self._preferences = wants
        self._tell(TracksChosen(wants))
        await anyio.lowlevel.checkpoint()

    # Looking.

    @property
    def presentation(self) -> Presentation:
        """What was opened; ValueError before that."""
        if self._presentation is None:
            raise ValueError("nothing is open")
        return self._presentation

    def status(self) -> Status:
        """Return what playback is doing now."""
        if self._driver is None:
            raise ValueError("nothing is open")
        return self._driver.session.status(self._clock.now_us())

    def summary(self) -> Summary:
        """Return how it went for the viewer so far."""
        return self._qoe.summary()

    # Waiting for what the session does.

    def _tell(self, event: Event) -> None:
        if self._driver is None:
            raise ValueError("nothing is open")
        self._raise_failure()
        self._driver.tell(event)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            self._failure_told = True
            raise self._failure

    def _watch(self, now_us: int, message: Message) -> None:
        del now_us
        if isinstance(message, Finish):
            self._finished = True
        if isinstance(message, Play) and not self._probed:
            self._probed = True
            self._probe_hardware()
        for waiter in self._waiters:
            if waiter.meets(message):
                waiter.done.set()

    def _probe_hardware(self) -> None:
        """Find out what this machine decodes in hardware, once playback is under way."""
        assert self._tasks is not None
        self._tasks.start_soon(probe_device, name="netplay hardware probe")

    def _shows_the_seek(self, message: Message) -> bool:
        """Whether a message says that the picture (or sound) of the last seek is there."""
        if isinstance(message, Finish):
            return True
        if not isinstance(message, Rendered):
            return False
        lane = self.status().lane(message.track)
        has_picture = self.status().lane("video") is not None
        wanted = "video" if has_picture else "audio"
        return (
            message.track == wanted and lane is not None and message.generation == lane.generation
        )

    def _expect(self, meets: Callable[[Message], bool], *, seek: bool = False) -> _Waiter:
        waiter = _Waiter(meets, seek=seek)
        self._waiters.append(waiter)
        return waiter

    def _supersede(self) -> None:
        for waiter in self._waiters:
            if waiter.seek and not waiter.done.is_set():
                waiter.superseded = True
                waiter.done.set()

    def _wake_all(self) -> None:
        for waiter in self._waiters:
            waiter.done.set()

    async def _outcome(self, waiter: _Waiter) -> bool:
        try:
            await waiter.done.wait()
        finally:
            self._waiters.remove(waiter)
        self._raise_failure()
        if self._stopped.is_set() and not waiter.superseded:
            raise anyio.ClosedResourceError("the player was closed")
        return not waiter.superseded


class _Opening:
    """A manifest on its way."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.over = anyio.Event()


class _Waiter:
    """Somebody who waits for a message."""

    def __init__(self, meets: Callable[[Message], bool], *, seek: bool) -> None:
        self.seek = seek
        self.superseded = False
        self.done = anyio.Event()
        self.meets = meets


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
