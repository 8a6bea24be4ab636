"""An HLS multivariant playlist read: ladders, groups, copies of the same thing."""

from __future__ import annotations

from fractions import Fraction

import pytest

from netplay.errors import ManifestError
from netplay.manifest.hls import (
    CAPTIONS_SCHEME,
    LAYOUT_SCHEME,
    RENDITION_SCHEME,
    VARIANT_SCHEME,
    read_hls,
    split_attributes,
)
from netplay.timeline import (
    AdaptationSet,
    Descriptor,
    Kind,
    Presentation,
    Representation,
    Unresolved,
)

URL = "https://cdn.example/title/main.m3u8"
AVC = 'CODECS="avc1.640028,mp4a.40.2"'


def read(*lines: str) -> Presentation:
    return read_hls("\n".join(["#EXTM3U", *lines, ""]), URL)


def variant(uri: str, bandwidth: int, more: str = "") -> list[str]:
    return [f"#EXT-X-STREAM-INF:BANDWIDTH={bandwidth}{',' if more else ''}{more}", uri]


def media(kind: str, group: str, name: str, more: str = "") -> str:
    return f'#EXT-X-MEDIA:TYPE={kind},GROUP-ID="{group}",NAME="{name}"{"," if more else ""}{more}'


def sets(presentation: Presentation, kind: Kind) -> list[AdaptationSet]:
    return list(presentation.periods[0].of_kind(kind))


def reps(presentation: Presentation) -> list[Representation]:
    return list(presentation.periods[0].representations)


def test_variants_are_a_ladder_by_rising_bandwidth_still_to_be_resolved() -> None:
    presentation = read(
        "#EXT-X-VERSION:7",
        *variant(
            "hi.m3u8",
            4_300_000,
            "AVERAGE-BANDWIDTH=4000000,RESOLUTION=1920x1080,FRAME-RATE=23.976,"
            f'{AVC},HDCP-LEVEL=TYPE-0,VIDEO-RANGE=SDR,SCORE=2.5,STABLE-VARIANT-ID="top"',
        ),
        *variant("lo/v.m3u8", 235_000, f"RESOLUTION=320x180,{AVC}"),
    )

    (group,) = sets(presentation, "video")
    low, high = group.representations
    assert (low.name, low.bandwidth_bps) == ("lo/v.m3u8", 235_000)
    assert low.locations[0].url == "https://cdn.example/title/lo/v.m3u8"
    assert low.locations[0].host == "cdn.example"
    assert low.index == Unresolved("playlist", per_host=True)
    assert (high.id, high.name) == ("0/top", "top")
    assert (high.average_bps, high.width, high.height) == (4_000_000, 1920, 1080)
    assert high.frame_rate == Fraction(23976, 1000)
    assert (high.hdcp_level, high.video_range, high.quality) == ("TYPE-0", "sdr", 2.5)
    assert high.carries == ("video", "audio")
    assert high.codecs == ("avc1.640028", "mp4a.40.2")
    assert presentation.version == 7
    assert group.default


def test_each_family_of_codecs_and_each_dynamic_range_is_a_set_of_its_own() -> None:
    presentation = read(
        *variant("a", 1, 'CODECS="avc1.4d401f"'),
        *variant("h", 2, 'CODECS="hvc1.1.6.L93"'),
        *variant("d", 3, 'CODECS="dvh1.05.06",VIDEO-RANGE=PQ'),
        *variant("p", 4, 'CODECS="hvc1.2.4.L123",VIDEO-RANGE=PQ'),
        *variant("s", 5, 'CODECS="avc1.64001f",VIDEO-RANGE=SDR,REQ-VIDEO-LAYOUT="CH-STEREO"'),
    )

    names = [[rep.name for rep in group.representations] for group in sets(presentation, "video")]
    assert names == [["a"], ["h"], ["d", "p"], ["s"]]
    assert reps(presentation)[-1].essential == (Descriptor(LAYOUT_SCHEME, "CH-STEREO"),)


def test_a_variant_whose_audio_is_beside_it_carries_pictures_only() -> None:
    presentation = read(
        media("AUDIO", "aac", "English", 'LANGUAGE="en",DEFAULT=YES,URI="en.m3u8",CHANNELS="2"'),
        media("AUDIO", "aac", "Deutsch", 'LANGUAGE="de",AUTOSELECT=YES,URI="de.m3u8"'),
        media("SUBTITLES", "subs", "English", 'LANGUAGE="en",URI="s.m3u8",FORCED=YES'),
        *variant("v.m3u8", 1, f'{AVC},AUDIO="aac",SUBTITLES="subs"'),
    )

    (video,) = sets(presentation, "video")
    english, german = sets(presentation, "audio")
    (text,) = sets(presentation, "text")
    (rep,) = video.representations
    assert rep.carries == ("video",)
    assert rep.codecs == ("avc1.640028",)
    assert rep.partners == (("audio", "aac"), ("text", "subs"))
    assert (english.group, english.language, english.label) == ("aac", "en", "English")
    assert (english.default, english.autoselect, english.roles) == (True, True, ("main",))
    assert english.representations[0].channels == 2
    assert english.representations[0].codecs == ("mp4a.40.2",)
    assert (german.default, german.autoselect, german.roles) == (False, True, ("alternate",))
    assert text.roles == ("alternate", "forced-subtitle")
    assert not text.autoselect


def test_a_rendition_without_playlist_is_told_by_the_set_that_carries_it() -> None:
    presentation = read(
        media("AUDIO", "a", "Original", 'LANGUAGE="sv",DEFAULT=YES'),
        media("AUDIO", "a", "Comments", 'LANGUAGE="en",URI="c.m3u8"'),
        media("CLOSED-CAPTIONS", "cc", "English", 'LANGUAGE="en",INSTREAM-ID="CC1"'),
        *variant("v.m3u8", 1, f'{AVC},AUDIO="a",CLOSED-CAPTIONS="cc"'),
    )

    (video,) = sets(presentation, "video")
    assert video.representations[0].carries == ("video", "audio")
    assert video.representations[0].partners == (("audio", "a"),)
    assert video.language == "sv"
    assert video.accessibility == (Descriptor(CAPTIONS_SCHEME, "CC1=en"),)
    notes = [note.id for note in video.supplemental if note.scheme == RENDITION_SCHEME]
    assert notes == ["AUDIO/a/Original", "CLOSED-CAPTIONS/cc/English"]


def test_characteristics_become_roles_and_stay_readable() -> None:
    described = "public.accessibility.describes-video"
    presentation = read(
        media("AUDIO", "a", "AD", f'CHARACTERISTICS="{described},com.x",URI="ad.m3u8"'),
        *variant("v.m3u8", 1, 'AUDIO="a"'),
    )

    (audio,) = sets(presentation, "audio")
    assert audio.roles == ("alternate", "description")
    assert [said.value for said in audio.accessibility] == [described, "com.x"]


def test_a_variant_written_again_for_another_server_is_one_representation() -> None:
    presentation = read(
        *variant("https://a.example/lo.m3u8", 1, "RESOLUTION=320x180"),
        *variant("https://b.example/lo.m3u8", 1, "RESOLUTION=320x180"),
        *variant("https://b.example/copy/lo.m3u8", 1, "RESOLUTION=320x180"),
        *variant("https://a.example/hi.m3u8", 2, "RESOLUTION=640x360"),
    )

    low, high = reps(presentation)
    assert [place.host for place in low.locations] == ["a.example", "b.example", "b.example#2"]
    assert [place.priority for place in low.locations] == [1, 2, 3]
    assert [place.url for place in high.locations] == ["https://a.example/hi.m3u8"]
    assert presentation.hosts == ("a.example", "b.example", "b.example#2")


def test_pathways_name_the_hosts_and_their_copies_of_groups_are_one() -> None:
    presentation = read(
        '#EXT-X-CONTENT-STEERING:SERVER-URI="/steer?x=1",PATHWAY-ID="two"',
        media("AUDIO", "a1", "English", 'LANGUAGE="en",DEFAULT=YES,URI="//one.example/en.m3u8"'),
        media("AUDIO", "a1", "French", 'LANGUAGE="fr",URI="//one.example/fr.m3u8"'),
        media("AUDIO", "a2", "English", 'LANGUAGE="en",DEFAULT=YES,URI="//two.example/en.m3u8"'),
        media("AUDIO", "a2", "French", 'LANGUAGE="fr",URI="//two.example/fr.m3u8"'),
        *variant("//one.example/v.m3u8", 1, f'{AVC},AUDIO="a1",PATHWAY-ID="one"'),
        *variant("//two.example/v.m3u8", 1, f'{AVC},AUDIO="a2",PATHWAY-ID="two"'),
    )

    (video,) = sets(presentation, "video")
    english, french = sets(presentation, "audio")
    (rep,) = video.representations
    assert rep.partners == (("audio", "a1"),)
    for held in (rep, english.representations[0], french.representations[0]):
        assert [place.host for place in held.locations] == ["two", "one"]
    assert english.representations[0].locations[1].url == "https://one.example/en.m3u8"
    assert presentation.steering is not None
    assert presentation.steering.url == "https://cdn.example/steer?x=1"
    assert presentation.steering.default_host == "two"


def test_one_playlist_with_several_audio_groups_is_one_rung() -> None:
    presentation = read(
        media("AUDIO", "lo", "English", 'URI="lo.m3u8"'),
        media("AUDIO", "hi", "English", 'URI="hi.m3u8"'),
        *variant("v.m3u8", 900, 'CODECS="avc1.4d401f,ec-3",AUDIO="hi",RESOLUTION=640x360'),
        *variant("v.m3u8", 700, 'CODECS="avc1.4d401f,mp4a.40.2",AUDIO="lo",RESOLUTION=640x360'),
    )

    (video,) = sets(presentation, "video")
    (rep,) = video.representations
    assert rep.bandwidth_bps == 700
    assert rep.partners == (("audio", "hi"), ("audio", "lo"))
    assert rep.codecs == ("avc1.4d401f",)
    assert [g.representations[0].codecs for g in sets(presentation, "audio")] == [
        ("mp4a.40.2",),
        ("ec-3",),
    ]


def test_groups_of_another_quality_at_the_same_host_are_no_copies() -> None:
    presentation = read(
        media("AUDIO", "one", "English", 'URI="one.m3u8"'),
        media("AUDIO", "two", "English", 'URI="two.m3u8"'),
        *variant("v1.m3u8", 700, 'AUDIO="one"'),
        *variant("v2.m3u8", 700, 'AUDIO="two"'),
    )

    assert len(reps(presentation)) == 4
    assert [group.group for group in sets(presentation, "audio")] == ["one", "two"]


def test_a_variant_of_sound_alone_is_never_the_companion_of_pictures() -> None:
    presentation = read(
        *variant("v.m3u8", 900, AVC),
        *variant("a.m3u8", 64, 'CODECS="mp4a.40.5"'),
    )

    (audio,) = sets(presentation, "audio")
    assert not audio.autoselect
    assert not audio.default
    assert audio.representations[0].carries == ("audio",)


def test_a_variant_that_is_also_a_rendition_tells_the_bitrate_of_it() -> None:
    presentation = read(
        media("AUDIO", "a", "English", 'LANGUAGE="en",DEFAULT=YES,URI="a.m3u8"'),
        *variant("v.m3u8", 900, f'{AVC},AUDIO="a"'),
        *variant("a.m3u8", 64, 'CODECS="mp4a.40.2",AUDIO="a"'),
    )

    (audio,) = sets(presentation, "audio")
    assert audio.language == "en"
    assert audio.representations[0].bandwidth_bps == 64


def test_a_title_of_sound_alone_is_one_ladder() -> None:
    presentation = read(
        media("AUDIO", "lo", "English", 'LANGUAGE="en",DEFAULT=YES,URI="lo.m3u8"'),
        media("AUDIO", "hi", "English", 'LANGUAGE="en",DEFAULT=YES,URI="hi.m3u8"'),
        *variant("hi.m3u8", 128, 'CODECS="mp4a.40.2",AUDIO="hi"'),
        *variant("lo.m3u8", 64, 'CODECS="mp4a.40.2",AUDIO="lo"'),
    )

    (audio,) = sets(presentation, "audio")
    assert [rep.bandwidth_bps for rep in audio.representations] == [64, 128]
    assert (audio.default, audio.language) == (True, "en")


def test_playlists_for_fast_motion_are_never_for_normal_play() -> None:
    presentation = read(
        *variant("v.m3u8", 900, AVC),
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=80,URI="i.m3u8",RESOLUTION=640x360',
        '#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=8,URI="t.m3u8",CODECS="jpeg"',
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=80",
    )

    tricks = [group for group in presentation.periods[0].sets if group.trick]
    assert [(group.kind, group.representations[0].name) for group in tricks] == [
        ("video", "i.m3u8"),
        ("image", "t.m3u8"),
    ]
    assert tricks[0].representations[0].carries == ("video",)
    assert len(sets(presentation, "video")) == 1
    assert "URI or BANDWIDTH is missing" in presentation.warnings[0]


def test_keys_data_and_start_of_the_session_are_kept() -> None:
    presentation = read(
        '#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://k",KEYFORMAT="com.apple.streamingkeydelivery"',
        '#EXT-X-SESSION-DATA:DATA-ID="com.x.title",VALUE="A, title",LANGUAGE="en"',
        '#EXT-X-SESSION-DATA:DATA-ID="com.x.more",URI="more.json",FORMAT=JSON',
        "#EXT-X-START:TIME-OFFSET=12.25",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        *variant("v.m3u8", 1),
    )

    (key,) = presentation.session_protections
    assert (key.system, key.scheme) == ("com.apple.streamingkeydelivery", "sample-aes")
    assert presentation.session_data == (("com.x.title", "A, title"), ("com.x.more", "more.json"))
    assert presentation.start_us == 12_250_000


def test_all_that_a_variant_says_stays_readable() -> None:
    presentation = read(*variant("v.m3u8", 5, 'ALLOWED-CPC="x:HW",X-OWN="a,b=c"'))

    (note,) = reps(presentation)[0].supplemental
    assert (note.scheme, note.id) == (VARIANT_SCHEME, "v.m3u8")
    assert split_attributes(note.value) == {
        "BANDWIDTH": "5",
        "ALLOWED-CPC": "x:HW",
        "X-OWN": "a,b=c",
    }


def test_a_group_that_is_not_there_is_warned_of_and_the_variant_carries_its_audio() -> None:
    presentation = read(*variant("v.m3u8", 1, f'{AVC},AUDIO="nowhere",CLOSED-CAPTIONS=NONE'))

    assert reps(presentation)[0].carries == ("video", "audio")
    assert reps(presentation)[0].partners == ()
    (warning,) = presentation.warnings
    assert "'nowhere'" in warning


def test_ids_are_unique_even_where_names_are_not() -> None:
    presentation = read(
        media("AUDIO", "a", "Same", 'URI="s.m3u8"'),
        media("AUDIO", "a", "Same", 'URI="s.m3u8"'),
        *variant("s.m3u8", 1, "RESOLUTION=1x1"),
        *variant("s.m3u8", 1, "RESOLUTION=2x2"),
    )

    ids = [rep.id for rep in reps(presentation)]
    assert len(ids) == len(set(ids)) == 4


def test_names_hold_no_tokens_for_they_stand_in_logs() -> None:
    presentation = read(
        media("AUDIO", "a", "English", 'URI="https://me:pw@a.example/a.m3u8?token=secret"'),
        *variant("v.m3u8?token=secret", 1, 'AUDIO="a"'),
        *variant("v.m3u8?token=other", 2, 'AUDIO="a"'),
    )

    assert [rep.id for rep in reps(presentation)] == [
        "0/v.m3u8",
        "0/v.m3u8#2",
        "0/https://a.example/a.m3u8",
    ]
    assert reps(presentation)[0].locations[0].url.endswith("?token=secret")


def test_unknown_codecs_and_files_are_taken_for_pictures_and_text_for_text() -> None:
    presentation = read(
        *variant("new.m3u8", 1, 'CODECS="xyz9.1"'),
        *variant("sub.m3u8", 2, 'CODECS="wvtt"'),
    )

    assert [rep.name for rep in sets(presentation, "video")[0].representations] == ["new.m3u8"]
    assert [rep.name for rep in sets(presentation, "text")[0].representations] == ["sub.m3u8"]


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        (["#EXT-X-STREAM-INF:RESOLUTION=1x1", "v"], "line 2: #EXT-X-STREAM-INF: BANDWIDTH is"),
        (["#EXT-X-STREAM-INF:BANDWIDTH=fast", "v"], "BANDWIDTH is no whole number"),
        (["#EXT-X-STREAM-INF:BANDWIDTH=1"], "there is nothing to play"),
        ([media("SUBTITLES", "s", "n"), *variant("v", 1)], "line 2: #EXT-X-MEDIA: URI"),
        (['#EXT-X-MEDIA:GROUP-ID="s"', *variant("v", 1)], "#EXT-X-MEDIA: TYPE"),
        (["#EXT-X-MEDIA:TYPE=AUDIO", *variant("v", 1)], "#EXT-X-MEDIA: GROUP-ID"),
        ([*variant("v", 1), "#EXTINF:6,", "a.ts"], "#EXTINF: it belongs in a media playlist"),
        (["#EXT-X-SESSION-KEY:METHOD=AES-128", *variant("v", 1)], "#EXT-X-SESSION-KEY: URI"),
        (variant("{$x}", 1), "line 3: URI: variable x"),
    ],
)
def test_what_cannot_be_played_is_refused_with_its_line_and_tag(
    lines: list[str], where: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        read(*lines)

    assert where in caught.value.detail


def test_what_can_be_done_without_is_left_out_with_a_warning() -> None:
    presentation = read(
        "#EXT-X-CONTENT-STEERING:PATHWAY-ID=x",
        "stray.m3u8",
        "#EXT-X-STREAM-INF:BANDWIDTH=1",
        *variant("v.m3u8", 1),
    )

    assert len(reps(presentation)) == 1
    assert len(presentation.warnings) == 3
