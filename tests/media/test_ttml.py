"""TTML text is shown when its nested times say, and traps in it do not spring."""

import time
from contextlib import suppress

import pytest
from clips import VECTORS, needs_vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from netplay.errors import MediaError
from netplay.media.cues import Cue
from netplay.media.fragments import FragmentReader
from netplay.media.init import read_init
from netplay.media.ttml import UNENDING_US, read_ttml


def document(body: str, parameters: str = "") -> bytes:
    return (
        '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter"'
        ' xmlns:ttm="http://www.w3.org/ns/ttml#metadata"'
        f" {parameters}><head><metadata><ttm:title>Not shown</ttm:title></metadata></head>"
        f"<body>{body}</body></tt>"
    ).encode()


def cues(body: str, parameters: str = "") -> list[tuple[int, int, str]]:
    found = read_ttml(document(body, parameters))
    return [(it.start_us, it.end_us, it.text) for it in found]


def test_a_paragraph_is_a_cue() -> None:
    body = '<div><p xml:id="c1" begin="1s" end="2.5s">Hello</p></div>'

    assert read_ttml(document(body)) == (Cue(1_000_000, 2_500_000, "Hello", "Hello", "c1"),)


@pytest.mark.parametrize(
    ("expression", "us"),
    [
        ("01:02:03", 3_723_000_000),
        ("00:00:01.5", 1_500_000),
        ("00:00:01.0000019", 1_000_001),
        ("00:00:01:15", 1_500_000),
        ("00:00:01:15.1", 1_516_666),
        ("100:00:00", 360_000_000_000),
        ("1.5h", 5_400_000_000),
        ("2m", 120_000_000),
        ("250ms", 250_000),
        ("45f", 1_500_000),
        ("500t", 5_000_000),
    ],
)
def test_every_way_to_write_a_time_is_understood(expression: str, us: int) -> None:
    parameters = 'ttp:frameRate="30" ttp:subFrameRate="2" ttp:tickRate="100"'

    assert cues(f'<p begin="{expression}">a</p>', parameters) == [(us, UNENDING_US, "a")]


def test_frames_follow_the_multiplier_and_ticks_the_frames() -> None:
    parameters = 'ttp:frameRate="30" ttp:frameRateMultiplier="1000 1001"'

    assert cues('<p begin="30f" end="60t">a</p>', parameters) == [(1_001_000, 2_002_000, "a")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<div begin="10s" end="20s"><p>a</p></div>', [(10, 20, "a")]),
        ('<div begin="10s"><p begin="2s" end="5s">a</p></div>', [(12, 15, "a")]),
        ('<div begin="10s" end="13s"><p begin="2s" dur="5s">a</p></div>', [(12, 13, "a")]),
        ('<div begin="10s"><p dur="4s">a</p></div>', [(10, 14, "a")]),
        ('<p begin="1s" end="9s" dur="2s">a</p>', [(1, 3, "a")]),
        (
            '<div timeContainer="seq"><p dur="1s">a</p><p begin="1s" dur="2s">b</p></div>',
            [(0, 1, "a"), (2, 4, "b")],
        ),
        (
            '<p begin="1s" end="4s">a<span begin="1s" end="2s">b</span>c</p>',
            [(1, 2, "ac"), (2, 3, "abc"), (3, 4, "ac")],
        ),
        (
            '<p><span begin="1s" end="2s">a</span><span begin="2s" end="3s">b</span></p>',
            [(1, 2, "a"), (2, 3, "b")],
        ),
    ],
)
def test_times_nest(body: str, expected: list[tuple[int, int, str]]) -> None:
    assert cues(body) == [(a * 1_000_000, b * 1_000_000, text) for a, b, text in expected]


def test_breaks_are_lines_and_blanks_are_collapsed_unless_preserved() -> None:
    body = '<p end="1s">\n  one <span>two</span>\n<br/>  three  </p>'

    assert cues(body)[0][2] == "one two\nthree"
    assert cues(f'<div xml:space="preserve">{body}</div>')[0][2] == "\n  one two\n\n  three  "


def test_metadata_inside_a_paragraph_is_not_shown() -> None:
    body = '<p end="1s">a<metadata><ttm:desc>no</ttm:desc></metadata><ttm:desc>no</ttm:desc>b</p>'

    assert cues(body)[0][2] == "ab"


def test_a_sample_cuts_its_cues_to_its_own_time() -> None:
    body = '<p begin="1s" end="9s">a</p><p>b</p><p begin="20s" end="30s">c</p>'

    found = read_ttml(document(body), start_us=4_000_000, end_us=6_000_000)

    assert [(it.start_us, it.end_us, it.text) for it in found] == [
        (4_000_000, 6_000_000, "a"),
        (4_000_000, 6_000_000, "b"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_encodings_of_the_standard_are_read(encoding: str) -> None:
    text = document('<p end="1s">Åse &amp; 漢</p>').decode()

    assert [it.text for it in read_ttml(text.encode(encoding))] == ["Åse & 漢"]


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE tt [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    '<tt xmlns="http://www.w3.org/ns/ttml"><body><p>&b;</p></body></tt>'
)
EXTERNAL = (
    '<!DOCTYPE tt [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    '<tt xmlns="http://www.w3.org/ns/ttml"><body><p>&a;</p></body></tt>'
)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not well-formed"),
        (b"<html/>", "the document is a 'html'"),
        (b"<tt", "not well-formed"),
        (b"<?xml version='1.0' encoding='utf-7'?><tt/>", "not well-formed"),
        (b"<?xml version='1.0' encoding='nonsense'?><tt/>", "not well-formed"),
        (BOMB.encode(), "entity declaration"),
        (EXTERNAL.encode(), "entity declaration"),
        (document("<div>" * 100 + "</div>" * 100), "nested more than 64 deep"),
        (bytes(9 << 20), "bytes; "),
        (
            document(
                "<p>" + "".join(f'<span begin="{at}s">a</span>' for at in range(1000)) + "</p>"
            ),
            "absurdly many",
        ),
    ],
)
def test_what_is_no_ttml_or_a_trap_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(MediaError, match=f"subs/1: .*{complaint}"):
        read_ttml(data, what="subs/1")


@given(
    st.binary(max_size=100) | st.text(alphabet="<>/p span=\"'1s&;", max_size=100).map(str.encode)
)
@settings(deadline=None)
def test_any_bytes_are_cues_or_a_media_error(data: bytes) -> None:
    for tried in (data, document("").replace(b"<body>", b"<body>" + data)):
        try:
            found = read_ttml(tried)
        except MediaError:
            continue
        assert all(it.start_us < it.end_us for it in found)


@pytest.mark.slow
def test_a_hostile_document_takes_no_longer_than_a_few_seconds() -> None:
    spans = "".join(f'<span begin="{at}ms" end="{at}s">a</span>' for at in range(250))
    hostile = [
        document("<p>a</p>" * 99_000),
        document(f"<p>{spans}</p>" * 700),
        document('<p end="1s">' + "<br/>" * 99_000 + "</p>"),
    ]

    for data in hostile:
        began = time.process_time()
        with suppress(MediaError):
            read_ttml(data)
        assert time.process_time() - began < 4.0


@needs_vectors
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("frame-rate", [(1_000_000, 1_010_000), (1_001_000_000, 2_002_000_000)]),
        (
            "inherit-begin-from-div",
            [
                (69_583_000, 71_125_000),
                (72_000_000, 74_500_000),
                (122_000_000, 125_000_000),
                (180_000_000, 184_000_000),
                (242_000_000, 245_000_000),
                (300_000_000, 302_000_000),
            ],
        ),
        ("bitmap-pixel-region", []),
    ],
)
def test_the_conformance_vectors_have_their_times(
    name: str, expected: list[tuple[int, int]]
) -> None:
    found = read_ttml((VECTORS / "media3" / "ttml" / f"{name}.xml").read_bytes())

    assert [(it.start_us, it.end_us) for it in found] == expected


@needs_vectors
def test_an_stpp_track_is_read_through_its_fragments() -> None:
    data = (VECTORS / "media3" / "dash_ttml-in-mp4" / "sample.text.mp4").read_bytes()
    samples = FragmentReader(read_init(data)).feed(data)

    found = [
        (cue.start_us, cue.end_us, cue.text)
        for it in samples
        for cue in read_ttml(it.data, start_us=it.pts * 1000, end_us=(it.pts + it.duration) * 1000)
    ]

    assert found == [
        (20_000, 500_000, "First Subtitle after 20ms of silence"),
        (250_000, 400_000, "Second Subtitle overlaps with first"),
        (700_000, 950_000, "Last subtitle\nAnd More"),
    ]
