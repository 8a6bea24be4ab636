"""The Player for programs without an event loop.

    with netplay.blocking.Player() as player:
        player.open("https://example.com/title/manifest.mpd")
        player.play()
        player.wait_finished()
        print(player.summary())

Playback runs on an event loop in a thread of its own; every method waits until that loop
has done what was asked. Sinks, taps and the clock are called on that thread, not on yours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from fractions import Fraction
from types import TracebackType
from typing import Literal, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from abr.contract import Controller
from drm.contract import KeySystem
from netplay import player
from netplay.core.device import Device, Preferences
from netplay.core.rules import SessionRules
from netplay.core.status import Bookmark, Status
from netplay.io.clock import Clock
from netplay.io.net.network import Network
from netplay.io.show.sink import Sink
from netplay.telemetry.summary import Summary
from netplay.telemetry.tap import Tap
from netplay.timeline import AdaptationSet, Presentation

__all__ = ["Player"]

AnswerT = TypeVar("AnswerT")


class Player:
    """A `netplay.Player` whose methods block; a context manager that closes it.

    Methods may be called from several threads: one may wait for the end while another
    pauses or seeks. Ctrl-C interrupts whatever waits, and leaving the block then closes the
    player as always.

    Args:
        sink: As all the rest, what `netplay.Player` takes. Called on the loop's thread.
        backend: Which event loop runs in the thread.

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
        backend: Literal["asyncio", "trio"] = "asyncio",
    ) -> None:
        self._player = player.Player(
            sink,
            controller=controller,
            network=network,
            device=device,
            preferences=preferences,
            rules=rules,
            seed=seed,
            hwaccel=hwaccel,
            threads=threads,
            clock=clock,
            key_systems=key_systems,
            taps=taps,
        )
        self._backend = backend
        self._portal: BlockingPortal | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Player:
        with ExitStack() as stack:
            self._portal = stack.enter_context(start_blocking_portal(self._backend, name="netplay"))
            entered: AbstractContextManager[player.Player] = (
                self._portal.wrap_async_context_manager(self._player)
            )
            stack.enter_context(entered)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._stack.__exit__(kind, error, trace)
        finally:
            self._portal = None

    # Opening and closing.

    def open(self, url: str, *, at: Bookmark | None = None, start_s: float | None = None) -> None:
        """Read a manifest and begin to fetch; holds at the first frame until `play`.

        Args:
            url: http, https or file, or a path of this machine.
            at: Where an earlier `status().bookmark` was, with its tracks.
            start_s: Where to begin, in seconds; None: where the title says.

        Raises:
            ManifestError: The manifest did not come or cannot be read.
        """
        self._wait(lambda: self._player.open(url, at=at, start_s=start_s))

    def prepare(self, url: str) -> None:
        """Get a title's manifest, licences and connections now, so that `open` waits for none.

        Raises:
            ManifestError: The manifest did not come or cannot be read.
        """
        self._wait(lambda: self._player.prepare(url))

    def close(self) -> None:
        """Stop playing and close everything; does nothing if it is closed."""
        if self._portal is not None:
            self._wait(self._player.close)

    # Playing.

    def play(self) -> None:
        """Let the playhead move, and return once it does.

        Raises:
            NetplayError: Playback failed.
        """
        self._wait(self._player.play)

    def pause(self) -> None:
        """Let the playhead rest where it is."""
        self._wait(self._player.pause)

    def resume(self) -> None:
        """Let the playhead move again; does not wait for it."""
        self._wait(self._player.resume)

    def seek(self, position_s: float, *, keyframe: bool = False) -> bool:
        """Be at a position, and return once the frame that covers it is shown.

        Args:
            position_s: In seconds on the title's timeline; brought within it.
            keyframe: The keyframe before will do; quicker, for scrubbing.

        Returns:
            False if another seek, from another thread, came before the frame was shown.

        Raises:
            NetplayError: Playback failed.
        """
        return self._wait(lambda: self._player.seek(position_s, keyframe=keyframe))

    def set_rate(self, rate: float | Fraction) -> None:
        """Play at another speed; ValueError unless it is positive."""
        self._wait(lambda: self._player.set_rate(rate))

    def wait_finished(self, timeout_s: float | None = None) -> bool:
        """Return True when everything was played, or False when that took too long.

        Args:
            timeout_s: How long to wait; None: until the end.

        Raises:
            NetplayError: Playback failed.
        """
        future = self._ask(self._player.wait_finished)
        try:
            future.result(timeout_s)
        except TimeoutError:
            return False
        finally:
            future.cancel()
        return True

    # Choosing.

    def tracks(self) -> tuple[AdaptationSet, ...]:
        """Return everything on offer where the playhead is; `choose` takes their ids."""
        return self._call(self._player.tracks)

    def choose(
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
        self._wait(
            lambda: self._player.choose(
                sets=sets,
                audio_languages=audio_languages,
                text_languages=text_languages,
                max_height=max_height,
            )
        )

    # Looking.

    @property
    def presentation(self) -> Presentation:
        """What was opened; ValueError before that."""
        return self._call(lambda: self._player.presentation)

    def status(self) -> Status:
        """Return what playback is doing now."""
        return self._call(self._player.status)

    def summary(self) -> Summary:
        """Return how it went for the viewer so far."""
        return self._call(self._player.summary)

    # Between the threads.

    def _call(self, function: Callable[[], AnswerT]) -> AnswerT:
        # Once it is closed nothing runs that could be in the way.
        return function() if self._portal is None else self._portal.call(function)

    def _ask(self, function: Callable[[], Awaitable[AnswerT]]) -> Future[AnswerT]:
        if self._portal is None:
            raise ValueError("a Player is a context manager: with Player() as player")
        return self._portal.start_task_soon(function)

    def _wait(self, function: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
        future = self._ask(function)
        try:
            return future.result()
        finally:
            # Ctrl-C ends the waiting, and so must end what was waited for. Harmless when
            # it is done.
            future.cancel()
