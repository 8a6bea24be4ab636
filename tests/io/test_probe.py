"""A wrong key is an error before a frame is shown, and a right one never is.

Every codec and scheme, a hundred random keys each; the keys are the same in every run.
"""

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from drm.cenc import Decryptor
from netplay.edge.cache import cached_title
from netplay.edge.encryption.cipher import Scheme
from netplay.edge.encryption.plan import ContentKey, EncryptionPlan, Tier
from netplay.edge.encryption.track import TrackEncryptor
from netplay.edge.title import Family, Rung, Title, TitleSpec
from netplay.io.fetch.tracks import stream_tracks
from netplay.io.show.probe import PROBED_SOUNDS, is_telling, misfit
from netplay.io.source import Config, Packet
from netplay.media.boxes import boxes
from netplay.media.fragments import FragmentReader, Sample
from netplay.media.init import read_init
from netplay.media.protection import Pattern, SampleEncryption

pytestmark = pytest.mark.slow

SCHEMES: tuple[Scheme, ...] = ("cenc", "cens", "cbc1", "cbcs")
FAMILIES: tuple[Family, ...] = ("h264", "hevc", "vp9", "av1")
SOUNDS = {"libopus": "opus", "flac": "flac", "ac3": "ac3", "eac3": "eac3"}
RIGHT = ContentKey(bytes(range(16)), bytes(range(99, 115)))
KEYS = 100


@dataclass(frozen=True)
class Clip:
    """A track in the clear: its init segment, and fragments behind it."""

    init: bytes
    media: bytes

    @property
    def config(self) -> Config:
        return stream_tracks(read_init(self.init), what="clip")[0].config


def sound(encoder: str) -> Clip:
    """Return two seconds of a chord, as FFmpeg's muxer fragments it."""
    file = io.BytesIO()
    options = {"movflags": "cmaf+delay_moov+skip_trailer", "strict": "experimental"}
    with av.open(file, "w", format="mp4", options=options) as container:
        stream = container.add_stream(encoder, rate=48_000)
        assert isinstance(stream, AudioStream)
        stream.layout = "stereo"
        for start in range(0, 96_000, 960):
            at = np.arange(start, start + 960) / 48_000
            wave = sum(np.sin(2 * np.pi * pitch * at) for pitch in (220, 277.2, 329.6)) * 0.2
            frame = av.AudioFrame.from_ndarray(
                np.stack([wave, wave]).astype(np.float32), format="fltp", layout="stereo"
            )
            frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return _split(file.getvalue())


def _split(data: bytes) -> Clip:
    moov = next(box for box in boxes(data) if box.kind == "moov")
    return Clip(data[: moov.end], data[moov.end :])


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clip]:
    """Return a clip of every codec; video in a low and a middling rung."""
    home = tmp_path_factory.mktemp("titles")
    found = {SOUNDS[encoder]: sound(encoder) for encoder in SOUNDS}
    for family in FAMILIES:
        spec = TitleSpec(
            duration_s=1,
            segment_s=1,
            rungs=(Rung(108, 192, 150), Rung(270, 480, 500)),
            audio_languages=("en",),
            text_languages=(),
            family=family,
        )
        folder = cached_title(spec, home)
        for track in Title.load(folder).tracks:
            name = "aac" if track.kind == "audio" else f"{family}-{track.height}"
            found[name] = _stored(folder / track.id)
    return found


def _stored(home: Path) -> Clip:
    return Clip((home / "init.mp4").read_bytes(), (home / "00001.m4s").read_bytes())


NAMES = (*(f"{family}-{height}" for family in FAMILIES for height in (108, 270)), "aac", "opus")
NAMES += ("flac", "ac3", "eac3")


def asked_about(samples: list[Sample], config: Config, scheme: str) -> list[Sample]:
    """Return what a probe is asked about: the first samples that a wrong key would spoil."""
    telling = [
        it
        for it in samples
        if it.encryption is None or is_telling(it.encryption, scheme, len(it.data))
    ]
    if config.stream == "video":
        return [it for it in telling if it.keyframe][:1]
    return telling[:PROBED_SOUNDS]


def packets(samples: list[Sample], datas: list[bytes]) -> list[Packet]:
    return [
        Packet(it.pts, it.dts, it.duration, it.keyframe, data)
        for it, data in zip(samples, datas, strict=True)
    ]


def decrypted(samples: list[Sample], decryptor: Decryptor) -> Iterator[bytes]:
    for it in samples:
        assert it.encryption is not None
        iv, subsamples, pattern = it.encryption[1:]
        yield decryptor.decrypt(it.data, iv, subsamples, pattern)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", NAMES)
def test_wrong_keys_are_caught_and_the_right_one_is_not(
    clips: dict[str, Clip], name: str, scheme: Scheme
) -> None:
    clip, chance = clips[name], random.Random(7)
    plan = EncryptionPlan(scheme=scheme, tiers=(Tier((RIGHT,)),))
    encryptor = TrackEncryptor(clip.init, plan)
    secret = FragmentReader(read_init(encryptor.init)).feed(encryptor.segment(clip.media, 0))
    asked = asked_about(secret, clip.config, scheme)

    right = misfit(
        clip.config, packets(asked, list(decrypted(asked, Decryptor(RIGHT.key, scheme))))
    )
    wrong = [
        misfit(
            clip.config,
            packets(asked, list(decrypted(asked, Decryptor(chance.randbytes(16), scheme)))),
        )
        for _ in range(KEYS)
    ]

    assert asked
    assert right is None
    # What ends by chance where a picture should is one in some hundreds.
    least = 98 if name.startswith(("hevc", "vp9", "av1")) else KEYS
    assert sum(it is not None for it in wrong) >= least


@pytest.mark.parametrize("name", NAMES)
def test_clear_media_is_never_taken_for_wrong(clips: dict[str, Clip], name: str) -> None:
    clip = clips[name]
    samples = FragmentReader(read_init(clip.init)).feed(clip.media)
    asked = [[it] for it in samples if it.keyframe]
    if clip.config.stream == "audio":
        asked = [samples[at : at + PROBED_SOUNDS] for at in range(0, len(samples), PROBED_SOUNDS)]

    found = [
        misfit(clip.config, packets(group, [bytes(it.data) for it in group])) for group in asked
    ]

    assert found == [None] * len(asked)


def test_packets_that_are_longer_than_announced_are_no_opus(clips: dict[str, Clip]) -> None:
    clip = clips["opus"]
    samples = FragmentReader(read_init(clip.init)).feed(clip.media)[:3]
    right = packets(samples, [bytes(it.data) for it in samples])
    half = [Packet(it.pts, it.dts, it.duration // 2, it.keyframe, it.data) for it in right]
    twice = [Packet(it.pts, it.dts, it.duration * 2, it.keyframe, it.data) for it in right]

    assert misfit(clip.config, half) == "a packet of 960 samples where 480 were announced"
    assert misfit(clip.config, twice) == "a packet of 960 samples where 1920 were announced"
    assert misfit(clip.config, [*right, half[-1]]) is None
    assert misfit(clip.config, packets(samples[:1], [b""])) == "a packet without Opus's structure"


def test_a_sample_without_a_slice_is_no_keyframe(clips: dict[str, Clip]) -> None:
    delimiter = b"\0\0\0\2\x09\xf0"

    found = misfit(clips["h264-108"].config, [Packet(0, 0, 1, keyframe=True, data=delimiter)])

    assert found is not None


def test_pictures_that_come_later_are_no_verdict() -> None:
    # Intra refresh: no picture but the first is a keyframe, and libav marks where one can begin.
    file = io.BytesIO()
    options = {"preset": "ultrafast", "x264-params": "intra-refresh=1:keyint=10"}
    with av.open(
        file, "w", format="mp4", options={"movflags": "cmaf+delay_moov+frag_keyframe"}
    ) as container:
        stream = container.add_stream("libx264", rate=25, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(40):
            picture = np.full((180, 320, 3), 6 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    clip = _split(file.getvalue())
    samples = FragmentReader(read_init(clip.init)).feed(clip.media)
    starts = [it for it in samples if it.keyframe]

    found = [misfit(clip.config, packets([it], [bytes(it.data)])) for it in starts]

    assert len(starts) > 1
    assert found == [None] * len(starts)


def test_a_codec_that_is_not_here_cannot_be_judged() -> None:
    config = Config("audio", "mpegh", 48_000)

    assert misfit(config, [Packet(0, 0, 1, keyframe=True, data=b"abc")]) is None


@pytest.mark.parametrize(
    ("scheme", "ranges", "pattern", "size", "told"),
    [
        ("cenc", (), None, 5, True),
        ("cenc", ((9, 0),), None, 9, False),
        ("cenc", ((9, 1),), None, 10, True),
        ("cbc1", (), None, 15, False),
        ("cbcs", (), None, 16, True),
        ("cbcs", ((9, 15), (9, 15)), (1, 9), 48, False),
        ("cens", ((9, 16),), (1, 9), 25, True),
        ("cens", ((9, 79),), (5, 5), 88, False),
        ("cbcs", (), (10, 0), 16, True),
    ],
)
def test_only_samples_with_something_encrypted_tell(
    scheme: str,
    ranges: tuple[tuple[int, int], ...],
    pattern: tuple[int, int] | None,
    size: int,
    told: bool,
) -> None:
    how = SampleEncryption(RIGHT.kid, bytes(16), ranges, Pattern(*pattern) if pattern else None)

    assert is_telling(how, scheme, size) == told
