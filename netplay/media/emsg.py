"""Event messages inside media segments (`emsg`): ad breaks, ID3, manifest expiry.

Version 0 counts from the start of the segment that carries it, version 1 from the start
of the representation; both are kept as written, because only whoever placed the segment
knows the former.

Source: ISO/IEC 23009-1:2022, clause 5.10.3.3.
"""

from dataclasses import dataclass

from netplay.errors import MediaError
from netplay.media.boxes import Box, Buffer, Reader

__all__ = ["EventMessage", "read_emsg"]

UNKNOWN_DURATION = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class EventMessage:
    """One event for the app.

    Attributes:
        scheme: Whose event, a URI, e.g. "urn:scte:scte35:2013:bin".
        value: Which of the scheme's kinds.
        timescale: Ticks a second; positive.
        ticks: When it starts: in presentation time, or after the segment's start.
        relative: Whether ticks count from the segment's earliest presentation time.
        duration_ticks: None: unknown.
        event_id: Repeats with the same scheme, value and id are the same event.
        payload: As the scheme defines.
    """

    scheme: str
    value: str
    timescale: int
    ticks: int
    relative: bool
    duration_ticks: int | None
    event_id: int
    payload: bytes


def read_emsg(data: Buffer, box: Box, *, what: str = "segment") -> EventMessage:
    """Read one `emsg` box.

    Raises:
        MediaError: It is broken, or of a version that does not exist.
    """
    reader = Reader.of(data, box, what=what)
    version, _ = reader.version_and_flags()
    if version > 1:
        raise MediaError(what, f"emsg of version {version}; 0 and 1 are understood")
    if version == 0:
        scheme, value = reader.text(), reader.text()
        timescale, ticks = reader.u32(), reader.u32()
        duration, event_id = reader.u32(), reader.u32()
    else:
        timescale, ticks = reader.u32(), reader.u64()
        duration, event_id = reader.u32(), reader.u32()
        scheme, value = reader.text(), reader.text()
    if timescale == 0:
        raise MediaError(what, f"emsg at byte {box.start} has a timescale of 0")
    return EventMessage(
        scheme=scheme,
        value=value,
        timescale=timescale,
        ticks=ticks,
        relative=version == 0,
        duration_ticks=None if duration == UNKNOWN_DURATION else duration,
        event_id=event_id,
        payload=reader.rest(),
    )
