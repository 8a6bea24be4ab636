"""Where the bytes of segments are: templates, lists, byte ranges, and how they are encrypted.

A Naming answers for the n-th segment of an index, and makes the answer when it is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

__all__ = [
    "ByteRange",
    "Entry",
    "Init",
    "Listing",
    "Naming",
    "Part",
    "Protection",
    "Ranges",
    "Template",
]


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A stretch of a resource: its first byte and how many; length None is to the end."""

    first: int
    length: int | None = None

    @property
    def header(self) -> str:
        """The value of an HTTP Range header (RFC 9110 §14.1.2)."""
        last = "" if self.length is None else str(self.first + self.length - 1)
        return f"bytes={self.first}-{last}"


@dataclass(frozen=True, slots=True)
class Protection:
    """One way in which content is encrypted, and what its key system needs to know.

    Attributes:
        system: Lower-case: a DRM system's UUID, "clearkey", "identity", or a KEYFORMAT.
        scheme: "cenc", "cens", "cbc1", "cbcs", "aes-128", "sample-aes", or "" if unsaid.
        default_kid: Key id, 32 lower-case hexadecimal digits; "" if unsaid.
        pssh: One or more whole pssh boxes; b"" if the manifest has none.
        license_url: Where to ask; "" if unsaid.
        key_uri: HLS: URI of EXT-X-KEY, as written.
        iv: HLS: the IV given; None: the media sequence number.
        key_format_versions: HLS KEYFORMATVERSIONS; "".
    """

    system: str
    scheme: str = ""
    default_kid: str = ""
    pssh: bytes = b""
    license_url: str = ""
    # A data: URI is the key itself.
    key_uri: str = field(default="", repr=False)
    iv: bytes | None = None
    key_format_versions: str = ""


@dataclass(frozen=True, slots=True)
class Init:
    """Where an init segment is: a reference relative to the Location, and a range."""

    uri: str
    byte_range: ByteRange | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a segment that can be fetched before the whole exists (LL-HLS).

    Attributes:
        duration: In the index's ticks.
        independent: Decoding can begin at its start.
    """

    uri: str
    duration: int
    independent: bool = False
    byte_range: ByteRange | None = None
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one segment's bytes are, and what else is said of it.

    Attributes:
        uri: A reference relative to a Location's url.
        init: The init segment it is decoded with; None where the media needs none.
        keys: HLS: how this segment is encrypted, one entry a key format.
        continuity: Segments with the same number share one timestamp origin.
        gap: It does not exist: do not ask for it (EXT-X-GAP).
        utc_us: Its Unix time, where EXT-X-PROGRAM-DATE-TIME gives or implies it.
        bitrate_bps: EXT-X-BITRATE, where given.
    """

    uri: str
    byte_range: ByteRange | None = None
    init: Init | None = None
    keys: tuple[Protection, ...] = ()
    continuity: int = 0
    gap: bool = False
    utc_us: int | None = None
    bitrate_bps: int | None = None
    title: str = ""
    parts: tuple[Part, ...] = ()


class Naming(Protocol):
    """Says where the bytes of a segment are."""

    def entry(self, position: int, *, number: int, ticks: int) -> Entry:
        """Return the entry of the segment at a position (from 0) of the index.

        Args:
            position: Counted from the first segment of the index.
            number: The segment's own number ($Number$, media sequence number).
            ticks: The media time it starts at ($Time$).
        """


@dataclass(frozen=True, slots=True)
class Template:
    """URLs made from a pattern (DASH SegmentTemplate, ISO/IEC 23009-1 §5.3.9.4).

    Attributes:
        pieces: Literal text and placeholders in turn: ("seg-", "Number%05d", ".m4s"). The
            placeholders left here are Number and Time; $RepresentationID$, $Bandwidth$ and
            $$ are already filled in. Even places are literals, odd ones placeholders.
    """

    pieces: tuple[str, ...]
    init: Init | None = None

    def entry(self, position: int, *, number: int, ticks: int) -> Entry:
        """Fill in the pattern."""
        del position
        text = list(self.pieces)
        for place in range(1, len(text), 2):
            name, _, width = text[place].partition("%0")
            value = number if name == "Number" else ticks
            text[place] = str(value).zfill(int(width.rstrip("d") or 1) if width else 1)
        return Entry("".join(text), init=self.init)


@dataclass(frozen=True, slots=True)
class Listing:
    """Every segment named on its own (HLS, DASH SegmentList)."""

    entries: tuple[Entry, ...]

    def entry(self, position: int, *, number: int, ticks: int) -> Entry:
        """Look it up."""
        del number, ticks
        return self.entries[position]


@dataclass(frozen=True, slots=True)
class Ranges:
    """Consecutive byte ranges of one file (DASH SegmentBase with a sidx).

    Attributes:
        edges: Where each segment begins, and last where the last one ends.
    """

    uri: str
    edges: tuple[int, ...]
    init: Init | None = None

    def entry(self, position: int, *, number: int, ticks: int) -> Entry:
        """Cut the range out."""
        del number, ticks
        first = self.edges[position]
        return Entry(self.uri, ByteRange(first, self.edges[position + 1] - first), self.init)
