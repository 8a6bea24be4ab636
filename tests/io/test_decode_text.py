"""Subtitles become cues with their place in the title, whatever carried them."""

from __future__ import annotations

import struct

import pytest

from netplay.errors import DecodeError, MediaError
from netplay.io.show.captions import TextDecoder
from netplay.io.show.frames import Cue
from netplay.io.source import Config, Packet

TTML = """<tt xmlns="http://www.w3.org/ns/ttml"><body><div>
<p begin="1s" end="3s">hello</p></div></body></tt>"""


def cues(
    codec: str, data: bytes, *, start_us: int = 0, lasts_us: int = 0
) -> list[tuple[int, int, str]]:
    decoder = TextDecoder(Config("text", codec, 1_000_000))
    decoder.offset_us = 10_000_000
    packet = Packet(start_us, start_us, lasts_us, keyframe=True, data=data)
    entries = decoder.decode(packet, 7)
    assert decoder.drain() == []
    assert all(isinstance(entry, Cue) and entry.fetch_id == 7 for entry in entries)
    return [(it.position_us, it.until_us, it.text) for it in entries if isinstance(it, Cue)]


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def test_a_webvtt_document_is_timed_from_its_own_zero() -> None:
    found = cues("webvtt", b"WEBVTT\n\n00:01.000 --> 00:02.000\nhello\n")

    assert found == [(11_000_000, 12_000_000, "hello")]


def test_a_timestamp_map_moves_a_webvtt_document() -> None:
    header = b"WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:180000\n\n"

    found = cues("webvtt", header + b"00:01.000 --> 00:02.000\nhello\n")

    assert found == [(13_000_000, 14_000_000, "hello")]


def test_cues_come_in_order_of_their_start_whatever_the_document_does() -> None:
    late_first = b"00:05.000 --> 00:06.000\nb\n\n00:01.000 --> 00:02.000\na\n"

    found = cues("webvtt", b"WEBVTT\n\n" + late_first)

    assert [text for _, _, text in found] == ["a", "b"]


def test_a_wvtt_sample_is_timed_by_its_packet() -> None:
    sample = box(b"vttc", box(b"payl", b"hello"))

    found = cues("wvtt", sample, start_us=2_000_000, lasts_us=500_000)

    assert found == [(12_000_000, 12_500_000, "hello")]


def test_a_ttml_document_is_timed_from_its_own_zero() -> None:
    assert cues("ttml", TTML.encode()) == [(11_000_000, 13_000_000, "hello")]


def test_the_cues_of_an_stpp_sample_stay_within_it() -> None:
    found = cues("stpp", TTML.encode(), start_us=2_000_000, lasts_us=2_000_000)

    assert found == [(12_000_000, 13_000_000, "hello")]


def test_something_else_than_subtitles_is_the_medias_fault() -> None:
    with pytest.raises(MediaError, match="WEBVTT"):
        cues("webvtt", b"<html>not found</html>")


def test_a_kind_of_subtitles_that_nobody_reads_is_the_devices_fault() -> None:
    with pytest.raises(DecodeError, match="no reader"):
        cues("dvb_teletext", b"x")
