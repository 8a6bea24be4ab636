"""What a test title is: the wish (TitleSpec) and what came of it (Title, read from a folder).

A packaged title is a folder of plain files that any static web server can hand out.
`title.json` in it lists every track and every segment with its exact start, duration and
size, so manifests are written from facts and tests can compare against them.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from netplay.edge.encryption.signals import Signals

__all__ = [
    "DEMO",
    "PACKAGER_VERSION",
    "TINY",
    "TITLE_FILE",
    "Family",
    "Form",
    "Host",
    "Progress",
    "Rung",
    "StoredSegment",
    "Title",
    "TitleSpec",
    "Track",
    "TrackKind",
]

Family = Literal["h264", "hevc", "vp9", "av1"]
Form = Literal["segments", "file", "ts"]
"""One file a CMAF segment; one file a CMAF track, with its sidx; MPEG-TS and packed AAC."""
TrackKind = Literal["video", "audio", "text"]

Progress = Callable[[int, int, str], None]
"""Hears (done, total, what is being done); called in the thread that asked for a title."""

Host = tuple[str, str]
"""A server's name (serviceLocation, pathway), and the URL of a folder on it."""

TITLE_FILE = "title.json"

PACKAGER_VERSION = 1
"""Raised with every change of what a spec gives; titles cached by others are made anew."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One quality of the video ladder."""

    height: int
    width: int
    kbps: int

    def __post_init__(self) -> None:
        if self.height % 2 or self.width % 2 or self.height < 36 or self.width < 64:
            raise ValueError(f"a rung is even and at least 64x36, not {self.width}x{self.height}")
        if self.kbps <= 0:
            raise ValueError(f"a rung needs a bitrate, not {self.kbps} kb/s")


LADDER = (
    Rung(180, 320, 235),
    Rung(360, 640, 560),
    Rung(540, 960, 1050),
    Rung(720, 1280, 2350),
    Rung(1080, 1920, 4300),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleSpec:
    """Which title to make; two equal specs make the same title.

    Attributes:
        duration_s: How long; rounded up to whole frames.
        fps: Frames a second; a fraction such as 30000/1001 is kept exact.
        segment_s: Length of a segment and of its one closed GOP; rounded to whole frames.
        rungs: The ladder, lowest first, or empty for audio only.
        audio_languages: One AAC track each, in different tones; the first is the default.
        text_languages: One WebVTT track each.
        family: Video codec.
        bframes: Frames between reference frames, so that decoding and showing order differ.
        chunks: CMAF chunks (moof and mdat) a segment.
        audio_kbps: Bitrate of each audio track.
        preset: x264's name for how hard to try; other codecs use their fastest.
        forms: How the media is laid out; see `Form`.
    """

    duration_s: float = 60.0
    fps: Fraction = Fraction(24)
    segment_s: float = 2.0
    rungs: tuple[Rung, ...] = LADDER
    audio_languages: tuple[str, ...] = ("en", "sv")
    text_languages: tuple[str, ...] = ("en", "sv")
    family: Family = "h264"
    bframes: int = 2
    chunks: int = 1
    audio_kbps: int = 96
    preset: str = "superfast"
    forms: tuple[Form, ...] = ("segments",)

    def __post_init__(self) -> None:
        # Whole numbers are welcome, and must neither divide into floats nor name another
        # title than the same value written otherwise.
        object.__setattr__(self, "fps", Fraction(self.fps))
        object.__setattr__(self, "duration_s", float(self.duration_s))
        object.__setattr__(self, "segment_s", float(self.segment_s))
        if self.duration_s <= 0 or self.segment_s <= 0 or self.fps <= 0 or self.chunks < 1:
            raise ValueError("duration_s, segment_s, fps and chunks must be positive")
        if not self.rungs and not self.audio_languages:
            raise ValueError("a title needs video or audio")
        if len(self.rungs) > 16:
            raise ValueError("a picture's marker tells sixteen rungs apart, not more")
        if "ts" in self.forms and self.family not in ("h264", "hevc"):
            raise ValueError(f"MPEG-TS carries no {self.family}")

    @property
    def gop_frames(self) -> int:
        """Frames in a segment."""
        return max(1, round(self.segment_s * self.fps))

    @property
    def frames(self) -> int:
        """Frames in the title."""
        return max(1, -(-Fraction(self.duration_s).limit_denominator(10**6) * self.fps // 1))

    @property
    def segments(self) -> int:
        """Segments of each track."""
        return -(-self.frames // self.gop_frames)

    @property
    def exact_s(self) -> Fraction:
        """How long the title is, to the frame."""
        return self.frames / self.fps

    @property
    def cut_s(self) -> Fraction:
        """How long a segment is, to the frame."""
        return self.gop_frames / self.fps

    def digest(self) -> str:
        """Return a name for what this version of the packager makes of the spec."""
        said = json.dumps([PACKAGER_VERSION, asdict(self)], sort_keys=True, default=str)
        return hashlib.sha256(said.encode()).hexdigest()[:20]


DEMO = TitleSpec()
"""A minute of the whole ladder: half a minute of encoding on two cores, 65 MB."""

TINY = TitleSpec(
    duration_s=6,
    segment_s=1,
    rungs=(Rung(36, 64, 60), Rung(72, 128, 120), Rung(108, 192, 240)),
    chunks=2,
    audio_kbps=48,
    forms=("segments", "file", "ts"),
)
"""A title for tests: every form there is, made in about half a second."""


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """One segment as it lies on disk.

    Attributes:
        start: Presentation time in ticks, the track's edit list applied; the first is 0.
        duration: In ticks; the next segment starts where this one ends, exactly.
        size_bytes: Of the file, or of its part of the single file.
        key_bytes: From its first byte to the end of its first sample; 0 for text.
    """

    start: int
    duration: int
    size_bytes: int
    key_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One representation: a rung, an audio language or a text language.

    Attributes:
        id: Also its folder, e.g. "video-180p-235k".
        nominal_bps: What was asked of the encoder.
        codecs: As RFC 6381 spells it; empty for text.
        init_bytes: Size of init.mp4; 0 for text.
        index_bytes: Size of the sidx that follows it in the single file; 0 without one.
        samples: Frames of video or of audio, the encoder's priming included.
        ts_bytes: Sizes of its MPEG-TS or packed audio segments; empty without them.
    """

    id: str
    kind: TrackKind
    codecs: str
    timescale: int
    segments: tuple[StoredSegment, ...]
    language: str = ""
    nominal_bps: int = 0
    width: int = 0
    height: int = 0
    sample_rate: int = 0
    init_bytes: int = 0
    index_bytes: int = 0
    samples: int = 0
    ts_bytes: tuple[int, ...] = ()

    @property
    def duration_s(self) -> Fraction:
        """From presentation time zero to the end of its last sample."""
        last = self.segments[-1]
        return Fraction(last.start + last.duration, self.timescale)

    @property
    def average_bps(self) -> int:
        """Measured over all of it, rounded up."""
        total = sum(segment.size_bytes for segment in self.segments)
        return -int(-total * 8 // self.duration_s)

    @property
    def peak_bps(self) -> int:
        """Measured over its fastest segment, rounded up."""
        return max(-(-s.size_bytes * 8 * self.timescale // s.duration) for s in self.segments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """A packaged title, as its folder describes it; protection None: in the clear."""

    spec: TitleSpec
    tracks: tuple[Track, ...]
    protection: Signals | None = None

    def of(self, kind: TrackKind) -> tuple[Track, ...]:
        """Return the tracks of one kind, in the order of the spec."""
        return tuple(track for track in self.tracks if track.kind == kind)

    @property
    def duration_s(self) -> Fraction:
        """How long the presentation is: its video, or its audio where it has no video."""
        timed = self.of("video") or self.of("audio")
        return timed[0].duration_s

    def save(self, folder: Path) -> None:
        """Write title.json."""
        text = json.dumps(asdict(self), indent=1, default=str)
        (folder / TITLE_FILE).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Title":
        """Read title.json of a folder that `package` made.

        Raises:
            OSError: There is none.
            ValueError: It is not one.
        """
        said = json.loads((folder / TITLE_FILE).read_text(encoding="utf-8"))
        try:
            stated = said.get("protection")
            return cls(
                spec=_spec(said["spec"]),
                tracks=tuple(map(_track, said["tracks"])),
                protection=None if stated is None else Signals.read(stated),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{folder / TITLE_FILE} describes no title: {error}") from error


def _spec(said: Mapping[str, Any]) -> TitleSpec:
    fields: dict[str, Any] = {}
    for name, value in said.items():
        fields[name] = tuple(value) if isinstance(value, list) else value
    fields["rungs"] = tuple(Rung(**rung) for rung in said["rungs"])
    fields["fps"] = Fraction(said["fps"])
    return TitleSpec(**fields)


def _track(said: Mapping[str, Any]) -> Track:
    fields = dict(said)
    fields["segments"] = tuple(StoredSegment(**segment) for segment in said["segments"])
    fields["ts_bytes"] = tuple(said["ts_bytes"])
    return Track(**fields)
