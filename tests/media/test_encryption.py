"""Each sample names the key, the IV and the ranges that libav would decrypt it with."""

import io
import struct
from collections import defaultdict
from collections.abc import Iterable

import av
import pytest
from boxmaker import box, full, movie, simple, track, u8, u16, u32, u64, visual
from clips import KID, VECTORS, encrypted, needs_vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from netplay.errors import MediaError
from netplay.media.fragments import FragmentReader, Sample
from netplay.media.init import InitSegment, read_init
from netplay.media.protection import Pattern, SampleEncryption

OTHER_KID = bytes(range(16))
IV = bytes(range(100, 116))


def protected(
    tenc: bytes, *, scheme: bytes = b"cenc", version: int = 0, groups: bytes = b""
) -> InitSegment:
    """Return the init segment of one encrypted track."""
    sinf = box(
        "sinf",
        box("frma", b"avc1"),
        full("schm", scheme, u32(0x10000)),
        box("schi", full("tenc", tenc, version=version)),
    )
    return read_init(movie(track(entries=[visual("encv", sinf)], groups=groups)))


CENC = protected(u8(0, 0, 1, 8) + KID)
CBCS = protected(u8(0, 0x19, 1, 0) + KID + u8(16) + IV, scheme=b"cbcs", version=1)


def encryptions(segment: bytes, init: InitSegment = CENC) -> list[SampleEncryption | None]:
    return [it.encryption for it in FragmentReader(init).feed(segment)]


def senc(*entries: bytes, flags: int = 0) -> bytes:
    return full("senc", u32(len(entries)), *entries, flags=flags)


def seig(*keys: bytes) -> bytes:
    rows = b"".join(u8(0, 0, 1, 8) + key for key in keys)
    return full("sgpd", b"seig", u32(20, len(keys)), rows, version=1)


def sbgp(*runs: tuple[int, int]) -> bytes:
    return full("sbgp", b"seig", u32(len(runs)), *(u32(*run) for run in runs))


def test_ivs_and_subsamples_stand_in_senc() -> None:
    first = u64(7) + u16(2, 1) + u32(2) + u16(3) + u32(4)
    second = u64(8) + u16(0)

    found = encryptions(simple((10, 2), extra=senc(first, second, flags=2)))

    assert found == [
        SampleEncryption(KID, u64(7), ((1, 2), (3, 4)), None),
        SampleEncryption(KID, u64(8), (), None),
    ]


def test_without_subsamples_whole_samples_are_encrypted() -> None:
    found = encryptions(simple(extra=senc(u64(7), u64(8))))

    assert found == [SampleEncryption(KID, u64(it), (), None) for it in (7, 8)]


def test_a_constant_iv_needs_no_box_at_all() -> None:
    expected = SampleEncryption(KID, IV, (), Pattern(1, 9))

    assert encryptions(simple(), CBCS) == [expected, expected]


def test_subsamples_may_come_with_a_constant_iv() -> None:
    entry = u16(1, 5) + u32(6)

    found = encryptions(simple(extra=senc(entry, entry, flags=2)), CBCS)

    assert found == [SampleEncryption(KID, IV, ((5, 6),), Pattern(1, 9))] * 2


def test_samples_without_any_information_are_in_the_clear() -> None:
    assert encryptions(simple()) == [None, None]
    assert encryptions(simple(extra=senc())) == [None, None]


def test_what_saio_points_at_is_read_in_the_sizes_of_saiz() -> None:
    data = u64(7) + u16(1, 1) + u32(2) + u64(8)
    saiz = full("saiz", u8(0), u32(2), u8(16, 8))

    def made(place: int) -> bytes:
        return simple(extra=saiz + full("saio", u32(1, place)) + box("free", data))

    place = made(0).index(data)

    assert encryptions(made(place)) == [
        SampleEncryption(KID, u64(7), ((1, 2),), None),
        SampleEncryption(KID, u64(8), (), None),
    ]


def test_a_sample_that_saiz_gives_nothing_is_in_the_clear() -> None:
    saiz = full("saiz", u8(0), u32(2), u8(0, 8))

    def made(place: int) -> bytes:
        return simple(extra=saiz + full("saio", u32(1, place)) + box("free", u64(9)))

    found = encryptions(made(made(0).index(u64(9))))

    assert found == [None, SampleEncryption(KID, u64(9), (), None)]


@pytest.mark.parametrize("index", [1, 0x10001])
def test_a_key_group_replaces_the_key_of_its_samples(index: int) -> None:
    init = protected(u8(0, 0, 1, 8) + KID, groups=seig(OTHER_KID))
    local = seig(OTHER_KID) if index > 0x10000 else b""

    segment = simple((1, 1, 1), extra=local + sbgp((1, index)) + senc(u64(1), u64(2), u64(3)))

    found = [it.kid for it in encryptions(segment, init) if it is not None]
    assert found == [OTHER_KID, KID, KID]


def test_a_key_group_may_leave_samples_in_the_clear() -> None:
    clear = full("sgpd", b"seig", u32(20, 1), u8(0, 0, 0, 0) + bytes(16), version=1)

    segment = simple(extra=clear + sbgp((1, 0x10001), (1, 0)) + senc(b"", u64(2)))

    assert encryptions(segment) == [None, SampleEncryption(KID, u64(2), (), None)]


def test_a_fragment_may_choose_the_clear_description() -> None:
    sinf = box("sinf", full("schm", b"cenc"), box("schi", full("tenc", u8(0, 0, 1, 8) + KID)))
    init = read_init(movie(track(entries=[visual("encv", sinf), visual("avc1")])))
    segment = simple(extra=senc(u64(1), u64(2)))
    header = full("tfhd", u32(1), u32(10), flags=0x20008)
    chosen = full("tfhd", u32(1, 2), flags=0x20002)

    assert None not in encryptions(segment, init)
    assert encryptions(segment.replace(header, chosen), init) == [None, None]


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (senc(u64(1)), "senc speaks of 1 samples, the fragment has 2"),
        (full("senc", u32(2**32 - 1)), "senc speaks of 4294967295 samples"),
        (senc(u64(1), b""), "8 bytes wanted"),
        (senc(u64(1), u64(2) + u16(60_000), flags=2), "bytes wanted"),
        (full("senc", u32(0), version=2), "senc of version 2"),
        (sbgp((1, 5)), "key group 5 is not described"),
        (sbgp((1, 0x20001)), "key group 131073 is not described"),
        (full("saiz", u8(8), u32(9)) + full("saio", u32(1, 0)), "saiz speaks of 9 samples"),
        (full("saiz", u8(8), u32(2)) + full("saio", u32(1, 9999)), "saio points at byte"),
        (full("saiz", u8(8), u32(2)) + full("saio", u32(2, 1, 1)), "2 places for 1 runs"),
        (full("sgpd", b"seig", u32(20, 1), u8(0, 0, 1, 5) + KID, version=1), "IV of 5 bytes"),
    ],
)
def test_what_cannot_be_is_an_error(extra: bytes, complaint: str) -> None:
    with pytest.raises(MediaError, match=complaint):
        encryptions(simple(extra=extra))


def libav_says(data: bytes) -> dict[int, list[SampleEncryption | None]]:
    """Return what libav's demuxer exports about the encryption of each packet."""
    found: dict[int, list[SampleEncryption | None]] = defaultdict(list)
    with av.open(io.BytesIO(data), "r") as container:
        for packet in container.demux():
            if not packet.size:
                continue
            stated: SampleEncryption | None = None
            for side in packet.iter_sidedata():
                if side.data_type == "encryption_info":
                    stated = _encryption_info(bytes(side))
            found[packet.stream.id].append(stated)
    return found


def _encryption_info(blob: bytes) -> SampleEncryption:
    """Read libav's AVEncryptionInfo side data: numbers, key id, IV, ranges."""
    _, crypt, skip, kid_bytes, iv_bytes, count = struct.unpack_from(">6I", blob)
    at = 24 + kid_bytes
    kid, iv = blob[24:at], blob[at : at + iv_bytes]
    cells = struct.unpack_from(f">{2 * count}I", blob, at + iv_bytes)
    pairs = tuple(zip(cells[::2], cells[1::2], strict=True))
    return SampleEncryption(kid, iv, pairs, Pattern(crypt, skip) if crypt or skip else None)


def as_libav(samples: Iterable[Sample]) -> list[SampleEncryption | None]:
    """Return our answers as libav writes them: eight-byte IVs are padded to sixteen."""
    return [
        None
        if it.encryption is None
        else it.encryption._replace(iv=it.encryption.iv.ljust(16, b"\0"))
        for it in samples
    ]


@pytest.mark.slow
@pytest.mark.parametrize("encoders", [("libx264",), ("aac",), ("libx264", "aac")], ids="+".join)
def test_samples_are_encrypted_as_libav_says(encoders: tuple[str, ...]) -> None:
    data = encrypted(*encoders)
    init = read_init(data)
    samples = FragmentReader(init).feed(data)
    stated = libav_says(data)

    for one in init.tracks:
        mine = as_libav(it for it in samples if it.track_id == one.track_id)
        theirs = stated[one.track_id]
        if one.kind == "audio" and len(encoders) > 1:
            # FFmpeg's muxer repeats the IVs of the first fragment in the second, where its
            # demuxer takes them for the second's. They count up without a break.
            ivs = [int.from_bytes(it.iv[:8], "big") for it in mine if it is not None]
            assert ivs == list(range(ivs[0], ivs[0] + len(mine)))
        else:
            assert mine == theirs
        assert None not in mine


@needs_vectors
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("mp4ff/cbcs.mp4", "cbcs"),
        ("mp4ff/prog_8s_enc_dashinit.mp4", "cenc"),
        ("mp4ff/PIFF/video/complseg-1.0001.mp4", "cenc"),
    ],
)
def test_the_conformance_vectors_are_encrypted_as_libav_says(name: str, scheme: str) -> None:
    data = (VECTORS / name).read_bytes()
    init = read_init(data)
    samples = FragmentReader(init).feed(data)
    stated = libav_says(data)
    compared = 0

    for one in init.tracks:
        if one.protection is not None:
            assert one.protection.scheme == scheme
            mine = as_libav(it for it in samples if it.track_id == one.track_id)
            assert mine == stated[one.track_id]
            compared += len(mine)
    assert compared > 100
    for it in samples:
        if it.encryption is not None and it.encryption.subsamples:
            assert sum(map(sum, it.encryption.subsamples)) == len(it.data)


BASE = simple(
    (10, 2),
    extra=seig(OTHER_KID)
    + sbgp((1, 0x10001))
    + senc(u64(7) + u16(1, 1) + u32(2), u64(8) + u16(0), flags=2),
)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_damaged_key_information_is_read_or_refused(data: st.DataObject) -> None:
    damaged = bytearray(BASE)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(60, len(damaged) - 1))] = data.draw(st.integers(0, 255))

    for init in (CENC, CBCS):
        try:
            found = encryptions(bytes(damaged), init)
        except MediaError:
            continue
        assert len(found) <= 1 << 18
