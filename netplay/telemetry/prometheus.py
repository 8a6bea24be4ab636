"""A player's figures as Prometheus reads them, whenever it asks.

A pure function from a Summary (and a Status) to text: serving it is the app's, in whatever
server it runs already.

    netplay_stalls_total{title="heat"} 2

Source: Prometheus text exposition format, version 0.0.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from netplay.core.status import Status
from netplay.telemetry.summary import Summary

__all__ = ["CONTENT_TYPE", "exposition"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of the text, for the HTTP response that carries it."""

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED = frozenset(("host", "failure", "phase", "track", "direction", "state"))

_Sample = tuple[Mapping[str, str], float]
_Family = tuple[str, str, str, Iterable[_Sample]]


def exposition(
    summary: Summary, status: Status | None = None, *, labels: Mapping[str, str] | None = None
) -> str:
    """Return a player's figures as a Prometheus text.

    Args:
        summary: How the session went so far.
        status: What it is doing now; None leaves the momentary figures out.
        labels: Put on every sample, to tell one player from another.

    Raises:
        ValueError: A label's name is none, or one that netplay uses itself.
    """
    common = dict(labels or {})
    for name in common:
        if not _LABEL.fullmatch(name) or name.startswith("__") or name in _RESERVED:
            raise ValueError(f"{name!r} cannot be the name of a label here")
    families = [*_totals(summary), *_traffic(summary), *_start(summary)]
    if status is not None:
        families += _now(status)
    return "".join(_lines(families, common))


def _totals(summary: Summary) -> Iterator[_Family]:
    for name, told, value in (
        ("played_seconds_total", "Time in which the playhead moved.", summary.played_us / 1e6),
        ("stalls_total", "How often media ran out.", summary.stalls),
        ("stalled_seconds_total", "Time spent waiting for media.", summary.stalled_us / 1e6),
        ("seeks_total", "Seeks of the viewer.", summary.seeks),
        ("seek_wait_seconds_total", "Time spent waiting after seeks.", summary.seek_wait_us / 1e6),
        ("frames_shown_total", "Video frames shown.", summary.frames_shown),
        ("frames_dropped_total", "Video frames dropped as late.", summary.frames_dropped),
        ("decode_failures_total", "Segments that were not decoded.", summary.decode_failures),
        ("errors_total", "Errors that ended playback.", len(summary.errors)),
    ):
        yield name, "counter", told, [({}, value)]
    directions = (("up", summary.switches_up), ("down", summary.switches_down))
    yield (
        "switches_total",
        "counter",
        "Changes of bitrate that were shown.",
        [({"direction": way}, count) for way, count in directions],
    )
    if summary.bitrate_bps is not None:
        yield (
            "shown_bits_per_second",
            "gauge",
            "Mean bitrate of what was shown.",
            [({}, summary.bitrate_bps)],
        )


def _traffic(summary: Summary) -> Iterator[_Family]:
    yield (
        "received_bytes_total",
        "counter",
        "Payload received.",
        [({"host": host}, count) for host, count in sorted(summary.bytes_by_host.items())],
    )
    yield (
        "requests_total",
        "counter",
        "Segments, init segments, playlists and indexes asked for.",
        [({"host": host}, count) for host, count in sorted(summary.requests_by_host.items())],
    )
    yield (
        "failures_total",
        "counter",
        "Requests that failed.",
        [
            ({"host": host, "failure": kind}, count)
            for host, kinds in sorted(summary.failures.items())
            for kind, count in sorted(kinds.items())
        ],
    )
    yield "cancelled_total", "counter", "Requests that were stopped.", [({}, summary.cancelled)]


def _start(summary: Summary) -> Iterator[_Family]:
    start = summary.startup
    if start is None:
        return
    phases = (
        ("manifest", start.manifest_us),
        ("index", start.index_us),
        ("first_bytes", start.first_bytes_us),
        ("init", start.init_us),
        ("first_segment", start.first_segment_us),
        ("decode", start.decode_us),
    )
    yield (
        "startup_phase_seconds",
        "gauge",
        "Where the time went before the first frame.",
        [({"phase": phase}, took_us / 1e6) for phase, took_us in phases],
    )
    if start.wait_us is not None:
        yield (
            "startup_seconds",
            "gauge",
            "What the viewer waited for the start.",
            [({}, start.wait_us / 1e6)],
        )


def _now(status: Status) -> Iterator[_Family]:
    yield "state", "gauge", "What playback is doing: 1.", [({"state": status.state}, 1)]
    yield "position_seconds", "gauge", "The playhead.", [({}, status.position_us / 1e6)]
    yield (
        "buffer_seconds",
        "gauge",
        "Media held ahead of the playhead.",
        [({"track": lane.track}, lane.ahead_us / 1e6) for lane in status.lanes],
    )
    yield (
        "rung_bits_per_second",
        "gauge",
        "Bitrate of the rung under the playhead.",
        [({"track": lane.track}, lane.bitrate_bps) for lane in status.lanes if lane.representation],
    )
    if status.throughput_bps is not None:
        yield (
            "throughput_bits_per_second",
            "gauge",
            "What the controller believes the link gives.",
            [({}, status.throughput_bps)],
        )


def _lines(families: Iterable[_Family], common: Mapping[str, str]) -> Iterator[str]:
    for name, kind, told, samples in families:
        held = list(samples)
        if not held:
            continue
        yield f"# HELP netplay_{name} {told}\n# TYPE netplay_{name} {kind}\n"
        for labels, value in held:
            yield f"netplay_{name}{_labels({**common, **labels})} {_number(value)}\n"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _escaped(text: str) -> str:
    plain = text.encode(errors="replace").decode()  # a lone surrogate has no UTF-8
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))
