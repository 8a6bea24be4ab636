"""EventStream becomes timed events on the presentation's timeline (§5.10.2)."""

from __future__ import annotations

from netplay.manifest.dash.document import Node
from netplay.timeline import TimedEvent

__all__ = ["read_events"]

MAX_EVENTS = 100_000


def read_events(period: Node, *, start_us: int, end_us: int | None) -> tuple[TimedEvent, ...]:
    """Return the events of a Period; those that begin after its end are left out."""
    events: list[TimedEvent] = []
    for stream in period.children("EventStream"):
        timescale = max(1, stream.integer("timescale") or 1)
        origin = stream.integer("presentationTimeOffset") or 0
        for event in stream.children("Event"):
            if len(events) >= MAX_EVENTS:
                stream.warn(f"only the first {MAX_EVENTS} events were kept")
                return tuple(events)
            ticks = (event.integer("presentationTime") or 0) - origin
            at_us = start_us + ticks * 1_000_000 // timescale
            if end_us is not None and at_us > end_us:
                event.warn("was left out: it is after the end of its Period")
                continue
            length = event.integer("duration")
            events.append(
                TimedEvent(
                    scheme=stream.get("schemeIdUri"),
                    value=stream.get("value"),
                    at_us=at_us,
                    duration_us=None if length is None else length * 1_000_000 // timescale,
                    id=event.get("id"),
                    payload=event.get("messageData") or event.markup(),
                )
            )
    return tuple(events)
