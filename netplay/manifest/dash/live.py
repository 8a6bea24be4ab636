"""What an MPD says about following it: refresh, window, latency, clocks, steering."""

from __future__ import annotations

from netplay.manifest.dash.document import Node
from netplay.manifest.dash.values import read_fraction
from netplay.manifest.urls import resolve_url
from netplay.timeline import Live, Steering

__all__ = ["read_live", "read_steering"]


def read_live(mpd: Node, *, origin_utc_us: int | None) -> Live:
    """Return how a dynamic MPD is to be followed."""
    description = mpd.child("ServiceDescription")
    latency = None if description is None else description.child("Latency")
    rate = None if description is None else description.child("PlaybackRate")
    patch = mpd.child("PatchLocation")
    return Live(
        origin_utc_us=origin_utc_us,
        refresh_us=mpd.duration_us("minimumUpdatePeriod"),
        window_us=mpd.duration_us("timeShiftBufferDepth"),
        delay_us=mpd.duration_us("suggestedPresentationDelay"),
        target_latency_us=_milliseconds(latency, "target"),
        time_sources=tuple(
            (source.get("schemeIdUri"), source.get("value") or source.text)
            for source in mpd.children("UTCTiming")
        ),
        patch_url="" if patch is None else resolve_url(mpd.document.url, patch.text),
        refresh_urls=tuple(
            resolve_url(mpd.document.url, location.text) for location in mpd.children("Location")
        ),
        min_latency_us=_milliseconds(latency, "min"),
        max_latency_us=_milliseconds(latency, "max"),
        slowest_rate=None if rate is None else rate.read("min", read_fraction),
        fastest_rate=None if rate is None else rate.read("max", read_fraction),
    )


def read_steering(mpd: Node) -> Steering | None:
    """Return where to ask which host to prefer (ETSI TS 103 998), if the MPD says."""
    steering = mpd.child("ContentSteering")
    if steering is None:
        return None
    return Steering(
        url=resolve_url(mpd.document.url, steering.text),
        default_host=steering.get("defaultServiceLocation"),
        query_before_start=steering.flag("queryBeforeStart"),
    )


def _milliseconds(node: Node | None, name: str) -> int | None:
    value = None if node is None else node.integer(name)
    return None if value is None else value * 1000
