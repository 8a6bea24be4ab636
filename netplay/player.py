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

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from fractions import Fraction
from math import inf, isfinite
from types import TracebackType

import anyio
from anyio.abc import TaskGroup

import abr
from abr.contract import Controller
from drm.contract import KeySystem
from netplay.core.device import Device, Preferences
from netplay.core.messages import (
    Finish,
    Opened,
    Paused,
    Play,
    RateSet,
    Resumed,
    Sought,
    TracksChosen,
)
from netplay.core.rules import SessionRules
from netplay.core.session import Session
from netplay.core.status import Bookmark, Status
from netplay.errors import UnsupportedManifest
from netplay.io.clock import Clock, MonotonicClock
from netplay.io.keys.systems import KeySystems
from netplay.io.net.network import Network
from netplay.io.show.hardware import probe_device, remembered_device
from netplay.io.show.render import RenderSettings
from netplay.io.show.sink import NullSink, Sink
from netplay.preparing import Preparations
from netplay.telemetry.summary import Summary
from netplay.telemetry.tap import Tap
from netplay.telemetry.wire import Message
from netplay.timeline import AdaptationSet, Presentation
from netplay.viewing import Viewing
from netplay.wishes import wished

__all__ = ["Player"]


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
        key_systems: Open encrypted titles, the preferred one first.
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
        key_systems: Sequence[KeySystem] = (),
        taps: Iterable[Tap] = (),
    ) -> None:
        if isinstance(controller, str):
            abr.controller(controller)  # a wrong name is the caller's mistake, told here
        self._controller = controller
        self._settings = RenderSettings(hwaccel=hwaccel, threads=threads)  # type: ignore[arg-type]
        self._sink: Sink = NullSink() if sink is None else sink
        self._own_network = network is None
        self._network = network if network is not None else Network()
        self._device = device
        self._preferences = preferences or Preferences()
        self._rules = rules
        self._seed = seed
        self._clock: Clock = clock if clock is not None else MonotonicClock()
        self._taps = tuple(taps)
        self._key_systems = KeySystems(self._network, key_systems, sink=self._sink)
        self._prepared = Preparations(self._network, self._key_systems, rules, self._clock)
        self._opening: _Opening | None = None
        self._viewing: Viewing | None = None
        self._ended = True
        self._probed = device is not None or hwaccel == "none"
        self._stack = AsyncExitStack()
        self._tasks: TaskGroup | None = None

    async def __aenter__(self) -> Player:
        self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
        if self._key_systems.systems:
            self._tasks.start_soon(self._key_systems.warm, name="netplay key systems")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()  # what is opened ahead: nobody waits for it
        await self._stack.__aexit__(None, None, None)
        if error is None and self._viewing is not None and self._viewing.untold is not None:
            raise self._viewing.untold

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
        start_us = None if start_s is None else _microseconds(start_s)
        await self._stop()
        opening = self._opening = _Opening()
        asked_us = self._clock.now_us()
        try:
            with opening.scope:
                presentation = await self._prepared.presentation(url, self._tasks)
        finally:
            opening.over.set()
        if opening.scope.cancelled_caught or self._opening is not opening:
            raise anyio.ClosedResourceError("the player was closed, or opened something else")
        self._opening = None
        if presentation.live is not None:
            raise UnsupportedManifest(url, "it is live; only titles on demand are played yet")
        if at is not None:
            start_us = at.position_us
            self._preferences = replace(
                self._preferences,
                sets=at.sets,
                audio_languages=at.audio_languages,
                text_languages=at.text_languages,
            )
        self._start(
            Opened(
                presentation=presentation,
                device=self._key_systems.of_device(self._device or remembered_device()),
                preferences=self._preferences,
                asked_us=asked_us,
                start_us=start_us,
                paused=True,
                network=self._network.memory,
            )
        )

    async def prepare(self, url: str) -> None:
        """Get a title's manifest, licences and connections now, for an `open` that follows soon.

        Raises:
            ManifestError: The manifest did not come or cannot be read.
        """
        await self._prepared.prepare(
            url, self._key_systems.of_device(self._device or remembered_device()), self._preferences
        )

    async def close(self) -> None:
        """Stop playing and close everything; does nothing if it is closed."""
        await self._stop()
        with anyio.CancelScope(shield=True):
            await self._key_systems.aclose()
            if self._own_network:
                await self._network.aclose()

    def _start(self, opened: Opened) -> None:
        assert self._tasks is not None
        session = Session(self._new_controller(opened), rules=self._rules, seed=self._seed)
        self._viewing = Viewing(
            opened,
            session,
            network=self._network,
            sink=self._sink,
            clock=self._clock,
            settings=self._settings,
            key_systems=self._key_systems,
            taps=(*self._taps, self._probe_once_playing),
        )
        self._ended = False
        self._viewing.start(self._tasks)

    def _new_controller(self, opened: Opened) -> Controller:
        if not isinstance(self._controller, str):
            return self._controller
        remembered_bps = opened.network.throughput_bps
        if remembered_bps and self._controller in ("hybrid", "throughput"):
            return abr.controller(self._controller, initial_bps=float(remembered_bps))
        return abr.controller(self._controller)

    async def _stop(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.scope.cancel()
            with anyio.CancelScope(shield=True):
                await opening.over.wait()
        if self._viewing is None or self._ended:
            return
        self._ended = True
        throughput_bps = self._viewing.status().throughput_bps
        if throughput_bps:
            memory = replace(self._network.memory, throughput_bps=round(throughput_bps))
            self._network.memory = memory
        await self._viewing.stop()

    def _probe_once_playing(self, now_us: int, message: Message) -> None:
        """Find out what this machine decodes in hardware, off the way to the first frame."""
        del now_us
        if isinstance(message, Play) and not self._probed:
            self._probed = True
            assert self._tasks is not None
            self._tasks.start_soon(probe_device, name="netplay hardware probe")

    # Playing.

    async def play(self) -> None:
        """Let the playhead move, and return once it does.

        Raises:
            NetplayError: Playback failed.
        """
        viewing = self._open_viewing()
        moving = viewing.expect(lambda message: isinstance(message, Play | Finish))
        viewing.tell(Resumed())
        if viewing.status().state in ("playing", "ended"):
            viewing.forget(moving)
        else:
            await viewing.outcome(moving)

    async def pause(self) -> None:
        """Let the playhead rest where it is."""
        self._open_viewing().tell(Paused())
        await anyio.lowlevel.checkpoint()

    async def resume(self) -> None:
        """Let the playhead move again; does not wait for it."""
        self._open_viewing().tell(Resumed())
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
        viewing = self._open_viewing()
        viewing.supersede_seeks()
        sought = Sought(_microseconds(position_s), keyframe=keyframe)
        taken = False

        def is_shown(message: Message) -> bool:
            nonlocal taken
            if message is sought:
                taken = True  # what was rendered before says nothing of it
            return taken and viewing.shows_the_seek(message)

        shown = viewing.expect(is_shown, seek=True)
        viewing.finished = False
        viewing.tell(sought)
        return await viewing.outcome(shown)

    async def set_rate(self, rate: float | Fraction) -> None:
        """Play at another speed; ValueError unless it is positive."""
        if not 0 < rate < inf:
            raise ValueError(f"rate must be positive and finite, not {rate}")
        exact = max(Fraction(rate).limit_denominator(1000), Fraction(1, 1000))
        self._open_viewing().tell(RateSet(exact))
        await anyio.lowlevel.checkpoint()

    async def wait_finished(self) -> None:
        """Return when everything was played.

        Raises:
            NetplayError: Playback failed.
        """
        viewing = self._open_viewing()
        if not viewing.finished:
            await viewing.outcome(viewing.expect(lambda message: isinstance(message, Finish)))

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
        wants = wished(
            self._preferences,
            lambda: self.presentation,
            sets=sets,
            audio_languages=audio_languages,
            text_languages=text_languages,
            max_height=max_height,
        )
        self._preferences = wants
        self._open_viewing().tell(TracksChosen(wants))
        await anyio.lowlevel.checkpoint()

    # Looking.

    @property
    def presentation(self) -> Presentation:
        """What was opened; ValueError before that."""
        return self._open_viewing().presentation

    def status(self) -> Status:
        """Return what playback is doing now; ValueError before anything was opened."""
        return self._open_viewing().status()

    def summary(self) -> Summary:
        """Return how it went for the viewer so far; ValueError before anything was opened."""
        return self._open_viewing().summary()

    def _open_viewing(self) -> Viewing:
        if self._viewing is None:
            raise ValueError("nothing is open")
        return self._viewing


def _microseconds(seconds: float) -> int:
    if not isfinite(seconds):
        raise ValueError(f"a position is a number of seconds, not {seconds}")
    return round(seconds * 1e6)


class _Opening:
    """A manifest on its way."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.over = anyio.Event()
