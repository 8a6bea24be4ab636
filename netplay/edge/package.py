"""Makes a title: encodes every track and lays it out as CMAF, each in a folder of its own.

Tracks are encoded side by side in threads (the encoders release the interpreter lock), the
most expensive first, so that one long track does not run alone at the end. Every track is
cut once into segments; the other forms are the same samples wrapped otherwise.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from netplay.edge import fmp4, manifests, transport
from netplay.edge.captions import cues, webvtt
from netplay.edge.codecs import codec_string
from netplay.edge.encode import Advance, encode_audio, encode_video
from netplay.edge.samples import audio_cuts, read_samples, sample_description, video_cuts
from netplay.edge.sound import SAMPLE_RATE
from netplay.edge.title import Progress, Rung, StoredSegment, Title, TitleSpec, Track

__all__ = ["package"]

PROGRESS_EVERY_S = 0.1
SAMPLE_COST = 8
"""What encoding an audio sample costs, in pixels; a guess that only the progress bar sees."""


class _StoppedError(Exception):
    """Somebody else's failure, or the caller's interrupt, ends this track too."""


class _Meter:
    """How much of the work is done, told by worker threads and read by the caller's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.done = 0
        self.stopped = False

    def advance(self, units: int) -> None:
        if self.stopped:
            raise _StoppedError
        with self._lock:
            self.done += units


def package(spec: TitleSpec, folder: Path, progress: Progress | None = None) -> Title:
    """Make a title in an empty folder and return what it holds.

    Whatever ends the work early, the caller's interrupt included, is raised only after all
    threads have stopped; the folder is then incomplete.
    """
    total = sum(rung.width * rung.height for rung in spec.rungs) * spec.frames
    total += len(spec.audio_languages) * int(spec.exact_s * SAMPLE_RATE) * SAMPLE_COST
    tell = progress or (lambda _done, _total, _what: None)
    meter = _Meter()
    sources = folder / "encoded"
    sources.mkdir()
    with ThreadPoolExecutor(max(2, os.cpu_count() or 2), "title") as pool:
        try:
            costly_first = sorted(spec.rungs, key=lambda rung: -rung.width * rung.height)
            jobs: dict[str, Future[Track]] = {
                _rung_id(rung): pool.submit(_video, spec, rung, folder, meter.advance)
                for rung in costly_first
            }
            for language in spec.audio_languages:
                job = pool.submit(_audio, spec, language, folder, meter.advance)
                jobs[f"audio-{language}"] = job
            made = _gather(jobs, lambda: tell(meter.done, total, "encoding"))
            tracks = [made[_rung_id(rung)] for rung in spec.rungs]
            tracks += [made[f"audio-{language}"] for language in spec.audio_languages]
            tell(total, total, "packaging")
            if "ts" in spec.forms:
                tracks = list(pool.map(lambda track: _transport(spec, track, folder), tracks))
        except BaseException:
            meter.stopped = True
            pool.shutdown(cancel_futures=True)
            raise
    tracks += [_text(spec, language, folder) for language in spec.text_languages]
    for source in sources.iterdir():
        source.unlink()
    sources.rmdir()
    title = Title(spec=spec, tracks=tuple(tracks))
    for path, text in manifests.documents(title).items():
        (folder / path).write_text(text, encoding="utf-8")
    title.save(folder)
    return title


def _gather(jobs: dict[str, Future[Track]], tell: Callable[[], None]) -> dict[str, Track]:
    """Wait for every job, telling how far they are; raise what the first failure raised."""
    pending = set(jobs.values())
    while pending:
        done, pending = wait(pending, PROGRESS_EVERY_S, FIRST_EXCEPTION)
        for job in done:
            job.result()
        tell()
    return {name: job.result() for name, job in jobs.items()}


def _rung_id(rung: Rung) -> str:
    return f"video-{rung.height}p-{rung.kbps}k"


def _video(spec: TitleSpec, rung: Rung, folder: Path, advance: Advance) -> Track:
    name = _rung_id(rung)
    source = folder / "encoded" / f"{name}.mp4"
    encode_video(spec, rung, source, advance)
    samples, timescale, skipped = read_samples(source)
    header = fmp4.MediaHeader(
        stsd=sample_description(source),
        handler="vide",
        timescale=timescale,
        width=rung.width,
        height=rung.height,
        skipped=skipped,
    )
    track = Track(
        id=name,
        kind="video",
        codecs=codec_string(header.stsd),
        timescale=timescale,
        segments=(),
        nominal_bps=rung.kbps * 1000,
        width=rung.width,
        height=rung.height,
        samples=len(samples),
    )
    return _write(spec, track, header, _cut(samples, video_cuts(spec)), folder)


def _audio(spec: TitleSpec, language: str, folder: Path, advance: Advance) -> Track:
    name = f"audio-{language}"
    source = folder / "encoded" / f"{name}.mp4"
    encode_audio(spec, language, source, lambda count: advance(count * SAMPLE_COST))
    samples, timescale, skipped = read_samples(source)
    header = fmp4.MediaHeader(
        stsd=sample_description(source),
        handler="soun",
        timescale=timescale,
        language=language,
        skipped=skipped,
    )
    track = Track(
        id=name,
        kind="audio",
        codecs=codec_string(header.stsd),
        timescale=timescale,
        segments=(),
        language=language,
        nominal_bps=spec.audio_kbps * 1000,
        sample_rate=SAMPLE_RATE,
        samples=len(samples),
    )
    return _write(spec, track, header, _cut(samples, audio_cuts(spec)), folder)


Samples = list[fmp4.Sample]


def _cut(samples: Samples, starts: list[int]) -> Iterator[Samples]:
    for start, end in zip(starts, [*starts[1:], len(samples)], strict=True):
        yield samples[start:end]


def _write(
    spec: TitleSpec,
    track: Track,
    header: fmp4.MediaHeader,
    cut: Iterator[Samples],
    folder: Path,
) -> Track:
    """Write one track's init segment, its segments and its single file."""
    home = folder / track.id
    home.mkdir()
    init = fmp4.init_segment(header)
    stored: list[StoredSegment] = []
    bodies: list[bytes] = []
    sequence = 1
    start = 0
    for samples in cut:
        pieces = [fmp4.segment_type()]
        step = -(-len(samples) // spec.chunks)
        for first in range(0, len(samples), step):
            pieces.append(fmp4.fragment(samples[first : first + step], sequence))
            sequence += 1
        chunk_data_bytes = sum(len(sample.data) for sample in samples[:step])
        key_bytes = sum(map(len, pieces[:2])) - chunk_data_bytes + len(samples[0].data)
        end = max(s.dts + s.offset + s.duration for s in samples) - header.skipped
        body = b"".join(pieces)
        bodies.append(body)
        stored.append(StoredSegment(start, end - start, len(body), key_bytes))
        start = end
    index = fmp4.segment_index(track.timescale, 0, [(s.size_bytes, s.duration) for s in stored])
    if "segments" in spec.forms:
        (home / "init.mp4").write_bytes(init)
        (home / "time").mkdir()
        for number, (segment, body) in enumerate(zip(stored, bodies, strict=True), 1):
            path = home / f"{number:05}.m4s"
            path.write_bytes(body)
            # The same file under its $Time$, so both ways to address a segment work
            # from any static server.
            (home / "time" / f"{segment.start}.m4s").hardlink_to(path)
    if "file" in spec.forms:
        (home / "all.mp4").write_bytes(b"".join([init, index, *bodies]))
    return replace(track, segments=tuple(stored), init_bytes=len(init), index_bytes=len(index))


def _transport(spec: TitleSpec, track: Track, folder: Path) -> Track:
    """Write a track as MPEG-TS with the first language muxed in, or as packed audio."""
    home = folder / "ts" / track.id
    home.mkdir(parents=True)
    source = folder / "encoded" / f"{track.id}.mp4"
    if track.kind == "audio":
        sizes = transport.write_packed_audio(spec, source, home)
    else:
        sound = None
        if spec.audio_languages:
            sound = folder / "encoded" / f"audio-{spec.audio_languages[0]}.mp4"
        sizes = transport.write_transport_stream(spec, source, sound, home)
    return replace(track, ts_bytes=sizes)


def _text(spec: TitleSpec, language: str, folder: Path) -> Track:
    """Write one language's captions whole and in segments."""
    name = f"text-{language}"
    home = folder / name
    home.mkdir()
    shown = cues(language, spec.exact_s)
    end_ms = int(spec.exact_s * 1000)
    whole = webvtt(shown, from_ms=0, until_ms=end_ms, mpegts=None)
    (home / "all.vtt").write_text(whole, encoding="utf-8")
    edges = [int(Fraction(n) * spec.cut_s * 1000) for n in range(spec.segments)] + [end_ms]
    stored = []
    for number, (from_ms, until_ms) in enumerate(pairwise(edges), 1):
        text = webvtt(shown, from_ms=from_ms, until_ms=until_ms, mpegts=0)
        path = home / f"{number:05}.vtt"
        path.write_text(text, encoding="utf-8")
        stored.append(StoredSegment(from_ms, until_ms - from_ms, path.stat().st_size))
        if "ts" in spec.forms:
            moved = webvtt(shown, from_ms=from_ms, until_ms=until_ms, mpegts=transport.START_90KHZ)
            beside = folder / "ts" / name
            beside.mkdir(parents=True, exist_ok=True)
            (beside / f"{number:05}.vtt").write_text(moved, encoding="utf-8")
    return Track(
        id=name,
        kind="text",
        codecs="",
        timescale=1000,
        segments=tuple(stored),
        language=language,
        nominal_bps=1000,
    )
