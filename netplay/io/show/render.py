"""Decodes what a Session feeds and shows it in real time: the last stretch of the way.

Four lanes decode (picture, the sound beside it in a multiplex, sound, subtitles), one
presenter shows. The Renderer only hands actions to whom they concern.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio
from anyio.abc import TaskGroup
from av.codec.hwaccel import hwdevices_available

from netplay.core.messages import Event, Feed, Finish, Flush, Hold, Play
from netplay.errors import SinkError
from netplay.io.clock import Clock
from netplay.io.keys.store import KeyStore
from netplay.io.show.captions import TextDecoder
from netplay.io.show.decode import Decoder, MediaDecoder, Threads
from netplay.io.show.frames import AudioBlock, Cue, VideoFrame
from netplay.io.show.hardware import FAMILIES, remembered
from netplay.io.show.lane import Lane
from netplay.io.show.present import Presenter
from netplay.io.show.ready import Ready, Room
from netplay.io.show.sink import Sink
from netplay.io.source import Config, Source, Stream

__all__ = ["RenderSettings", "Renderer"]


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """How to decode.

    Attributes:
        hwaccel: "auto": hardware that was tried on this machine before (`probe_device`);
            "none"; or a device type as FFmpeg names it. Where it fails, software goes on.
        threads: Of software decoders: "slice" gives the first frame soonest, "frame" the
            most frames a second, "auto" chooses by the height of the picture.
        decoded_bytes: Most memory for decoded media, of all lanes together.
    """

    hwaccel: str = "auto"
    threads: Threads = "auto"
    decoded_bytes: int = 128 * 1024 * 1024

    def __post_init__(self) -> None:
        if self.hwaccel not in ("auto", "none", *hwdevices_available()):
            known = ", ".join(hwdevices_available()) or "none"
            raise ValueError(f"no hardware {self.hwaccel!r} in this FFmpeg; it knows {known}")


class Renderer:
    """Performs Feed, Flush, Play, Hold and Finish; tells what came of them.

    Its tasks run in `task_group` from the start; an exception of the sink comes out there
    as a SinkError.

    Args:
        sink: Is given what is shown; closed by `aclose`.
        emit: Hears Decoded, DecodeFailed, DecodeLagged and Rendered. Called on the loop,
            from the Renderer's own tasks: never within `perform`.
        clock: The one that `Play.at_us` is told by.
        source: Gives the Source of a fetch id, for every Feed.
        keys: Open what is encrypted.
    """

    def __init__(
        self,
        sink: Sink,
        emit: Callable[[Event], None],
        *,
        clock: Clock,
        task_group: TaskGroup,
        source: Callable[[int], Source],
        settings: RenderSettings | None = None,
        keys: KeyStore | None = None,
    ) -> None:
        self._sink = sink
        self._settings = settings or RenderSettings()
        room = Room(self._settings.decoded_bytes)
        self._video: Ready[VideoFrame] = Ready("video", room, self._wake)
        self._multiplexed: Ready[AudioBlock] = Ready("video", room, self._wake)
        self._audio: Ready[AudioBlock] = Ready("audio", room, self._wake)
        self._text: Ready[Cue] = Ready("text", room, self._wake)

        def lane(stream: Stream, ready: Ready[Any]) -> Lane:
            return Lane(
                stream,
                ready=ready,
                source=source,
                emit=emit,
                opener=self._open,
                hardware=self._hardware,
                keys=keys,
            )

        self._lanes = {
            "video": lane("video", self._video),
            "multiplexed": lane("audio", self._multiplexed),
            "audio": lane("audio", self._audio),
            "text": lane("text", self._text),
        }
        self._presenter = Presenter(
            sink,
            clock,
            emit,
            video=self._video,
            multiplexed=self._multiplexed,
            audio=self._audio,
            text=self._text,
        )
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        task_group.start_soon(self._run, name="renderer")

    def perform(self, action: Feed | Flush | Play | Hold | Finish) -> None:
        """Do what the Session decided; returns at once."""
        match action:
            case Feed():
                self._feed(action)
            case Flush():
                self._flush(action)
            case Play():
                self._presenter.play(action.position_us, action.at_us, action.rate)
            case Hold():
                self._presenter.hold(action.position_us)
            case Finish():
                self._presenter.finish()

    async def aclose(self) -> None:
        """Stop showing, wait for the packets in hand, free the decoders, close the sink.

        Raises:
            SinkError: The sink raised when it was closed.
        """
        self._scope.cancel()
        with anyio.CancelScope(shield=True):
            await self._ended.wait()
            for lane in self._lanes.values():
                await lane.aclose()
        try:
            self._sink.close()
        except Exception as error:
            raise SinkError(type(self._sink).__name__, f"on close: {error}") from error

    def _feed(self, feed: Feed) -> None:
        if feed.track == "audio" and not self._audio.feeding:
            # Sound of its own replaces the sound beside the picture.
            self._lanes["multiplexed"].flush(Flush("video", self._multiplexed.generation, None))
        self._lanes[feed.track].feed(feed)
        if feed.track == "video" and not self._audio.feeding:
            self._lanes["multiplexed"].feed(feed)

    def _flush(self, flush: Flush) -> None:
        self._lanes[flush.track].flush(flush)
        if flush.track == "video":
            self._presenter.flush("video", self._video, flush.from_us)
            self._lanes["multiplexed"].flush(flush)
            if not self._audio.feeding:
                self._presenter.flush("audio", self._multiplexed, flush.from_us)
        elif flush.track == "audio":
            self._presenter.flush("audio", self._audio, flush.from_us)
        else:
            self._presenter.flush("text", self._text, flush.from_us)

    def _wake(self) -> None:
        self._presenter.wake()

    def _open(self, config: Config, hardware: str) -> Decoder:
        """Open a decoder on a worker thread."""
        if config.stream == "text":
            return TextDecoder(config)
        return MediaDecoder(config, hardware=hardware, threads=self._settings.threads)

    def _hardware(self, config: Config) -> str:
        """Return the hardware to try for a Config, "" for none."""
        wanted = self._settings.hwaccel
        for family in FAMILIES:
            if family == config.codec and wanted != "none":
                return remembered().get(family, "") if wanted == "auto" else wanted
        return ""

    async def _run(self) -> None:
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    for name, lane in self._lanes.items():
                        tasks.start_soon(lane.run, name=f"{name} lane")
                    tasks.start_soon(self._presenter.run, name="presenter")
        finally:
            self._ended.set()
