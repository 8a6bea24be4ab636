"""Whatever stands in the boxes about keys, it is read or refused, in bounded time and memory."""

from collections.abc import Iterator

import pytest
from boxmaker import box, full, movie, simple, track, u8, u32, visual
from clips import KID
from hypothesis import given, settings
from hypothesis import strategies as st

from netplay.errors import MediaError
from netplay.media.fragments import FragmentReader, Sample
from netplay.media.init import InitSegment, read_init
from netplay.media.protection import SampleEncryption

KINDS = ("senc", "sgpd", "sbgp", "saiz", "saio", "free")
schemes = st.sampled_from([b"cenc", b"cens", b"cbc1", b"cbcs", b"piff"])


def protected(tenc: bytes, scheme: bytes, groups: bytes = b"") -> InitSegment:
    sinf = box("sinf", box("frma", b"avc1"), full("schm", scheme, u32(0x10000)), box("schi", tenc))
    return read_init(movie(track(entries=[visual("encv", sinf)], groups=groups)))


def read(init: InitSegment, segment: bytes) -> Iterator[Sample]:
    try:
        yield from FragmentReader(init).feed(segment)
    except MediaError:
        return


@given(st.binary(max_size=60), schemes)
def test_any_tenc_gives_protection_or_an_error(body: bytes, scheme: bytes) -> None:
    try:
        stated = protected(box("tenc", body), scheme).tracks[0].protection
    except MediaError:
        return
    assert stated is not None
    assert len(stated.kid) == 16
    assert stated.iv_bytes in (0, 8, 16)


@given(st.binary(max_size=80), schemes)
def test_any_sgpd_gives_key_groups_or_an_error(body: bytes, scheme: bytes) -> None:
    tenc = full("tenc", u8(0, 0, 1, 8) + KID)
    try:
        groups = protected(tenc, scheme, box("sgpd", body)).tracks[0].key_groups
    except MediaError:
        return
    assert 20 * len(groups) <= len(body)


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.binary(max_size=70)), max_size=5),
    st.sampled_from([u8(0, 0, 1, 8) + KID, u8(0, 0x19, 1, 0) + KID + u8(16) + KID]),
    schemes,
)
@settings(max_examples=300, deadline=None)
def test_any_boxes_beside_samples_give_samples_or_an_error(
    boxes: list[tuple[str, bytes]], tenc: bytes, scheme: bytes
) -> None:
    init = protected(full("tenc", tenc, version=1), scheme)
    extra = b"".join(box(kind, body) for kind, body in boxes)

    found = list(read(init, simple((30, 20), extra=extra)))

    assert len(found) in (0, 2)
    for sample in found:
        how = sample.encryption
        assert how is None or isinstance(how, SampleEncryption)
        if how is not None:
            assert len(how.kid) == 16
            assert 6 * len(how.subsamples) <= len(extra)


@pytest.mark.parametrize("count", [2**16, 2**31, 2**32 - 1])
def test_a_count_that_cannot_be_costs_no_memory(count: int) -> None:
    init = protected(full("tenc", u8(0, 0, 1, 8) + KID), b"cenc")

    for kind, body in (
        ("senc", u32(count)),
        ("sgpd", b"seig" + u32(20, count)),
        ("saiz", u8(8) + u32(count)),
    ):
        extra = full(kind, body, version=1 if kind == "sgpd" else 0)
        extra += full("saio", u32(1, 0)) if kind == "saiz" else b""
        with pytest.raises(MediaError):
            FragmentReader(init).feed(simple(extra=extra))
