"""A summary in words: what a viewer would have noticed first, what it cost after that."""

from __future__ import annotations

from netplay.cli.words import columns, rate, seconds, size
from netplay.telemetry.startup import Startup
from netplay.telemetry.summary import Summary

__all__ = ["summary_lines"]


def summary_lines(summary: Summary) -> list[str]:
    """Return a session's summary, a line a subject."""
    rows = [
        ("played", seconds(summary.shown_us, 1) + (", to the end" if summary.finished else "")),
        ("start-up", _startup(summary.startup)),
        ("stalls", _stalls(summary)),
        ("quality", _quality(summary)),
        ("frames", _frames(summary)),
        ("fetched", _fetched(summary)),
    ]
    if summary.failures:
        rows.append(("failures", _failures(summary)))
    if summary.removed:
        rows.append(("struck out", f"{summary.removed} representations or segments"))
    if summary.decode_failures:
        rows.append(("undecoded", f"{summary.decode_failures} segments"))
    rows += [("error", error) for error in summary.errors]
    return columns(rows)


def _startup(startup: Startup | None) -> str:
    if startup is None:
        return "no frame was shown"
    phases = (
        ("manifest", startup.manifest_us),
        ("index", startup.index_us),
        ("first byte", startup.first_bytes_us),
        ("init", startup.init_us),
        ("first segment", startup.first_segment_us),
        ("decode", startup.decode_us),
    )
    split = ", ".join(f"{name} {round(us / 1000)}" for name, us in phases)
    return f"{seconds(startup.first_frame_us)} to the first frame (ms: {split})"


def _stalls(summary: Summary) -> str:
    if not summary.stalls:
        return "none"
    share = f"{summary.stall_ratio:.1%}".replace("%", " %")
    return f"{summary.stalls}, {seconds(summary.stalled_us)} in all ({share} of the time)"


def _quality(summary: Summary) -> str:
    if summary.bitrate_bps is None:
        return "nothing was shown"
    height = "" if summary.height is None else f"{summary.height:.0f} lines and "
    changes = "no switch"
    if summary.switches:
        changes = f"{summary.switches_up} up and {summary.switches_down} down"
    return f"{height}{rate(summary.bitrate_bps)} on average; switches: {changes}"


def _frames(summary: Summary) -> str:
    said = f"{summary.frames_shown} shown, {summary.frames_dropped} dropped"
    if summary.av_offset_mean_us is not None and summary.av_offset_max_us is not None:
        mean_ms, most_ms = summary.av_offset_mean_us / 1000, summary.av_offset_max_us / 1000
        said += f"; sound and picture {mean_ms:.1f} ms apart on average, {most_ms:.1f} at most"
    return said


def _fetched(summary: Summary) -> str:
    hosts = ", ".join(f"{host} {size(count)}" for host, count in summary.bytes_by_host.items())
    return f"{size(summary.bytes)} in {summary.requests} requests: {hosts or 'nothing'}"


def _failures(summary: Summary) -> str:
    return "; ".join(
        f"{host}: " + ", ".join(f"{kind} {count}" for kind, count in kinds.items())
        for host, kinds in summary.failures.items()
    )
