"""WebVTT, as a file and as samples of a `wvtt` track, becomes cues.

Files in the wild are full of mistakes, so this forgives as browsers do: a cue that cannot
be timed is dropped and the next one is read. Only a file that does not begin as WebVTT is
refused, because then it is something else, most often an error page.

Sources: W3C WebVTT: The Web Video Text Tracks Format, section 6 (parsing); RFC 8216
section 3.5 (X-TIMESTAMP-MAP); ISO/IEC 14496-30 section 7 (samples).
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from netplay.errors import MediaError
from netplay.media.boxes import Box, Buffer, boxes
from netplay.media.cues import Cue

__all__ = ["TimestampMap", "WebVtt", "read_webvtt", "read_wvtt_sample"]

MAX_BYTES = 8 << 20
"""Of one file. A guess with room: three hours of dense captions are 300 kB."""

MAX_CUES = 1 << 17
"""Of one file. A guess with room: one a second for a day and a half."""

# Browsers want minutes and three decimals; files without either exist and mean one thing.
_TIME = r"(?:(?:(\d{1,9}):)?(\d{1,9}):)?(\d{1,9})(?:\.(\d{3}))?"
_STAMP = re.compile(_TIME)
_TIMINGS = re.compile(rf"[ \t\f]*({_TIME})[ \t\f]*-->[ \t\f]*({_TIME})(?:[ \t\f]+(.*))?$")
_TAG = re.compile(r"<rt(?=[ .>]).*?(?:</rt>|$)|<[^>]*(?:>|$)", re.DOTALL)
_NEWLINE = re.compile(r"\r\n?")


@dataclass(frozen=True, slots=True)
class TimestampMap:
    """How the times of a segmented file map to the media's clock.

    Attributes:
        local_us: A cue time.
        mpegts_90khz: The media time it stands for, in 90 kHz ticks modulo 2**33.
    """

    local_us: int
    mpegts_90khz: int

    @property
    def offset_us(self) -> int:
        """What to add to a cue time to get the media time, before any wrap of its clock."""
        return self.mpegts_90khz * 1_000_000 // 90_000 - self.local_us


@dataclass(frozen=True, slots=True)
class WebVtt:
    """What a WebVTT file holds.

    Attributes:
        cues: In the order of the file.
        timestamp_map: None: cue times are presentation times.
        styles: CSS of each STYLE block.
        regions: Settings of each REGION block, as written.
    """

    cues: tuple[Cue, ...]
    timestamp_map: TimestampMap | None = None
    styles: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


def read_webvtt(data: Buffer | str, *, what: str = "WebVTT") -> WebVtt:
    """Read a WebVTT file or segment.

    Args:
        data: The file; undecodable bytes become U+FFFD, as in browsers.
        what: Names it in errors.

    Raises:
        MediaError: It does not begin with "WEBVTT", or is absurdly large.
    """
    if len(data) > MAX_BYTES:
        raise MediaError(what, f"WebVTT of {len(data)} bytes; {MAX_BYTES} are the most")
    text = data if isinstance(data, str) else bytes(data).decode("utf-8", "replace")
    text = _NEWLINE.sub("\n", text.removeprefix("\ufeff").replace("\0", "\ufffd"))
    if not re.match(r"WEBVTT(?:[ \t\n]|$)", text):
        raise MediaError(what, "not WebVTT: it does not begin with 'WEBVTT'")
    lines = text.split("\n")
    at, timestamp_map = _header(lines)
    cues: list[Cue] = []
    styles: list[str] = []
    regions: list[str] = []
    for block in _blocks(lines, at):
        first = block[0]
        if "-->" in first or (len(block) > 1 and "-->" in block[1]):
            cue = _cue(block)
            if cue is not None:
                cues.append(cue)
            if len(cues) > MAX_CUES:
                raise MediaError(what, f"WebVTT of more than {MAX_CUES} cues")
        elif not cues and first.rstrip() == "STYLE":
            styles.append("\n".join(block[1:]))
        elif not cues and first.rstrip() == "REGION":
            regions.append(" ".join(block[1:]))
    return WebVtt(tuple(cues), timestamp_map, tuple(styles), tuple(regions))


def _header(lines: list[str]) -> tuple[int, TimestampMap | None]:
    """Return the line on which blocks start, and the timestamp map of the lines before."""
    at, found = 1, None
    while at < len(lines) and lines[at] and "-->" not in lines[at]:
        name, _, value = lines[at].partition("=")
        if name.strip() == "X-TIMESTAMP-MAP":
            found = _timestamp_map(value) or found
        at += 1
    return at, found


def _timestamp_map(value: str) -> TimestampMap | None:
    local_us = mpegts = None
    for part in value.split(","):
        name, _, stated = part.strip().partition(":")
        if name.upper() == "LOCAL":
            local_us = _moment_us(stated.strip())
        elif name.upper() == "MPEGTS" and re.fullmatch(r"\d{1,18}", stated.strip(), re.ASCII):
            mpegts = int(stated)
    if local_us is None or mpegts is None:
        return None
    return TimestampMap(local_us, mpegts)


def _blocks(lines: list[str], at: int) -> Iterator[list[str]]:
    """Yield runs of lines between blank ones; a timing line inside starts a block as well."""
    block: list[str] = []
    timed = False
    for line in lines[at:]:
        arrow = "-->" in line
        if block and (not line or (arrow and (timed or len(block) > 1))):
            yield block
            block, timed = [], False
        if line:
            block.append(line)
            timed = timed or arrow
    if block:
        yield block


def _cue(block: list[str]) -> Cue | None:
    """Read a cue, or return None for one that cannot be timed or never shows."""
    named = "-->" not in block[0]
    match = _TIMINGS.match(block[1] if named else block[0])
    if match is None:
        return None
    start, end = _us(match.groups()[1:5]), _us(match.groups()[6:10])
    if start is None or end is None or end < start:
        return None
    markup = "\n".join(block[2 if named else 1 :])
    return Cue(
        start_us=start,
        end_us=end,
        text=_plain(markup),
        markup=markup,
        cue_id=block[0] if named else "",
        settings=(match.group(11) or "").strip(),
    )


def _moment_us(text: str) -> int | None:
    match = _STAMP.fullmatch(text)
    return None if match is None else _us(match.groups())


def _us(groups: tuple[str | None, ...]) -> int | None:
    """Return a time of hours, minutes, seconds and thousandths, or None for 61 minutes."""
    hours, minutes, seconds, thousandths = (int(it or 0) for it in groups)
    if (groups[0] is not None and minutes > 59) or (groups[1] is not None and seconds > 59):
        return None
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + thousandths * 1000


def _plain(markup: str) -> str:
    """Return cue text without tags, entities and what is written above the line (ruby)."""
    return html.unescape(_TAG.sub("", markup))


def read_wvtt_sample(
    data: Buffer, *, start_us: int, end_us: int, what: str = "wvtt sample"
) -> tuple[Cue, ...]:
    """Read one sample of a `wvtt` track: the cues that show during it, maybe none.

    Args:
        data: The sample.
        start_us: When it starts.
        end_us: When it ends.
        what: Names it in errors.

    Raises:
        MediaError: It is not made of boxes.
    """
    return tuple(
        _boxed_cue(data, box, start_us, end_us, what=what)
        for box in boxes(data, what=what)
        if box.kind == "vttc"
    )


def _boxed_cue(data: Buffer, cue: Box, start_us: int, end_us: int, *, what: str) -> Cue:
    fields = {
        box.kind: bytes(data[box.body : box.end]).decode("utf-8", "replace").rstrip("\0")
        for box in boxes(data, cue.body, cue.end, what=what)
    }
    markup = fields.get("payl", "")
    return Cue(
        start_us=start_us,
        end_us=end_us,
        text=_plain(markup),
        markup=markup,
        cue_id=fields.get("iden", ""),
        settings=fields.get("sttg", ""),
    )
