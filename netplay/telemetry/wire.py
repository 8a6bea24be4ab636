"""Messages as plain JSON values; `netplay.telemetry.unwire` is the way back, exactly.

The message classes are the only description there is: what a field holds is read from
its type hint, once a class, and turned into a function. A class that gets a field gets
it on the wire as well. Fields that hold their default are left out; a value whose
class the hint does not settle carries it under "is".
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from fractions import Fraction
from functools import cache
from types import NoneType, UnionType
from typing import Literal, Protocol, Union, cast, get_args, get_origin, get_type_hints

from netplay.core.messages import Action, Event
from netplay.segments import Listing, Naming, Ranges, Template
from netplay.timeline import Representation, Unresolved

__all__ = [
    "ACTIONS",
    "EVENTS",
    "TAG",
    "VERBATIM",
    "Message",
    "Text",
    "WireError",
    "encode",
    "is_named_tuple",
    "members",
]

Message = Event | Action

EVENTS: tuple[type, ...] = get_args(Event)
ACTIONS: tuple[type, ...] = get_args(Action)

TAG = "is"


class WireError(ValueError):
    """A JSON value is not a message, or a message holds what no JSON value can.

    Attributes:
        where: The field, from the outside in, e.g. "presentation.periods[0].start_us".
        detail: What is wrong with it.
    """

    def __init__(self, detail: str, where: str = "") -> None:
        self.where = where
        self.detail = detail
        super().__init__(detail)

    def __str__(self) -> str:
        return f"{self.where}: {self.detail}" if self.where else self.detail

    def inside(self, step: str) -> WireError:
        """Return the same error as seen from one level further out."""
        joint = "" if not self.where or self.where.startswith("[") else "."
        return WireError(self.detail, f"{step}{joint}{self.where}")


class Text(Protocol):
    """Says how strings are written; `VERBATIM` as they are, a Redaction without secrets."""

    def __call__(self, text: str) -> str:
        """Return a string as it may be written."""

    def identity(self, text: str) -> str:
        """Return the id of a Representation, which other strings may repeat."""

    def pieces(self, pieces: tuple[str, ...]) -> tuple[str, ...]:
        """Return the pieces of a Template's one URL."""

    def variables(self, pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """Return (name, value) of a playlist's variables."""


class _Verbatim:
    """Every string as it is."""

    def __call__(self, text: str) -> str:
        return text

    identity = __call__

    def pieces(self, pieces: tuple[str, ...]) -> tuple[str, ...]:
        """Return them as they are."""
        return pieces

    def variables(self, pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """Return them as they are."""
        return pairs


VERBATIM: Text = _Verbatim()

_Encode = Callable[[object, Text], object]


def encode(message: Message, text: Text = VERBATIM) -> dict[str, object]:
    """Return a message as a dict that `json.dumps` takes; its class is under "is"."""
    return cast("dict[str, object]", _root_encoder(cast("type", type(message)))(message, text))


@cache
def _root_encoder(cls: type) -> _Encode:
    if cls not in EVENTS and cls not in ACTIONS:
        raise WireError(f"{cls.__name__} is no message")
    return _dataclass_encoder(cls, tagged=True)


# None stands for "as it is": JSON has it, and it holds no text that must be looked at.


def _encoder(hint: object) -> _Encode | None:
    scalar = _SCALAR_ENCODERS.get(hint)
    if scalar is not None or hint in _AS_IT_IS:
        return scalar
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return None
    if origin is tuple:
        return _tuple_encoder(arguments)
    if origin in (Union, UnionType) or hint is Naming:
        return _union_encoder(members(hint))
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass_encoder(hint, tagged=False)
    if is_named_tuple(hint):
        hints = get_type_hints(hint)
        assert all(_encoder(item) is None for item in hints.values()), hint
        return None
    raise AssertionError(f"the wire does not know how to write {hint!r}")


def _union_encoder(offered: tuple[object, ...]) -> _Encode | None:
    present = tuple(member for member in offered if member is not NoneType)
    if len(present) == 1:
        inner = _encoder(present[0])
        if inner is None:
            return None
        return lambda value, text: None if value is None else inner(value, text)
    by_class = {cast("type", one): _dataclass_encoder(one, tagged=True) for one in present}

    def one_of(value: object, text: Text) -> object:
        if value is None:
            return None
        write = by_class.get(type(value))
        if write is None:
            raise WireError(f"{type(value).__name__} has no place on the wire")
        return write(value, text)

    return one_of


def _tuple_encoder(arguments: tuple[object, ...]) -> _Encode | None:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        inner = _encoder(arguments[0])
        if inner is None:
            return None
        return lambda value, text: [inner(item, text) for item in cast("Iterable[object]", value)]
    inners = [_encoder(argument) for argument in arguments]
    if not any(inners):
        return None
    return lambda value, text: [
        item if inner is None else inner(item, text)
        for item, inner in zip(cast("Iterable[object]", value), inners, strict=True)
    ]


@cache
def _dataclass_encoder(cls: object, *, tagged: bool) -> _Encode:
    assert isinstance(cls, type)
    hints = get_type_hints(cls)
    plan = [
        (one.name, one.default, _FIELD_ENCODERS.get((cls, one.name)) or _encoder(hints[one.name]))
        for one in fields(cls)
        if one.init
    ]
    name = cls.__name__

    def write(value: object, text: Text) -> object:
        raw: dict[str, object] = {TAG: name} if tagged else {}
        for field_name, default, inner in plan:
            item = getattr(value, field_name)
            if item is default or item == default:
                continue
            raw[field_name] = item if inner is None else inner(item, text)
        return raw

    return write


def _written_float(value: object, text: Text) -> object:
    del text
    assert isinstance(value, float | int)
    return value if math.isfinite(value) else str(value)


def _written_bytes(value: object, text: Text) -> object:
    del text
    return base64.b64encode(cast("bytes", value)).decode("ascii")


def _written_fraction(value: object, text: Text) -> object:
    del text
    return str(value)


_AS_IT_IS = frozenset({int, bool, NoneType})
_SCALAR_ENCODERS: dict[object, _Encode] = {
    str: lambda value, text: text(cast("str", value)),
    float: _written_float,
    bytes: _written_bytes,
    Fraction: _written_fraction,
}
_FIELD_ENCODERS: dict[tuple[type, str], _Encode] = {
    (Representation, "id"): lambda value, text: text.identity(cast("str", value)),
    (Template, "pieces"): lambda value, text: text.pieces(cast("tuple[str, ...]", value)),
    (Unresolved, "variables"): lambda value, text: text.variables(
        cast("tuple[tuple[str, str], ...]", value)
    ),
}


def members(hint: object) -> tuple[object, ...]:
    """Return the types that a union offers."""
    # Naming is a Protocol; these are all that the readers make.
    return (Template, Listing, Ranges) if hint is Naming else get_args(hint)


def is_named_tuple(hint: object) -> bool:
    """Whether a hint is a NamedTuple class."""
    return isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")
