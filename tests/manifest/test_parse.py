"""parse_manifest: what is a manifest, what only looks like one, and what is hostile."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpds import TEMPLATE, URL, known, mpd, names, one, read, segments

import netplay
from netplay.errors import ManifestError
from netplay.manifest import parse_manifest
from netplay.manifest.text import MAX_BYTES
from netplay.timeline import Presentation

PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n#EXT-X-ENDLIST\n"


def test_it_is_a_public_name() -> None:
    assert netplay.parse_manifest is parse_manifest


def test_a_playlist_and_an_mpd_are_told_apart() -> None:
    assert parse_manifest(PLAYLIST, "https://a.example/x").format == "hls"
    assert parse_manifest(one(TEMPLATE), URL).format == "dash"


def test_a_playlist_without_its_first_line_is_read_with_a_warning() -> None:
    presentation = parse_manifest(PLAYLIST.partition("\n")[2], "https://a.example/x")

    assert presentation.format == "hls"
    assert any("#EXTM3U" in warning for warning in presentation.warnings)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_encoding_that_xml_allows_is_read(encoding: str) -> None:
    text = one(TEMPLATE, rep='id="ü"').replace('encoding="UTF-8"', "")

    presentation = parse_manifest(text.encode(encoding), URL)

    assert [rep.name for rep in presentation.periods[0].representations] == ["ü"]


def test_a_declared_encoding_is_believed() -> None:
    data = one(TEMPLATE, rep='id="ü"').replace("UTF-8", "ISO-8859-1").encode("latin-1")

    assert [rep.name for rep in parse_manifest(data, URL).periods[0].representations] == ["ü"]


def test_white_space_and_comments_before_the_manifest_do_not_matter() -> None:
    text = "\ufeff \r\n" + one(TEMPLATE).replace("?>\n", "?>\n<!-- made by > hand -->\n\n")

    assert len(segments(text)) == 5


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "HTML"),
        (b"<html><head></head></html>", "HTML"),
        (b"<?xml version='1.0'?>\n<!-- x --><html/>", "HTML"),
        (b'{"error": "not found"}', "JSON"),
        (b"[]", "JSON"),
        (b"<SmoothStreamingMedia MajorVersion='2'/>", "Smooth"),
        (b"<Patch/>", "patch"),
        (b"<rss><channel/></rss>", "'rss'"),
        (b"\0\0\0\x18ftypiso6\0\0\0\0", "media file"),
        (b"Not Found", "Not Found"),
    ],
)
def test_what_is_no_manifest_is_named_by_its_looks(data: bytes, looks: str) -> None:
    with pytest.raises(ManifestError, match=looks):
        parse_manifest(data, "https://a.example/x?token=secret")


def test_the_url_in_the_message_keeps_no_token() -> None:
    with pytest.raises(ManifestError) as raised:
        parse_manifest(b"", "https://user:pass@a.example/x?token=secret")

    assert "secret" not in str(raised.value)
    assert "pass" not in str(raised.value)
    assert raised.value.url == "https://user:pass@a.example/x?token=secret"


@pytest.mark.parametrize("cut", [10, 200, 300, 400])
def test_a_truncated_mpd_is_an_error_that_says_where(cut: int) -> None:
    with pytest.raises(ManifestError, match=r"not well-formed|not a manifest"):
        read(one(TEMPLATE)[:-cut])


def test_more_than_a_manifest_may_have_is_refused_without_being_read() -> None:
    began = time.perf_counter()

    with pytest.raises(ManifestError, match="more than a manifest may have"):
        parse_manifest(b"<MPD>" + bytes(MAX_BYTES), URL)

    assert time.perf_counter() - began < 1


def test_more_elements_than_memory_should_hold_are_refused() -> None:
    with pytest.raises(ManifestError, match="tags"):
        parse_manifest("<MPD>" + "<S/>" * 4_000_001 + "</MPD>", URL)


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE MPD [<!ENTITY a "b">]>',
        '<!DOCTYPE MPD [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE MPD SYSTEM "https://evil.example/x.dtd">',
    ],
)
def test_entities_are_never_declared(declared: str) -> None:
    text = one(TEMPLATE, rep='id="&a;"').replace("?>\n", f"?>\n{declared}\n")

    with pytest.raises(ManifestError):
        read(text)


def test_an_external_entity_is_not_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    text = one(TEMPLATE).replace(
        "?>\n", f'?>\n<!DOCTYPE MPD [<!ENTITY a SYSTEM "{secret.as_uri()}">]>\n'
    )

    with pytest.raises(ManifestError) as raised:
        read(text)

    assert "SECRET" not in str(raised.value)


def test_elements_nested_without_end_are_survived() -> None:
    deep = "<x>" * 20_000 + "</x>" * 20_000
    event = f"<EventStream schemeIdUri='u'><Event>{deep}</Event></EventStream>"
    text = mpd(
        f"{deep}<Period>{event}<AdaptationSet mimeType='video/mp4'><Representation>{TEMPLATE}"
        "</Representation></AdaptationSet></Period>"
    )

    with pytest.raises(ManifestError, match="levels deep"):
        read(text)
    assert len(segments(text.replace(event, ""))) == 5


@pytest.mark.parametrize(
    "value", ["9" * 4000, "9" * 5000, "-1", "0", "1e9", "0x10", "", " ", "NaN"]
)
def test_numbers_beyond_reason_end_in_an_answer(value: str) -> None:
    for name in ("duration", "timescale", "startNumber", "presentationTimeOffset", "endNumber"):
        stated = {"media": "$Number$-$Time$", "duration": "2", name: value}
        outcome(one(f"<SegmentTemplate {written(stated)}/>"))
    for name in ("t", "d", "r", "n", "k", "p"):
        row = f"<S {written({'t': '0', 'd': '2', name: value})}/>"
        outcome(
            one(
                '<SegmentTemplate media="$Number$-$Time$"><SegmentTimeline>'
                f"{row}{row}</SegmentTimeline></SegmentTemplate>"
            )
        )


def written(attributes: dict[str, str]) -> str:
    return " ".join(f'{name}="{value}"' for name, value in attributes.items())


def test_a_repeat_beyond_reason_costs_nothing() -> None:
    template = (
        '<SegmentTemplate media="$Number$" timescale="1000000000"><SegmentTimeline>'
        '<S t="0" d="1" r="999999999"/></SegmentTimeline></SegmentTemplate>'
    )

    assert len(segments(one(template))) == 10**9


def test_undeclared_prefixes_and_bare_ampersands_are_forgiven_with_a_warning() -> None:
    text = one(f"<BaseURL>x/?a=1&b=2</BaseURL>{TEMPLATE}<scte:x/>", rep='id="v" cenc2:y="1"')

    presentation = read(text)

    assert len(known(next(presentation.periods[0].representations))) == 5
    assert any("cenc2, scte" in warning for warning in presentation.warnings)
    assert any("ampersand" in warning for warning in presentation.warnings)


def test_a_long_uneven_timeline_is_read_to_its_end() -> None:
    rows, clock = [], 0
    for number in range(50_000):
        rows.append(f'<S t="{clock}" d="{1990 + number % 7}"/>')
        clock += 1990 + number % 7
    text = one(
        '<SegmentTemplate media="$Time$" timescale="1000"><SegmentTimeline>'
        + "".join(rows)
        + "</SegmentTimeline></SegmentTemplate>",
        attributes='mediaPresentationDuration="PT1000000S"',
    )

    index = segments(text)

    assert len(index) == 50_000
    assert index.runs[-1].start + index.runs[-1].duration == clock


# Arbitrary and damaged documents


def outcome(data: bytes | str) -> Presentation | ManifestError:
    """Read a document and everything in it; anything but these two is a defect."""
    try:
        presentation = parse_manifest(data, URL, utc_us=1_700_000_000_000_000)
    except ManifestError as error:
        return error
    for period in presentation.periods:
        for rep in period.representations:
            index = getattr(rep.index, "index", None)
            if index is not None and len(index):
                assert index[0].end_us >= index[0].start_us
                assert index[len(index) - 1].entry.uri is not None
    return presentation


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_presentation_or_a_manifest_error(data: bytes) -> None:
    outcome(data)


@given(st.text(max_size=300))
def test_arbitrary_text_is_a_presentation_or_a_manifest_error(text: str) -> None:
    outcome(text)


FULL = mpd(
    '<BaseURL serviceLocation="a" dvb:priority="1">https://a.example/</BaseURL>'
    '<Period id="1" start="PT0S" duration="PT6S"><EventStream schemeIdUri="u" timescale="10">'
    '<Event presentationTime="5" duration="1">x</Event></EventStream>'
    '<AdaptationSet id="1" mimeType="video/mp4" codecs="avc1.4d401f" frameRate="30000/1001">'
    '<ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" '
    'cenc:default_KID="01234567-89AB-CDEF-0123-456789ABCDEF"/>'
    '<SegmentTemplate timescale="90000" media="$RepresentationID$/$Number%05d$.m4s" '
    'initialization="$RepresentationID$/i.mp4" presentationTimeOffset="10"><SegmentTimeline>'
    '<S t="10" d="180000" r="1"/><S d="90000" r="-1"/></SegmentTimeline></SegmentTemplate>'
    '<Representation id="a" bandwidth="1000"/><Representation id="b" bandwidth="2000"/>'
    '</AdaptationSet><AdaptationSet mimeType="audio/mp4" lang="en"><SegmentList duration="2">'
    '<Initialization sourceURL="i" range="0-9"/><SegmentURL media="1" mediaRange="10-20"/>'
    '<SegmentURL media="2"/></SegmentList><Representation id="c"/></AdaptationSet></Period>'
    '<Period><AdaptationSet contentType="video"><Representation id="d"><BaseURL>v.mp4</BaseURL>'
    '<SegmentBase indexRange="100-200"/></Representation></AdaptationSet></Period>',
    'type="static" mediaPresentationDuration="PT10S" minBufferTime="PT2S"',
)
HOSTILE = st.sampled_from(
    [
        "",
        " -1",
        "0",
        "1",
        "-",
        "999999999999999999999999999999",
        "INF",
        "NaN",
        "P",
        "PT",
        "PT-1S",
        "1/0",
        "$",
        "$$$",
        "../..",
        "http://[",
        "//",
        "?",
        "#",
        "0-",
        "5-1",
        "☃",
        "&lt;",
        "urn:uuid:",
        "dynamic",
        "2020-01-01T",
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A sound MPD with some attribute values replaced and some of its text cut or doubled."""
    text = FULL
    for _ in range(draw(st.integers(1, 4))):
        values = [place for place in range(len(text) - 1) if text[place : place + 2] == '="']
        place = draw(st.sampled_from(values)) + 2
        end = text.find('"', place)
        text = text[:place] + draw(HOSTILE) + text[end:]
    if draw(st.booleans()):
        first, last = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        text = text[:first] + text[first:last] * draw(st.sampled_from([0, 2])) + text[last:]
    return text


@given(damaged())
def test_damaged_mpds_are_a_presentation_or_a_manifest_error(text: str) -> None:
    outcome(text)


@given(st.permutations(FULL[FULL.index("<BaseURL") : -6].replace("><", ">\n<").split("\n")))
def test_shuffled_elements_are_a_presentation_or_a_manifest_error(lines: list[str]) -> None:
    outcome(mpd("".join(lines)))


def test_the_mpd_that_is_damaged_above_is_sound() -> None:
    presentation = read(FULL)

    assert presentation.warnings == ()
    assert [rep.id for p in presentation.periods for rep in p.representations] == [
        "0/a",
        "0/b",
        "0/c",
        "1/d",
    ]
    assert names(known(next(presentation.periods[0].representations))) == [
        "a/00001.m4s",
        "a/00002.m4s",
        "a/00003.m4s",
        "a/00004.m4s",
    ]
