"""Bytes tell which container they are in."""

import io

import av
import pytest
from boxmaker import box, simple
from clips import VECTORS, clip, needs_vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from netplay.media.container import Container, Id3, read_id3, sniff

OWNER = b"com.apple.streaming.transportStreamTimestamp\0"


def id3(*frames: bytes, version: int = 4) -> bytes:
    body = b"".join(frames)
    size = bytes((len(body) >> shift & 127) for shift in (21, 14, 7, 0))
    return b"ID3" + bytes([version, 0, 0]) + size + body


def priv(ticks: int, owner: bytes = OWNER) -> bytes:
    body = owner + ticks.to_bytes(8, "big")
    return b"PRIV" + len(body).to_bytes(4, "big") + bytes(2) + body


def muxed(encoder: str, container_format: str) -> bytes:
    """Return two seconds in another container than MP4."""
    source, file = io.BytesIO(clip(encoder)), io.BytesIO()
    with (
        av.open(source, "r") as reading,
        av.open(file, "w", format=container_format) as writing,
    ):
        stream = writing.add_stream_from_template(reading.streams[0])
        for packet in reading.demux():
            if packet.dts is not None:
                packet.stream = stream
                writing.mux(packet)
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "container_format", "container"),
    [
        ("libx264", "mpegts", "mpegts"),
        ("aac", "mpegts", "mpegts"),
        ("aac", "adts", "aac"),
        ("libmp3lame", "mp3", "mp3"),
        ("ac3", "ac3", "ac3"),
        ("eac3", "eac3", "eac3"),
        ("libvpx-vp9", "webm", "webm"),
        ("libopus", "webm", "webm"),
        ("libx264", "mp4", "fmp4"),
    ],
)
def test_what_libav_muxes_is_recognized(
    encoder: str, container_format: str, container: Container
) -> None:
    data = clip(encoder) if container_format == "mp4" else muxed(encoder, container_format)

    assert sniff(data) == container
    assert sniff(id3(priv(5)) + data) == container


@pytest.mark.parametrize(
    ("data", "container"),
    [
        (simple(), "fmp4"),
        (box("styp", b"msdh"), "fmp4"),
        (b"WEBVTT\n\n", "webvtt"),
        (b"\xef\xbb\xbfWEBVTT - a title\n", "webvtt"),
        (b"WEBVTTX", None),
        (b'<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml">', "ttml"),
        (b"<!DOCTYPE html><html>", None),
        (b"G" * 100, None),
        (b"#EXTM3U\n", None),
        (b"", None),
    ],
)
def test_text_and_boxes_are_told_apart(data: bytes, container: Container | None) -> None:
    assert sniff(data) == container


def test_the_time_of_packed_audio_is_in_its_tag() -> None:
    tag = id3(b"TXXX\0\0\0\2\0\0ab", priv(2**33 + 900_000))

    assert read_id3(tag + b"\xff\xf1") == Id3(len(tag), 900_000)


def test_another_owners_frame_is_no_time() -> None:
    tag = id3(priv(900_000, owner=b"somebody.else\0"))

    assert read_id3(tag) == Id3(len(tag), None)


def test_several_tags_may_follow_each_other() -> None:
    assert sniff(id3() + id3(priv(1)) + b"\xff\xf1\x50\x80\x02\x1f\xfc") == "aac"


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_any_bytes_are_told_or_not(data: bytes) -> None:
    assert sniff(data) == sniff(memoryview(data))
    sniff(id3() + data)
    read_id3(b"ID3\4\0\0\0\0\2\0" + data)


@needs_vectors
@pytest.mark.parametrize(
    ("path", "container"),
    [
        ("vhs/ac3WithId3.ac3", "ac3"),
        ("vhs/ac3WithoutId3.ac3", "ac3"),
        ("shaka/hls-raw-aac/fileSequence0.aac", "aac"),
        ("shaka/id3-metadata.aac", "aac"),
        ("shaka/video.ts", "mpegts"),
        ("shaka/init-segment.webm", "webm"),
        ("shaka/text-clip.vtt", "webvtt"),
        ("shaka/ttml-segment.mp4", "fmp4"),
        ("media3/ttml/simple.xml", "ttml"),
    ],
)
def test_the_conformance_vectors_are_recognized(path: str, container: Container) -> None:
    assert sniff((VECTORS / path).read_bytes()) == container
