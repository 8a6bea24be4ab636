"""A client playback SDK: HLS and DASH, adaptive bitrate, ranked edge servers, decoding.

`Player` plays a title; `parse_manifest` reads a manifest without fetching anything. What
is named here is the public API, and loaded when it is first used.
"""

from typing import TYPE_CHECKING

from netplay.lazy import lazily

if TYPE_CHECKING:
    from netplay.core.device import Device, Preferences
    from netplay.core.rules import SessionRules
    from netplay.core.selection import pick_codec
    from netplay.core.session import Session
    from netplay.core.status import Bookmark, Status
    from netplay.errors import (
        DatasetError,
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
    from netplay.io.net.network import Network
    from netplay.io.show.frames import AudioBlock, Cue, VideoFrame
    from netplay.io.show.hardware import probe_device
    from netplay.io.show.images import ImageSink
    from netplay.io.show.sink import CallbackSink, NullSink, Sink
    from netplay.lab.batch import BatchResult, simulate_batch
    from netplay.lab.conditions import Conditions
    from netplay.lab.study import simulate
    from netplay.manifest import parse_manifest
    from netplay.player import Player
    from netplay.telemetry.summary import Summary
    from netplay.timeline import Presentation

__all__ = [
    "AudioBlock",
    "BatchResult",
    "Bookmark",
    "CallbackSink",
    "Conditions",
    "Cue",
    "DatasetError",
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
    "simulate",
    "simulate_batch",
]

__getattr__ = lazily(
    __name__,
    {
        "AudioBlock": "netplay.io.show.frames",
        "BatchResult": "netplay.lab.batch",
        "Bookmark": "netplay.core.status",
        "CallbackSink": "netplay.io.show.sink",
        "Conditions": "netplay.lab.conditions",
        "Cue": "netplay.io.show.frames",
        "DatasetError": "netplay.errors",
        "DecodeError": "netplay.errors",
        "DeliveryError": "netplay.errors",
        "Device": "netplay.core.device",
        "ExtraMissing": "netplay.errors",
        "ImageSink": "netplay.io.show.images",
        "LicenseError": "netplay.errors",
        "ManifestError": "netplay.errors",
        "MediaError": "netplay.errors",
        "MonotonicClock": "netplay.io.clock",
        "NetplayError": "netplay.errors",
        "Network": "netplay.io.net.network",
        "NullSink": "netplay.io.show.sink",
        "Player": "netplay.player",
        "Preferences": "netplay.core.device",
        "Presentation": "netplay.timeline",
        "Session": "netplay.core.session",
        "SessionRules": "netplay.core.rules",
        "Sink": "netplay.io.show.sink",
        "SinkError": "netplay.errors",
        "SkippingClock": "netplay.io.clock",
        "Status": "netplay.core.status",
        "Summary": "netplay.telemetry.summary",
        "UnsupportedManifest": "netplay.errors",
        "VideoFrame": "netplay.io.show.frames",
        "parse_manifest": "netplay.manifest",
        "pick_codec": "netplay.core.selection",
        "simulate": "netplay.lab.study",
        "simulate_batch": "netplay.lab.batch",
        "probe_device": "netplay.io.show.hardware",
    },
)
