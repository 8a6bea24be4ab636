"""What a session says with its requests is CMCD, and true."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from cmcd_world import OPENED
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import MOVIE, SECOND, opened, play, segment

import abr
from netplay.core.device import Device, Preferences
from netplay.core.messages import (
    Event,
    Fail,
    Fetch,
    Fetched,
    Hold,
    Opened,
    Progressed,
    RateSet,
    Rendered,
    Resolve,
    Resumed,
    Sought,
)
from netplay.naming import ByteRange
from netplay.segments import Init, Ranges, Run, SegmentIndex, Template
from netplay.sim import Link, Trace, make_title, simulate_session
from netplay.telemetry import Message
from netplay.telemetry.cmcd import Cmcd, check_headers, check_query, check_request
from netplay.telemetry.cmcd.keys import About, Next, Value, Version, written
from netplay.telemetry.structured import InnerList, Item, Token, parse_dictionary
from netplay.timeline import Known

SID = "6e2fb550-c457-11e9-bb97-0800200c9a66"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request in the shape that a Network shows to its decorator."""

    url: str
    purpose: str = "segment"
    byte_range: ByteRange | None = None
    headers: tuple[tuple[str, str], ...] = ()
    about: Fetch | Resolve | None = None


def fetch(number: int, *, name: str = "high", init: bool = False) -> Fetch:
    return Fetch(100 + number, "video", f"0/{name}", number, "a", init=init)


def cmcd_of(
    *messages: tuple[int, Message | list[Message]],
    version: Version = 1,
    mode: Literal["header", "query"] = "header",
) -> Cmcd:
    cmcd = Cmcd(content_id="heat", version=version, mode=mode, new_sid=lambda: SID)
    for now_us, one in messages:
        for message in one if isinstance(one, list) else [one]:
            cmcd(now_us, message)
    return cmcd


def told(cmcd: Cmcd, about: Fetch | Resolve | None, purpose: str = "segment") -> dict[str, object]:
    """Return the keys that go with a request, checked."""
    sent = cmcd.decorate(Ask("http://a/high/1.m4s", purpose, about=about))
    fields = {name: text for name, text in sent.headers if name.startswith("CMCD-")}
    assert check_headers(fields) == []
    found: dict[str, object] = {}
    for text in fields.values():
        for key, member in parse_dictionary(text).items():
            found[key] = member.value if isinstance(member, Item) else member
    return found


PLAYING: list[tuple[int, Message | list[Message]]] = [
    (0, OPENED),
    (1, segment(1, "low", 0)),
    (2, segment(2, "low", 1)),
    (SECOND, play(0, SECOND)),
    (2 * SECOND, Progressed(9, 0, 0)),
]


def test_a_segment_request_carries_every_key_of_version_1_that_applies() -> None:
    keys = told(cmcd_of(*PLAYING), fetch(3))

    # One second was shown of the four that are held, and the segment begins at six.
    assert keys == {
        "bl": 3000,
        "br": 3000,
        "cid": "heat",
        "d": 2000,
        "dl": 5000,
        "nor": "4.m4s",
        "ot": Token("v"),
        "rtp": 6000,
        "sf": Token("d"),
        "sid": SID,
        "st": Token("v"),
        "tb": 3000,
    }


def test_version_2_says_more() -> None:
    keys = told(cmcd_of(*PLAYING, version=2), fetch(3))

    assert keys["v"] == 2
    assert keys["bl"] == InnerList((Item(3000, {"v": True}),))
    assert keys["nor"] == InnerList((Item("4.m4s"),))
    assert keys["tbl"] == InnerList((Item(30_000, {"v": True}),))
    assert (keys["sta"], keys["pt"], keys["sn"], keys["msd"]) == ("p", 1000, 0, 1000)
    assert (keys["cdn"], keys["su"]) == ("a", True)
    assert "nrr" not in keys


def test_what_is_said_once_is_said_once_to_each_host() -> None:
    cmcd = cmcd_of(*PLAYING, version=2)

    first, second = told(cmcd, fetch(3)), told(cmcd, fetch(4))
    elsewhere = told(cmcd, replace(fetch(5), host="b"))

    assert (first["msd"], first["sn"]) == (1000, 0)
    assert ("msd" in second, second["sn"]) == (False, 1)
    assert (elsewhere["msd"], elsewhere["sn"]) == (1000, 0)


@pytest.mark.parametrize("version", [1, 2])
def test_starvation_is_told_to_the_next_request_and_no_longer(version: Version) -> None:
    stalled = (3 * SECOND, Hold(4 * SECOND, "stall"))
    cmcd = cmcd_of(*PLAYING, stalled, version=version)

    during = told(cmcd, fetch(3))
    cmcd(5 * SECOND, play(4 * SECOND, 5 * SECOND))
    after = told(cmcd, fetch(4))
    later = told(cmcd, fetch(5))

    assert (during["bs"], during["su"]) == (True, True)
    assert "bs" not in after
    assert "dl" not in during
    if version == 2:
        assert after["bsd"] == InnerList((Item(2000),))
        assert after["bsa"] == InnerList((Item(1),))
        assert later["bsda"] == InnerList((Item(2000),))
        assert "bsd" not in later


def test_a_stall_between_two_requests_is_told_to_the_second() -> None:
    cmcd = cmcd_of(*PLAYING)
    told(cmcd, fetch(3))
    cmcd(3 * SECOND, Hold(4 * SECOND, "stall"))
    cmcd(4 * SECOND, play(4 * SECOND, 4 * SECOND))

    assert told(cmcd, fetch(4))["bs"] is True


@pytest.mark.parametrize(
    ("then", "state"),
    [
        ([], "p"),
        ([Hold(0, "seek")], "k"),
        ([Hold(0, "stall")], "r"),
        ([Hold(0, "pause")], "a"),
        ([Hold(0, "end")], "e"),
        ([Fail("DeliveryError", "x", ())], "f"),
    ],
)
def test_the_state_is_what_the_viewer_sees(then: list[Message], state: str) -> None:
    cmcd = cmcd_of(*PLAYING, (3 * SECOND, then), version=2)

    assert told(cmcd, fetch(3))["sta"] == state


def test_what_nobody_wants_yet_is_preloaded_and_then_started() -> None:
    cmcd = cmcd_of((0, opened(paused=True)), (1, Hold(0, "start")), version=2)

    before = told(cmcd, fetch(3))
    cmcd(2 * SECOND, Resumed())
    after = told(cmcd, fetch(4))
    cmcd(3 * SECOND, play(0, 3 * SECOND))

    assert (before["sta"], after["sta"]) == ("d", "s")
    assert told(cmcd, fetch(5))["msd"] == 1000


def test_the_rate_is_told_unless_it_is_real_time() -> None:
    faster = cmcd_of(*PLAYING, (3 * SECOND, play(SECOND, 3 * SECOND, Fraction(3, 2))))
    resting = cmcd_of(*PLAYING, (3 * SECOND, Hold(SECOND, "pause")))

    assert told(faster, fetch(3))["pr"] == 1.5
    assert told(resting, fetch(3))["pr"] == 0.0
    # At 3 s the playhead is at 1 s; what begins at 6 s is due in 3.33 s.
    assert told(faster, fetch(3))["dl"] == 3300


def test_the_throughput_is_what_came_over_the_time_it_took() -> None:
    transfers: list[tuple[int, Message | list[Message]]] = [
        (1, [fetch(1), fetch(2)]),
        (SECOND, Fetched(101, 1_000_000, SECOND, first_byte_at_us=0)),
        # Half of it beside the other: together 1.5 s.
        (SECOND, Fetched(102, 500_000, 3 * SECOND // 2, first_byte_at_us=SECOND // 2)),
        (SECOND, Fetched(103, 9_999_999, SECOND, first_byte_at_us=SECOND - 5)),
    ]

    assert told(cmcd_of((0, opened()), *transfers), fetch(3))["mtp"] == 8000


def test_other_objects_say_what_they_are_and_nothing_of_media() -> None:
    cmcd = cmcd_of(*PLAYING)
    session = {"cid": "heat", "sf": Token("d"), "sid": SID, "st": Token("v")}

    assert told(cmcd, fetch(1, init=True), "init") == {**session, "ot": Token("i")}
    assert told(cmcd, Resolve(1, "0/low", "a"), "index") == {**session, "ot": Token("o")}
    assert told(cmcd, None, "license") == {**session, "ot": Token("k")}


def test_the_manifest_is_asked_for_under_the_session_that_plays_it() -> None:
    sids = iter(["one", "two", "three"])
    cmcd = Cmcd(new_sid=lambda: next(sids))

    assert told(cmcd, None, "manifest") == {"ot": Token("m"), "sid": "one"}
    cmcd(0, opened())
    assert told(cmcd, fetch(1))["sid"] == "one"
    assert told(cmcd, None, "manifest") == {"ot": Token("m"), "sid": "two"}
    cmcd(9, opened())
    assert told(cmcd, fetch(1))["sid"] == "two"
    cmcd(99, opened())  # its manifest was held already
    assert told(cmcd, fetch(1))["sid"] == "three"


def test_a_session_id_is_random_and_new() -> None:
    sids = {Cmcd().sid for _ in range(100)}

    assert len(sids) == 100
    assert {len(sid) for sid in sids} == {36}


def test_the_next_range_of_the_same_file_is_told_as_each_version_says() -> None:
    ranges = Ranges("m.mp4", (10, 110, 160, 230), init=Init("m.mp4", ByteRange(0, 10)))
    index = SegmentIndex(1, (Run(0, 2, 3),), ranges)
    low = MOVIE.periods[0].sets[0].representations[0]
    group = replace(MOVIE.periods[0].sets[0], representations=(replace(low, index=Known(index)),))
    movie = replace(MOVIE, periods=(replace(MOVIE.periods[0], sets=(group,)),))
    start = Opened(movie, Device(), Preferences(), 0, paused=False)

    one = told(cmcd_of((0, start)), fetch(0, name="low"))
    two = told(cmcd_of((0, start), version=2), fetch(0, name="low"))

    assert (one.get("nor"), one["nrr"]) == (None, "110-159")
    assert two["nor"] == InnerList((Item("m.mp4", {"r": "110-159"}),))


def test_a_query_is_added_to_what_is_there_and_replaced_where_a_redirect_repeats_it() -> None:
    cmcd = cmcd_of(*PLAYING, mode="query")

    once = cmcd.decorate(Ask("http://a/x?token=a%2Fb&t", about=fetch(3)))
    again = cmcd.decorate(replace(once, url=once.url + "&more=1"))

    assert once.url.startswith("http://a/x?token=a%2Fb&t&CMCD=")
    assert again.url.startswith("http://a/x?token=a%2Fb&t&more=1&CMCD=")
    assert once.headers == ()
    for url in (once.url, again.url):
        assert check_query(url) == []
    assert check_request(parse_qs(urlsplit(once.url).query)["CMCD"][0]) == []


def test_other_headers_stay_and_old_ones_of_cmcd_go() -> None:
    ask = Ask("http://a/x", headers=(("X-A", "1"), ("CMCD-Object", "br=1")))

    sent = cmcd_of((0, opened())).decorate(ask)

    assert sent.headers[0] == ("X-A", "1")
    assert ("CMCD-Object", "br=1") not in sent.headers


@pytest.mark.parametrize("url", ["file:///etc/passwd", "data:,x"])
def test_what_is_no_network_request_is_left_as_it_is(url: str) -> None:
    ask = Ask(url)

    assert cmcd_of((0, opened()), mode="query").decorate(ask) is ask


@given(
    url=st.text(max_size=40).map(lambda text: f"http://{text}")
    | st.text(max_size=20)
    | st.sampled_from(["http://[", "http://a:b/", "HTTP://A/?CMCD=&CMCD=x", "http://a/?CMCD"]),
    mode=st.sampled_from(["header", "query"]),
)
def test_whatever_the_url_is_a_request_comes_back(
    url: str, mode: Literal["header", "query"]
) -> None:
    ask = Ask(url, about=fetch(3))

    sent = cmcd_of(*PLAYING, mode=mode).decorate(ask)

    assert sent.about is ask.about
    assert sent.url.count("CMCD=") <= 1


def test_a_path_that_would_fill_a_header_is_not_told() -> None:
    naming = Template((f"{'x' * 600}/", "Number", ".m4s"))
    index = SegmentIndex(1, (Run(0, 2, 3),), naming)
    far = Template(("", "Number", f"/{'x' * 600}.m4s"))
    low = MOVIE.periods[0].sets[0].representations[0]

    def asked(index: SegmentIndex) -> dict[str, object]:
        rung = replace(low, index=Known(index))
        group = replace(MOVIE.periods[0].sets[0], representations=(rung,))
        movie = replace(MOVIE, periods=(replace(MOVIE.periods[0], sets=(group,)),))
        start = Opened(movie, Device(), Preferences(), 0, paused=False)
        return told(cmcd_of((0, start)), fetch(1, name="low"))

    assert asked(index)["nor"] == "2.m4s"
    assert "nor" not in asked(replace(index, naming=far))


def test_only_the_keys_that_the_app_wants_are_sent() -> None:
    cmcd = Cmcd(only=["br", "ot"], version=2)
    cmcd(0, opened())

    assert told(cmcd, fetch(3)).keys() == {"br", "ot", "v"}
    with pytest.raises(ValueError, match="no CMCD key 'zz'"):
        Cmcd(only=["zz"])
    with pytest.raises(ValueError, match="65 characters"):
        Cmcd(content_id="x" * 65)


def test_dropped_frames_and_the_background_are_told() -> None:
    shown = Rendered("video", 0, SECOND, SECOND, 0, frames=9, dropped=3)
    cmcd = cmcd_of(*PLAYING, (2 * SECOND, shown), version=2)
    cmcd.background = True

    keys = told(cmcd, fetch(3))

    assert (keys["dfa"], keys["bg"]) == (3, True)


@given(
    cid=st.text(min_size=1, max_size=20),
    path=st.text(max_size=20).map(lambda text: f"a{text}"),
    number=st.integers(0, 10**12),
    rate=st.floats(0, 1000),
    version=st.sampled_from([1, 2]),
)
def test_whatever_the_values_are_they_are_written_as_the_grammar_says(
    cid: str, path: str, number: int, rate: float, version: Version
) -> None:
    values: dict[str, Value] = {
        "cid": cid,
        "bl": (About(number, "v"),),
        "br": (About(number, "a"), About(1, "v")),
        "pr": rate if f"{rate:.3f}" != "1.000" else 2.0,
        "d": number,
        "ot": Token("v"),
        "su": True,
        "bs": False,
        "ec": ("a", cid),
        "v": 2,
    }
    if ":" not in path and "//" not in path:
        values["nor"] = Next(path)

    wrong = check_request(written(values, version))

    assert [one for one in wrong if "longer than" not in one] == []


actions = st.one_of(
    st.integers(0, 55).map(lambda at_s: Sought(at_s * SECOND)),
    st.sampled_from([Fraction(1, 2), Fraction(2), Fraction(1)]).map(RateSet),
)


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(
    rate_bps=st.sampled_from([300_000, 1_500_000, 8_000_000]),
    what=st.lists(st.tuples(st.integers(1, 40), actions), max_size=4),
    version=st.sampled_from([1, 2]),
    chunk_us=st.sampled_from([None, 500_000]),
)
def test_every_request_of_a_simulated_session_is_cmcd(
    rate_bps: int, what: list[tuple[int, Event]], version: Version, chunk_us: int | None
) -> None:
    in_headers = Cmcd(content_id="heat", version=version)
    in_query = Cmcd(content_id="heat", version=version, mode="query")
    requests, measured_kbps = 0, 0

    def ask(now_us: int, message: Message) -> None:
        nonlocal requests, measured_kbps
        in_headers(now_us, message)
        in_query(now_us, message)
        if isinstance(message, Fetch | Resolve):
            purpose = "index" if isinstance(message, Resolve) else "segment"
            if isinstance(message, Fetch) and message.init:
                purpose = "init"
            request = Ask("https://a/v/1.m4s?x=1", purpose, about=message)
            fields = dict(in_headers.decorate(request).headers)
            assert check_headers(fields) == []
            found = re.search(r"mtp=\(?(\d+)", fields.get("CMCD-Request", ""))
            measured_kbps = int(found[1]) if found else measured_kbps
            assert check_query(in_query.decorate(request).url) == []
            requests += 1

    simulate_session(
        make_title(),
        abr.controller("hybrid"),
        Link(trace=Trace.constant(rate_bps), rtt_us=20_000, header_bytes=0),
        script=sorted(((at_s * SECOND, one) for at_s, one in what), key=lambda one: one[0]),
        chunk_us=chunk_us,
        taps=[ask],
        seed=1,
        until_us=300 * SECOND,
        max_steps=50_000,
    )

    assert requests > 5
    # What the link gives, but for slow start and for rounding to hundreds.
    assert 0.5 * rate_bps < measured_kbps * 1000 <= rate_bps + 50_000
