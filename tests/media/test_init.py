"""Init segments say what libav says about the same files."""

import io

import av
import pytest
from boxmaker import audio, box, full, movie, track, trex, u8, u16, u32, u64, visual
from clips import clip, needs_vectors, split, vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from netplay.errors import MediaError
from netplay.media.init import Edit, SampleDefaults, read_init
from netplay.media.protection import Pattern, Protection

KID = bytes(range(16))
IV = bytes(range(16, 32))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "codec"),
    [
        ("libx264", "avc1.4d400b"),
        ("libx265", "hev1.1.6.L30.90"),
        ("libvpx-vp9", "vp09.00.10.08"),
        ("libsvtav1", "av01.0.00M.08"),
        ("aac", "mp4a.40.2"),
        ("libopus", "Opus"),
        ("flac", "fLaC"),
        ("ac3", "ac-3"),
        ("eac3", "ec-3"),
        ("libmp3lame", "mp4a.6b"),
    ],
)
def test_the_decoder_set_up_is_the_one_libav_would_use(encoder: str, codec: str) -> None:
    data = clip(encoder)

    track = read_init(split(data)[0]).tracks[0]

    assert track.codec == codec
    with av.open(io.BytesIO(data)) as container:
        context = container.streams[0].codec_context
        assert track.extradata == (context.extradata or b"")
        if isinstance(context, av.VideoCodecContext):
            assert (track.kind, track.width, track.height) == ("video", 160, 90)
            assert (context.width, context.height) == (160, 90)
        else:
            assert isinstance(context, av.AudioCodecContext)
            assert (track.kind, track.channels) == ("audio", context.channels)
            assert track.sample_rate_hz == context.sample_rate


@pytest.mark.slow
def test_tracks_come_in_the_order_of_the_file_with_their_edit_lists() -> None:
    init = read_init(split(clip("libx264", "aac", "libopus"))[0])

    assert [it.kind for it in init.tracks] == ["video", "audio", "audio"]
    assert [it.presentation_offset_ticks() for it in init.tracks] == [0, -1024, -312]
    assert init.tracks[2].priming_samples == 312
    assert init.fragmented
    assert init.first("audio") is init.tracks[1]
    assert init.first("text") is None
    assert init.track(3) is init.tracks[2]


def test_what_fragments_leave_out_is_kept_by_track() -> None:
    init = read_init(movie(track(7), track(9), trex=[trex(9, duration=5, size=6, flags=0x10000)]))

    assert init.tracks[0].defaults == SampleDefaults()
    assert init.tracks[1].defaults == SampleDefaults(1, 5, 6, 0x10000)


def elst(*edits: tuple[int, int]) -> bytes:
    rows = b"".join(u64(duration, media % 2**64) + u16(1, 0) for duration, media in edits)
    return box("edts", full("elst", u32(len(edits)), rows, version=1))


@pytest.mark.parametrize(
    ("edits", "offset"),
    [
        ([], 0),
        ([(0, 1024)], -1024),
        ([(500, -1)], 24_000),
        ([(500, -1), (0, 1024)], 24_000 - 1024),
        ([(0, 1024), (10, 4096)], -1024),
    ],
)
def test_an_edit_list_delays_by_its_empty_start_and_skips_to_its_first_edit(
    edits: list[tuple[int, int]], offset: int
) -> None:
    data = movie(track(timescale=48_000, edits=elst(*edits) if edits else b""), timescale=1000)

    track_init = read_init(data).tracks[0]

    assert track_init.edits == tuple(Edit(duration, media, 1.0) for duration, media in edits)
    assert track_init.presentation_offset_ticks() == offset


def sinf(scheme: bytes, *, version: int, body: bytes) -> bytes:
    return box(
        "sinf",
        box("frma", b"avc1"),
        full("schm", scheme, u32(0x10000)),
        box("schi", full("tenc", body, version=version)),
    )


def test_a_protected_track_is_read_as_what_it_was_with_its_key_fields() -> None:
    body = u8(0, 0x19, 1, 0) + KID + u8(16) + IV
    entry = visual(
        "encv", box("avcC", bytes.fromhex("01640028ffe100")), sinf(b"cbcs", version=1, body=body)
    )

    track_init = read_init(movie(track(entries=[entry]))).tracks[0]

    assert (track_init.fourcc, track_init.codec) == ("avc1", "avc1.640028")
    assert track_init.protection == Protection("cbcs", True, KID, 0, IV, Pattern(1, 9))


def test_a_clear_entry_beside_an_encrypted_one_is_kept() -> None:
    encrypted = visual("encv", sinf(b"cenc", version=0, body=u8(0, 0, 1, 8) + KID))

    track_init = read_init(movie(track(entries=[visual("avc1"), encrypted]))).tracks[0]

    assert track_init.descriptions[0].protection is None
    assert track_init.protection == Protection("cenc", True, KID, 8, None, None)


def test_pssh_boxes_are_handed_on_whole() -> None:
    pssh = full("pssh", KID, u32(0))

    assert read_init(movie(track(), pssh, pssh)).pssh == (pssh, pssh)


@pytest.mark.parametrize(
    ("entry", "codec"),
    [
        (
            visual("hvc1", box("hvcC", bytes.fromhex("0122200000009000000000005d"))),
            "hvc1.2.4.H93.90",
        ),
        (visual("hvc1", box("hvcC", bytes.fromhex("0141600000000000000000005d"))), "hvc1.A1.6.L93"),
        (visual("av01", box("av1C", bytes.fromhex("810d4000"))), "av01.0.13M.10"),
        (
            visual("vp09", full("vpcC", bytes.fromhex("0229a8091009 0000"), version=1)),
            "vp09.02.41.10.04.09.16.09.00",
        ),
        (
            visual("dvh1", box("hvcC", bytes(23)), box("dvcC", bytes.fromhex("01000a33"))),
            "dvh1.05.06",
        ),
        (visual("vvc1", full("vvcC", b"configuration")), "vvc1"),
        (visual("mp4v", full("esds", bytes.fromhex("0403 2011 00" + "00" * 12))), "mp4v.20"),
        (audio("ec-3", box("dec3", bytes.fromhex("0c00200f00"))), "ec-3"),
        (audio("Opus", box("dOps", u8(0, 6), u16(312), u32(48_000), u16(0), u8(1, 4, 2))), "Opus"),
        (box("wvtt", bytes(6), u16(1), box("vttC", b"WEBVTT")), "wvtt"),
        (box("stpp", bytes(6), u16(1), b"http://www.w3.org/ns/ttml\0\0\0"), "stpp"),
    ],
)
def test_a_codec_string_is_written_as_manifests_write_it(entry: bytes, codec: str) -> None:
    handler = {"ec-3": b"soun", "Opus": b"soun", "wvtt": b"text", "stpp": b"subt"}

    data = movie(track(handler=handler.get(codec, b"vide"), entries=[entry]))

    assert read_init(data).tracks[0].codec == codec


ESDS = full("esds", bytes.fromhex("0319 0001 00 0411 40 15" + "00" * 11 + "0502 1190 0601 02"))


def quicktime(version: int, *inner: bytes) -> bytes:
    """Return an audio entry in one of QuickTime's longer forms, which hide esds in a wave."""
    head = bytes(6) + u16(1, version) + bytes(6) + u16(2, 16, 0, 0) + u32(44_100 << 16)
    if version == 1:
        head += bytes(16)
    else:
        head += u32(72) + bytes.fromhex("40e7700000000000") + u32(6) + bytes(20)
    return box("mp4a", head, *inner)


@pytest.mark.parametrize(
    ("entry", "rate_hz", "channels"),
    [
        (quicktime(1, box("wave", box("frma", b"mp4a"), ESDS)), 48_000, 2),
        (quicktime(1), 44_100, 2),
        (quicktime(2), 48_000, 6),
        (audio("mp4a", ESDS, channels=1, rate_hz=24_000), 48_000, 2),
        (audio("alac", full("alac", bytes(9), u8(6), bytes(10), u32(96_000))), 96_000, 6),
        (audio("ac-3", box("dac3", bytes.fromhex("103dc0"))), 48_000, 6),
        (audio("ec-3", box("dec3", bytes.fromhex("0c00200f00"))), 48_000, 6),
        (audio("mha1", box("mhaC", b"cfg")), 48_000, 2),
    ],
)
def test_the_codecs_own_box_knows_rate_and_channels_better(
    entry: bytes, rate_hz: int, channels: int
) -> None:
    track_init = read_init(movie(track(handler=b"soun", entries=[entry]))).tracks[0]

    assert (track_init.sample_rate_hz, track_init.channels) == (rate_hz, channels)


def test_the_language_is_the_extended_one_where_there_is_one() -> None:
    data = movie(track())
    extended = full("elng", b"pt-BR\0")
    mdia = data.index(b"mdia") - 4
    grown = bytearray(data)
    at = data.index(b"hdlr") - 4
    grown[at:at] = extended
    for place in (mdia, data.index(b"trak") - 4, data.index(b"moov") - 4):
        size = int.from_bytes(grown[place : place + 4], "big") + len(extended)
        grown[place : place + 4] = u32(size)

    assert read_init(data).tracks[0].language == "und"
    assert read_init(bytes(grown)).tracks[0].language == "pt-BR"


def test_the_length_of_the_whole_title_is_in_mehd() -> None:
    assert (
        read_init(movie(track(), trex=[full("mehd", u64(9000), version=1)])).duration_ticks == 9000
    )
    assert read_init(movie(track())).duration_ticks is None


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "no moov"),
        (b"<!DOCTYPE html><html>", "at byte 0"),
        (box("ftyp", b"iso6"), "no moov"),
        (movie(), "no track"),
        (movie(track(1), track(1)), "two tracks have the id 1"),
        (movie(track(timescale=0)), "timescale of 0"),
        (movie(track())[:-60], "needs"),
        (movie(*(track(number) for number in range(1, 131))), "128 tracks"),
        (movie(track(entries=[visual("avc1")] * 65)), "65 sample descriptions"),
        (movie(track(entries=[visual("avc1", box("avcC"))])), "avcC of 'avc1'"),
        (movie(track(edits=box("edts", full("elst", u32(2**31))))), "edit list of 2147483648"),
        (movie(track(handler=b"soun", entries=[audio("fLaC", box("dfLa", bytes(9)))])), "dfLa of"),
        (movie(track(entries=[visual("av01", box("av1C", b"\x81"))])), "av1C of 'av01'"),
        (
            movie(track(entries=[visual("encv", box("sinf", full("schm", b"cenc"), box("schi")))])),
            "without a tenc",
        ),
    ],
)
def test_what_is_no_init_segment_is_an_error_that_names_it(data: bytes, complaint: str) -> None:
    with pytest.raises(MediaError, match=f"init of v3: .*{complaint}"):
        read_init(data, what="init of v3")


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_damaged_init_segment_is_read_or_refused(data: st.DataObject) -> None:
    body = u8(0, 0x19, 1, 0) + KID + u8(16) + IV
    entry = visual("encv", box("avcC", bytes(7)), sinf(b"cbcs", version=1, body=body))
    sound = audio("mp4a", ESDS)
    damaged = bytearray(
        movie(track(entries=[entry], edits=elst((0, 5))), track(2, b"soun", entries=[sound]))
    )
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))

    for tried in (bytes(damaged), bytes(damaged[:cut])):
        try:
            init = read_init(tried)
        except MediaError:
            continue
        assert init.tracks


@needs_vectors
@pytest.mark.slow
def test_the_conformance_vectors_have_the_tracks_they_should() -> None:
    compared = 0

    for path, known in vectors():
        wanted = known.get("facts", {}).get("iso", {}).get("tracks")
        if not wanted:
            continue
        found = read_init(path.read_bytes(), what=path.name).tracks
        for ours, theirs in zip(found, wanted, strict=True):
            assert (ours.track_id, ours.timescale) == (theirs["id"], theirs["timescale"]), path
            assert theirs.get("width", ours.width) == ours.width, path
            assert theirs.get("height", ours.height) == ours.height, path
            if ours.protection is None:
                assert theirs["sample_entries"][0] == ours.fourcc, path
            if "avcC" in theirs:
                assert ours.codec.endswith(theirs["avcC"]), path
        compared += 1
    assert compared > 90
