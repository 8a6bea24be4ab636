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

from netplay.core.actions import (
    Action,
    Cancel,
    CloseKeys,
    Connect,
    Evict,
    Fail,
    Feed,
    Fetch,
    Finish,
    Flush,
    Hold,
    OpenKeys,
    Play,
    Removed,
    RenewKeys,
    Resolve,
)
from netplay.core.events import (
    Decoded,
    DecodeFailed,
    DecodeLagged,
    DeviceChanged,
    Event,
    Fetched,
    FetchFailed,
    KeysFailed,
    KeysReady,
    NetworkChanged,
    NetworkMemory,
    Opened,
    Paused,
    Progressed,
    ProtectionFound,
    RateSet,
    Rendered,
    Resolved,
    ResolveFailed,
    Resumed,
    Sought,
    Tick,
    TracksChosen,
)
from netplay.core.words import ErrorName, Failure, Track, Why

__all__ = [
    "Action",
    "Cancel",
    "CloseKeys",
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
    "KeysFailed",
    "KeysReady",
    "NetworkChanged",
    "NetworkMemory",
    "OpenKeys",
    "Opened",
    "Paused",
    "Play",
    "Progressed",
    "ProtectionFound",
    "RateSet",
    "Removed",
    "Rendered",
    "RenewKeys",
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
