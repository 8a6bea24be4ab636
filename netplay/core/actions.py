"""What a Session wants done: orders, in the imperative."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from netplay.core.words import ErrorName, Track, Why
from netplay.segments import Protection

__all__ = [
    "Action",
    "Cancel",
    "CloseKeys",
    "Connect",
    "Evict",
    "Fail",
    "Feed",
    "Fetch",
    "Finish",
    "Flush",
    "Hold",
    "OpenKeys",
    "Play",
    "Removed",
    "RenewKeys",
    "Resolve",
]


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a connection to a host ahead of need; no answer is expected."""

    host: str
    representation: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Resolve:
    """Fetch and read the document of a Representation's Unresolved index.

    Ends in exactly one Resolved or ResolveFailed, unless cancelled.
    """

    resolve_id: int
    representation: str
    host: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Fetch an init segment or a media segment from a host and keep it.

    Ends in exactly one Fetched or FetchFailed, unless cancelled.

    Attributes:
        fetch_id: Names the fetch and the bytes it brings; never used twice.
        representation: Its id; `number` then says which segment, by the index that was
            resolved for this host.
        number: The segment's number; of the segment whose init this is, for an init.
        init: Fetch the init segment that segment `number` is decoded with.
        host: From where.
        first_byte: Leave out so many bytes at the beginning of the resource.
        resumes: The fetch whose bytes come before these; None: it stands alone.
        urgent: The viewer waits for it: prefer it over the others.
    """

    fetch_id: int
    track: Track
    representation: str
    number: int
    host: str
    init: bool = False
    first_byte: int = 0
    resumes: int | None = None
    urgent: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop a Fetch or a Resolve that is under way and forget what it brought.

    Exactly one of the two is not None. No event answers it.
    """

    fetch_id: int | None = None
    resolve_id: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Evict:
    """Forget the bytes of finished fetches."""

    fetch_ids: tuple[int, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OpenKeys:
    """Get a licence. Ends in exactly one KeysReady or KeysFailed, unless closed.

    Attributes:
        key_session: Names the licence; never used twice.
        representation: What its key's URI is relative to; "" is the manifest itself.
        protection: What the key system needs to know; its `system` says which one.
        kids: The keys wanted, as far as they are known.
    """

    key_session: int
    representation: str
    protection: Protection
    kids: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RenewKeys:
    """Extend a licence while its keys go on to be used.

    Ends in exactly one KeysReady or KeysFailed, unless closed.
    """

    key_session: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CloseKeys:
    """Forget a licence and its keys. No event answers it."""

    key_session: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """Give a segment to a lane's decoder, behind those fed before; it may still be arriving.

    The init segment is the one that the segment's index entry names, of the same
    Representation; it may still be arriving too.

    Attributes:
        fetch_id: The media; its bytes are decoded as they come.
        offset_us: What to add to media time to get presentation time.
        from_us: Frames that end at or before this are decoded but not shown.
        until_us: Frames that begin at or after this are not shown; None: no limit.
        last: Nothing follows in this lane: let the decoder give up its last frames.
    """

    track: Track
    generation: int
    fetch_id: int
    offset_us: int
    from_us: int
    until_us: int | None = None
    last: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Flush:
    """Empty a lane from a position on: what was fed, and what is decoded and not shown.

    Frames that begin before `from_us` stay and are shown; None empties all of it. From
    here on the lane's events carry the new generation, also those about what stays.

    Attributes:
        keeps: Fetches fed before that begin before `from_us`. Those of them whose decoding
            has not begun stay in line; every other Feed not begun is dropped.
    """

    track: Track
    generation: int
    from_us: int | None
    keeps: tuple[int, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Play:
    """Move the playhead: at `at_us` it is at `position_us`, and goes on at `rate`."""

    position_us: int
    at_us: int
    rate: Fraction
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the playhead still at a position, and show the frame that covers it."""

    position_us: int
    why: Why
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Removed:
    """For information: a Representation or one segment of it is not asked for any more.

    Attributes:
        number: Which segment; None: the whole Representation, for the session.
    """

    representation: str
    number: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Fail:
    """Playback cannot go on.

    Attributes:
        error: A class name of `netplay.errors`.
        what: What it was about: a segment, a track.
        attempts: (who, what came of it), in order.
    """

    error: ErrorName
    what: str
    attempts: tuple[tuple[str, str], ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """Playback has reached the end."""

    reason: str = ""


Action = (
    Connect
    | Resolve
    | Fetch
    | Cancel
    | Evict
    | OpenKeys
    | RenewKeys
    | CloseKeys
    | Feed
    | Flush
    | Play
    | Hold
    | Removed
    | Fail
    | Finish
)
