"""TTML and IMSC1 text, as a document or a sample of an `stpp` track, becomes cues.

Text and timing are read; styling, layout and images are left out on purpose: a cue says
what is shown and when. Timing nests as the standard has it (`begin` counts from the
parent, `par` and `seq`), so spans with times of their own split a paragraph into cues.

Documents come from the network: one with an entity declaration is refused, nothing
external is ever fetched, and depth and size are bounded.

Sources: W3C Timed Text Markup Language 2, sections 10.4 and 12; W3C IMSC 1.1; ISO/IEC
14496-30 section 5 (samples).
"""

import re
from fractions import Fraction
from itertools import pairwise
from math import floor
from xml.parsers import expat

from netplay.errors import MediaError
from netplay.media.boxes import Buffer
from netplay.media.cues import Cue

__all__ = ["UNENDING_US", "read_ttml"]

MAX_BYTES = 8 << 20
"""Of one document. A guess with room: three hours of styled captions are 2 MB."""

MAX_ELEMENTS = 100_000
"""Of one document. A guess with room: three hours of captions have 20,000."""

MAX_DEPTH = 64
"""Of elements. A guess with room: real documents stay under ten."""

MAX_COMPARISONS = 1 << 20
"""Of the times and the texts of a document's paragraphs whose spans have times of their
own. A guess with room: karaoke has some dozens of each."""

UNENDING_US = 1 << 62
"""The end of a cue that has none, in a document that is not a sample."""

_NAMESPACES = re.compile(r"(?:http://www\.w3\.org/(?:ns/ttml|2006/(?:04|10)/ttaf1)(#\w+)?)?$")
_CLOCK = re.compile(
    r"(\d{2,9}):(\d{2}):(\d{2})(?:(\.\d{1,18})|:(\d{2,9})(?:\.(\d{1,9}))?)?$", re.ASCII
)
_OFFSET = re.compile(r"(\d{1,18}(?:\.\d{1,18})?)(h|m|s|ms|f|t)$", re.ASCII)
_RATIO = re.compile(r"(\d{1,9})[ :](\d{1,9})$", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}$", re.ASCII)
_SPACES = re.compile(r"[ \t\r\n]+")

_TIMED = {"body", "div", "p", "span", "br"}

Moment = Fraction | None
"""Seconds; None is the end of what never ends."""


class _Rates:
    """The units that a document's `tt` element defines for its times."""

    def __init__(self) -> None:
        self.frame = Fraction(30)
        self.sub_frames = 1
        self.tick = Fraction(1)

    def read(self, attributes: dict[str, str]) -> None:
        """Take the parameters of `tt`; senseless ones leave the default."""
        stated = attributes.get("frameRate", "")
        if _NUMBER.match(stated) and int(stated):
            self.frame = Fraction(int(stated))
        ratio = _RATIO.match(attributes.get("frameRateMultiplier", "").strip())
        if ratio and int(ratio[1]) and int(ratio[2]):
            self.frame *= Fraction(int(ratio[1]), int(ratio[2]))
        sub = attributes.get("subFrameRate", "")
        if _NUMBER.match(sub) and int(sub):
            self.sub_frames = int(sub)
        tick = attributes.get("tickRate", "")
        if _NUMBER.match(tick) and int(tick):
            self.tick = Fraction(int(tick))
        elif _NUMBER.match(stated):
            self.tick = self.frame * self.sub_frames

    def seconds(self, text: str | None) -> Fraction | None:
        """Return a time expression in seconds, or None for none or a broken one."""
        text = (text or "").strip()
        if clock := _CLOCK.match(text):
            whole = (int(clock[1]) * 60 + int(clock[2])) * 60 + int(clock[3])
            frames = int(clock[5] or 0) + Fraction(int(clock[6] or 0), self.sub_frames)
            return whole + Fraction("0" + (clock[4] or "")) + frames / self.frame
        if offset := _OFFSET.match(text):
            units = {
                "h": Fraction(3600),
                "m": Fraction(60),
                "s": Fraction(1),
                "ms": Fraction(1, 1000),
                "f": 1 / self.frame,
                "t": 1 / self.tick,
            }
            return Fraction(offset[1]) * units[offset[2]]
        return None


class _Element:
    """An open element that takes part in timing."""

    __slots__ = ("begin", "cursor", "end", "preserve", "sequential")

    def __init__(self, begin: Fraction, end: Moment, *, sequential: bool, preserve: bool) -> None:
        self.begin = begin
        self.end = end
        self.sequential = sequential
        self.preserve = preserve
        self.cursor: Moment = begin  # where the next child of a sequence starts

    def child(self, attributes: dict[str, str], rates: _Rates, *, preserve: bool) -> "_Element":
        """Return the child of these attributes, timed within this element."""
        origin = self.cursor if self.sequential else self.begin
        if origin is None:  # behind a sibling that never ends
            origin = self.begin if self.end is None else self.end
        begin = origin + (rates.seconds(attributes.get("begin")) or 0)
        end, duration = rates.seconds(attributes.get("end")), rates.seconds(attributes.get("dur"))
        ends = [self.end]
        ends.append(None if end is None else origin + end)
        ends.append(None if duration is None else begin + duration)
        known = [it for it in ends if it is not None]
        sequential = attributes.get("timeContainer") == "seq"
        return _Element(begin, min(known, default=None), sequential=sequential, preserve=preserve)


Run = tuple[Fraction, Moment, str]
"""Text of a paragraph and when it is active."""


class _Document:
    """Collects the runs of each paragraph while expat walks the document."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.rates = _Rates()
        self.cues: list[tuple[Fraction, Moment, str, str]] = []
        self._open: list[_Element | None] = []
        self._timed: list[_Element] = []
        self._runs: list[Run] | None = None
        self._paragraph = ""
        self._depth_of_paragraph = 0
        self._ignored = 0
        self._elements = 0
        self._comparisons = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Open an element."""
        if len(self._open) >= MAX_DEPTH:
            raise MediaError(self.what, f"TTML nested more than {MAX_DEPTH} deep")
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise MediaError(self.what, f"TTML of more than {MAX_ELEMENTS} elements")
        local = _local(name)
        plain = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        if not self._open and local != "tt":
            raise MediaError(self.what, f"not TTML: the document is a {name.rpartition(' ')[2]!r}")
        if self._ignored or (local != "tt" and local not in _TIMED):
            self._ignored += 1
            self._open.append(None)
            return
        stated = plain.get("space")
        inherited = self._timed[-1].preserve if self._timed else False
        preserve = inherited if stated is None else stated == "preserve"
        if local == "tt":
            self.rates.read(plain)
            element = _Element(Fraction(0), None, sequential=False, preserve=preserve)
        else:
            element = self._timed[-1].child(plain, self.rates, preserve=preserve)
        self._open.append(element)
        self._timed.append(element)
        if local == "p" and self._runs is None:
            self._runs = []
            self._paragraph = plain.get("id", "")
            self._depth_of_paragraph = len(self._open)
        elif local == "br" and self._runs is not None:
            self._runs.append((element.begin, element.end, "\n"))

    def text(self, data: str) -> None:
        """Take characters; only those of paragraphs count."""
        if self._runs is None or self._ignored:
            return
        element = self._timed[-1]
        # A break is a newline of its own; one in the source is a blank unless preserved.
        self._runs.append(
            (element.begin, element.end, data if element.preserve else _SPACES.sub(" ", data))
        )

    def finish(self, _: str) -> None:
        """Close the innermost element."""
        depth = len(self._open)
        element = self._open.pop()
        if element is None:
            self._ignored -= 1
            return
        self._timed.pop()
        if self._timed:
            self._timed[-1].cursor = element.end
        if self._runs is not None and depth == self._depth_of_paragraph:
            self._close_paragraph(self._runs, preserve=element.preserve)
            self._runs = None

    def _close_paragraph(self, runs: list[Run], *, preserve: bool) -> None:
        """Turn the runs of a paragraph into cues."""
        spans = list(dict.fromkeys((begin, end) for begin, end, _ in runs))
        if len(spans) > 1:
            self._comparisons += 2 * len(spans) * len(runs)
            if self._comparisons > MAX_COMPARISONS:
                raise MediaError(self.what, "TTML with absurdly many timed spans")
        for begin, end, text in _split(runs, spans):
            shown = text if preserve else _trimmed(text)
            if shown.strip():
                self.cues.append((begin, end, shown, self._paragraph))

    def refuse(self, *_: object) -> None:
        """Refuse an entity declaration: captions need none, attacks do."""
        raise MediaError(self.what, "TTML with an entity declaration")


def _local(name: str) -> str:
    """Return the local name of a TTML element, or a name that is none."""
    namespace, _, local = name.rpartition(" ")
    match = _NAMESPACES.match(namespace)
    return local if match and match[1] is None else f"{namespace} {local}"


def _trimmed(text: str) -> str:
    return "\n".join(_SPACES.sub(" ", line).strip() for line in text.split("\n")).strip("\n")


def _split(runs: list[Run], spans: list[tuple[Fraction, Moment]]) -> list[Run]:
    """Return a paragraph's text for each stretch of time in which it stays the same."""
    if len(spans) == 1:
        return [(*spans[0], "".join(text for _, _, text in runs))]
    times = sorted({it for span in spans for it in span if it is not None})
    edges: list[Moment] = [*times, None] if any(end is None for _, end in spans) else [*times]
    found: list[Run] = []
    for begin, end in pairwise(edges):
        assert begin is not None
        text = "".join(
            words
            for start, stop, words in runs
            if start <= begin and (stop is None or begin < stop)
        )
        if found and found[-1][1] == begin and found[-1][2] == text:
            found[-1] = (found[-1][0], end, text)
        else:
            found.append((begin, end, text))
    return found


def read_ttml(
    data: Buffer, *, start_us: int = 0, end_us: int | None = None, what: str = "TTML"
) -> tuple[Cue, ...]:
    """Read a TTML document.

    Args:
        data: The document; UTF-8 and UTF-16 are understood.
        start_us: Where the sample starts that holds it: cues are cut to the sample's time.
        end_us: Where the sample ends; None: not a sample, and a cue without an end of its
            own ends at `UNENDING_US`.
        what: Names it in errors.

    Returns:
        Cues in the order of the document, text only.

    Raises:
        MediaError: It is not TTML, not well-formed, or a trap.
    """
    if len(data) > MAX_BYTES:
        raise MediaError(what, f"TTML of {len(data)} bytes; {MAX_BYTES} are the most")
    document = _Document(what)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = document.start
    parser.EndElementHandler = document.finish
    parser.CharacterDataHandler = document.text
    parser.EntityDeclHandler = document.refuse
    try:
        parser.Parse(bytes(data), True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        # The latter two are how pyexpat says that it does not know the document's encoding.
        raise MediaError(what, f"not well-formed TTML: {error}") from error
    until_us = UNENDING_US if end_us is None else end_us
    cues = []
    for begin, end, text, cue_id in document.cues:
        first = max(floor(begin * 1_000_000), start_us)
        last = until_us if end is None else min(floor(end * 1_000_000), until_us)
        if first < last:
            cues.append(Cue(first, last, text, text, cue_id))
    return tuple(cues)
