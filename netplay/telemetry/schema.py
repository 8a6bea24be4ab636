"""The JSON schema of the event log, made from the classes that are written into it.

    python -m netplay.telemetry.schema > docs/event-log.schema.json

The schema has the log format's number, and describes one line: header, event, action or
closing line. It says what a line may hold; `netplay.telemetry.unwire` reads it exactly.

Source: JSON Schema, draft 2020-12.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from dataclasses import MISSING, is_dataclass
from fractions import Fraction
from types import NoneType, UnionType
from typing import Literal, Union, cast, get_args, get_origin, get_type_hints

from netplay.segments import Naming
from netplay.telemetry.log import FORMAT, Header
from netplay.telemetry.wire import ACTIONS, EVENTS, TAG, is_named_tuple, members

__all__ = ["event_log_schema"]

Schema = dict[str, object]


def event_log_schema() -> Schema:
    """Return the schema of one line of an event log, as JSON values."""
    maker = _Maker()
    events = [maker.tagged(one) for one in EVENTS]
    actions = [maker.tagged(one) for one in ACTIONS]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:netplay:event-log:{FORMAT}",
        "title": f"One line of a netplay event log, format {FORMAT}",
        "oneOf": [
            _header(),
            _line("event", {"oneOf": events}),
            _line("action", {"oneOf": actions}),
            _object({"lines": {"type": "integer", "minimum": 0}}, ["lines"]),
        ],
        "$defs": dict(sorted(maker.definitions.items())),
    }


def _header() -> Schema:
    kinds: dict[str, Schema] = {
        "int": {"type": "integer"},
        "str": {"type": "string"},
    }
    fields = {
        one.name: kinds.get(str(one.type), {"type": "object"}) for one in dataclasses.fields(Header)
    }
    return _object({"format": {"const": FORMAT}, **fields}, ["format", *fields])


def _line(kind: str, message: Schema) -> Schema:
    return _object({"now_us": {"type": "integer"}, kind: message}, ["now_us", kind])


def _object(properties: dict[str, Schema], required: list[str]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


class _Maker:
    """Turns type hints into schemas; classes are described once, under $defs."""

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}

    def tagged(self, cls: object) -> Schema:
        """Return the schema of a class whose name stands under the tag."""
        return self._class(cast("type", cls), tagged=True)

    def of(self, hint: object) -> Schema:
        """Return the schema of what a type hint allows, as the wire writes it."""
        if hint in _SCALARS:
            return dict(_SCALARS[hint])
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin is tuple:
            return self._tuple(arguments)
        if origin in (Union, UnionType) or hint is Naming:
            return self._union(members(hint))
        if is_named_tuple(hint):
            return self._tuple(tuple(get_type_hints(hint).values()))
        assert isinstance(hint, type), hint
        assert is_dataclass(hint), hint
        return self._class(hint, tagged=False)

    def _tuple(self, arguments: tuple[object, ...]) -> Schema:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return {"type": "array", "items": self.of(arguments[0])}
        items = [self.of(one) for one in arguments]
        count = len(items)
        return {"type": "array", "prefixItems": items, "minItems": count, "maxItems": count}

    def _union(self, offered: tuple[object, ...]) -> Schema:
        present = [one for one in offered if one is not NoneType]
        made = [self.of(one) if len(present) == 1 else self.tagged(one) for one in present]
        if len(present) < len(offered):
            made.append({"type": "null"})
        return {"anyOf": made}

    def _class(self, cls: type, *, tagged: bool) -> Schema:
        name = f"{cls.__name__}.tagged" if tagged else cls.__name__
        if name not in self.definitions:
            self.definitions[name] = {}  # a class that holds itself refers to this
            self.definitions[name] = self._described(cls, tagged=tagged)
        return {"$ref": f"#/$defs/{name}"}

    def _described(self, cls: type, *, tagged: bool) -> Schema:
        hints = get_type_hints(cls)
        held = [one for one in dataclasses.fields(cls) if one.init]
        properties = {one.name: self.of(hints[one.name]) for one in held}
        required = [
            one.name for one in held if one.default is MISSING and one.default_factory is MISSING
        ]
        if tagged:
            properties = {TAG: {"const": cls.__name__}, **properties}
            required = [TAG, *required]
        made = _object(properties, required)
        told = (cls.__doc__ or "").partition("\n")[0]
        return {"description": told, **made}


_SCALARS: dict[object, Schema] = {
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    str: {"type": "string"},
    # What JSON has no number for is written as a word.
    float: {"anyOf": [{"type": "number"}, {"enum": ["inf", "-inf", "nan"]}]},
    bytes: {"type": "string", "contentEncoding": "base64"},
    Fraction: {"type": "string", "pattern": "^-?[0-9]+(/[0-9]+)?$"},
}


def main() -> None:
    """Write the schema to standard output."""
    sys.stdout.write(json.dumps(event_log_schema(), indent=1) + "\n")


if __name__ == "__main__":
    main()
