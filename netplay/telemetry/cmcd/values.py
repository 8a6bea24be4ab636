"""Which keys apply to a request or a report, and their values.

Source: CTA-5004 §3 (version 1) and CTA-5004-B (version 2), which say of each key when it may
be sent at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from netplay.core.messages import Fetch, Resolve
from netplay.segments import Segment
from netplay.telemetry.cmcd.facts import Facts
from netplay.telemetry.cmcd.keys import About, Next, Value, Version
from netplay.telemetry.structured import Token
from netplay.timeline import Representation, Unresolved

__all__ = ["Destination", "request_values", "status_values"]

RATED = ("v", "a", "av")
"""Object types that have a bitrate and a buffer."""

RTP_MARGIN = 5
"""A transfer paced to arrive in a fifth of its deadline is in time whatever the link does.
dash.js's rtpSafetyFactor."""

RTP_LADDERS = 2
"""But never paced below twice the highest rung, or the player would believe that the link
carries no more and stay where it is. A guess; sessions against a pacing edge settle it."""


@dataclass(slots=True)
class Destination:
    """What one receiver was told already, of what it is to hear of once.

    Attributes:
        reports: Sent so far: the next sequence number.
    """

    reports: int = 0
    stalls: int = 0
    stalls_ended: int = 0
    start_told: bool = False
    errors: int = 0


def request_values(
    facts: Facts,
    destination: Destination,
    *,
    purpose: str,
    about: Fetch | Resolve | None,
    target_us: int,
    version: Version,
    now_us: int,
) -> dict[str, Value]:
    """Return the values that go with one request, but for those of the app."""
    values = status_values(facts, destination, version=version, now_us=now_us)
    rep = facts.media.representation(about.representation) if about is not None else None
    kind = _object_type(purpose, rep)
    if kind:
        values["ot"] = Token(kind)
    if about is not None and version == 2 and about.host and len(about.host) <= 128:
        values["cdn"] = about.host
    if isinstance(about, Fetch):
        values["su"] = facts.state in ("s", "k", "r", "d") or (version == 2 and not facts.settled)
        if rep is not None and not about.init:
            values |= _object_values(facts, about, rep, kind, now_us=now_us)
            values["tbl"] = (About(target_us // 1000, kind),)
    return values


def status_values(
    facts: Facts, destination: Destination, *, version: Version, now_us: int
) -> dict[str, Value]:
    """Return the values that are about the session, and note that they were told."""
    values: dict[str, Value] = {}
    if facts.opened is not None:
        presentation = facts.opened.presentation
        values["sf"] = Token("d" if presentation.format == "dash" else "h")
        values["st"] = Token("v" if presentation.live is None else "l")
    if facts.link.bps is not None:
        values["mtp"] = (About(facts.link.bps // 1000),)
    rate = float(facts.rate) if facts.moving else 0.0
    if rate != 1.0 and facts.start_ms is not None:
        values["pr"] = rate
    if facts.stalls > destination.stalls or facts.state == "r":
        values["bs"] = True
    if version == 2:
        values |= _second_values(facts, destination, now_us=now_us)
    destination.stalls = facts.stalls
    destination.reports += 1
    return values


def _second_values(facts: Facts, destination: Destination, *, now_us: int) -> dict[str, Value]:
    values: dict[str, Value] = {"v": 2, "sn": destination.reports, "sta": Token(facts.state)}
    if facts.opened is not None:
        values["pt"] = max(0, facts.position_us(now_us)) // 1000
    if facts.start_ms is not None and not destination.start_told:
        values["msd"] = facts.start_ms
        destination.start_told = True
    if facts.stalls:
        values["bsa"] = (About(facts.stalls),)
    untold = min(facts.stalls_ended - destination.stalls_ended, len(facts.stall_ms))
    if untold:
        last = islice(facts.stall_ms, len(facts.stall_ms) - untold, None)
        values["bsd"] = tuple(About(one) for one in last)
        destination.stalls_ended = facts.stalls_ended
    if facts.stalled_ms:
        values["bsda"] = (About(facts.stalled_ms),)
    if facts.dropped_frames:
        values["dfa"] = facts.dropped_frames
    if len(facts.errors) > destination.errors:
        values["ec"] = facts.errors[destination.errors :]
        destination.errors = len(facts.errors)
    if shown := _shown(facts, now_us=now_us):
        values["pb"] = shown
    return values


def _shown(facts: Facts, *, now_us: int) -> tuple[About, ...]:
    """Return the bitrates under the playhead."""
    found: list[About] = []
    for track in facts.tracks:
        rep = facts.media.representation(facts.shown(track, now_us))
        if rep is not None:
            found.append(About(_kbps(rep.bandwidth_bps), _object_type("segment", rep)))
    return tuple(found)


def _object_values(
    facts: Facts, fetch: Fetch, rep: Representation, kind: str, *, now_us: int
) -> dict[str, Value]:
    """Return the values that are about a media segment."""
    values: dict[str, Value] = {}
    if kind in RATED:
        values["br"] = (About(_kbps(rep.bandwidth_bps), kind),)
        ladder = facts.media.ladder_bps(rep.id)
        if ladder is not None:
            values["lb"] = (About(_kbps(ladder[0]), kind),)
            values["tb"] = (About(_kbps(ladder[1]), kind),)
        values["bl"] = (About(facts.ahead_us(fetch.track, now_us) // 1000, kind),)
    segment = facts.media.segment(fetch)
    if segment is not None:
        values["d"] = max(0, segment.end_us - segment.start_us) // 1000
        if facts.moving:
            wait_us = max(0, segment.start_us - facts.position_us(now_us))
            deadline_ms = wait_us * facts.rate.denominator // facts.rate.numerator // 1000
            values["dl"] = deadline_ms
            values |= _enough(facts, rep, segment, deadline_ms)
    following = facts.media.next_object(fetch)
    if following is not None:
        values |= _following(following)
    return values


def _enough(
    facts: Facts, rep: Representation, segment: Segment, deadline_ms: int
) -> dict[str, Value]:
    """Return the rate that would do, where there is time at all."""
    ladder = facts.media.ladder_bps(rep.id)
    if not deadline_ms or ladder is None:
        return {}
    bits = rep.bandwidth_bps * (segment.end_us - segment.start_us) // 1_000_000
    return {"rtp": max(RTP_MARGIN * bits // deadline_ms, RTP_LADDERS * ladder[1] // 1000)}


def _following(following: Next) -> dict[str, Value]:
    values: dict[str, Value] = {"nor": following}
    if following.byte_range:
        values["nrr"] = following.byte_range
    return values


def _object_type(purpose: str, rep: Representation | None) -> str:
    """Return the token of a request's object; "" if it cannot be said."""
    if purpose in ("manifest", "license"):
        return "m" if purpose == "manifest" else "k"
    if purpose == "index":
        unresolved = rep.index if rep is not None else None
        playlist = isinstance(unresolved, Unresolved) and unresolved.form == "playlist"
        return "m" if playlist else "o"
    if purpose == "init":
        return "i"
    if rep is None:
        return ""
    if "video" in rep.carries and "audio" in rep.carries:
        return "av"
    if rep.kind == "text":
        return "tt" if "mp4" in rep.mime_type else "c"
    return {"video": "v", "audio": "a"}.get(rep.kind, "o")


def _kbps(bps: int) -> int:
    return (bps + 500) // 1000
