"""A segment between network and decoder: filled on one side, drained on the other.

The fetching side reads the bytes into packets as they come; the decoding side takes
packets as they come. Both run on one event loop, so there is no lock: whoever waits is
woken by the next change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import anyio

from netplay.errors import MediaError
from netplay.media.protection import SampleEncryption

__all__ = ["Config", "Packet", "Source", "SourceLost", "Stream"]

Stream = Literal["video", "audio", "text"]


class SourceLost(Exception):
    """The segment will not arrive: its fetch failed or was cancelled.

    Not a NetplayError: whoever drains drops the segment and waits to be told what is next.
    """


@dataclass(frozen=True, slots=True)
class Config:
    """What a decoder must know; two equal ones may share a decoder.

    Attributes:
        codec: FFmpeg's name of the codec ("h264", "hevc", "vp9", "av1", "aac", …), or
            "webvtt" and "ttml" (a whole document a packet), "wvtt" and "stpp" (in fMP4).
        extradata: What FFmpeg wants beside the packets; b"" for none.
        identity: Tells init segments apart whose codec and extradata are equal.
        scheme: How its encrypted packets are encrypted ("cenc", "cbcs", …); "" where none
            are. No matter to a decoder.
    """

    stream: Stream
    codec: str
    timescale: int
    extradata: bytes = b""
    width: int | None = None
    height: int | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None
    identity: str = ""
    scheme: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Packet:
    """One encoded frame, its times in the Config's ticks of media time, edit list applied.

    Attributes:
        trim_start: Audio samples at its beginning that are priming: decoded, not heard.
        trim_end: Audio samples at its end that are padding.
        encryption: How its data is encrypted; None: it is in the clear.
    """

    pts: int
    dts: int
    duration: int
    keyframe: bool
    data: bytes | memoryview
    trim_start: int = 0
    trim_end: int = 0
    encryption: SampleEncryption | None = None


class Source:
    """One fetched segment, perhaps still arriving, as packets a stream.

    Args:
        name: What it is called in errors.
        needs: The stream without which it is another segment than the one wanted.
    """

    def __init__(self, name: str, *, needs: Stream | None = None) -> None:
        self.name = name
        self._needs = needs
        self._configs: dict[Stream, Config] | None = None
        self._packets: dict[Stream, list[Packet]] = {}
        self._finished = False
        self._lost: str | None = None
        self._changed = anyio.Event()

    # The fetching side.

    def start(self, configs: tuple[Config, ...]) -> None:
        """Say which streams there are; once, before any packet.

        Raises:
            MediaError: The one that is needed is not among them.
        """
        assert self._configs is None, f"{self.name} was started twice"
        if self._needs and all(config.stream != self._needs for config in configs):
            raise MediaError(self.name, f"holds no {self._needs}")
        self._configs = {config.stream: config for config in configs}
        self._packets = {config.stream: [] for config in configs}
        self._wake()

    def add(self, stream: Stream, packets: list[Packet]) -> None:
        """Add packets in decoding order."""
        self._packets[stream].extend(packets)
        self._wake()

    def finish(self) -> None:
        """No more packets will come."""
        self._finished = True
        self._wake()

    def lose(self, detail: str) -> None:
        """The rest will never come; what was added may still be taken."""
        self._lost = detail
        self._wake()

    # The decoding side.

    async def configs(self) -> dict[Stream, Config]:
        """Return what the streams are, once known; raise SourceLost if that never comes."""
        while self._configs is None:
            await self._more()
        return self._configs

    async def packets(self, stream: Stream, start: int) -> list[Packet]:
        """Return the packets from the start-th on, at least one; [] once all were taken.

        Raises:
            SourceLost: No more will come, though the segment is not complete.
        """
        while True:
            held = self._packets.get(stream, [])
            if len(held) > start:
                return held[start:]
            if self._finished:
                return []
            await self._more()

    @property
    def finished(self) -> bool:
        """Every packet is here."""
        return self._finished

    async def _more(self) -> None:
        if self._lost is not None:
            raise SourceLost(f"{self.name}: {self._lost}")
        await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
