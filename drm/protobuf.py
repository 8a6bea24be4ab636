"""A reader of protobuf's wire format that cannot be made to work hard.

It knows no schema: it gives the fields of one message, flat, and whoever knows the schema
reads the ones that are messages themselves. So nothing recurses, nothing is allocated that
the input does not hold, and the work is bounded by the input's size.

Source: Protocol Buffers Encoding (protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["Malformed", "Message", "length_delimited", "read_message"]

MAX_BYTES = 1 << 20
MAX_FIELDS = 4096
"""Licences seen hold tens of fields; a guess, large enough for a thousand keys."""

_FIXED_BYTES = {1: 8, 5: 4}


class Malformed(ValueError):
    """The bytes are no protobuf message, or one larger than any that is expected here."""


class Message:
    """The fields of one message; of a field that came more than once, all values."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[int, list[int | bytes]]) -> None:
        self._fields = fields

    def numbers(self, number: int) -> tuple[int, ...]:
        """Return a varint field's values, as unsigned integers below 2**64."""
        return tuple(value for value in self._fields.get(number, ()) if isinstance(value, int))

    def blobs(self, number: int) -> tuple[bytes, ...]:
        """Return a length-delimited field's values."""
        return tuple(value for value in self._fields.get(number, ()) if isinstance(value, bytes))

    def number(self, number: int, default: int = 0) -> int:
        """Return a varint field: the last one given, as protobuf has it."""
        found = self.numbers(number)
        return found[-1] if found else default

    def flag(self, number: int, *, default: bool = False) -> bool:
        """Return a bool field."""
        return self.number(number, int(default)) != 0

    def blob(self, number: int) -> bytes:
        """Return a length-delimited field: the last one given; b"" if there is none."""
        found = self.blobs(number)
        return found[-1] if found else b""

    def text(self, number: int) -> str:
        """Return a string field; what is not UTF-8 in it is replaced."""
        return self.blob(number).decode("utf-8", "replace")


def read_message(data: bytes) -> Message:
    """Return the fields of a message.

    Raises:
        Malformed: The bytes are none, or over 1 MiB, or over 4,096 fields.
    """
    fields: dict[int, list[int | bytes]] = {}
    for count, (number, value) in enumerate(_walk(data)):
        if count >= MAX_FIELDS:
            raise Malformed(f"more than {MAX_FIELDS} fields")
        fields.setdefault(number, []).append(value)
    return Message(fields)


def length_delimited(number: int, value: bytes) -> bytes:
    """Return a length-delimited field as bytes."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _walk(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    if len(data) > MAX_BYTES:
        raise Malformed(f"{len(data)} bytes; at most {MAX_BYTES} are read")
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise Malformed(f"field number {number} at byte {at}")
        if kind == 0:
            value, at = _read_varint(data, at)
            yield number, value
            continue
        # Groups (3 and 4) are in no message read here, and are what nests without lengths.
        if kind == 2:
            size, at = _read_varint(data, at)
        elif kind in _FIXED_BYTES:
            size = _FIXED_BYTES[kind]
        else:
            raise Malformed(f"wire type {kind} at byte {at}")
        if size > len(data) - at:
            raise Malformed(f"a field of {size} bytes at byte {at} of {len(data)}")
        yield number, data[at : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise Malformed("cut short within a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, at
    raise Malformed(f"a number of more than ten bytes, up to byte {at}")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
