"""A packaged title decodes as what it was drawn as, in every form it was written in."""

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import m3u8
import numpy as np
import numpy.typing as npt
import pytest

from netplay.edge.cache import cached_title
from netplay.edge.picture import read_marker
from netplay.edge.title import TINY, Rung, Title, TitleSpec, Track
from netplay.media.boxes import boxes, find

RUNGS = range(len(TINY.rungs))


def luma(frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def joined(folder: Path, track: Track) -> bytes:
    """Return a track as a player feeds it: init segment, then every segment."""
    home = folder / track.id
    numbered = [home / f"{n:05}.m4s" for n in range(1, len(track.segments) + 1)]
    return b"".join(path.read_bytes() for path in (home / "init.mp4", *numbered))


def decoded(data: bytes) -> list[tuple[Fraction, tuple[int, int] | None]]:
    """Return when each frame is shown, and what its marker says."""
    with av.open(io.BytesIO(data), "r") as container:
        return [
            (frame.pts * frame.time_base, read_marker(luma(frame)))
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        ]


@pytest.mark.parametrize("rung", RUNGS)
def test_every_frame_of_a_rung_is_there_in_order_at_its_time(
    folder: Path, title: Title, rung: int
) -> None:
    data = joined(folder, title.of("video")[rung])

    frames = decoded(data)

    assert frames == [(n / TINY.fps, (n, rung)) for n in range(TINY.frames)]


@pytest.mark.parametrize("rung", RUNGS)
def test_any_segment_decodes_alone_behind_the_init_segment(
    folder: Path, title: Title, rung: int
) -> None:
    track = title.of("video")[rung]
    init = (folder / track.id / "init.mp4").read_bytes()

    alone = [
        decoded(init + (folder / track.id / f"{n + 1:05}.m4s").read_bytes())
        for n in range(len(track.segments))
    ]

    gop = TINY.gop_frames
    assert alone == [
        [(n / TINY.fps, (n, rung)) for n in range(start, start + gop)]
        for start in range(0, TINY.frames, gop)
    ]


def test_decoding_order_differs_from_showing_order(folder: Path, title: Title) -> None:
    with av.open(io.BytesIO(joined(folder, title.of("video")[0])), "r") as container:
        shown = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]

    assert shown != sorted(shown)


def test_the_single_file_holds_the_same_frames_behind_a_sound_index(
    folder: Path, title: Title
) -> None:
    for rung, track in enumerate(title.of("video")):
        data = (folder / track.id / "all.mp4").read_bytes()

        index = find(data, "sidx")

        assert index is not None
        assert (index.start, index.size_bytes) == (track.init_bytes, track.index_bytes)
        assert index.end + sum(s.size_bytes for s in track.segments) == len(data)
        assert decoded(data) == [(n / TINY.fps, (n, rung)) for n in range(TINY.frames)]


def test_a_segment_is_its_announced_chunks_and_its_announced_size(
    folder: Path, title: Title
) -> None:
    for track in (*title.of("video"), *title.of("audio")):
        for number, segment in enumerate(track.segments, 1):
            data = (folder / track.id / f"{number:05}.m4s").read_bytes()

            kinds = [box.kind for box in boxes(data)]

            assert kinds == ["styp"] + ["moof", "mdat"] * TINY.chunks
            assert len(data) == segment.size_bytes


def test_the_bytes_up_to_the_key_decode_as_one_picture(folder: Path, title: Title) -> None:
    track = title.of("video")[-1]
    home = folder / track.id
    cut = (home / "00002.m4s").read_bytes()[: track.segments[1].key_bytes]

    with av.open(io.BytesIO((home / "init.mp4").read_bytes() + cut), "r") as container:
        packet = next(packet for packet in container.demux(video=0) if packet.size)
        frames = [*packet.decode(), *container.streams.video[0].decode(None)]

    assert packet.is_keyframe
    assert [read_marker(luma(frame)) for frame in frames] == [(TINY.gop_frames, len(RUNGS) - 1)]


def test_segments_follow_each_other_without_gap_and_fill_the_title(title: Title) -> None:
    for track in title.tracks:
        ends = [segment.start + segment.duration for segment in track.segments]
        starts = [segment.start for segment in track.segments]

        assert [0, *ends[:-1]] == starts
        assert track.duration_s == TINY.exact_s


def test_an_audio_segment_sounds_when_its_video_starts(title: Title) -> None:
    for track in title.of("audio"):
        for number, segment in enumerate(track.segments):
            boundary_s = number * TINY.cut_s

            start_s = Fraction(segment.start, track.timescale)
            assert start_s <= boundary_s < start_s + Fraction(1024, track.timescale)


def sound(data: bytes) -> npt.NDArray[np.float32]:
    """Return the left channel, placed by timestamps from time zero on."""
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.audio[0]
        heard = np.zeros(int(TINY.exact_s * stream.rate) + 4096, np.float32)
        for frame in container.decode(stream):
            assert frame.pts is not None
            assert frame.time_base is not None
            at = int(frame.pts * frame.time_base * stream.rate)
            samples = frame.to_ndarray()[0]
            heard[at : at + samples.size] = samples
    return heard


def pitch_hz(heard: npt.NDArray[np.float32], from_s: float, until_s: float) -> float:
    """Return the strongest frequency of a stretch."""
    part = heard[int(from_s * 48_000) : int(until_s * 48_000)]
    strength = np.abs(np.fft.rfft(part * np.hanning(part.size)))
    return float(strength.argmax() * 48_000 / part.size)


def test_the_beep_starts_on_the_second_and_languages_differ_in_pitch(
    folder: Path, title: Title
) -> None:
    english, swedish = (sound(joined(folder, track)) for track in title.of("audio"))

    loud = np.abs(english) > 0.25
    onsets_s = [np.flatnonzero(loud[n * 48_000 - 24_000 :])[0] / 48_000 for n in range(1, 6)]

    assert onsets_s == pytest.approx([0.5] * 5, abs=0.01)
    assert pitch_hz(english, 0.3, 0.8) == pytest.approx(220, abs=3)
    assert pitch_hz(swedish, 0.3, 0.8) == pytest.approx(330, abs=3)


def test_transport_segments_are_one_stream_ten_seconds_late(folder: Path, title: Title) -> None:
    for rung, track in enumerate(title.of("video")):
        paths = sorted((folder / "ts" / track.id).glob("*.ts"))
        data = b"".join(path.read_bytes() for path in paths)

        frames = decoded(data)

        assert tuple(path.stat().st_size for path in paths) == track.ts_bytes
        assert [marker for _, marker in frames] == [(n, rung) for n in range(TINY.frames)]
        assert frames[0][0] == 10
        # Ticks of 1/90000 s hold this title's frames exactly.
        assert [pts for pts, _ in frames] == [10 + n / TINY.fps for n in range(TINY.frames)]


def test_transport_packets_count_on_across_segments(folder: Path, title: Title) -> None:
    paths = sorted((folder / "ts" / title.of("video")[0].id).glob("*.ts"))
    data = np.frombuffer(b"".join(path.read_bytes() for path in paths), np.uint8)

    packets = data.reshape(-1, 188)

    assert set(packets[:, 0]) == {0x47}
    pids = (packets[:, 1].astype(int) & 0x1F) << 8 | packets[:, 2]
    for pid in np.unique(pids):
        carrying = packets[(pids == pid) & (packets[:, 3] & 0x10 != 0)]
        steps = np.diff(carrying[:, 3].astype(int) & 0xF) & 0xF
        assert set(steps) <= {1}, f"PID {pid}"


def test_packed_audio_decodes_and_tells_its_transport_time(folder: Path, title: Title) -> None:
    track = title.of("audio")[1]
    paths = sorted((folder / "ts" / track.id).glob("*.aac"))

    clocks = []
    for path, segment in zip(paths, track.segments, strict=True):
        data = path.read_bytes()
        clocks.append(int.from_bytes(data[65:73], "big"))
        with av.open(io.BytesIO(data), "r", format="aac") as container:
            assert container.streams.audio[0].rate == 48_000
            # Priming is presented like any frame here: only edit lists hide it.
            priming = 1024 if segment.start == 0 else 0
            count = sum(frame.samples for frame in container.decode(audio=0))
        assert count == -(-(segment.duration + priming) // 1024) * 1024

    assert clocks[0] == 900_000 - 1024 * 90_000 // 48_000
    assert clocks[1:] == [
        900_000 + segment.start * 90_000 // 48_000 for segment in track.segments[1:]
    ]


def test_a_cue_that_crosses_a_boundary_is_in_both_segments(folder: Path) -> None:
    texts = [(folder / "text-en" / f"0000{n}.vtt").read_text() for n in (2, 3)]

    assert all("X-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000" in text for text in texts)
    assert ["00:00:01.500 --> 00:00:02.700" in text for text in texts] == [True, True]


def test_odd_frame_rates_stay_exact(tmp_path: Path) -> None:
    spec = TitleSpec(
        duration_s=2,
        segment_s=1,
        fps=Fraction(30_000, 1001),
        rungs=(Rung(36, 64, 60),),
        audio_languages=(),
        text_languages=(),
    )

    folder = cached_title(spec, tmp_path)

    track = Title.load(folder).of("video")[0]
    assert [pts for pts, _ in decoded(joined(folder, track))] == [
        n * Fraction(1001, 30_000) for n in range(60)
    ]
    assert [s.duration for s in track.segments] == [track.timescale * 1001 // 1000] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "codecs"), [("hevc", "hvc1.1.6.L"), ("vp9", "vp09.00."), ("av1", "av01.0.")]
)
def test_other_codecs_are_packaged_the_same_way(tmp_path: Path, family: str, codecs: str) -> None:
    spec = TitleSpec(
        duration_s=2,
        segment_s=1,
        rungs=(Rung(108, 192, 240),),
        audio_languages=(),
        text_languages=(),
        family=family,  # type: ignore[arg-type]
    )

    folder = cached_title(spec, tmp_path)

    track = Title.load(folder).of("video")[0]
    assert track.codecs.startswith(codecs)
    assert decoded(joined(folder, track)) == [(n / spec.fps, (n, 0)) for n in range(48)]
    init = (folder / track.id / "init.mp4").read_bytes()
    second = decoded(init + (folder / track.id / "00002.m4s").read_bytes())
    assert [marker for _, marker in second] == [(n, 0) for n in range(24, 48)]


@pytest.mark.slow
def test_a_rung_reaches_its_bitrate_within_a_tenth(tmp_path: Path) -> None:
    rungs = (Rung(180, 320, 235), Rung(360, 640, 560))
    spec = TitleSpec(duration_s=8, rungs=rungs, audio_languages=(), text_languages=())

    title = Title.load(cached_title(spec, tmp_path))

    reached = [track.average_bps / track.nominal_bps for track in title.of("video")]
    assert reached == pytest.approx([1, 1], abs=0.1)


def test_a_title_of_sound_alone_is_a_title_too(tmp_path: Path) -> None:
    spec = replace(TINY, duration_s=2, rungs=(), text_languages=())

    folder = cached_title(spec, tmp_path)

    title = Title.load(folder)
    assert [track.kind for track in title.tracks] == ["audio", "audio"]
    assert title.duration_s == 2
    (variant,) = m3u8.load(str(folder / "master.m3u8")).playlists
    assert variant.stream_info.codecs == "mp4a.40.2"
    assert (folder / variant.uri).is_file()


def test_a_whole_number_of_frames_a_second_is_as_good_as_a_fraction() -> None:
    said = [TitleSpec(fps=fps, duration_s=60) for fps in (24, Fraction(24))]  # type: ignore[arg-type]

    assert said[0].digest() == said[1].digest()
    assert said[0].cut_s == Fraction(2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"duration_s": 0},
        {"chunks": 0},
        {"rungs": (), "audio_languages": ()},
        {"family": "vp9", "forms": ("ts",)},
        {"rungs": (Rung(36, 64, 60),) * 17},
    ],
)
def test_a_title_that_cannot_be_made_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        TitleSpec(**wrong)


@pytest.mark.parametrize(("height", "width", "kbps"), [(35, 64, 60), (36, 62, 60), (36, 64, 0)])
def test_a_rung_that_cannot_be_encoded_is_refused(height: int, width: int, kbps: int) -> None:
    with pytest.raises(ValueError):
        Rung(height, width, kbps)


def test_a_folder_that_holds_no_title_says_so(tmp_path: Path) -> None:
    (tmp_path / "title.json").write_text('{"spec": {}, "tracks": []}')

    with pytest.raises(ValueError, match="describes no title"):
        Title.load(tmp_path)
