"""What an init segment means for decoding: a Config a stream, and where its clock starts.

One place translates between what a file says of its tracks and what a decoder is set up
with, so the edit list and the priming it hides are applied here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from netplay.codecs import family, kind_of
from netplay.errors import MediaError
from netplay.io.source import Config, Packet, Stream
from netplay.media.init import InitSegment, TrackInit
from netplay.media.moof import Sample
from netplay.timeline import Representation

__all__ = ["StreamTrack", "needed_stream", "stream_tracks"]

_DECODERS = {"jpeg": "mjpeg", "dts": "dca"}
"""Where FFmpeg's name is not the family's."""

_OPUS_PRE_SKIP = slice(10, 12)
"""Where OpusHead says how many samples the decoder should drop (RFC 7845 §5.1)."""


@dataclass(frozen=True, slots=True)
class StreamTrack:
    """One track of an init segment that is given to a decoder.

    Attributes:
        offset_ticks: What to add to times in the file to get media time (the edit list).
        lead_ticks: Audio before this time in the file is priming.
    """

    config: Config
    track_id: int
    offset_ticks: int
    lead_ticks: int

    def media_us(self, ticks: int) -> int:
        """Return the media time of a time in the file, rounded down."""
        return (ticks + self.offset_ticks) * 1_000_000 // self.config.timescale

    def packets(self, samples: Iterable[Sample], *, what: str) -> list[Packet]:
        """Return samples of this track as a decoder takes them, once they are decrypted.

        Raises:
            MediaError: They are encrypted, in a way that the init segment does not name.
        """
        offset, lead = self.offset_ticks, self.lead_ticks
        made = []
        for _, dts, pts, duration, keyframe, data, encryption in samples:
            if encryption is not None and not self.config.scheme:
                raise MediaError(what, "its samples are encrypted, and no scheme is named")
            trim = 0 if dts >= lead else self._samples(min(duration, lead - dts))
            made.append(
                Packet(pts + offset, dts + offset, duration, keyframe, data, trim, 0, encryption)
            )
        return made

    def _samples(self, ticks: int) -> int:
        return ticks * (self.config.sample_rate_hz or 0) // self.config.timescale


def needed_stream(rep: Representation) -> Stream | None:
    """Return the stream that a Representation's media must hold; None if nothing says.

    A variant of HLS that declares nothing may turn out to be sound alone.
    """
    if rep.kind == "video":
        declared = rep.width is not None or any(kind_of(it) == "video" for it in rep.codecs)
        return "video" if declared else None
    return rep.kind if rep.kind in ("audio", "text") else None


def stream_tracks(init: InitSegment, *, what: str) -> tuple[StreamTrack, ...]:
    """Return the first video, audio and text track of an init segment.

    Args:
        init: As it was read.
        what: Names it in errors.

    Raises:
        MediaError: It has none of them, or its codec has no decoder.
    """
    found = [init.first("video"), init.first("audio"), init.first("text")]
    tracks = tuple(_stream_track(track, what=what) for track in found if track is not None)
    if not tracks:
        raise MediaError(what, "has no video, audio or text track")
    return tracks


def _stream_track(track: TrackInit, *, what: str) -> StreamTrack:
    stream = cast(Stream, track.kind)
    named = family(track.codec) or family(track.fourcc)
    if stream == "text":
        codec = track.fourcc
    elif named is None:
        raise MediaError(what, f"codec {track.codec!r} is unknown here")
    else:
        codec = _DECODERS.get(named, named)
    offset = track.presentation_offset_ticks()
    lead = 0
    if stream == "audio":
        skipped = [edit.media_ticks for edit in track.edits if edit.media_ticks >= 0]
        priming = track.priming_samples * track.timescale // (track.sample_rate_hz or 48_000)
        lead = skipped[0] if skipped else priming
    return StreamTrack(
        config=Config(
            stream=stream,
            codec=codec,
            timescale=track.timescale,
            extradata=_extradata(codec, track.extradata),
            width=track.width or None,
            height=track.height or None,
            sample_rate_hz=track.sample_rate_hz or None,
            channels=track.channels or None,
            scheme=track.protection.scheme if track.protection else "",
        ),
        track_id=track.track_id,
        offset_ticks=offset,
        lead_ticks=lead,
    )


def _extradata(codec: str, data: bytes) -> bytes:
    """Return what sets a decoder up, without an order to drop samples on its own.

    libopus would drop its pre-skip from whatever packet comes first, also after a seek;
    packets say themselves what of them is priming.
    """
    if codec == "opus" and data[:8] == b"OpusHead" and len(data) >= 19:
        kept = bytearray(data)
        kept[_OPUS_PRE_SKIP] = b"\0\0"
        return bytes(kept)
    return data
