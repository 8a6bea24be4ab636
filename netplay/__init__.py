"""A client playback SDK: HLS and DASH, adaptive bitrate, ranked edge servers, decoding.

`Player` plays a title; `parse_manifest` reads a manifest without fetching anything. What
is named here is the public API, and loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netplay.core.device import Device, Preferences
    from netplay.core.rules import SessionRules
    from netplay.core.selection import pick_codec
    from netplay.core.session import Session
    from netplay.core.status import Bookmark, Status
    from netplay.errors import (
        DecodeError,
        DeliveryError,
        ExtraMissing,
        LicenseError,
        ManifestError,
        MediaError,
        NetplayError,
        SinkError,
        UnsupportedManifest,
    )
    from netplay.io.clock import MonotonicClock, SkippingClock
    from netplay.io.frames import AudioBlock, Cue, VideoFrame
    from netplay.io.hardware import probe_device
    from netplay.io.images import ImageSink
    from netplay.io.network import Network
    from netplay.io.sink import CallbackSink, NullSink, Sink
    from netplay.manifest import parse_manifest
    from netplay.player import Player
    from netplay.telemetry.summary import Summary
    from netplay.timeline import Presentation

__all__ = [
    "AudioBlock",
    "Bookmark",
    "CallbackSink",
    "Cue",
    "DecodeError",
    "DeliveryError",
    "Device",
    "ExtraMissing",
    "ImageSink",
    "LicenseError",
    "ManifestError",
    "MediaError",
    "MonotonicClock",
    "NetplayError",
    "Network",
    "NullSink",
    "Player",
    "Preferences",
    "Presentation",
    "Session",
    "SessionRules",
    "Sink",
    "SinkError",
    "SkippingClock",
    "Status",
    "Summary",
    "UnsupportedManifest",
    "VideoFrame",
    "parse_manifest",
    "pick_codec",
    "probe_device",
]

_HOMES = {
    "AudioBlock": "netplay.io.frames",
    "Bookmark": "netplay.core.status",
    "CallbackSink": "netplay.io.sink",
    "Cue": "netplay.io.frames",
    "Device": "netplay.core.device",
    "ImageSink": "netplay.io.images",
    "MonotonicClock": "netplay.io.clock",
    "Network": "netplay.io.network",
    "NullSink": "netplay.io.sink",
    "Player": "netplay.player",
    "Preferences": "netplay.core.device",
    "Presentation": "netplay.timeline",
    "Session": "netplay.core.session",
    "SessionRules": "netplay.core.rules",
    "Sink": "netplay.io.sink",
    "SkippingClock": "netplay.io.clock",
    "Status": "netplay.core.status",
    "Summary": "netplay.telemetry.summary",
    "VideoFrame": "netplay.io.frames",
    "parse_manifest": "netplay.manifest",
    "pick_codec": "netplay.core.selection",
    "probe_device": "netplay.io.hardware",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'netplay' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES.get(name, "netplay.errors")), name)
    globals()[name] = value
    return value
