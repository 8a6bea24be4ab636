"""JSON values as messages again, checked field by field.

The counterpart of `netplay.telemetry.wire`, from the same type hints. Whatever the JSON
value is, the answer is a message that holds what its class says, or a WireError that
names the field.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields, is_dataclass
from fractions import Fraction
from functools import cache
from types import NoneType, UnionType
from typing import Literal, Union, cast, get_args, get_origin, get_type_hints

from netplay.segments import Naming
from netplay.telemetry.wire import (
    ACTIONS,
    EVENTS,
    TAG,
    Message,
    WireError,
    is_named_tuple,
    members,
)

__all__ = ["decode"]

_Decode = Callable[[object], object]


def decode(raw: object) -> Message:
    """Return the message that `encode` made a JSON value of.

    Raises:
        WireError: It is of no known class, or a field is missing, unknown or ill-typed.
    """
    return cast("Message", _tagged_decoder((*EVENTS, *ACTIONS))(raw))


def _decoder(hint: object) -> _Decode:
    scalar = _SCALAR_DECODERS.get(hint)
    if scalar is not None:
        return scalar
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return _literal_decoder(arguments)
    if origin is tuple:
        return _tuple_decoder(arguments)
    if origin in (Union, UnionType) or hint is Naming:
        return _union_decoder(members(hint))
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass_decoder(hint)
    if is_named_tuple(hint):
        return _named_tuple_decoder(cast("type[tuple[object, ...]]", hint))
    raise AssertionError(f"the wire does not know how to read {hint!r}")


def _literal_decoder(choices: tuple[object, ...]) -> _Decode:
    allowed = frozenset(choices)

    def read(raw: object) -> object:
        if not isinstance(raw, str) or raw not in allowed:
            raise WireError(f"{_shown(raw)} is none of {', '.join(map(str, choices))}")
        return raw

    return read


def _union_decoder(offered: tuple[object, ...]) -> _Decode:
    present = tuple(member for member in offered if member is not NoneType)
    optional = len(present) < len(offered)
    if len(present) == 1:
        inner = _decoder(present[0])
    else:
        inner = _tagged_decoder(cast("tuple[type, ...]", present))
    if not optional:
        return inner
    return lambda raw: None if raw is None else inner(raw)


@cache
def _tagged_decoder(classes: tuple[type, ...]) -> _Decode:
    by_name = {cls.__name__: cls for cls in classes}

    def read(raw: object) -> object:
        tag = raw.get(TAG) if isinstance(raw, dict) else None
        cls = by_name.get(tag) if isinstance(tag, str) else None
        if cls is None:
            raise WireError(f"{_shown(tag if tag is not None else raw)} is no class known here")
        return _dataclass_decoder(cls)(raw)

    return read


def _tuple_decoder(arguments: tuple[object, ...]) -> _Decode:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        inner = _decoder(arguments[0])

        def read_many(raw: object) -> object:
            return tuple(_read_items(_listed(raw), inner))

        return read_many
    inners = [_decoder(argument) for argument in arguments]

    def read_each(raw: object) -> object:
        items = _listed(raw)
        if len(items) != len(inners):
            raise WireError(f"{len(items)} items where {len(inners)} belong")
        return tuple(inner(item) for inner, item in zip(inners, items, strict=True))

    return read_each


def _read_items(items: list[object], inner: _Decode) -> Iterable[object]:
    for place, item in enumerate(items):
        try:
            yield inner(item)
        except WireError as error:
            raise error.inside(f"[{place}]") from None


def _named_tuple_decoder(cls: type[tuple[object, ...]]) -> _Decode:
    inners = [_decoder(hint) for hint in get_type_hints(cls).values()]
    make = cast("Callable[..., object]", cls)

    def read(raw: object) -> object:
        items = _listed(raw)
        if len(items) != len(inners):
            raise WireError(f"{len(items)} items where {len(inners)} belong")
        return make(*(inner(item) for inner, item in zip(inners, items, strict=True)))

    return read


@cache
def _dataclass_decoder(cls: type) -> _Decode:
    hints = get_type_hints(cls)
    plan = {one.name: _decoder(hints[one.name]) for one in fields(cls) if one.init}
    needed = {
        one.name
        for one in fields(cls)
        if one.init and one.default is MISSING and one.default_factory is MISSING
    }

    def read(raw: object) -> object:
        if not isinstance(raw, dict):
            raise WireError(f"{_shown(raw)} is no {cls.__name__}")
        values: dict[str, object] = {}
        for name, item in raw.items():
            inner = plan.get(name)
            if inner is None:
                if name == TAG:
                    continue
                raise WireError(f"{cls.__name__} has no field {_shown(name)}")
            try:
                values[name] = inner(item)
            except WireError as error:
                raise error.inside(name) from None
        if not needed <= values.keys():
            raise WireError(f"{cls.__name__} lacks {', '.join(sorted(needed - values.keys()))}")
        try:
            return cls(**values)
        except ValueError as error:  # the class's own checks
            raise WireError(str(error)) from error

    return read


def _read_int(raw: object) -> object:
    if type(raw) is not int:
        raise WireError(f"{_shown(raw)} is no integer")
    return raw


def _read_bool(raw: object) -> object:
    if type(raw) is not bool:
        raise WireError(f"{_shown(raw)} is neither true nor false")
    return raw


def _read_str(raw: object) -> object:
    if type(raw) is not str:
        raise WireError(f"{_shown(raw)} is no string")
    return raw


def _read_float(raw: object) -> object:
    if raw in ("inf", "-inf", "nan"):
        return float(raw)
    if type(raw) is not float and type(raw) is not int:
        raise WireError(f"{_shown(raw)} is no number")
    return raw


def _read_bytes(raw: object) -> object:
    try:
        return base64.b64decode(cast("str", _read_str(raw)), validate=True)
    except (binascii.Error, ValueError) as error:
        raise WireError(f"{_shown(raw)} is no base64") from error


def _read_fraction(raw: object) -> object:
    text = cast("str", _read_str(raw))
    above, _, below = text.partition("/")
    try:
        return Fraction(int(above), int(below or "1"))
    except (ValueError, ZeroDivisionError) as error:
        raise WireError(f"{_shown(raw)} is no fraction") from error


_SCALAR_DECODERS: dict[object, _Decode] = {
    int: _read_int,
    bool: _read_bool,
    str: _read_str,
    float: _read_float,
    bytes: _read_bytes,
    Fraction: _read_fraction,
}


def _listed(raw: object) -> list[object]:
    if not isinstance(raw, list):
        raise WireError(f"{_shown(raw)} is no list")
    return raw


def _shown(raw: object) -> str:
    text = repr(raw) if isinstance(raw, str | int | float | None) else type(raw).__name__
    return text if len(text) <= 60 else f"{text[:59]}…"
