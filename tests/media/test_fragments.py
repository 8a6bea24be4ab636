"""Samples are those that libav finds, in whatever pieces the bytes come."""

import io
import random
import time
from collections.abc import Iterable
from contextlib import suppress

import av
import pytest
from boxmaker import (
    box,
    fragment,
    full,
    movie,
    simple,
    tfdt,
    tfhd,
    track,
    trex,
    trun,
    u32,
    u64,
)
from clips import CMAF, VECTORS, clip, demuxed, needs_vectors, split, vectors
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netplay.errors import MediaError
from netplay.media.fragments import FragmentReader, Sample, Span
from netplay.media.init import InitSegment, read_init

EDIT_LIST = "frag_keyframe+delay_moov+default_base_moof+skip_trailer"
MUXERS = [
    CMAF,
    EDIT_LIST,
    "frag_keyframe+empty_moov",
    "frag_every_frame+empty_moov+separate_moof",
    "frag_keyframe+empty_moov+omit_tfhd_offset+dash+skip_trailer",
]

ONE_TRACK = read_init(movie(track()))


def read(data: bytes, init: InitSegment = ONE_TRACK) -> list[Sample]:
    """Read a whole segment at once."""
    reader = FragmentReader(init)
    samples = reader.feed(data)
    reader.finish()
    return samples


def same_as_libav(data: bytes) -> None:
    """Compare every sample of a self-initializing file with libav's packets."""
    init = read_init(data)
    samples = read(data, init)
    packets = demuxed(data)
    for one in init.tracks:
        mine = [it for it in samples if it.track_id == one.track_id]
        offset = one.presentation_offset_ticks()
        # libav adds a track's largest negative composition offset to all of its presentation
        # times; ISO/IEC 14496-12 does not, and neither do browsers.
        late = max(0, *(it.dts - it.pts for it in mine))
        assert [
            (it.dts + offset, it.pts + offset + late, it.keyframe, bytes(it.data)) for it in mine
        ] == packets[one.track_id]


@pytest.mark.slow
@pytest.mark.parametrize("movflags", MUXERS)
@pytest.mark.parametrize(
    "encoders",
    [
        ("libx264",),
        ("libx265",),
        ("libvpx-vp9",),
        ("libsvtav1",),
        ("aac",),
        ("libopus",),
        ("libx264", "aac", "libopus"),
    ],
    ids="+".join,
)
def test_samples_are_the_packets_of_libav(encoders: tuple[str, ...], movflags: str) -> None:
    data = clip(*encoders, movflags=movflags)

    assert len(data) > 10_000
    same_as_libav(data)


DECODERS = {"libx264": "h264", "libx265": "hevc", "libvpx-vp9": "vp9", "libsvtav1": "libdav1d"}


def pixels(frames: Iterable[object]) -> list[bytes]:
    """Return the pictures of frames, or their sound, without the padding behind each line."""
    return [
        it.to_ndarray().tobytes() for it in frames if isinstance(it, av.VideoFrame | av.AudioFrame)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("encoder", [*DECODERS, "aac", "flac", "ac3"])
def test_a_decoder_set_up_from_what_was_read_shows_the_same_frames(encoder: str) -> None:
    data = clip(encoder)
    one = read_init(data).tracks[0]
    context = av.CodecContext.create(DECODERS.get(encoder, encoder), "r")
    assert isinstance(context, av.VideoCodecContext | av.AudioCodecContext)
    context.extradata = one.extradata or None
    if isinstance(context, av.AudioCodecContext):
        context.sample_rate, context.layout = one.sample_rate_hz, "stereo"

    frames: list[bytes] = []
    for sample in read(data, read_init(data)):
        frames += pixels(context.decode(av.Packet(bytes(sample.data))))
    frames += pixels(context.decode(None))

    with av.open(io.BytesIO(data), "r") as container:
        expected = pixels(container.decode(container.streams[0]))
    assert len(expected) > 20
    if one.kind == "audio":
        # A container leaves out the priming that the edit list skips: whole frames are
        # missing from the front, and the one after them, like the last one, may be cut.
        ahead = len(frames) - len(expected)
        frames, expected = frames[ahead + 1 : -1], expected[1:-1]
    assert frames == expected


@pytest.mark.slow
@given(st.integers(), st.sampled_from([1, 7, 100, 5000, 60_000]))
@settings(max_examples=25, deadline=None)
def test_the_pieces_in_which_bytes_come_do_not_matter(seed: int, longest: int) -> None:
    rng = random.Random(seed)
    head, body = split(clip("libx264", "aac"))
    body = body[:20_000] if longest == 1 else body
    init = read_init(head)
    whole = FragmentReader(init)
    expected = whole.feed(body)

    pieces = FragmentReader(init)
    found = []
    at = 0
    while at < len(body):
        size = rng.randint(0, longest)
        found += pieces.feed(body[at : at + size])
        at += size

    assert found == expected
    assert [pieces.span(it.track_id) for it in init.tracks] == [
        whole.span(it.track_id) for it in init.tracks
    ]


@pytest.mark.slow
def test_a_sample_is_handed_out_with_its_last_byte_and_not_before() -> None:
    head, body = split(clip("libx264"))
    init = read_init(head)
    first = read(body, init)[0]
    end = body.index(bytes(first.data)) + len(first.data)
    reader = FragmentReader(init)

    before = reader.feed(body[: end - 1])
    then = reader.feed(body[end - 1 : end])

    assert before == []
    assert then == [first]


def test_a_segment_fed_at_once_is_not_copied() -> None:
    data = simple((3, 2))

    samples = read(data)

    assert [bytes(it.data) for it in samples] == [b"\0\1\2", b"\3\4"]
    assert all(it.data.obj is data for it in samples)


def test_times_and_sizes_come_from_the_fragment_or_else_from_the_track() -> None:
    init = read_init(movie(track(), trex=[trex(duration=7, size=2, flags=0x10000)]))
    run = full("trun", u32(3), u32(92 + 8), u32(0x2000000), flags=0x5)
    data = fragment(box("traf", tfhd(), tfdt(100), run), payload=b"aabbcc")

    samples = read(data, init)

    assert [it[:5] for it in samples] == [
        (1, 100, 100, 7, True),
        (1, 107, 107, 7, False),
        (1, 114, 114, 7, False),
    ]
    assert [bytes(it.data) for it in samples] == [b"aa", b"bb", b"cc"]


@pytest.mark.parametrize("version", [0, 1])
def test_composition_offsets_may_be_negative(version: int) -> None:
    run = trun([1, 1], offset=100, durations=[5, 5], composition=[10, -5], version=version)
    length = len(fragment(box("traf", tfhd(), tfdt(20), run), payload=b""))
    run = trun([1, 1], offset=length, durations=[5, 5], composition=[10, -5], version=version)

    samples = read(fragment(box("traf", tfhd(), tfdt(20), run), payload=b"ab"))

    assert [(it.dts, it.pts) for it in samples] == [(20, 30), (25, 20)]


def test_a_fragment_that_does_not_say_when_it_starts_goes_on_where_the_last_ended() -> None:
    reader = FragmentReader(ONE_TRACK, decode_ticks={1: 500})

    samples = reader.feed(simple(ticks=None) + simple(ticks=None) + simple(ticks=0))

    assert [it.dts for it in samples] == [500, 510, 520, 530, 0, 10]
    assert reader.next_decode_ticks == {1: 20}


def test_runs_lie_one_after_another_where_no_offset_is_given() -> None:
    first = trun([1, 2], offset=0)
    trafs = [tfhd(1, duration=1, flags=0), first, trun([3]), tfdt(0)]
    second = box("traf", tfhd(2, duration=1, flags=0), trun([2]), tfdt(0))
    length = len(fragment(box("traf", *trafs), second, payload=b""))
    trafs[1] = trun([1, 2], offset=length)
    init = read_init(movie(track(1), track(2)))

    samples = read(fragment(box("traf", *trafs), second, payload=b"abbcccdd"), init)

    assert [(it.track_id, bytes(it.data)) for it in samples] == [
        (1, b"a"),
        (1, b"bb"),
        (1, b"ccc"),
        (2, b"dd"),
    ]


@pytest.mark.parametrize(("base", "shift"), [(1000 + 108, 0), (20, 108)])
def test_a_base_offset_counts_from_the_file_and_a_stale_one_from_the_moof(
    base: int, shift: int
) -> None:
    header = full("tfhd", u32(1), u64(base), flags=1)
    data = fragment(box("traf", header, tfdt(0), trun([2], offset=shift)), payload=b"ab")
    assert len(data) == 108 + 2

    reader = FragmentReader(ONE_TRACK, first_byte=1000)

    assert [bytes(it.data) for it in reader.feed(data)] == [b"ab"]


def test_whatever_may_stand_between_fragments_is_passed_over() -> None:
    event = full("emsg", b"urn:x\0v\0", u32(1000, 5, 6, 7), b"payload")
    clock = full("prft", u32(1), u64((2_208_988_800 + 12) << 32), u64(90), version=1)
    data = (
        box("styp", b"msdh", u32(0))
        + full("sidx", bytes(20))
        + event
        + clock
        + box("xyz1", b"?")
        + simple()
        + box("uuid", bytes(16), b"??")
        + box("free", bytes(100))
    )
    reader = FragmentReader(ONE_TRACK)

    samples = [it for at in range(len(data)) for it in reader.feed(data[at : at + 1])]
    reader.finish()

    assert len(samples) == 2
    assert [(it.scheme, it.payload) for it in reader.events] == [("urn:x", b"payload")]
    assert [(it.utc_us, it.media_ticks) for it in reader.producer_times] == [(12_000_000, 90)]


def test_keys_that_a_fragment_brings_along_are_told_once() -> None:
    def pssh(data: bytes) -> bytes:
        return full("pssh", bytes(range(16)), u32(len(data)), data)

    def bringing(*boxes: bytes) -> bytes:
        traf = box("traf", tfhd(duration=10), tfdt(0), trun([2], offset=0))
        empty = box("moof", full("mfhd", u32(1)), *boxes, traf)
        traf = box("traf", tfhd(duration=10), tfdt(0), trun([2], offset=len(empty) + 8))
        return box("moof", full("mfhd", u32(1)), *boxes, traf) + box("mdat", b"ab")

    reader = FragmentReader(ONE_TRACK)

    samples = reader.feed(bringing(pssh(b"one")) + bringing(pssh(b"one"), pssh(b"two")))

    assert [bytes(it.data) for it in samples] == [b"ab", b"ab"]
    assert reader.pssh == [pssh(b"one"), pssh(b"two")]


def test_fragments_bring_so_many_keys_and_no_more() -> None:
    many = b"".join(full("pssh", bytes(16), u32(2), bytes([0, n])) for n in range(65))
    data = box("moof", full("mfhd", u32(1)), many, box("traf", tfhd(duration=10), tfdt(0)))

    with pytest.raises(MediaError, match="64 pssh"):
        read(data)


def test_samples_without_bytes_need_no_mdat() -> None:
    run = full("trun", u32(2), flags=0)
    data = box("moof", box("traf", tfhd(duration=5), tfdt(0), run))

    assert [(it.dts, bytes(it.data)) for it in read(data)] == [(0, b""), (5, b"")]


def test_an_mdat_may_reach_to_the_end_of_the_stream() -> None:
    data = bytearray(simple())
    at = data.index(b"mdat")
    data[at - 4 : at] = bytes(4)

    assert len(read(bytes(data))) == 2


def test_the_span_covered_ends_at_the_first_frame_that_is_missing() -> None:
    # In decode order I P B B: the P frame is shown last.
    run = trun([1] * 4, offset=0, durations=[10] * 4, composition=[10, 30, 0, 0])
    length = len(fragment(box("traf", tfhd(), tfdt(0), run), payload=b""))
    run = trun([1] * 4, offset=length, durations=[10] * 4, composition=[10, 30, 0, 0])
    data = fragment(box("traf", tfhd(), tfdt(0), run), payload=b"ipbb")
    reader = FragmentReader(ONE_TRACK)

    spans = [reader.span(1)]
    reader.feed(data[:-4])
    for at in range(len(data) - 4, len(data)):
        reader.feed(data[at : at + 1])
        spans.append(reader.span(1))

    assert spans == [
        None,
        Span(0, 10, 20),
        Span(0, 10, 20),
        Span(0, 10, 30),
        Span(0, 10, 50),
    ]


def test_what_looks_like_a_gap_is_a_long_frame_once_the_segment_is_over() -> None:
    run = trun([1, 1], offset=0, durations=[10, 10], composition=[0, 90])
    length = len(fragment(box("traf", tfhd(), tfdt(0), run), payload=b""))
    run = trun([1, 1], offset=length, durations=[10, 10], composition=[0, 90])
    reader = FragmentReader(ONE_TRACK)
    reader.feed(fragment(box("traf", tfhd(), tfdt(0), run), payload=b"ab"))

    before = reader.span(1)
    reader.finish()

    assert before == Span(0, 0, 10)
    assert reader.span(1) == Span(0, 0, 110)


def test_audio_and_text_can_be_decoded_from_every_sample() -> None:
    init = read_init(movie(track(handler=b"soun", entries=[box("mp4a", bytes(28))])))
    run = full("trun", u32(1), u32(88), u32(0x1010000), u32(2), flags=0x605)

    assert [it.keyframe for it in read(simple(), init)] == [True, True]
    assert run


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"<!DOCTYPE html><html></html>", "not a media segment: starts with a box 'CTYP'"),
        (b"\x47" * 188, "not a media segment"),
        (simple(track_id=5), r"track 5, of which the init segment \(1\) knows nothing"),
        (box("moof", box("traf", tfdt(0))), "without a tfhd"),
        (box("moof", box("traf", tfhd(), full("trun", u32(2**32 - 1)))), "4294967295 samples"),
        (box("moof", box("traf", tfhd(), full("trun", u32(100)))), "100 samples without a size"),
        (
            box("moof", box("traf", tfhd(), full("trun", u32(1000), flags=0x200))),
            "4000 bytes wanted",
        ),
        (u32(2**31) + b"moof", "16777216 are the most"),
        (box("styp") + u32(2**31) + b"abcd", "unknown box 'abcd'"),
        (fragment(box("traf", tfhd(), trun([5], offset=0)), payload=bytes(5)), "before their moof"),
        (fragment(box("traf", tfhd(), trun([9], offset=80)), payload=bytes(5)), "out of its mdat"),
        (
            box("moof", box("traf", tfhd(), trun([2], offset=68))) + box("free", bytes(20)),
            "not in an mdat",
        ),
        (
            fragment(
                box("traf", tfhd(), trun([5], offset=112), trun([5], offset=114)), payload=bytes(9)
            ),
            "share bytes",
        ),
    ],
)
def test_what_is_no_segment_of_this_init_is_an_error_that_names_it(
    data: bytes, complaint: str
) -> None:
    reader = FragmentReader(ONE_TRACK, what="video/3/00017")

    with pytest.raises(MediaError, match=f"video/3/00017: .*{complaint}"):
        reader.feed(data)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "no movie fragment"),
        (box("styp"), "no movie fragment"),
        (simple()[:-1], "ended at byte 112, samples still incomplete: 1"),
        (simple()[:20], "ended at byte 20, inside a box"),
        (simple() + u32(50) + b"mdat", "inside a box"),
        (simple() + b"abc", "inside a box"),
    ],
)
def test_a_segment_that_ended_early_is_told_at_its_end(data: bytes, complaint: str) -> None:
    reader = FragmentReader(ONE_TRACK)
    reader.feed(data)

    with pytest.raises(MediaError, match=complaint):
        reader.finish()


MULTI = simple((3, 2, 5), ticks=0) + simple((4,), ticks=30) + full("emsg", bytes(30))


def read_or_refuse(data: bytes, init: InitSegment, step: int) -> None:
    reader = FragmentReader(init)
    try:
        given = [it for at in range(0, len(data), step) for it in reader.feed(data[at : at + step])]
        reader.finish()
    except MediaError:
        return
    assert sum(len(it.data) for it in given) <= len(data)


@given(st.data(), st.integers(1, 200))
@settings(max_examples=100, deadline=None)
def test_a_damaged_segment_is_read_or_refused(data: st.DataObject, step: int) -> None:
    damaged = bytearray(MULTI)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))

    read_or_refuse(bytes(damaged), ONE_TRACK, step)


@given(st.binary(max_size=300), st.integers(1, 300))
@settings(deadline=None)
@example(b"\0\0\0\0moof", 8)
@example(b"\0\0\0\0emsg", 3)
def test_any_bytes_are_samples_or_a_media_error(data: bytes, step: int) -> None:
    read_or_refuse(data, ONE_TRACK, step)
    read_or_refuse(box("styp") + data, ONE_TRACK, step)
    read_or_refuse(box("moof", box("traf", tfhd(), data)), ONE_TRACK, step)


@pytest.mark.slow
def test_a_hostile_megabyte_takes_no_longer_than_a_second() -> None:
    empty = full("trun", u32(16))
    hostile = [
        box("moof", box("traf", tfhd(), empty)) * 10_000,
        box("moof", box("traf", tfhd(), empty * 60_000)),
        box(
            "moof", box("traf", tfhd(), *[trun([1], offset=n) for n in range(2_000_000, 2_030_000)])
        ),
        b"".join(box("moof", box("traf", tfhd(), trun([1], offset=10**6))) for _ in range(10_000)),
        box("free") * 130_000,
    ]

    for data in hostile:
        began = time.process_time()
        with suppress(MediaError):
            read(data)
        assert time.process_time() - began < 2.0


@needs_vectors
@pytest.mark.slow
def test_the_conformance_vectors_have_the_samples_they_should() -> None:
    inits = {"testpic_2s": "init.mp4", "testpic_alt": "init.mp4", "3675": "init-stream0.m4s"}
    compared = 0

    for path, known in vectors():
        iso = known.get("facts", {}).get("iso", {})
        moofs = iso.get("moofs")
        name = next((it for key, it in inits.items() if key in str(path)), path.name)
        head = path.parent / name
        # The video of the Widevine file was edited without moving its audio along.
        if not moofs or b"moov" not in head.read_bytes() or "widevine" in path.name:
            continue
        samples = read(path.read_bytes(), read_init(head.read_bytes()))
        trafs = [traf for moof in moofs for traf in moof["trafs"]]
        for track_id, count in iso["fragment_samples"].items():
            mine = [it for it in samples if it.track_id == int(track_id)]
            theirs = [traf for traf in trafs if traf["track_id"] == int(track_id)]
            assert len(mine) == count, path
            assert mine[0].dts == theirs[0].get("tfdt", mine[0].dts), path
            sizes = [traf.get("data_size") for traf in theirs]
            if len(moofs) == iso["n_moof"] and None not in sizes:
                assert sum(len(it.data) for it in mine) == sum(sizes), path
        compared += 1
    assert compared > 40


def java_hash(data: bytes) -> str:
    """Return Java's Arrays.hashCode, which is how media3's golden files name samples."""
    value = 1
    for byte in data:
        value = (31 * value + byte - (256 if byte > 127 else 0)) & 0xFFFF_FFFF
    return f"{value:X}"


def annex_b(data: bytes) -> bytes:
    """Return the NAL units of a sample behind start codes instead of their lengths."""
    out, at = b"", 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        out += b"\0\0\0\1" + data[at + 4 : at + 4 + size]
        at += 4 + size
    return out


@needs_vectors
@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "sample-fragmented-seekable",
        "sample-fragmented-uuid",
        "sample-fragmented-large-bitrates",
        "sample-mhm1-bl-configchange-fragmented",
        "fragmented-captions-h265",
    ],
)
def test_samples_are_the_ones_that_media3_reads(name: str) -> None:
    path = VECTORS / "media3" / "mp4" / f"{name}.mp4"
    golden = next(known for at, known in vectors() if at == path)["origin_golden"]["expected"]
    data = path.read_bytes()
    init = read_init(data)
    samples = read(data, init)

    for one, theirs in zip(init.tracks, golden["tracks"], strict=False):
        mine = [it for it in samples if it.track_id == one.track_id]
        in_nals = one.codec.startswith(("avc", "hev"))
        if "samples" not in theirs:
            continue
        assert [
            (
                it.pts * 1_000_000 // one.timescale,
                len(it.data),
                java_hash(annex_b(bytes(it.data)) if in_nals else bytes(it.data)),
            )
            for it in mine
        ] == [(it["t"], it["n"], it["hash"]) for it in theirs["samples"]]
