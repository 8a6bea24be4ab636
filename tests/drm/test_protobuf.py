"""The reader of protobuf's wire format, against Google's own."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st
from pywidevine.license_protocol_pb2 import License, SignedMessage, WidevinePsshData

from drm.protobuf import Malformed, length_delimited, read_message
from drm.pssh import read_widevine_pssh, write_widevine_pssh


@given(
    st.lists(st.binary(min_size=16, max_size=16), max_size=20),
    st.binary(min_size=1, max_size=300),
    st.integers(0, (1 << 32) - 1),
)
def test_it_reads_what_google_writes(kids: list[bytes], content: bytes, period: int) -> None:
    data = WidevinePsshData(key_ids=kids, content_id=content, crypto_period_index=period)

    said = read_widevine_pssh(data.SerializeToString())

    assert said.kids == tuple(kid.hex() for kid in kids)
    assert said.content_id == content
    assert said.crypto_period == period


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=5), st.binary(max_size=300))
def test_google_reads_what_it_writes(kids: list[bytes], content: bytes) -> None:
    data = WidevinePsshData.FromString(
        write_widevine_pssh([kid.hex() for kid in kids], content_id=content)
    )

    assert list(data.key_ids) == kids
    assert data.content_id == content


@given(st.binary(max_size=200))
@example(b"\xff" * 11)
@example(b"\x08" + b"\x80" * 9 + b"\x02")
def test_what_google_reads_it_reads_alike_or_refuses(data: bytes) -> None:
    try:
        message = read_message(data)
    except Malformed:
        return
    try:
        theirs = SignedMessage.FromString(data)
    except DecodeError:
        return  # they look into nested messages, of which it knows nothing
    assert message.blob(2) == theirs.msg
    assert message.blob(4) == theirs.session_key


def test_the_last_of_a_field_counts_and_all_can_be_had() -> None:
    message = read_message(
        b"\x08\x01\x08\x02" + length_delimited(2, b"a") + length_delimited(2, b"")
    )

    assert (message.number(1), message.numbers(1)) == (2, (1, 2))
    assert (message.blob(2), message.blobs(2)) == (b"", (b"a", b""))
    assert (message.number(9, 7), message.blob(9), message.flag(9, default=True)) == (7, b"", True)
    assert message.text(2) == ""


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (b"\x08", "cut short"),
        (b"\x12\x05abc", "5 bytes"),
        (b"\x0b", "wire type 3"),
        (b"\x00\x00", "field number 0"),
        (b"\x08" + b"\xff" * 12, "ten bytes"),
        (b"\x09\x01", "8 bytes"),
        (bytes(2 << 20), "at most"),
        (b"\x08\x00" * 5000, "fields"),
    ],
)
def test_what_is_broken_is_refused(broken: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        read_message(broken)


def test_negative_numbers_are_as_protobuf_writes_them() -> None:
    policy = License.Policy(license_duration_seconds=-1)

    assert read_message(policy.SerializeToString()).number(6) == (1 << 64) - 1
