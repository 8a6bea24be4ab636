"""What is played of everything on offer: family, ladder, languages, partners."""

from __future__ import annotations

from fractions import Fraction

import pytest
from core_titles import even_index, make_rep

from netplay.core.device import Device, Family, Platform, Preferences
from netplay.core.selection import (
    EMPTY,
    Selection,
    families_in_order,
    language_rank,
    pick_codec,
    select,
    video_family,
)
from netplay.segments import Protection, SegmentIndex
from netplay.timeline import AdaptationSet, Descriptor, Period, Presentation, Representation

CODECS = {
    "h264": "avc1.640028",
    "hevc": "hvc1.1.6.L120.90",
    "vp9": "vp09.00.40.08",
    "av1": "av01.0.08M.08",
}
EVERY: tuple[Family, ...] = ("h264", "hevc", "vp9", "av1")


def index() -> SegmentIndex:
    return even_index("x", 3)


def video(
    name: str, family: str = "h264", bps: int = 1_000_000, **fields: object
) -> Representation:
    return make_rep(
        name,
        "video",
        bps,
        index(),
        codecs=(CODECS[family],) if family else (),
        **fields,  # type: ignore[arg-type]  # any field of a Representation
    )


def audio(name: str, **fields: object) -> Representation:
    return make_rep(name, "audio", 128_000, index(), **fields)  # type: ignore[arg-type]


def text(name: str) -> Representation:
    return make_rep(name, "text", 1_000, index())


def group(name: str, *reps: Representation, **fields: object) -> AdaptationSet:
    return AdaptationSet(name, reps[0].kind, reps, **fields)  # type: ignore[arg-type]


def chosen(
    *sets: AdaptationSet, device: Device | None = None, wants: Preferences | None = None
) -> Selection:
    period = Period("0", 0, 6_000_000, sets)
    presentation = Presentation("http://a/", "dash", (period,))
    (selection,) = select(presentation, device or Device(), wants or Preferences())
    return selection


def played(selection: Selection, track: str = "video") -> tuple[str, ...]:
    ladder = selection.ladder(track)  # type: ignore[arg-type]  # one of the three
    return tuple(rep.id for rep in ladder.representations) if ladder else ()


# The family.


@pytest.mark.parametrize(
    ("platform", "hardware", "offered", "picked"),
    [
        ("linux", EVERY, EVERY, "av1"),
        ("linux", ("h264", "hevc", "vp9"), EVERY, "vp9"),
        ("apple", ("h264", "hevc"), EVERY, "hevc"),
        ("linux", ("h264", "hevc"), EVERY, "h264"),
        ("linux", (), EVERY, "h264"),
        # The title lacks the best one: the next.
        ("linux", EVERY, ("h264", "hevc", "vp9"), "vp9"),
        ("apple", EVERY, ("h264", "hevc"), "hevc"),
        # Hardware that nobody asked for still goes before software, except for H.264.
        ("linux", ("hevc",), ("hevc", "vp9"), "hevc"),
        # Software last, the cheapest first.
        ("linux", (), ("hevc", "vp9", "av1"), "vp9"),
        ("linux", (), ("hevc", "av1"), "hevc"),
        ("linux", (), ("av1",), "av1"),
        ("android", ("vp9",), ("h264", "vp9"), "vp9"),
    ],
)
def test_the_family_is_the_best_that_hardware_decodes(
    platform: Platform, hardware: tuple[Family, ...], offered: tuple[Family, ...], picked: str
) -> None:
    assert pick_codec(Device(platform=platform, hardware=hardware), offered) == picked


def test_a_device_without_h264_does_without() -> None:
    assert pick_codec(Device(software=("vp9",)), EVERY) == "vp9"


def test_a_device_that_decodes_nothing_on_offer_picks_nothing() -> None:
    assert pick_codec(Device(software=("h264",)), ("av1",)) is None


def test_a_family_is_named_once_however_it_can_be_decoded() -> None:
    platforms: tuple[Platform, ...] = ("apple", "linux")
    for platform in platforms:
        order = families_in_order(Device(platform=platform, hardware=EVERY))
        assert sorted(order) == sorted(EVERY)


def test_a_ladder_is_of_one_family_even_where_a_set_mixes_them() -> None:
    mixed = group("v", video("low"), video("av1", "av1"), video("high", bps=2_000_000))

    assert played(chosen(mixed)) == ("low", "high")
    assert played(chosen(mixed, device=Device(hardware=EVERY))) == ("av1",)


def test_pictures_without_a_codec_string_are_played_last() -> None:
    silent, known = group("s", video("silent", "")), group("k", video("known"))

    assert video_family(silent.representations[0]) is None
    assert played(chosen(silent, known)) == ("known",)
    assert played(chosen(silent)) == ("silent",)


def test_sound_in_the_codec_string_does_not_hide_the_picture() -> None:
    rep = make_rep("v", "video", 1, index(), codecs=("mp4a.40.2", "avc1.64001f"))

    assert video_family(rep) == "h264"


# What cannot be played.


@pytest.mark.parametrize(
    ("fields", "device", "why"),
    [
        ({"codecs": ("quux.1",)}, Device(), "unknown codec quux.1"),
        ({"codecs": (CODECS["av1"],)}, Device(software=("h264",)), "no decoder for av1"),
        ({"video_range": "pq"}, Device(), "pq pictures on a device without HDR"),
        ({"video_range": "hlg"}, Device(), "hlg pictures on a device without HDR"),
        ({"protections": (Protection("w"),)}, Device(), "protected, and no key system"),
        ({"hdcp_level": "TYPE-0"}, Device(), "needs HDCP TYPE-0"),
        ({"hdcp_level": "TYPE-1"}, Device(hdcp_level="TYPE-0"), "needs HDCP TYPE-1"),
        ({"depends_on": ("base",)}, Device(), "depends on another Representation"),
        (
            {"essential": (Descriptor("urn:netplay:hls:req-video-layout", "CH-STEREO"),)},
            Device(),
            "needs a video layout",
        ),
    ],
)
def test_what_a_device_cannot_play_is_refused_with_a_reason(
    fields: dict[str, object], device: Device, why: str
) -> None:
    rep = make_rep("odd", "video", 1, index(), **fields)  # type: ignore[arg-type]

    selection = chosen(group("v", rep), device=device)

    ((name, said),) = selection.refusals
    assert name == "odd"
    assert said.startswith(why)
    assert selection.ladders == ()


@pytest.mark.parametrize(
    ("fields", "device"),
    [
        ({"video_range": "pq"}, Device(hdr=True)),
        ({"video_range": "sdr"}, Device()),
        ({"protections": (Protection("w"), Protection("x"))}, Device(key_systems=("x",))),
        ({"hdcp_level": "NONE"}, Device()),
        ({"hdcp_level": "TYPE-0"}, Device(hdcp_level="TYPE-1")),
        ({"codecs": ("mp4a.40.2",)}, Device()),
    ],
)
def test_what_a_device_can_play_is_played(fields: dict[str, object], device: Device) -> None:
    rep = make_rep("fine", "video", 1, index(), **fields)  # type: ignore[arg-type]

    assert played(chosen(group("v", rep), device=device)) == ("fine",)


def test_what_holds_no_segments_is_refused_in_every_track() -> None:
    nothing = SegmentIndex(1, (), even_index("x", 1).naming)

    selection = chosen(
        group("v", make_rep("v", "video", 1, nothing)),
        group("a", make_rep("a", "audio", 1, nothing)),
    )

    assert selection.ladders == ()
    assert selection.refusals == (("v", EMPTY), ("a", EMPTY))


def test_a_selection_knows_whether_keys_were_lacking() -> None:
    locked = video("v", protections=(Protection("w"),))

    assert chosen(group("v", locked)).protected
    assert not chosen(group("v", video("v"))).protected


# Limits.


def ladder_of_heights() -> AdaptationSet:
    heights = (360, 720, 1080, 2160)
    return group("v", *(video(str(h), bps=h * 1_000, height=h) for h in heights))


@pytest.mark.parametrize(
    ("device", "wants", "kept"),
    [
        (Device(), Preferences(), ("360", "720", "1080", "2160")),
        (Device(max_height=1080), Preferences(), ("360", "720", "1080")),
        (Device(), Preferences(max_height=720), ("360", "720")),
        (Device(max_height=1080), Preferences(max_height=720), ("360", "720")),
        (Device(max_bitrate_bps=720_000), Preferences(), ("360", "720")),
        (Device(software_max_height=720), Preferences(), ("360", "720")),
        (
            Device(software_max_height=720, hardware=("h264",)),
            Preferences(),
            ("360", "720", "1080", "2160"),
        ),
        # Too tall for everything: the lowest, rather than nothing.
        (Device(max_height=144), Preferences(), ("360",)),
    ],
)
def test_a_ladder_keeps_the_rungs_within_every_limit(
    device: Device, wants: Preferences, kept: tuple[str, ...]
) -> None:
    assert played(chosen(ladder_of_heights(), device=device, wants=wants)) == kept


def test_frame_rates_above_the_limit_are_left_out_and_rounding_is_forgiven() -> None:
    rates = {"ntsc": Fraction(30000, 1001), "30": Fraction(30), "60": Fraction(60)}
    reps = [video(name, frame_rate=rate) for name, rate in rates.items()]

    kept = played(chosen(group("v", *reps), device=Device(max_frame_rate=29.99)))

    assert kept == ("ntsc", "30")


def test_high_dynamic_range_is_preferred_where_it_is_shown() -> None:
    sdr, hdr = group("s", video("sdr")), group("h", video("hdr", video_range="hlg"))

    assert played(chosen(sdr, hdr, device=Device(hdr=True))) == ("hdr",)
    assert played(chosen(hdr, sdr)) == ("sdr",)


# Sets.


def test_the_main_set_is_preferred_and_one_asked_for_by_name_wins() -> None:
    other = group("other", video("other"))
    main = group("main", video("main"), roles=("main",))

    assert played(chosen(other, main)) == ("main",)
    assert played(chosen(other, main, wants=Preferences(sets=("other",)))) == ("other",)


def test_sets_for_fast_motion_are_never_played() -> None:
    trick = group("t", video("trick"), trick=True)

    assert played(chosen(trick)) == ()


def test_without_pictures_only_sound_is_played() -> None:
    selection = chosen(
        group("v", video("v")), group("a", audio("a")), wants=Preferences(video=False)
    )

    assert played(selection) == ()
    assert played(selection, "audio") == ("a",)


# Languages.


@pytest.mark.parametrize(
    ("tag", "wanted", "rank"),
    [
        ("en", ("en",), 0),
        ("EN-gb", ("en-GB",), 0),
        ("en-GB", ("en",), 1),
        ("en", ("en-GB",), 1),
        ("de", ("en", "de"), 2),
        ("de-AT", ("en", "de"), 3),
        ("fr", ("en", "de"), 4),
        ("", ("en",), 2),
        ("en", (), 0),
    ],
)
def test_a_language_meets_a_wish_more_or_less(tag: str, wanted: tuple[str, ...], rank: int) -> None:
    assert language_rank(tag, wanted) == rank


def sounds() -> list[AdaptationSet]:
    return [
        group("en", audio("en"), language="en", default=True),
        group("de-CH", audio("de-CH"), language="de-CH"),
        group("de", audio("de"), language="de"),
        group("ad", audio("ad"), language="en", roles=("description",)),
    ]


@pytest.mark.parametrize(
    ("wants", "heard"),
    [
        (Preferences(), "en"),
        (Preferences(audio_languages=("de",)), "de"),
        (Preferences(audio_languages=("de-CH", "de")), "de-CH"),
        (Preferences(audio_languages=("de-AT",)), "de-CH"),
        (Preferences(audio_languages=("fr",)), "en"),
        (Preferences(audio_languages=("fr", "de")), "de"),
        (Preferences(audio_roles=("description",)), "ad"),
        (Preferences(audio_languages=("de",), sets=("ad",)), "ad"),
    ],
)
def test_the_sound_is_in_the_language_and_the_role_wanted(wants: Preferences, heard: str) -> None:
    assert played(chosen(*sounds(), wants=wants), "audio") == (heard,)


def test_two_channels_are_preferred_where_nothing_else_decides() -> None:
    many = group("6", audio("6", channels=6))
    two = group("2", audio("2", channels=2))

    assert played(chosen(many, two), "audio") == ("2",)


def test_subtitles_are_shown_only_when_they_are_wanted_and_there() -> None:
    sets = [group("t-en", text("t-en"), language="en"), group("t-de", text("t-de"), language="de")]
    sets.insert(0, group("forced", text("forced"), language="de", roles=("forced-subtitle",)))

    wanted = [(), ("de",), ("fr",), ("fr", "en")]
    shown = [
        played(chosen(*sets, wants=Preferences(text_languages=tags)), "text") for tags in wanted
    ]

    assert shown == [(), ("t-de",), (), ("t-en",)]


def test_subtitles_asked_for_by_name_are_shown() -> None:
    sets = [group("t-en", text("t-en"), language="en"), group("t-de", text("t-de"), language="de")]

    assert played(chosen(*sets, wants=Preferences(sets=("t-de",))), "text") == ("t-de",)


def test_subtitles_that_are_nowhere_are_not_chosen() -> None:
    nowhere = make_rep("608", "text", 0, index(), hosts=())

    selection = chosen(
        group("cc", nowhere, language="en"), wants=Preferences(text_languages=("en",))
    )

    assert played(selection, "text") == ()


# What belongs together.


def test_sound_is_of_a_group_that_the_picture_names() -> None:
    picture = group("v", video("v", partners=(("audio", "aac"),)))
    other = group("ac3", audio("ac3"), group="ac3", default=True)
    own = group("aac", audio("aac"), group="aac")

    assert played(chosen(picture, other, own), "audio") == ("aac",)


def test_rungs_are_those_that_go_with_the_sound() -> None:
    pictures = group(
        "v",
        video("aac-low", partners=(("audio", "aac"),)),
        video("ac3-low", bps=2_000_000, partners=(("audio", "ac3"),)),
        video("aac-high", bps=3_000_000, partners=(("audio", "aac"),)),
        video("any", bps=4_000_000),
    )
    sets = [group("aac", audio("aac"), group="aac"), group("ac3", audio("ac3"), group="ac3")]

    aac = chosen(pictures, *sets)
    ac3 = chosen(pictures, *sets, wants=Preferences(sets=("ac3",)))

    assert played(aac) == ("aac-low", "aac-high", "any")
    assert played(ac3) == ("ac3-low", "any")


def multiplex(name: str) -> Representation:
    return video(name, carries=("video", "audio"))


def test_a_multiplex_brings_its_own_sound_unless_another_is_wanted() -> None:
    both = group("v", multiplex("v"))
    beside = group("a", audio("a"), language="de", autoselect=False)

    assert played(chosen(both, beside), "audio") == ()
    assert played(chosen(both, group("a", audio("a"))), "audio") == ()
    assert played(chosen(both, beside, wants=Preferences(audio_languages=("de",))), "audio") == (
        "a",
    )
    assert played(chosen(both, beside, wants=Preferences(sets=("a",))), "audio") == ("a",)


def test_sound_that_must_be_asked_for_is_played_when_there_is_no_picture() -> None:
    beside = group("a", audio("a"), autoselect=False)

    assert played(chosen(beside), "audio") == ("a",)
