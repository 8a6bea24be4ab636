"""Bytes of one segment go in, packets come out into its Source.

Which intake a segment needs is told by its init segment, or by its own first bytes. A
fragmented MP4 is read while it arrives; every other container when it is complete.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import anyio.to_thread

from netplay.errors import MediaError
from netplay.io.fetch.demux import Demuxed, demux
from netplay.io.fetch.tracks import StreamTrack, stream_tracks
from netplay.io.keys.found import protections, protections_of
from netplay.io.source import Config, Packet, Source, Stream
from netplay.media.boxes import find
from netplay.media.container import Container, sniff
from netplay.media.fragments import FragmentReader
from netplay.media.init import InitSegment, read_init
from netplay.segments import Protection

__all__ = ["Init", "Intake", "open_intake", "read_init_bytes"]

_TEXT_TIMESCALE = 1_000_000


@dataclass(frozen=True, slots=True)
class Init:
    """An init segment, ready for the media segments that need it.

    Attributes:
        data: As it came.
        container: What it is in.
        movie: What it says, where it is fragmented MP4.
        tracks: Those given to decoders; empty unless fragmented MP4.
        protections: How its media is encrypted; () if it is in the clear.
    """

    data: bytes
    container: Container
    movie: InitSegment | None
    tracks: tuple[StreamTrack, ...]
    protections: tuple[Protection, ...] = ()


Found = Callable[[tuple[Protection, ...]], None]
"""Hears how media is encrypted, where it is the media that says so."""


def read_init_bytes(data: bytes, *, what: str) -> Init:
    """Read an init segment.

    Raises:
        MediaError: It is none.
    """
    container = sniff(data)
    if container in ("webm", "mpegts"):
        return Init(data, container, None, ())
    if container != "fmp4":
        raise MediaError(what, f"not an init segment: {_described(data)}")
    movie = read_init(data, what=what)
    tracks = stream_tracks(movie, what=what)
    return Init(data, "fmp4", movie, tracks, protections_of(movie))


class Intake(Protocol):
    """Reads one segment."""

    @property
    def from_us(self) -> int | None:
        """The earliest media time in it; None until known."""

    @property
    def until_us(self) -> int | None:
        """Media is there up to here without a hole; None until known."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            MediaError: They are not what they should be.
        """

    def measure(self) -> None:
        """Bring from_us and until_us up to date."""

    async def finish(self) -> None:
        """Say that these were all, and finish the Source.

        Raises:
            MediaError: Something is missing.
        """


def open_intake(
    source: Source,
    init: Init | None,
    *,
    lane: Stream,
    mime_type: str,
    found: Found,
    kid: bytes | None = None,
    locked: bool = False,
) -> Intake:
    """Return what reads a segment into a Source.

    Args:
        source: Where packets go; it names the segment in errors.
        init: What the segment is decoded with; None where it needs none.
        lane: The stream whose times are the segment's.
        mime_type: As the manifest declares it, for text that cannot be told by its bytes.
        found: Hears of keys that the init segment does not tell of.
        kid: Stands for the key of all its samples, whatever they say (HLS); None: they say.
        locked: Whether its playlist says that its samples are encrypted (HLS).
    """
    if init is not None and init.movie is not None:
        return _FragmentIntake(source, init, lane=lane, found=found, kid=kid)
    return _WholeIntake(
        source, init, lane=lane, mime_type=mime_type, found=found, kid=kid, locked=locked
    )


class _FragmentIntake:
    """Fragmented MP4, read as it comes."""

    def __init__(
        self,
        source: Source,
        init: Init,
        *,
        lane: Stream,
        found: Found,
        kid: bytes | None,
    ) -> None:
        movie, tracks = init.movie, init.tracks
        assert movie is not None
        self.from_us: int | None = None
        self.until_us: int | None = None
        self._source = source
        self._reader = FragmentReader(movie, what=source.name)
        self._tracks = tracks
        self._alone = len(movie.tracks) == 1
        lanes = [track for track in tracks if track.config.stream == lane]
        self._main = lanes[0] if lanes else tracks[0]
        self._found = found
        self._kid = kid
        self._kids = {bytes.fromhex(way.default_kid) for way in init.protections}
        source.start(tuple(track.config for track in tracks))

    def feed(self, data: bytes) -> None:
        samples = self._reader.feed(data)
        # Nothing below here depends on what else the reader may learn.
        self._reader.events.clear()
        self._reader.producer_times.clear()
        if not samples:
            return
        for track in self._tracks:
            mine = samples if self._alone else [it for it in samples if it[0] == track.track_id]
            if mine:
                packets = track.packets(mine, what=self._source.name)
                if track.config.scheme:
                    packets = self._keyed(packets, track.config.scheme)
                self._source.add(track.config.stream, packets)
        if self.from_us is None:
            self.measure()

    def _keyed(self, packets: list[Packet], scheme: str) -> list[Packet]:
        """Return encrypted packets under the key they mean, and tell of keys that are new."""
        if self._kid is not None:
            return [_under(packet, self._kid) for packet in packets]
        fresh = {it.encryption.kid for it in packets if it.encryption} - self._kids
        if fresh:
            self._kids |= fresh
            kids = sorted(kid.hex() for kid in fresh)
            self._found(protections(kids, scheme, self._reader.pssh))
        return packets

    def measure(self) -> None:
        span = self._reader.span(self._main.track_id)
        if span is None:
            return
        self.from_us = self._main.media_us(span.start)
        # A multiplex goes on no further than the stream that is behind.
        self.until_us = min(
            track.media_us(other.until)
            for track in self._tracks
            if (other := self._reader.span(track.track_id)) is not None
        )

    async def finish(self) -> None:
        self._reader.finish()
        self.measure()
        if self.from_us is None:
            raise MediaError(
                self._source.name, f"holds no sample of its {self._main.config.stream} track"
            )
        self._source.finish()


class _WholeIntake:
    """Any other container, read once it is complete."""

    def __init__(
        self,
        source: Source,
        init: Init | None,
        *,
        lane: Stream,
        mime_type: str,
        found: Found,
        kid: bytes | None,
        locked: bool,
    ) -> None:
        self.from_us: int | None = None
        self.until_us: int | None = None
        self._source = source
        self._init = init
        self._lane = lane
        self._mime_type = mime_type
        self._found = found
        self._kid = kid
        self._locked = locked
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> None:
        self._pieces.append(data)

    def measure(self) -> None:
        """There is nothing to tell before the end."""

    async def finish(self) -> None:
        data = b"".join(self._pieces)
        self._pieces.clear()
        name = self._source.name
        if self._init is not None:
            container: Container | None = self._init.container
            data = self._init.data + data
        else:
            container = sniff(data) or _text_container(self._mime_type)
        if container is None:
            raise MediaError(name, f"not media: {_described(data)}")
        if container in ("webvtt", "ttml"):
            self._give_text(container, data)
        elif container == "fmp4" and self._init is None and find(data, "moof", what=name):
            await self._read_fragments(data)
            return
        elif self._locked:
            raise MediaError(name, f"SAMPLE-AES in {container} is not supported, only in fMP4")
        else:
            await self._demux(data, container)
        self._source.finish()

    def _give_text(self, codec: str, data: bytes) -> None:
        self._source.start((Config("text", codec, _TEXT_TIMESCALE),))
        self._source.add("text", [Packet(0, 0, 0, keyframe=True, data=data)] if data else [])

    async def _read_fragments(self, data: bytes) -> None:
        """Read a segment that carries its own init segment."""
        init = read_init_bytes(data, what=self._source.name)
        if init.protections and self._kid is None:
            self._found(init.protections)
        intake = _FragmentIntake(
            self._source, init, lane=self._lane, found=self._found, kid=self._kid
        )
        intake.feed(data)
        await intake.finish()
        self.from_us, self.until_us = intake.from_us, intake.until_us

    async def _demux(self, data: bytes, container: Container) -> None:
        streams = await anyio.to_thread.run_sync(
            partial(demux, data, container, what=self._source.name)
        )
        main = _main(streams, self._lane)
        self.from_us, self.until_us = main.from_us, main.until_us
        self._source.start(tuple(it.config for it in streams))
        for it in streams:
            self._source.add(it.config.stream, it.packets)


def _under(packet: Packet, kid: bytes) -> Packet:
    """Return a packet whose key is the one named, if it needs any."""
    if packet.encryption is None:
        return packet
    return replace(packet, encryption=packet.encryption._replace(kid=kid))


def _main(streams: tuple[Demuxed, ...], lane: Stream) -> Demuxed:
    return next((it for it in streams if it.config.stream == lane), streams[0])


def _text_container(mime_type: str) -> Container | None:
    kind = mime_type.lower()
    return "webvtt" if "vtt" in kind else "ttml" if "ttml" in kind else None


def _described(data: bytes) -> str:
    if not data:
        return "empty"
    head = data[:12]
    text = head.decode("latin-1")
    return f"begins {text!r}" if text.isprintable() else f"begins {head.hex(' ')}"
