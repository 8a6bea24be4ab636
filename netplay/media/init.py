"""What an initialization segment says: the tracks, and how to set up their decoders.

One read of `moov` gives everything that later fragments leave out: timescales, sample
descriptions, defaults, edit lists, protection. Segments are then read against it, and a
segment that does not belong to it can be told.

Source: ISO/IEC 14496-12:2022, clauses 8.3 to 8.8.
"""

from dataclasses import dataclass
from typing import Literal

from netplay.errors import MediaError
from netplay.media.boxes import Box, Buffer, Reader, boxes, find, find_all
from netplay.media.descriptions import SampleDescription, read_stsd
from netplay.media.protection import Protection, read_seig

__all__ = ["Edit", "InitSegment", "SampleDefaults", "TrackInit", "TrackKind", "read_init"]

TrackKind = Literal["video", "audio", "text", "other"]

_KINDS: dict[str, TrackKind] = {
    "vide": "video",
    "soun": "audio",
    "text": "text",
    "subt": "text",
    "sbtl": "text",
    "clcp": "text",
}
MAX_TRACKS = 128
"""Of one file. A guess with room: multiplexed titles have a few dozen."""

MAX_EDITS = 4096
"""Of one track. A guess with room: streams have one or two."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One entry of an edit list.

    Attributes:
        duration_ticks: In the movie's timescale; 0 means "to the end" in fragmented files.
        media_ticks: Where it starts, in the track's timescale; -1 is an empty edit.
        rate: Media rate, 1.0 unless somebody edited.
    """

    duration_ticks: int
    media_ticks: int
    rate: float


@dataclass(frozen=True, slots=True)
class SampleDefaults:
    """What fragments of a track leave out (`trex`)."""

    description_index: int = 1
    duration_ticks: int = 0
    size_bytes: int = 0
    flags: int = 0


@dataclass(frozen=True, slots=True)
class TrackInit:
    """One track, as its initialization segment sets it up.

    Attributes:
        track_id: As fragments name it.
        kind: "video", "audio", "text" or "other".
        timescale: Ticks a second; positive.
        language: BCP 47 where the file has it, else three letters; "und" where neither.
        descriptions: How samples are coded; fragments choose by number, nearly always the first.
        edits: The edit list; empty where there is none.
        movie_timescale: Of the durations in the edit list.
        defaults: What fragments leave out.
        key_groups: Key groups (`seig`) that fragments may refer to.
        duration_ticks: As the track's header says; 0 where it does not.
    """

    track_id: int
    kind: TrackKind
    timescale: int
    language: str
    descriptions: tuple[SampleDescription, ...]
    edits: tuple[Edit, ...] = ()
    movie_timescale: int = 0
    defaults: SampleDefaults = SampleDefaults()
    key_groups: tuple[Protection, ...] = ()
    duration_ticks: int = 0

    @property
    def fourcc(self) -> str:
        """The first sample entry's format, before encryption."""
        return self.descriptions[0].fourcc

    @property
    def codec(self) -> str:
        """As RFC 6381 writes it, e.g. "avc1.640028"."""
        return self.descriptions[0].codec

    @property
    def extradata(self) -> bytes:
        """What FFmpeg's decoder wants to be set up with."""
        return self.descriptions[0].extradata

    @property
    def width(self) -> int:
        """In pixels, as coded; 0 unless video."""
        return self.descriptions[0].width

    @property
    def height(self) -> int:
        """In pixels, as coded; 0 unless video."""
        return self.descriptions[0].height

    @property
    def sample_rate_hz(self) -> int:
        """0 unless audio."""
        return self.descriptions[0].sample_rate_hz

    @property
    def channels(self) -> int:
        """0 unless audio."""
        return self.descriptions[0].channels

    @property
    def priming_samples(self) -> int:
        """Audio samples that the codec itself says to drop from the start (Opus pre-skip)."""
        return self.descriptions[0].priming_samples

    @property
    def protection(self) -> Protection | None:
        """The first protection any description states; None: all of it is in the clear."""
        stated = (it.protection for it in self.descriptions if it.protection is not None)
        return next(stated, None)

    def presentation_offset_ticks(self) -> int:
        """Return what the edit list adds to media time to make presentation time.

        As libav applies edit lists to fragments: a leading empty edit delays, the start of
        the first real edit is skipped, and whatever follows is not applied.
        """
        delay, edits = 0, self.edits
        if edits and edits[0].media_ticks == -1:
            if self.movie_timescale:
                # Rounded to nearest, as av_rescale does.
                scaled = 2 * edits[0].duration_ticks * self.timescale + self.movie_timescale
                delay = scaled // (2 * self.movie_timescale)
            edits = edits[1:]
        skipped = edits[0].media_ticks if edits and edits[0].media_ticks >= 0 else 0
        return delay - skipped


@dataclass(frozen=True, slots=True)
class InitSegment:
    """Everything a player keeps of an initialization segment.

    Attributes:
        tracks: In the order of the file; at least one.
        timescale: The movie's, ticks a second.
        duration_ticks: Of the whole title with its fragments (`mehd`, else `mvhd`), in the
            movie's timescale; None where unknown.
        fragmented: Whether it announces fragments (`mvex`).
        pssh: Every `pssh` box, header included, as drm readers take them.
    """

    tracks: tuple[TrackInit, ...]
    timescale: int
    duration_ticks: int | None
    fragmented: bool
    pssh: tuple[bytes, ...]

    def track(self, track_id: int) -> TrackInit | None:
        """Return the track of an id, or None."""
        return next((track for track in self.tracks if track.track_id == track_id), None)

    def first(self, kind: TrackKind) -> TrackInit | None:
        """Return the first track of a kind, or None."""
        return next((track for track in self.tracks if track.kind == kind), None)


def read_init(data: Buffer, *, what: str = "init segment") -> InitSegment:
    """Read the `moov` of an initialization segment, or of any file that has it complete.

    Args:
        data: The segment, or a longer start of the file.
        what: Names it in errors, e.g. "init of v3".

    Raises:
        MediaError: There is no `moov`, or it is broken.
    """
    moov = find(data, "moov", what=what)
    if moov is None:
        raise MediaError(what, "not an initialization segment: no moov box")
    timescale, duration = _movie_header(data, moov, what=what)
    defaults = _defaults(data, moov, what=what)
    tracks: list[TrackInit] = []
    for trak in find_all(data, "trak", start=moov.body, end=moov.end, what=what):
        track = _track(data, trak, timescale, defaults, what=what)
        if any(track.track_id == other.track_id for other in tracks):
            raise MediaError(what, f"two tracks have the id {track.track_id}")
        tracks.append(track)
        if len(tracks) > MAX_TRACKS:
            raise MediaError(what, f"more than {MAX_TRACKS} tracks")
    if not tracks:
        raise MediaError(what, "moov holds no track")
    mehd = find(data, "mvex", "mehd", start=moov.body, end=moov.end, what=what)
    if mehd is not None:
        reader = Reader.of(data, mehd, what=what)
        version, _ = reader.version_and_flags()
        duration = reader.u64() if version else reader.u32()
    pssh = tuple(
        bytes(data[box.start : box.end])
        for box in boxes(data, moov.body, moov.end, what=what)
        if box.kind == "pssh"
    )
    fragmented = find(data, "mvex", start=moov.body, end=moov.end, what=what) is not None
    return InitSegment(tuple(tracks), timescale, duration or None, fragmented, pssh)


def _needed(data: Buffer, *path: str, parent: Box, what: str) -> Box:
    box = find(data, *path, start=parent.body, end=parent.end, what=what)
    if box is None:
        raise MediaError(what, f"{parent.kind} at byte {parent.start} has no {'/'.join(path)}")
    return box


def _times(reader: Reader) -> tuple[int, int]:
    """Read the timescale and duration that `mvhd` and `mdhd` start with; 0: unknown."""
    version, _ = reader.version_and_flags()
    reader.skip(16 if version else 8)
    timescale = reader.u32()
    duration = reader.u64() if version else reader.u32()
    unknown = 2**64 - 1 if version else 2**32 - 1
    return timescale, 0 if duration == unknown else duration


def _movie_header(data: Buffer, moov: Box, *, what: str) -> tuple[int, int]:
    mvhd = find(data, "mvhd", start=moov.body, end=moov.end, what=what)
    return (0, 0) if mvhd is None else _times(Reader.of(data, mvhd, what=what))


def _defaults(data: Buffer, moov: Box, *, what: str) -> dict[int, SampleDefaults]:
    """Read what fragments leave out, by track id."""
    found = {}
    for trex in find_all(data, "mvex", "trex", start=moov.body, end=moov.end, what=what):
        reader = Reader.of(data, trex, what=what)
        reader.version_and_flags()
        track_id = reader.u32()
        found[track_id] = SampleDefaults(
            description_index=reader.u32(),
            duration_ticks=reader.u32(),
            size_bytes=reader.u32(),
            flags=reader.u32(),
        )
    return found


def _track(
    data: Buffer,
    trak: Box,
    movie_timescale: int,
    defaults: dict[int, SampleDefaults],
    *,
    what: str,
) -> TrackInit:
    tkhd = Reader.of(data, _needed(data, "tkhd", parent=trak, what=what), what=what)
    version, _ = tkhd.version_and_flags()
    tkhd.skip(16 if version else 8)
    track_id = tkhd.u32()
    mdia = _needed(data, "mdia", parent=trak, what=what)
    hdlr = Reader.of(data, _needed(data, "hdlr", parent=mdia, what=what), what=what)
    hdlr.skip(8)
    kind = _KINDS.get(hdlr.fourcc(), "other")
    mdhd = Reader.of(data, _needed(data, "mdhd", parent=mdia, what=what), what=what)
    timescale, duration = _times(mdhd)
    if timescale == 0:
        raise MediaError(what, f"track {track_id} has a timescale of 0")
    stbl = _needed(data, "minf", "stbl", parent=mdia, what=what)
    stsd = _needed(data, "stsd", parent=stbl, what=what)
    descriptions = read_stsd(data, stsd, kind, what=what)
    if not descriptions:
        raise MediaError(what, f"track {track_id} does not describe its samples")
    return TrackInit(
        track_id=track_id,
        kind=kind,
        timescale=timescale,
        language=_language(data, mdia, mdhd.u16(), what=what),
        descriptions=descriptions,
        edits=_edits(data, trak, what=what),
        movie_timescale=movie_timescale,
        defaults=defaults.get(track_id, SampleDefaults()),
        key_groups=_key_groups(data, stbl, descriptions, what=what),
        duration_ticks=duration,
    )


def _language(data: Buffer, mdia: Box, packed: int, *, what: str) -> str:
    """Return `elng` where there is one, else the three letters packed into `mdhd`."""
    elng = find(data, "elng", start=mdia.body, end=mdia.end, what=what)
    if elng is not None:
        reader = Reader.of(data, elng, what=what)
        reader.version_and_flags()
        if tag := reader.text():
            return tag
    letters = "".join(chr(0x60 + (packed >> shift & 0x1F)) for shift in (10, 5, 0))
    return letters if letters.isascii() and letters.isalpha() else "und"


def _edits(data: Buffer, trak: Box, *, what: str) -> tuple[Edit, ...]:
    elst = find(data, "edts", "elst", start=trak.body, end=trak.end, what=what)
    if elst is None:
        return ()
    reader = Reader.of(data, elst, what=what)
    version, _ = reader.version_and_flags()
    count = reader.u32()
    if count > MAX_EDITS:
        raise MediaError(what, f"an edit list of {count} entries; {MAX_EDITS} are the most")
    edits = []
    for _ in range(count):
        duration = reader.u64() if version else reader.u32()
        media = reader.i64() if version else reader.i32()
        edits.append(Edit(duration, media, reader.i32() / 65536))
    return tuple(edits)


def _key_groups(
    data: Buffer, stbl: Box, descriptions: tuple[SampleDescription, ...], *, what: str
) -> tuple[Protection, ...]:
    scheme = next((it.protection.scheme for it in descriptions if it.protection), None)
    if scheme is None:
        return ()
    for sgpd in find_all(data, "sgpd", start=stbl.body, end=stbl.end, what=what):
        groups = read_seig(data, sgpd, scheme, what=what)
        if groups is not None:
            return groups
    return ()
