"""What a Session is told: facts, in the past tense."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from netplay.core.device import Device, Preferences
from netplay.core.words import Failure, Track
from netplay.segments import Protection, SegmentIndex
from netplay.timeline import Presentation

__all__ = [
    "DecodeFailed",
    "DecodeLagged",
    "Decoded",
    "DeviceChanged",
    "Event",
    "FetchFailed",
    "Fetched",
    "KeysFailed",
    "KeysReady",
    "NetworkChanged",
    "NetworkMemory",
    "Opened",
    "Paused",
    "Progressed",
    "ProtectionFound",
    "RateSet",
    "Rendered",
    "ResolveFailed",
    "Resolved",
    "Resumed",
    "Sought",
    "Tick",
    "TracksChosen",
]


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
    before another fetch is said to have ended (the link was shared with it), and before the
    Tick at every wake-up the Session asked for, merged to one a fetch.

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
    """A fetch is complete and what it holds is as it should be. Attributes as Progressed.

    Said of media only once the init segment that it is decoded with is held too.
    """

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
class ProtectionFound:
    """Media told how it is encrypted: an init segment did, or a fragment that brings new keys.

    Attributes:
        protections: One for each key id and key system; where the media brings no init
            data, one for each key id, of no system.
        fetch_id: The media segment from which on it is so; None: all of the Representation.
    """

    representation: str
    protections: tuple[Protection, ...]
    fetch_id: int | None = None


@dataclass(frozen=True, slots=True)
class KeysReady:
    """A licence was granted, or extended.

    Attributes:
        kids: The keys that may be used, as 32 lower-case hexadecimal digits.
        refused: (key id, why) of keys that this device or its output may not use.
        renew_at_us: When to ask for more time; None: never.
        expires_at_us: When the keys may not be used any more; None: never.
    """

    key_session: int
    kids: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()
    renew_at_us: int | None = None
    expires_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class KeysFailed:
    """A licence, or more time for it, was not to be had.

    Attributes:
        detail: What the licence service or the key system said.
        denied: Asking again would change nothing.
        retry_after_us: The service asked to be left alone for so long.
    """

    key_session: int
    detail: str
    denied: bool = False
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
        locked: The key that was granted for them is wrong, or may not be used for this.
    """

    track: Track
    generation: int
    fetch_id: int
    detail: str
    media: bool = True
    locked: bool = False


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

    Besides, at the first frame after the playhead sets off, and when it comes to rest.

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
    | ProtectionFound
    | KeysReady
    | KeysFailed
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
