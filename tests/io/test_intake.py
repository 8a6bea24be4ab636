"""Whatever container a segment is in, the packets are those that libav would find."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import anyio
import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reels import demuxed, listed, reel, split

from netplay.errors import MediaError
from netplay.io.fetch.intake import Intake, open_intake, read_init_bytes
from netplay.io.source import Config, Packet, Source, Stream
from netplay.segments import Protection

ID3 = (
    b"ID3\x04\x00\x00\x00\x00\x00\x3fPRIV\x00\x00\x00\x35\x00\x00"
    b"com.apple.streaming.transportStreamTimestamp\x00" + (900_000).to_bytes(8, "big")
)
"""A tag that says ten seconds."""


class Taken:
    """What an intake made of some pieces."""

    def __init__(
        self,
        *pieces: bytes,
        init: bytes | None = None,
        lane: Stream = "video",
        mime_type: str = "",
        locked: bool = False,
    ) -> None:
        self.source = Source("v/7")
        read = None if init is None else read_init_bytes(init, what="init of v")
        self.found: list[Protection] = []
        self.intake: Intake = open_intake(
            self.source,
            read,
            lane=lane,
            mime_type=mime_type,
            found=self.found.extend,
            locked=locked,
        )
        for piece in pieces:
            self.intake.feed(piece)
        anyio.run(self._finish)

    async def _finish(self) -> None:
        await self.intake.finish()
        self.configs: dict[Stream, Config] = await self.source.configs()
        self.packets: dict[Stream, list[Packet]] = {
            stream: await self.source.packets(stream, 0) for stream in self.configs
        }

    @property
    def media_us(self) -> tuple[int | None, int | None]:
        """What media time it covers."""
        return self.intake.from_us, self.intake.until_us


def decoded(config: Config, packets: list[Packet]) -> list[int]:
    """Return how many samples or pictures each packet becomes, by a bare decoder."""
    context = av.CodecContext.create(config.codec, "r")
    if config.extradata:
        context.extradata = config.extradata
    if isinstance(context, av.AudioCodecContext) and config.sample_rate_hz:
        context.sample_rate = config.sample_rate_hz
        context.layout = "mono" if config.channels == 1 else "stereo"
    assert isinstance(context, av.AudioCodecContext | av.VideoCodecContext)
    frames: list[av.AudioFrame | av.VideoFrame] = []
    for packet in packets:
        raw = av.Packet(bytes(packet.data))
        raw.pts, raw.dts = packet.pts, packet.dts
        frames += context.decode(raw)
    frames += context.decode(None)
    return [frame.samples if isinstance(frame, av.AudioFrame) else 1 for frame in frames]


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9", "aac", "libopus", "flac"])
def test_a_fragmented_mp4_gives_what_libav_finds(codec: str) -> None:
    movie = reel(codec)
    init, media = split(movie)
    lane: Stream = "video" if codec.startswith(("libx", "libv")) else "audio"

    taken = Taken(media, init=init, lane=lane)

    assert listed(taken.packets[lane]) == demuxed(movie)[lane]


def test_both_streams_of_a_multiplex_come_out() -> None:
    movie = reel("libx264", "aac")
    init, media = split(movie)

    taken = Taken(media, init=init)

    assert {stream: listed(found) for stream, found in taken.packets.items()} == demuxed(movie)
    assert taken.media_us == (0, 2_000_000)


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 40_000), max_size=12))
def test_any_cutting_of_the_bytes_gives_the_same_packets(cuts: list[int]) -> None:
    movie = reel("libx264", "aac")
    init, media = split(movie)
    edges = [0, *sorted(cuts), len(media)]
    pieces = [media[start:end] for start, end in pairwise(edges)]

    taken = Taken(*pieces, init=init)

    assert {stream: listed(found) for stream, found in taken.packets.items()} == demuxed(movie)


def test_priming_of_aac_is_marked_and_lies_before_zero() -> None:
    init, media = split(reel("aac"))

    first, second = Taken(media, init=init, lane="audio").packets["audio"][:2]

    assert (first.pts, first.trim_start) == (-1024, 1024)
    assert (second.pts, second.trim_start) == (0, 0)


def test_priming_of_opus_is_marked_and_left_to_nobody_else() -> None:
    movie = reel("libopus")
    init, media = split(movie)

    taken = Taken(media, init=init, lane="audio")
    config, packets = taken.configs["audio"], taken.packets["audio"]

    assert packets[0].trim_start == -packets[0].pts == 312
    assert decoded(config, packets)[0] == 960  # not less: the decoder drops nothing by itself


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9", "aac", "libopus", "flac"])
def test_a_config_sets_up_a_bare_decoder(codec: str) -> None:
    init, media = split(reel(codec))
    lane: Stream = "video" if codec.startswith(("libx", "libv")) else "audio"

    taken = Taken(media, init=init, lane=lane)

    sizes = decoded(taken.configs[lane], taken.packets[lane])
    trimmed = sum(packet.trim_start for packet in taken.packets[lane])
    assert sum(sizes) - trimmed >= (50 if lane == "video" else 95_000)


def test_a_segment_that_carries_its_own_init_segment_needs_none() -> None:
    movie = reel("libx264", "aac")

    taken = Taken(movie)

    assert {stream: listed(found) for stream, found in taken.packets.items()} == demuxed(movie)


@pytest.mark.parametrize("container", ["mpegts", "mov"])
def test_a_multiplex_that_is_read_whole_gives_what_libav_finds(container: str) -> None:
    movie = reel("libx264", "aac", container=container)

    taken = Taken(movie[:100], movie[100:])

    assert {stream: listed(found) for stream, found in taken.packets.items()} == demuxed(movie)
    assert taken.configs["video"].codec == "h264"
    assert (taken.configs["video"].width, taken.configs["audio"].sample_rate_hz) == (64, 48_000)


def test_transport_stream_times_are_those_in_the_stream() -> None:
    movie = reel("libx264", container="mpegts")

    taken = Taken(movie)

    first = min(pts for pts, _, _, _ in demuxed(movie)["video"])
    assert taken.media_us == (first * 100 // 9, first * 100 // 9 + 2_000_000)
    assert decoded(taken.configs["video"], taken.packets["video"]) == [1] * 50


@pytest.mark.parametrize(("container", "codec"), [("mpegts", "libx264"), ("adts", "aac")])
def test_samples_that_are_encrypted_are_refused_where_nothing_can_open_them(
    container: str, codec: str
) -> None:
    with pytest.raises(MediaError, match="v/7: SAMPLE-AES"):
        Taken(reel(codec, container=container), locked=True)


def test_a_text_document_of_a_protected_title_is_in_the_clear() -> None:
    taken = Taken(b"WEBVTT\n", lane="text", mime_type="text/vtt", locked=True)

    assert [bytes(it.data) for it in taken.packets["text"]] == [b"WEBVTT\n"]


def test_webm_is_read_with_its_init_segment_in_front() -> None:
    movie = reel("libvpx-vp9", container="webm")
    cluster = movie.index(b"\x1f\x43\xb6\x75")

    taken = Taken(movie[cluster:], init=movie[:cluster])

    assert listed(taken.packets["video"]) == demuxed(movie)["video"]
    assert taken.configs["video"].codec == "vp9"


@pytest.mark.parametrize(
    ("container", "codec"), [("adts", "aac"), ("mp3", "libmp3lame"), ("ac3", "ac3")]
)
def test_packed_audio_starts_where_its_tag_says(container: str, codec: str) -> None:
    raw = reel(codec, container=container)

    plain = Taken(raw, lane="audio")
    tagged = Taken(ID3 + raw, lane="audio")

    assert plain.media_us[0] is not None
    assert tagged.media_us[0] == plain.media_us[0] + 10_000_000
    assert [bytes(it.data) for it in tagged.packets["audio"]] == [
        bytes(it.data) for it in plain.packets["audio"]
    ]
    assert sum(decoded(tagged.configs["audio"], tagged.packets["audio"])) >= 95_000


@pytest.mark.parametrize(
    ("body", "mime_type", "codec"),
    [
        (b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n", "text/vtt", "webvtt"),
        (b'<tt xmlns="http://www.w3.org/ns/ttml"></tt>', "application/ttml+xml", "ttml"),
        (b"00:00.000 --> 00:01.000\nno header\n", "text/vtt", "webvtt"),
    ],
)
def test_a_text_document_is_one_packet(body: bytes, mime_type: str, codec: str) -> None:
    taken = Taken(body[:9], body[9:], lane="text", mime_type=mime_type)

    assert taken.configs["text"].codec == codec
    assert [bytes(it.data) for it in taken.packets["text"]] == [body]


def test_an_empty_text_segment_has_no_packet() -> None:
    taken = Taken(lane="text", mime_type="text/vtt")

    assert taken.packets["text"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"\x47" + bytes(187),
        (b"\x47" + bytes(187)) * 20,
        b"\x1a\x45\xdf\xa3" + bytes(400),
        b"\0\0\0\x18ftypisom" + bytes(12),
        b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(99),
        b"\xff\xf1\x50\x80" * 50,
    ],
)
def test_what_is_no_media_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(MediaError, match="v/7"):
        Taken(body, mime_type="video/mp4")


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    container=st.sampled_from(["mpegts", "mov", "webm", "adts", "mp4"]),
    cut=st.integers(0, 6000),
    flips=st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), max_size=8),
)
def test_broken_media_is_read_or_refused_and_nothing_else(
    container: str, cut: int, flips: list[tuple[int, int]]
) -> None:
    codec = {"webm": "libvpx-vp9", "adts": "aac"}.get(container, "libx264")
    body = bytearray(reel(codec, container=container))
    for at, value in flips:
        body[at % len(body)] = value
    del body[max(len(body) - cut, 100) :]

    with suppress(MediaError):
        taken = Taken(bytes(body), lane="audio" if codec == "aac" else "video")
        assert any(taken.packets.values())


def test_an_init_segment_without_a_track_to_play_is_refused() -> None:
    with pytest.raises(MediaError, match="init of v"):
        read_init_bytes(b"<html></html>", what="init of v")
