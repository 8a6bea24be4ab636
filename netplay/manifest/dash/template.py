"""URL patterns of SegmentTemplate (ISO/IEC 23009-1 §5.3.9.4.4).

`$RepresentationID$`, `$Bandwidth$` and `$$` are known as soon as the Representation is;
`$Number$` and `$Time$` stay open and are filled in segment by segment.
"""

from __future__ import annotations

import re

__all__ = ["fill_pattern", "split_pattern"]

_IDENTIFIER = re.compile(r"\$([A-Za-z]*)(?:%0?(\d{0,3})([diu]))?\$", re.ASCII)
MAX_WIDTH = 64
"""Digits of a placeholder; a wider one only serves to fill memory."""


def split_pattern(pattern: str, *, name: str, bandwidth_bps: int) -> tuple[str, ...]:
    """Return literals and placeholders in turn, as `netplay.segments.Template` takes them.

    What is not an identifier of the specification stays in the text, as in other players.

    Args:
        name: Replaces $RepresentationID$.
        bandwidth_bps: Replaces $Bandwidth$.
    """
    pieces, literal, place = [], "", 0
    while match := _IDENTIFIER.search(pattern, place):
        literal += pattern[place : match.start()]
        place = match.end()
        identifier, width = match[1], min(int(match[2] or 1), MAX_WIDTH)
        match identifier:
            case "":
                literal += "$"
            case "RepresentationID":
                literal += name
            case "Bandwidth":
                literal += str(bandwidth_bps).zfill(width)
            case "Number" | "Time":
                pieces += [literal, identifier if width <= 1 else f"{identifier}%0{width}d"]
                literal = ""
            case _:
                # The closing dollar may open the next identifier.
                literal += match[0][:-1]
                place -= 1
                if pattern.find("$", place + 1) < 0:
                    break
    return (*pieces, literal + pattern[place:])


def fill_pattern(pattern: str, *, name: str, bandwidth_bps: int) -> str:
    """Return a pattern that may hold neither $Number$ nor $Time$ with the rest filled in."""
    pieces = split_pattern(pattern, name=name, bandwidth_bps=bandwidth_bps)
    return "".join(f"${piece}$" if place % 2 else piece for place, piece in enumerate(pieces))
