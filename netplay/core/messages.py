"""What goes into a Session and what comes out: facts in the past tense, orders in the imperative.

Whoever drives a Session (`netplay.io` in real time, `netplay.sim` in virtual time) tells
it events and performs the actions it returns. Everything here is frozen plain data that
survives a round trip through JSON, so a log of (now, event) replays to the same actions.

Moments (`*_us` that end in `at_us`, `received_us`) are on the driver's monotonic clock;
positions (`position_us`, `from_us`, `until_us`) are on the presentation's timeline;
`media_*_us` are the timestamps inside the media, before any offset. All are integer
microseconds.

A *track* is one lane of media: video, audio or text. A multiplex travels in the video
lane. A *generation* counts how often a lane was emptied; what carries an older one is
ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from netplay.core.device import Device, Preferences
from netplay.segments import SegmentIndex
from netplay.timeline import Presentation

__all__ = [
    "Action",
    "Cancel",
    "Connect",
    "DecodeFailed",
    "DecodeLagged",
    "Decoded",
    "DeviceChanged",
    "ErrorName",
    "Event",
    "Evict",
    "Fail",
    "Failure",
    "Feed",
    "Fetch",
    "FetchFailed",
    "Fetched",
    "Finish",
    "Flush",
    "Hold",
    "NetworkChanged",
    "NetworkMemory",
    "Opened",
    "Paused",
    "Play",
    "Progressed",
    "RateSet",
    "Removed",
    "Rendered",
    "Resolve",
    "ResolveFailed",
    "Resolved",
    "Resumed",
    "Sought",
    "Tick",
    "Track",
    "TracksChosen",
    "Why",
]

Track = Literal["video", "audio", "text"]

Failure = Literal[
    "name",  # the host's name was not found
    "refused",  # nobody listens there, or no connection in time
    "tls",  # no trust in who answered
    "reset",  # the connection broke
    "timeout",  # nothing came for too long
    "status",  # an HTTP status that is not success
    "redirect",  # too many redirects, or one to a forbidden scheme
    "range",  # another range than the one asked for
    "short",  # fewer bytes than announced
    "long",  # more bytes than announced or allowed
    "media",  # the bytes are not the media they should be
    "document",  # the document (playlist, sidx) cannot be read
    "decode",  # the decoder refused them
    "scheme",  # a URL of a scheme that may not be used here
]

Why = Literal["start", "seek", "stall", "pause", "end"]

ErrorName = Literal["DeliveryError", "DecodeError", "LicenseError", "ManifestError", "MediaError"]


# ── Events ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class NetworkMemory:
    """What earlier sessions on this network measured.

    Attributes:
        throughput_bps: Of the link; None if nothing is remembered.
        ttfb_us: Time to first byte; None if nothing is remembered.
    """

    throughput_bps: int | None = None
    ttfb_us: int | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A manifest was read. The first event of every session, and only the first.

    Attributes:
        asked_us: When the app asked for it.
        start_us: Where to begin; None: where the presentation says, else at 0.
        paused: Hold at the first frame until Resumed.
        utc_us: Unix time now, where known.
    """

    presentation: Presentation
    device: Device
    preferences: Preferences
    asked_us: int
    start_us: int | None = None
    paused: bool = True
    network: NetworkMemory = NetworkMemory()
    utc_us: int | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """The document of an Unresolved index was read.

    Attributes:
        bytes: Size of the document.
        first_byte_at_us: When its first byte came.
    """

    resolve_id: int
    index: SegmentIndex
    bytes: int = 0
    first_byte_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class ResolveFailed:
    """The document of an Unresolved index did not come, or cannot be read."""

    resolve_id: int
    failure: Failure
    detail: str
    status: int | None = None
    retry_after_us: int | None = None


@dataclass(frozen=True, slots=True)
class Progressed:
    """A fetch has come this far.

    Sent at the response headers (bytes 0), at each complete stretch of decodable media,
    and before the Tick at every wake-up the Session asked for, merged to one a fetch.

    Attributes:
        bytes: Received so far, counted from the fetch's first byte asked for.
        received_us: When the last of them came; at most now.
        total_bytes: Announced size of the whole body; None if not announced.
        first_byte_at_us: When the response began.
        media_from_us: First presentation timestamp in the media; None until known.
        media_until_us: Media is decodable up to here without a hole; None until known.
    """

    fetch_id: int
    bytes: int
    received_us: int
    total_bytes: int | None = None
    first_byte_at_us: int | None = None
    media_from_us: int | None = None
    media_until_us: int | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A fetch is complete and what it holds is as it should be. Attributes as Progressed."""

    fetch_id: int
    bytes: int
    received_us: int
    first_byte_at_us: int | None = None
    media_from_us: int | None = None
    media_until_us: int | None = None
    cached: bool = False


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """A fetch ended without what it was sent for.

    Attributes:
        bytes: Received before it failed.
        status: The HTTP status, for failure "status".
        retry_after_us: How long the server asks to be left alone; None if it does not say.
    """

    fetch_id: int
    failure: Failure
    detail: str
    bytes: int = 0
    status: int | None = None
    retry_after_us: int | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """Frames are ready: sent at a lane's first frame, at the end of each Feed, and rarely between.

    Attributes:
        from_us: Start of the first frame ready since the lane was last flushed.
        until_us: End of the last one.
        finished: The lane has given its last frame (after a Feed marked last).
        hardware: Who decodes: a hardware name, or "" for software.
    """

    track: Track
    generation: int
    from_us: int
    until_us: int
    finished: bool = False
    hardware: str = ""


@dataclass(frozen=True, slots=True)
class DecodeFailed:
    """A fed segment could not be decoded; the lane waits for a Flush.

    Attributes:
        fetch_id: Which segment.
        media: The bytes are to blame (broken data); else the device is (no such decoder).
    """

    track: Track
    generation: int
    fetch_id: int
    detail: str
    media: bool = True


@dataclass(frozen=True, slots=True)
class DecodeLagged:
    """Frames come out of the decoder later than they are due.

    Attributes:
        dropped: Frames dropped because they were late, in the last `window_us`.
        shown: Frames shown in the last `window_us`.
    """

    track: Track
    generation: int
    dropped: int
    shown: int
    window_us: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """A frame was shown: sent at a lane's first frame and at most four times a second.

    Attributes:
        position_us: The moving playhead's position, by the master clock.
        at_us: When it was there.
        frame_us: Start of the frame shown.
        frames: Shown since the last Rendered of this track, this one included.
        dropped: Dropped since then because they were late.
        av_offset_us: Sound ahead of picture, where both are measured; else None.
    """

    track: Track
    generation: int
    position_us: int
    at_us: int
    frame_us: int
    frames: int = 1
    dropped: int = 0
    av_offset_us: int | None = None


@dataclass(frozen=True, slots=True)
class Sought:
    """The viewer wants to be elsewhere.

    Attributes:
        keyframe: The nearest keyframe before it will do (scrubbing); else exactly there.
    """

    position_us: int
    keyframe: bool = False


@dataclass(frozen=True, slots=True)
class Paused:
    """The viewer wants the playhead to rest."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The viewer wants the playhead to move."""


@dataclass(frozen=True, slots=True)
class RateSet:
    """The viewer wants another speed; positive."""

    rate: Fraction


@dataclass(frozen=True, slots=True)
class TracksChosen:
    """The viewer or the app wants other tracks: what the new preferences say."""

    preferences: Preferences


@dataclass(frozen=True, slots=True)
class NetworkChanged:
    """The device is on another network; old measurements say little."""

    network: NetworkMemory
    device: Device


@dataclass(frozen=True, slots=True)
class DeviceChanged:
    """The device can do more or less than before."""

    device: Device


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = (
    Opened
    | Resolved
    | ResolveFailed
    | Progressed
    | Fetched
    | FetchFailed
    | Decoded
    | DecodeFailed
    | DecodeLagged
    | Rendered
    | Sought
    | Paused
    | Resumed
    | RateSet
    | TracksChosen
    | NetworkChanged
    | DeviceChanged
    | Tick
)


# ── Actions ──────────────────────────────────────────────────────────────────────────


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

    Frames that begin before `from_us` stay and are shown; None empties all of it. Feeds
    not begun are dropped. From here on the lane's events carry the new generation, also
    those about frames that stay.
    """

    track: Track
    generation: int
    from_us: int | None
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
    | Feed
    | Flush
    | Play
    | Hold
    | Removed
    | Fail
    | Finish
)
