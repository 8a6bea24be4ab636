"""An HLS media playlist read: what each tag means for the segments behind it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hls_playlists import URL, entries, playlist, read, segments

from netplay.manifest.hls import read_hls, read_media_playlist
from netplay.segments import ByteRange, Init, Part
from netplay.timeline import Known, Unresolved


def test_a_segment_has_the_name_and_the_length_that_the_playlist_gives_it() -> None:
    index = read("#EXTINF:5.96,First", "a.ts", "#EXTINF:4.004", "b.ts?x=1#y").index

    assert [segment.entry.uri for segment in index] == ["a.ts", "b.ts?x=1#y"]
    assert [segment.duration_us for segment in index] == [5_960_000, 4_004_000]
    assert index[0].entry.title == "First"
    assert not index.timed
    assert index.ended


def test_the_end_of_a_segment_is_the_start_of_the_next_even_where_decimals_do_not_add_up() -> None:
    index = read(*segments(10_000, seconds="6.006006006"), target=6).index

    assert all(a.end_us == b.start_us for a, b in pairwise(index))
    assert index.end_us == 10_000 * 6_006_006_006 // 1_000
    assert len(index.runs) == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lines_may_end_as_any_system_ends_them_and_begin_with_a_mark(end: str, mark: str) -> None:
    text = mark + playlist(*segments(2)).replace("\n", end)

    index = read_media_playlist(text, URL)

    assert [segment.entry.uri for segment in index] == ["0.m4s", "1.m4s"]


def test_a_byte_range_without_offset_follows_the_one_before_in_the_same_file() -> None:
    cuts = [
        entry.byte_range
        for entry in entries(
            *("#EXTINF:6,", "#EXT-X-BYTERANGE:100@50", "a.ts"),
            *("#EXT-X-BYTERANGE:10", "#EXTINF:6,", "a.ts"),
            *("#EXTINF:6,", "#EXT-X-BYTERANGE:7", "a.ts"),
            *("#EXTINF:6,", "whole.ts"),
            *("#EXTINF:6,", "#EXT-X-BYTERANGE:9", "b.ts"),
        )
    ]

    assert cuts == [
        ByteRange(50, 100),
        ByteRange(150, 10),
        ByteRange(160, 7),
        None,
        ByteRange(0, 9),
    ]


def test_an_init_segment_holds_until_the_next_and_may_be_part_of_a_file() -> None:
    held = entries(
        *segments(1),
        '#EXT-X-MAP:URI="init.mp4",BYTERANGE="616@0"',
        *segments(2, first=1),
        '#EXT-X-MAP:URI="other.mp4"',
        *segments(1, first=3),
    )

    part, whole = Init("init.mp4", ByteRange(0, 616)), Init("other.mp4")
    assert [entry.init for entry in held] == [None, part, part, whole]


def test_keys_of_several_systems_hold_at_once_and_one_replaces_its_own_kind() -> None:
    widevine = 'KEYFORMAT="urn:uuid:EDEF8BA9-79d6-4ace-a3c8-27dcd51d21ed"'
    held = entries(
        *('#EXT-X-KEY:METHOD=AES-128,URI="k1",IV=0x0F', *segments(1)),
        *(f'#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI="w1",{widevine}', *segments(1, first=1)),
        *('#EXT-X-KEY:METHOD=AES-128,URI="k2"', *segments(1, first=2)),
        *("#EXT-X-KEY:METHOD=NONE", *segments(1, first=3)),
    )

    assert [[key.key_uri for key in entry.keys] for entry in held] == [
        ["k1"],
        ["k1", "w1"],
        ["k2", "w1"],
        [],
    ]
    first, second = held[1].keys
    assert (first.system, first.scheme, first.iv) == ("identity", "aes-128", bytes(15) + b"\x0f")
    assert (second.system, second.scheme) == ("edef8ba9-79d6-4ace-a3c8-27dcd51d21ed", "cenc")
    assert held[2].keys[0].iv is None


def test_init_data_in_a_key_uri_becomes_a_whole_pssh_box() -> None:
    (playready,) = entries(
        '#EXT-X-KEY:METHOD=SAMPLE-AES,KEYFORMAT="com.microsoft.playready",KEYFORMATVERSIONS="1",'
        'URI="data:text/plain;charset=UTF-16;base64,AAECAw==",KEYID=0x0123456789ABCDEF0123456789abcdef',
        *segments(1),
    )[0].keys

    assert playready.system == "9a04f079-9840-4286-ab92-e65be0885f95"
    assert playready.pssh[4:8] == b"pssh"
    assert len(playready.pssh) == int.from_bytes(playready.pssh[:4], "big")
    assert playready.pssh[-4:] == bytes([0, 1, 2, 3])
    assert playready.default_kid == "0123456789abcdef0123456789abcdef"
    assert playready.key_format_versions == "1"


@pytest.mark.parametrize(
    ("more", "pssh"),
    [
        ('URI="data:;base64,AAAADHBzc2gAAAAA",KEYFORMAT="com.widevine"', b"\0\0\0\x0cpssh\0\0\0\0"),
        ('URI="data:;base64,A",KEYFORMAT="com.widevine"', b""),
        ('URI="data:;base64,AAECAw=="', b""),
        ('URI="https://k.example/key"', b""),
    ],
)
def test_only_init_data_is_taken_for_it(more: str, pssh: bytes) -> None:
    (key,) = entries(f"#EXT-X-KEY:METHOD=SAMPLE-AES,{more}", *segments(1))[0].keys

    assert key.pssh == pssh


def test_the_target_duration_stands_in_for_a_length_that_is_no_number() -> None:
    document = read("#EXTINF:long,", "a.ts", target=4)

    assert document.index[0].duration_us == 4_000_000
    assert "read as the target duration" in document.warnings[0]


def test_a_segment_longer_than_the_target_and_one_never_named_are_warned_of() -> None:
    document = read("#EXTINF:9,", "a.ts", "#EXTINF:9,")

    assert len(document.index) == 1
    assert ["no URI" in warning for warning in document.warnings] == [True, False]
    assert "longer than the target" in document.warnings[1]


def test_each_discontinuity_begins_another_continuity_counted_from_its_sequence() -> None:
    held = entries(
        "#EXT-X-DISCONTINUITY-SEQUENCE:7",
        *segments(1),
        "#EXT-X-DISCONTINUITY",
        *segments(2, first=1),
        "#EXT-X-DISCONTINUITY",
        *segments(1, first=3),
    )

    assert [entry.continuity for entry in held] == [7, 8, 8, 9]


def test_a_gap_and_a_title_are_of_one_segment_and_a_bitrate_of_all_that_follow() -> None:
    held = entries(
        *("#EXT-X-BITRATE:800", "#EXT-X-GAP", "#EXTINF:6,one", "0.ts"),
        *("#EXTINF:6,", "1.ts"),
        *("#EXT-X-BYTERANGE:5@0", "#EXTINF:6,", "2.ts"),
    )

    assert [entry.gap for entry in held] == [True, False, False]
    assert [entry.bitrate_bps for entry in held] == [800_000, 800_000, None]


def test_a_date_is_carried_forward_and_back() -> None:
    held = entries(
        *segments(2),
        "#EXT-X-PROGRAM-DATE-TIME:2024-02-29T12:00:00.5+01:00",
        *segments(2, first=2, seconds="1.5"),
        "#EXT-X-PROGRAM-DATE-TIME:2024-02-29T12:00:00Z",
        *segments(1, first=4),
    )

    eleven = 1_709_204_400_000_000
    assert [(entry.utc_us or 0) - eleven for entry in held] == [
        -11_500_000,
        -5_500_000,
        500_000,
        2_000_000,
        3_600_000_000,
    ]


def test_a_date_range_is_an_event_at_the_place_its_date_has() -> None:
    document = read(
        "#EXT-X-PROGRAM-DATE-TIME:2024-01-01T00:00:00Z",
        *segments(2),
        "#EXT-X-PROGRAM-DATE-TIME:2024-01-01T01:00:00Z",
        *segments(2, first=2),
        '#EXT-X-DATERANGE:ID="late",START-DATE="2024-01-01T01:00:01Z",DURATION=2.5,X-AD="a,b"',
        '#EXT-X-DATERANGE:ID="early",CLASS="com.x",START-DATE="2024-01-01T00:00:03Z"',
        '#EXT-X-DATERANGE:ID="early",END-DATE="2024-01-01T00:00:04Z"',
        '#EXT-X-DATERANGE:START-DATE="2024-01-01T00:00:03Z"',
    )

    early, late = document.events
    assert (early.id, early.scheme, early.at_us, early.duration_us) == (
        "early",
        "com.x",
        3_000_000,
        1_000_000,
    )
    assert (late.at_us, late.duration_us) == (13_000_000, 2_500_000)
    assert 'X-AD="a,b"' in late.payload
    assert "ID is missing" in document.warnings[0]


def test_parts_belong_to_the_segment_behind_them_and_the_last_ones_to_none() -> None:
    document = read(
        "#EXT-X-PART-INF:PART-TARGET=2",
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=6.5,HOLD-BACK=18,"
        "CAN-SKIP-UNTIL=36",
        '#EXT-X-PART:DURATION=2,URI="0.m4s",BYTERANGE="10@0",INDEPENDENT=YES',
        '#EXT-X-PART:DURATION=2,URI="0.m4s",BYTERANGE="20"',
        *segments(1),
        '#EXT-X-PART:DURATION=1.5,URI="1a.m4s",GAP=YES',
        '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="1b.m4s"',
        '#EXT-X-RENDITION-REPORT:URI="../audio.m3u8",LAST-MSN=1',
        ended=False,
    )

    (segment,) = document.index
    assert segment.entry.parts == (
        Part("0.m4s", 2_000_000_000, True, ByteRange(0, 10)),
        Part("0.m4s", 2_000_000_000, False, ByteRange(10, 20)),
    )
    held = document.playlist
    assert held.trailing_parts == (Part("1a.m4s", 1_500_000_000, gap=True),)
    assert held.part_target_us == 2_000_000
    assert (held.part_hold_back_us, held.hold_back_us) == (6_500_000, 18_000_000)
    assert held.can_skip_until_us == 36_000_000
    assert held.can_block_reload


def test_what_the_playlist_says_of_itself_is_kept() -> None:
    document = read(
        "#EXT-X-VERSION:9",
        "#EXT-X-PLAYLIST-TYPE:EVENT",
        "#EXT-X-MEDIA-SEQUENCE:42",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-I-FRAMES-ONLY",
        "#EXT-X-START:TIME-OFFSET=-12.5,PRECISE=YES",
        *segments(2),
    )

    held = document.playlist
    assert (held.version, held.type, held.media_sequence) == (9, "EVENT", 42)
    assert (held.independent_segments, held.i_frames_only) == (True, True)
    assert document.start_us == -12_500_000
    assert [segment.number for segment in document.index] == [42, 43]


def test_a_playlist_of_type_vod_without_its_end_was_cut_off() -> None:
    document = read("#EXT-X-PLAYLIST-TYPE:VOD", *segments(1), ended=False)

    assert not document.index.ended
    assert any("EXT-X-ENDLIST" in warning for warning in document.warnings)


def test_the_period_of_the_representation_places_and_clips_its_segments() -> None:
    unresolved = Unresolved("playlist", period_start_us=60_000_000, period_end_us=70_000_000)

    index = read_media_playlist(playlist(*segments(2)), URL, unresolved=unresolved)

    assert [(s.start_us, s.end_us) for s in index] == [
        (60_000_000, 66_000_000),
        (66_000_000, 70_000_000),
    ]


@pytest.mark.parametrize(
    ("uri", "kind", "mime_type"),
    [
        ("a.ts", "video", "video/mp2t"),
        ("a.m4s?x=.aac", "video", "video/mp4"),
        ("a.aac", "audio", "audio/aac"),
        ("a.VTT", "text", "text/vtt"),
        ("segment", "video", ""),
    ],
)
def test_a_media_playlist_alone_is_one_representation_of_what_its_files_are_named(
    uri: str, kind: str, mime_type: str
) -> None:
    presentation = read_hls(playlist("#EXTINF:6,", uri), URL)

    (rep,) = presentation.periods[0].representations
    assert (rep.kind, rep.mime_type) == (kind, mime_type)
    assert isinstance(rep.index, Known)
    assert rep.locations[0].host == "cdn.example"
    assert presentation.duration_us == 6_000_000
    assert presentation.live is None


def test_an_empty_live_playlist_can_be_followed_and_an_empty_one_that_ended_is_warned_of() -> None:
    live = read_hls(playlist(ended=False), URL)
    ended = read_hls(playlist(), URL)

    assert live.live is not None
    assert ended.duration_us == 0
    assert any("no segments" in warning for warning in ended.warnings)
