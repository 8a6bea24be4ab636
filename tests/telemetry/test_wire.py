"""Messages go onto the wire and come back as they were."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_messages import messages

from netplay.core.device import Device, Preferences
from netplay.core.messages import Fetch, Opened, Play, Resolved
from netplay.segments import Entry, Listing, Run, SegmentIndex, Template
from netplay.telemetry import Message, WireError, decode, encode
from netplay.timeline import Presentation

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=400)
@given(message=messages())
def test_every_message_comes_back_as_it_was(message: Message) -> None:
    line = json.dumps(encode(message), allow_nan=False)

    assert decode(json.loads(line)) == message


@given(raw=json_values)
def test_any_json_value_is_a_message_or_a_wire_error(raw: object) -> None:
    with pytest.raises(WireError):
        decode(raw)


@pytest.mark.slow
@settings(deadline=None)
@given(message=messages(), raw=json_values, data=st.data())
def test_a_message_with_one_field_overwritten_is_a_message_or_a_wire_error(
    message: Message, raw: object, data: st.DataObject
) -> None:
    written = encode(message)
    name = data.draw(st.sampled_from(sorted(written)))

    try:
        read = decode({**written, name: raw})
    except WireError:
        return

    assert type(read).__name__ in (written["is"], raw)


def test_what_holds_its_default_is_not_written() -> None:
    fetch = Fetch(3, "video", "0/v1", 17, "oca-1")

    written = encode(fetch)

    assert written == {
        "is": "Fetch",
        "fetch_id": 3,
        "track": "video",
        "representation": "0/v1",
        "number": 17,
        "host": "oca-1",
    }


def test_the_layout_of_an_index_is_not_written_but_made_again() -> None:
    index = SegmentIndex(1000, (Run(0, 2000, 3),), Template(("s", "Number%03d", ".mp4")))

    written = encode(Resolved(1, index))
    read = decode(json.loads(json.dumps(written)))

    assert written["index"] == {
        "timescale": 1000,
        "runs": ((0, 2000, 3),),
        "naming": {"is": "Template", "pieces": ("s", "Number%03d", ".mp4")},
    }
    assert isinstance(read, Resolved)
    assert [segment.entry.uri for segment in read.index] == ["s000.mp4", "s001.mp4", "s002.mp4"]


def test_a_rate_is_written_as_a_fraction() -> None:
    assert encode(Play(0, 0, Fraction(3, 2)))["rate"] == "3/2"


def test_a_float_that_is_no_number_comes_back() -> None:
    device = Device(max_frame_rate=math.nan)
    opened = Opened(Presentation("u", "dash", ()), device, Preferences(), 0)

    read = decode(json.loads(json.dumps(encode(opened), allow_nan=False)))

    assert isinstance(read, Opened)
    assert read.device.max_frame_rate is not None
    assert math.isnan(read.device.max_frame_rate)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"is": "Nonsense"}, "'Nonsense' is no class known here"),
        ({"is": "Tick", "colour": 1}, "Tick has no field 'colour'"),
        ({"is": "Sought"}, "Sought lacks position_us"),
        ({"is": "Sought", "position_us": "soon"}, "position_us: 'soon' is no integer"),
        ({"is": "Sought", "position_us": True}, "position_us: True is no integer"),
        ({"is": "Play", "position_us": 0, "at_us": 0, "rate": "1/0"}, "rate: '1/0' is no fraction"),
        (
            {"is": "Fetch", "fetch_id": 1, "track": "smell"},
            "track: 'smell' is none of video, audio, text",
        ),
        (
            {"is": "Resolved", "resolve_id": 1, "index": {"timescale": 0, "runs": []}},
            "index: SegmentIndex lacks naming",
        ),
        (
            {
                "is": "Resolved",
                "resolve_id": 1,
                "index": {"timescale": 1, "runs": [[0, 1]], "naming": None},
            },
            "index.runs[0]: 2 items where 3 belong",
        ),
    ],
)
def test_what_is_wrong_is_named_with_the_field_it_is_in(raw: object, told: str) -> None:
    with pytest.raises(WireError) as caught:
        decode(raw)

    assert str(caught.value) == told


def test_an_index_that_cannot_be_is_a_wire_error() -> None:
    naming = {"is": "Listing", "entries": []}
    raw = {
        "is": "Resolved",
        "resolve_id": 1,
        "index": {"timescale": 0, "runs": [], "naming": naming},
    }

    with pytest.raises(WireError, match="timescale must be positive"):
        decode(raw)


def test_a_playlist_of_thousands_of_segments_is_read_back_whole() -> None:
    entries = tuple(Entry(f"segment-{number}.ts") for number in range(5_000))
    resolved = Resolved(1, SegmentIndex(1000, (Run(0, 2000, 5_000),), Listing(entries)))

    line = json.dumps(encode(resolved))

    assert decode(json.loads(line)) == resolved


def test_what_is_no_message_is_not_written() -> None:
    with pytest.raises(WireError, match="Device is no message"):
        encode(Device())  # type: ignore[arg-type]
