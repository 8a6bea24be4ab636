"""Any message there could be: strategies made from the same type hints as the wire."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from fractions import Fraction
from functools import cache
from types import NoneType, UnionType
from typing import Literal, Union, cast, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from netplay.core.messages import Action, Event
from netplay.segments import Listing, Naming, Ranges, Run, SegmentIndex, Template
from netplay.telemetry import Message

__all__ = ["indexes", "messages", "values"]

_integers = st.integers(-(2**70), 2**70)
_texts = st.text(max_size=8) | st.sampled_from(
    ["v.m3u8?token=abc", "https://me:pw@h/a?b=c", "data:text/plain;base64,c2VjcmV0", "\ud800?x"]
)


@cache
def values(hint: object) -> st.SearchStrategy[object]:
    """Return every value that a type hint allows, small where it can be."""
    known = _KNOWN.get(hint)
    if known is not None:
        return known
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, arguments))
    if origin in (Union, UnionType):
        return st.one_of([values(one) for one in arguments])
    if hint is Naming:
        return st.one_of([values(one) for one in (Template, Listing, Ranges)])
    if hint is SegmentIndex:
        return indexes()
    assert isinstance(hint, type), hint
    assert is_dataclass(hint), hint
    hints = get_type_hints(hint)
    held = {one.name: values(hints[one.name]) for one in fields(hint) if one.init}
    return cast("st.SearchStrategy[object]", st.builds(hint, **held))


@st.composite
def indexes(draw: st.DrawFn) -> object:
    """Return an index whose runs are in order."""
    at, runs = draw(st.integers(-1000, 1000)), []
    for _ in range(draw(st.integers(0, 3))):
        run = Run(at, draw(st.integers(0, 10**6)), draw(st.integers(1, 50)))
        runs.append(run)
        at = run.start + run.duration * run.count + draw(st.integers(0, 5))
    hints = get_type_hints(SegmentIndex)
    others = ("naming", "first_number", "origin_ticks", "clip_end_us", "timed", "playlist")
    return SegmentIndex(
        timescale=draw(st.integers(1, 10**6)),
        runs=tuple(runs),
        **{name: draw(values(hints[name])) for name in others},  # type: ignore[arg-type]
    )


def messages() -> st.SearchStrategy[Message]:
    """Return any event or action."""
    classes = (*get_args(Event), *get_args(Action))
    return cast("st.SearchStrategy[Message]", st.one_of([values(one) for one in classes]))


_KNOWN: dict[object, st.SearchStrategy[object]] = {
    int: _integers,
    bool: st.booleans(),
    str: _texts,
    float: st.floats(allow_nan=False),
    bytes: st.binary(max_size=8),
    Fraction: st.fractions(),
    NoneType: st.none(),
}
