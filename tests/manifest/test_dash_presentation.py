"""Periods, sets, Representations and what is said about them."""

import base64
import struct
from fractions import Fraction

import pytest
from mpds import TEMPLATE, URL, first, known, mpd, names, one, read, segments, spans_s, urls

from netplay.errors import ManifestError, UnsupportedManifest
from netplay.manifest import parse_manifest
from netplay.segments import Protection
from netplay.timeline import AdaptationSet, Descriptor, Location, Steering, TimedEvent

WIDEVINE = "urn:uuid:EDEF8BA9-79D6-4ACE-A3C8-27DCD51D21ED"
PLAYREADY = "urn:uuid:9a04f079-9840-4286-ab92-e65be0885f95"
KID = "01234567-89AB-CDEF-0123-456789ABCDEF"


def period(attributes: str = "", inside: str = "", *, name: str = "v") -> str:
    return (
        f'<Period {attributes}>{inside}<AdaptationSet mimeType="video/mp4">'
        f'<Representation id="{name}" bandwidth="1">{TEMPLATE}</Representation></AdaptationSet>'
        "</Period>"
    )


def adaptation_set(
    inside: str = "", *, attributes: str = 'mimeType="video/mp4"', rep: str = ""
) -> AdaptationSet:
    text = mpd(
        f"<Period><AdaptationSet {attributes}>{inside}"
        f'<Representation id="r" bandwidth="1" {rep}>{TEMPLATE}</Representation>'
        "</AdaptationSet></Period>"
    )
    return read(text).periods[0].sets[0]


# Periods


def test_a_period_begins_where_the_one_before_it_ends() -> None:
    text = mpd(period('duration="PT4S"') + period('duration="PT3.5S"') + period())

    presentation = read(text)

    assert [(p.start_us, p.end_us) for p in presentation.periods] == [
        (0, 4_000_000),
        (4_000_000, 7_500_000),
        (7_500_000, 10_000_000),
    ]
    assert [rep.id for p in presentation.periods for rep in p.representations] == [
        "0/v",
        "1/v",
        "2/v",
    ]
    assert presentation.duration_us == 10_000_000


def test_the_start_of_the_next_period_outweighs_a_duration() -> None:
    text = mpd(period('start="PT0S" duration="PT5S"') + period('start="PT4S"'))

    assert read(text).periods[0].end_us == 4_000_000


def test_video_on_demand_begins_at_zero_whatever_its_first_period_says() -> None:
    text = mpd(period('start="PT12M34S"'), 'mediaPresentationDuration="PT6S"')

    presentation = read(text)

    assert (presentation.periods[0].start_us, presentation.periods[0].end_us) == (0, 6_000_000)
    assert spans_s(known(next(presentation.periods[0].representations))) == [
        (0, 2),
        (2, 4),
        (4, 6),
    ]


def test_a_period_that_lasts_no_time_or_has_no_start_is_left_out() -> None:
    text = mpd(
        period('start="PT0S"', name="gone") + period('start="PT0S"') + period(name="early"),
        'type="dynamic" availabilityStartTime="1970-01-01T00:00:00Z"',
    )

    presentation = read(text, now_s=8)

    assert [p.id for p in presentation.periods] == ["1"]
    assert len(presentation.warnings) == 2


def test_the_film_begins_with_the_first_period_that_can_be_played() -> None:
    text = mpd('<Period duration="PT5S"/>' + period())

    presentation = read(text)

    assert [p.id for p in presentation.periods] == ["1"]
    assert (presentation.periods[0].start_us, presentation.periods[0].end_us) == (0, 5_000_000)


@pytest.mark.parametrize("inside", ["", "<Period/>", '<Period duration="PT4S"><X/></Period>'])
def test_a_manifest_with_nothing_to_play_is_an_error_that_names_its_line(inside: str) -> None:
    with pytest.raises(ManifestError, match=r"manifest\.mpd: line 2: MPD: nothing in it"):
        read(mpd(inside))


# Where to fetch


def test_base_urls_of_every_level_add_up() -> None:
    text = mpd(
        "<BaseURL>https://a.example/root/</BaseURL><Period><BaseURL>period/</BaseURL>"
        '<AdaptationSet mimeType="video/mp4"><BaseURL>./set/</BaseURL><Representation id="v">'
        f"<BaseURL>../rep/</BaseURL>{TEMPLATE}</Representation></AdaptationSet></Period>"
    )

    assert urls(first(text))[0] == "https://a.example/root/period/rep/1.m4s"


def test_an_absolute_base_url_stands_for_itself() -> None:
    text = one(f"<BaseURL>http://b.example/x/</BaseURL>{TEMPLATE}", period="")

    assert urls(first(text))[0] == "http://b.example/x/1.m4s"


def test_alternatives_multiply_and_keep_service_location_priority_and_weight() -> None:
    text = mpd(
        '<BaseURL serviceLocation="east" dvb:priority="2" dvb:weight="5">https://e.example/</BaseURL>'
        "<BaseURL>https://user@w.example:8080/</BaseURL>"
        f"<Period><BaseURL>1/</BaseURL><BaseURL dvb:priority='3'>2/</BaseURL>"
        f'<AdaptationSet mimeType="video/mp4"><Representation>{TEMPLATE}</Representation>'
        "</AdaptationSet></Period>"
    )

    assert first(text).locations == (
        Location("east", "https://e.example/1/", 2, 5),
        Location("w.example:8080", "https://user@w.example:8080/1/"),
        Location("east", "https://e.example/2/", 3, 5),
        Location("w.example:8080", "https://user@w.example:8080/2/", 3),
    )


def test_many_alternatives_at_every_level_do_not_explode() -> None:
    many = "".join(f"<BaseURL>{n}/</BaseURL>" for n in range(100))
    text = mpd(
        f"{many}<Period>{many}<AdaptationSet mimeType='video/mp4'>{many}"
        f"<Representation>{many}{TEMPLATE}</Representation></AdaptationSet></Period>"
    )

    assert len(first(text).locations) == 64


def test_references_are_resolved_under_schemes_of_the_app_too() -> None:
    presentation = parse_manifest(one(TEMPLATE), "store://films/7/manifest.mpd")

    assert urls(next(presentation.periods[0].representations))[0] == "store://films/7/1.m4s"


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ('queryTemplate="$querypart$" useMPDUrlQuery="true"', "1.m4s?a=1&b=2"),
        ('queryTemplate="$query:b$&amp;c=3" useMPDUrlQuery="true"', "1.m4s?b=2&c=3"),
        ('queryTemplate="$querypart$" queryString="d=4"', "1.m4s?d=4"),
        ('useMPDUrlQuery="true"', "1.m4s"),
    ],
)
def test_url_parameters_are_put_on_segment_requests(info: str, expected: str) -> None:
    wanted = (
        '<EssentialProperty schemeIdUri="urn:mpeg:dash:urlparam:2014">'
        f'<up:UrlQueryInfo xmlns:up="urn:mpeg:dash:schema:urlparam:2014" {info}/>'
        "</EssentialProperty>"
    )

    presentation = parse_manifest(one(TEMPLATE, inside_set=wanted), f"{URL}?a=1&b=2")

    assert names(known(next(presentation.periods[0].representations)))[0] == expected


# What a Representation is


def test_a_representation_takes_from_its_set_what_it_does_not_say() -> None:
    found = adaptation_set(
        attributes='mimeType="video/mp4" codecs="avc1.640028" width="1920" height="1080" '
        'frameRate="30000/1001"',
        rep='height="720"',
    ).representations[0]

    assert (found.width, found.height) == (1920, 720)
    assert found.codecs == ("avc1.640028",)
    assert found.frame_rate == Fraction(30000, 1001)
    assert found.mime_type == "video/mp4"


def test_representations_are_sorted_by_bandwidth() -> None:
    reps = "".join(f'<Representation id="{b}" bandwidth="{b}"/>' for b in (30, 10, 20))
    text = mpd(
        f'<Period><AdaptationSet mimeType="video/mp4">{TEMPLATE}{reps}</AdaptationSet></Period>'
    )

    assert [rep.bandwidth_bps for rep in read(text).periods[0].representations] == [10, 20, 30]


@pytest.mark.parametrize(
    ("attributes", "kind", "carries"),
    [
        ('mimeType="video/mp4"', "video", ("video",)),
        ('contentType="audio"', "audio", ("audio",)),
        ('mimeType="video/mp2t" codecs="avc1.4d401f,mp4a.40.2"', "video", ("video", "audio")),
        ('codecs="ec-3"', "audio", ("audio",)),
        ('mimeType="application/mp4" codecs="stpp.ttml.im1t"', "text", ("text",)),
        ('mimeType="application/ttml+xml"', "text", ("text",)),
        ('mimeType="text/vtt"', "text", ("text",)),
        ('mimeType="image/jpeg"', "image", ("image",)),
    ],
)
def test_kinds_are_recognized(attributes: str, kind: str, carries: tuple[str, ...]) -> None:
    found = adaptation_set(attributes=attributes)

    assert found.kind == kind
    assert found.representations[0].carries == carries


def test_what_is_no_known_kind_is_left_out_with_a_warning() -> None:
    text = mpd(
        period()[: -len("</Period>")]
        + '<AdaptationSet mimeType="application/x-metadata"><Representation id="m">'
        + f"{TEMPLATE}</Representation></AdaptationSet></Period>"
    )

    presentation = read(text)

    assert len(presentation.periods[0].sets) == 1
    assert any("neither video" in warning for warning in presentation.warnings)


def test_words_about_a_set_are_kept() -> None:
    found = adaptation_set(
        '<Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/><Label> English </Label>'
        '<Accessibility schemeIdUri="urn:tva:metadata:cs:AudioPurposeCS:2007" value="1"/>'
        '<SupplementalProperty schemeIdUri="urn:mpeg:dash:adaptation-set-switching:2016" '
        'value="2,3"/>',
        attributes='id="7" contentType="audio" lang="en-GB"',
    )

    assert (found.id, found.language, found.label, found.roles) == (
        "0/7",
        "en-GB",
        "English",
        ("main",),
    )
    assert found.default
    assert found.accessibility == (Descriptor("urn:tva:metadata:cs:AudioPurposeCS:2007", "1"),)
    assert found.supplemental == (Descriptor("urn:mpeg:dash:adaptation-set-switching:2016", "2,3"),)


@pytest.mark.parametrize(
    ("scheme", "value", "channels"),
    [
        ("urn:mpeg:dash:23003:3:audio_channel_configuration:2011", "6", 6),
        ("urn:mpeg:mpegB:cicp:ChannelConfiguration", "12", 8),
        ("urn:mpeg:dash:outputChannelPositionList:2012", "0 1 2", 3),
        ("tag:dolby.com,2014:dash:audio_channel_configuration:2011", "F801", 6),
        ("tag:dolby.com,2014:dash:audio_channel_configuration:2011", "FA01", 8),
        ("tag:dolby.com,2015:dash:audio_channel_configuration:2015", "000047", 6),
        ("urn:dts:dash:audio_channel_configuration:2012", "2", 2),
        ("urn:example:other", "2", None),
        ("urn:mpeg:dash:23003:3:audio_channel_configuration:2011", "many", None),
    ],
)
def test_channels_are_counted(scheme: str, value: str, channels: int | None) -> None:
    said = f'<AudioChannelConfiguration schemeIdUri="{scheme}" value="{value}"/>'

    found = adaptation_set(said, attributes='mimeType="audio/mp4"', rep='audioSamplingRate="48000"')

    assert found.representations[0].channels == channels
    assert found.representations[0].sample_rate_hz == 48_000


@pytest.mark.parametrize(
    ("value", "expected"), [("16", "pq"), ("18", "hlg"), ("1", "sdr"), ("9", None)]
)
def test_the_transfer_function_says_the_video_range(value: str, expected: str | None) -> None:
    said = (
        '<EssentialProperty schemeIdUri="urn:mpeg:mpegB:cicp:TransferCharacteristics" '
        f'value="{value}"/>'
    )

    assert adaptation_set(said).representations[0].video_range == expected


@pytest.mark.parametrize("name", ["EssentialProperty", "SupplementalProperty"])
def test_trick_mode_sets_are_not_for_normal_play(name: str) -> None:
    found = adaptation_set(
        f'<{name} schemeIdUri="http://dashif.org/guidelines/trickmode" value="1"/>'
    )

    assert found.trick


def test_thumbnails_are_images() -> None:
    found = adaptation_set(
        '<EssentialProperty schemeIdUri="http://dashif.org/guidelines/thumbnail_tile" '
        'value="10x1"/>',
        attributes='mimeType="image/jpeg"',
    )

    assert (found.kind, found.trick) == ("image", True)


# EssentialProperty

STRANGE = '<EssentialProperty schemeIdUri="urn:example:strange" value="1"/>'


def test_a_set_that_demands_the_unknown_is_left_out() -> None:
    text = mpd(
        period()[: -len("</Period>")]
        + f'<AdaptationSet mimeType="video/mp4">{STRANGE}<Representation id="x">{TEMPLATE}'
        "</Representation></AdaptationSet></Period>"
    )

    presentation = read(text)

    assert [rep.name for rep in presentation.periods[0].representations] == ["v"]
    assert any("urn:example:strange" in warning for warning in presentation.warnings)


def test_a_representation_that_demands_the_unknown_is_left_out() -> None:
    text = mpd(
        f'<Period><AdaptationSet mimeType="video/mp4">{TEMPLATE}<Representation id="a"/>'
        f'<Representation id="b">{STRANGE}</Representation></AdaptationSet></Period>'
    )

    assert [rep.name for rep in read(text).periods[0].representations] == ["a"]


@pytest.mark.parametrize("text", [mpd(STRANGE + period()), mpd(period(inside=STRANGE))])
def test_a_period_or_manifest_that_demands_the_unknown_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedManifest, match="urn:example:strange"):
        read(text)


# Names


def test_video_on_demand_may_repeat_a_name_and_still_every_id_is_unique() -> None:
    group = f'<AdaptationSet id="1" mimeType="video/mp4"><Representation id="x">{TEMPLATE}</Representation></AdaptationSet>'  # noqa: E501

    presentation = read(mpd(f"<Period>{group}{group}</Period>"))

    assert [rep.id for rep in presentation.periods[0].representations] == ["0/x", "0/x~2"]
    assert [group.id for group in presentation.periods[0].sets] == ["0/1", "0/1~2"]


def test_a_live_presentation_may_not_repeat_a_name() -> None:
    group = f'<AdaptationSet mimeType="video/mp4"><Representation id="x">{TEMPLATE}</Representation></AdaptationSet>'  # noqa: E501
    live = 'type="dynamic" availabilityStartTime="1970-01-01T00:00:00Z"'

    with pytest.raises(ManifestError, match="called 'x'"):
        read(mpd(f"<Period start='PT0S'>{group}{group}</Period>", live), now_s=10)


def test_dependencies_are_named_by_id() -> None:
    assert adaptation_set(rep='dependencyId="a b"').representations[0].depends_on == ("0/a", "0/b")


# Protection


def test_every_key_system_gets_the_common_scheme_and_key_id() -> None:
    box = struct.pack(">I4s", 8, b"pssh")
    inside = (
        f'<ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cbcs" '
        f'xmlns:other="urn:mpeg:cenc:2013" other:default_KID="{KID}"/>'
        f'<ContentProtection schemeIdUri="{WIDEVINE}"><cenc:pssh>{base64.b64encode(box).decode()}'
        "</cenc:pssh></ContentProtection>"
        '<ContentProtection schemeIdUri="urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e">'
        '<dashif:Laurl xmlns:dashif="https://dashif.org/CPS">https://l.example/</dashif:Laurl>'
        "</ContentProtection>"
    )

    kid = KID.replace("-", "").lower()

    assert adaptation_set(inside).representations[0].protections == (
        Protection("edef8ba9-79d6-4ace-a3c8-27dcd51d21ed", "cbcs", kid, pssh=box),
        Protection("clearkey", "cbcs", kid, license_url="https://l.example/"),
    )


def test_a_playready_object_becomes_a_pssh_box() -> None:
    inside = (
        f'<ContentProtection schemeIdUri="{PLAYREADY}"><mspr:pro xmlns:mspr="urn:microsoft:'
        f'playready">{base64.b64encode(b"PRO").decode()}</mspr:pro></ContentProtection>'
    )

    (found,) = adaptation_set(inside).representations[0].protections

    assert found.pssh == (
        struct.pack(">I4sI", 35, b"pssh", 0)
        + bytes.fromhex("9a04f07998404286ab92e65be0885f95")
        + struct.pack(">I", 3)
        + b"PRO"
    )


def test_a_key_id_of_the_representation_outweighs_that_of_its_set() -> None:
    text = mpd(
        '<Period><AdaptationSet mimeType="video/mp4"><ContentProtection '
        f'schemeIdUri="urn:mpeg:dash:mp4protection:2011" cenc:default_KID="{KID}"/>'
        f'<ContentProtection schemeIdUri="{WIDEVINE}"/><Representation><ContentProtection '
        f'schemeIdUri="urn:mpeg:dash:mp4protection:2011" cenc:default_KID="{"f" * 32}"/>'
        f"{TEMPLATE}</Representation></AdaptationSet></Period>"
    )

    assert first(text).protections[0].default_kid == "f" * 32


def test_protection_may_be_referred_to() -> None:
    text = mpd(
        f'<ContentProtection refId="a" schemeIdUri="{WIDEVINE}"/><Period>'
        '<AdaptationSet mimeType="video/mp4"><ContentProtection ref="a" schemeIdUri="x"/>'
        f"<Representation>{TEMPLATE}</Representation></AdaptationSet></Period>"
    )

    assert [p.system for p in first(text).protections] == ["edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"]


def test_encrypted_content_of_no_named_system_is_not_taken_for_clear() -> None:
    inside = '<ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cenc"/>'

    assert adaptation_set(inside).representations[0].protections == (Protection("", "cenc"),)


def test_two_keys_for_one_representation_are_refused() -> None:
    inside = (
        '<ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" '
        f'cenc:default_KID="{KID} {KID}"/>'
    )

    with pytest.raises(UnsupportedManifest, match="more than one key"):
        adaptation_set(inside)


# Events and the rest


def test_events_are_placed_on_the_timeline() -> None:
    stream = (
        '<EventStream schemeIdUri="urn:scte:scte35:2013:xml" value="9" timescale="10" '
        'presentationTimeOffset="100"><Event presentationTime="120" duration="5" id="e">text'
        '</Event><Event presentationTime="110"><a:b xmlns:a="urn:a">x</a:b></Event>'
        '<Event presentationTime="900"/></EventStream>'
    )
    text = mpd(period('duration="PT4S"') + period(inside=stream))

    events = read(text).periods[1].events

    assert events[0] == TimedEvent(
        "urn:scte:scte35:2013:xml", 6_000_000, None, 500_000, "e", "text", "9"
    )
    assert events[1].at_us == 5_000_000
    assert "<" in events[1].payload
    assert "x" in events[1].payload
    assert len(events) == 2


def test_inband_events_are_announced() -> None:
    found = adaptation_set('<InbandEventStream schemeIdUri="urn:mpeg:dash:event:2012" value="1"/>')

    assert found.representations[0].inband_events == (Descriptor("urn:mpeg:dash:event:2012", "1"),)


def test_the_title_the_profiles_and_steering_are_read() -> None:
    text = mpd(
        "<ProgramInformation><Title>A Film</Title></ProgramInformation>"
        '<ContentSteering defaultServiceLocation="east" queryBeforeStart="true">/steer'
        f"</ContentSteering>{period()}",
        'mediaPresentationDuration="PT10S" minBufferTime="PT1.5S" profiles="urn:a, urn:b"',
    )

    presentation = read(text)

    assert presentation.title == "A Film"
    assert presentation.profiles == ("urn:a", "urn:b")
    assert presentation.min_buffer_us == 1_500_000
    assert presentation.steering == Steering("https://cdn.example/steer", "east", True)


def test_links_that_resolve_to_nothing_are_removed_and_others_noted() -> None:
    text = mpd(
        '<Period xlink:href="urn:mpeg:dash:resolve-to-zero:2013"/>'
        + period('xlink:href="https://ads.example/"')
    )

    presentation = read(text)

    assert len(presentation.periods) == 1
    assert any("xlink" in warning for warning in presentation.warnings)


def test_a_manifest_of_another_namespace_year_or_none_is_read() -> None:
    text = one(TEMPLATE)

    for namespace in ("urn:mpeg:DASH:schema:MPD:2011", "urn:mpeg:dash:schema:mpd:2027"):
        assert len(segments(text.replace("urn:mpeg:dash:schema:mpd:2011", namespace))) == 5
    assert len(segments(text.replace(' xmlns="urn:mpeg:dash:schema:mpd:2011"', ""))) == 5
    prefixed = text.replace("xmlns=", "xmlns:d=").replace("<", "<d:").replace("<d:/", "</d:")
    assert len(segments(prefixed.replace("<d:?", "<?"))) == 5


def test_elements_of_other_namespaces_are_not_taken_for_those_of_dash() -> None:
    text = mpd('<x:Period xmlns:x="urn:x"/>' + period())

    assert len(read(text).periods) == 1


# What is wrong, and survived


def test_a_base_url_that_is_none_is_left_out() -> None:
    text = one(f"<BaseURL>http://[</BaseURL><BaseURL>http://b.example/</BaseURL>{TEMPLATE}")

    assert [place.url for place in first(text).locations] == ["http://b.example/"]
    assert any("not a URL" in warning for warning in read(text).warnings)


def test_odd_protection_is_read_as_far_as_it_goes() -> None:
    inside = (
        '<ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" cenc:default_KID="no"/>'
        '<ContentProtection schemeIdUri="urn:example:drm"/>'
        f'<ContentProtection schemeIdUri="{WIDEVINE}"><cenc:pssh>***</cenc:pssh>'
        '<a:laurl xmlns:a="urn:a" Lic_type="x" licenseUrl="https://l.example/"/></ContentProtection>'
    )

    text = mpd(
        f'<Period><AdaptationSet mimeType="video/mp4">{inside}<Representation>{TEMPLATE}'
        f'<ContentProtection schemeIdUri="{WIDEVINE}" ref="nothing"/>'
        "</Representation></AdaptationSet></Period>"
    )

    assert first(text).protections == (
        Protection("edef8ba9-79d6-4ace-a3c8-27dcd51d21ed", license_url="https://l.example/"),
    )
    assert len(read(text).warnings) == 4


def test_the_init_data_of_both_levels_is_kept() -> None:
    def stated(data: bytes) -> str:
        return (
            f'<ContentProtection schemeIdUri="{WIDEVINE}"><cenc:pssh>'
            f"{base64.b64encode(data).decode()}</cenc:pssh></ContentProtection>"
        )

    text = mpd(
        f'<Period><AdaptationSet mimeType="video/mp4">{stated(b"set")}<Representation>'
        f"{stated(b'rep')}{TEMPLATE}</Representation></AdaptationSet></Period>"
    )

    assert first(text).protections[0].pssh == b"repset"


def test_request_parameters_for_other_requests_are_not_put_on_segments() -> None:
    inside = (
        '<RequestParam queryTemplate="$querypart$" queryString="a=1" includeInRequests="mpd"/>'
        '<RequestParam queryTemplate="$querypart$" queryString="b=2"/>'
    )

    assert names(segments(one(TEMPLATE, inside_set=inside)))[0] == "1.m4s?b=2"


@pytest.mark.slow
def test_only_so_many_events_and_warnings_are_kept() -> None:
    stream = (
        '<EventStream schemeIdUri="u">'
        + '<Event presentationTime="x"/>' * 100_001
        + "</EventStream>"
    )

    presentation = read(mpd(period(inside=stream)))

    assert len(presentation.periods[0].events) == 100_000
    assert len(presentation.warnings) <= 100


@pytest.mark.parametrize(
    ("value", "kept"), [("1,2", True), ("1", True), ("", False), ("1,2 3", False)]
)
def test_a_set_that_plays_only_with_others_is_left_out(value: str, *, kept: bool) -> None:
    said = f'<EssentialProperty schemeIdUri="urn:mpeg:dash:preselection:2016" value="{value}"/>'
    text = mpd(
        period()[: -len("</Period>")]
        + f'<AdaptationSet mimeType="audio/mp4">{said}<Representation id="a">{TEMPLATE}'
        "</Representation></AdaptationSet></Period>"
    )

    assert len(list(read(text).periods[0].of_kind("audio"))) == kept
