"""parse_hls and parse_dash as the conformance vectors want them, on the public API alone.

Source of the schema: README.md and run_expect.py beside the vectors.
"""

from __future__ import annotations

from typing import Any

from vectors_hls import parse_hls

import netplay
from netplay.manifest import request_url
from netplay.timeline import Known, Location, Period, Representation

__all__ = ["parse_dash", "parse_hls"]

MAX_LISTED = 100_000
"""Segments spelt out for a comparison; no vector lists more."""


def parse_dash(text: str, base_url: str, now_ms: int | None) -> dict[str, Any]:
    """Return what the vectors compare of an MPD.

    A Representation whose segments a sidx lists counts as one segment, the file: that is
    what a reader can say that fetches nothing.
    """
    utc_us = None if now_ms is None else now_ms * 1000
    presentation = netplay.parse_manifest(text, base_url, utc_us=utc_us)
    first = "" if presentation.steering is None else presentation.steering.default_host
    return {
        "representations": {
            f"{rep.id.partition('/')[0]}/{rep.name}": _facts(rep, period, preferred_host=first)
            for period in presentation.periods
            for group in period.sets
            for rep in group.representations
        }
    }


def _facts(rep: Representation, period: Period, *, preferred_host: str) -> dict[str, Any]:
    preferred = (place for place in rep.locations if place.host == preferred_host)
    place = next(preferred, rep.locations[0])
    if not isinstance(rep.index, Known):
        whole = request_url(place, rep.index.media_uri or "")
        init = rep.index.init
        return {
            "n_segments": 1,
            "urls": [whole],
            "durations": []
            if period.end_us is None
            else [(period.end_us - period.start_us) / 1_000_000],
            "init": None if init is None else request_url(place, init.uri),
        }
    index = rep.index.index
    listed = [index[position] for position in range(min(len(index), MAX_LISTED))]
    return {
        "n_segments": len(index),
        "urls": [request_url(place, segment.entry.uri) for segment in listed],
        "durations": [segment.duration_us / 1_000_000 for segment in listed],
        "init": _init_url(place, rep),
    }


def _init_url(place: Location, rep: Representation) -> str | None:
    assert isinstance(rep.index, Known)
    index = rep.index.index
    init = index[0].entry.init if len(index) else None
    return None if init is None else request_url(place, init.uri)
