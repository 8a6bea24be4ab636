"""Structured fields (RFC 8941): dictionaries and lists as CMCD and CMSD write them, read strictly.

One pass over the text, each character looked at once, so arbitrary text costs time in
proportion to its length, and length and members are bounded besides.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = [
    "Bare",
    "FieldError",
    "InnerList",
    "Item",
    "Member",
    "Token",
    "parse_dictionary",
    "parse_list",
    "parse_pairs",
]

MOST_CHARS = 8192
"""Of one field. Servers accept 8 to 16 KiB for all headers together."""

MOST_MEMBERS = 256


class FieldError(ValueError):
    """A text is no structured field, or a larger one than is read.

    Attributes:
        at: Where, in characters from 0.
        detail: What is wrong there.
    """

    def __init__(self, at: int, detail: str) -> None:
        self.at = at
        self.detail = detail
        super().__init__(f"character {at}: {detail}")


class Token(str):
    """A bare word, as opposed to a quoted string."""

    __slots__ = ()


Bare = bool | int | float | str | bytes
"""A value without parameters; a Token is a str that is not equal in meaning to a string."""


@dataclass(frozen=True, slots=True)
class Item:
    """One value and its parameters."""

    value: Bare
    params: Mapping[str, Bare] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InnerList:
    """Items between parentheses, and the parameters of the whole."""

    items: tuple[Item, ...]
    params: Mapping[str, Bare] = field(default_factory=dict)


Member = Item | InnerList

_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")
_TOKEN = re.compile(r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*")
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]*))?")
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*+)"')
_BYTES = re.compile(r":([A-Za-z0-9+/=]*):")
_ESCAPED = re.compile(r"\\(.)")


def parse_pairs(text: str, *, most_chars: int = MOST_CHARS) -> list[tuple[str, Member]]:
    """Return the members of a dictionary in the order they are written, repetitions included.

    Raises:
        FieldError: It is not one, or too large.
    """
    reader = _Reader(text, most_chars)
    pairs: list[tuple[str, Member]] = []
    while reader.more(len(pairs)):
        key = reader.key()
        if reader.take("="):
            pairs.append((key, reader.member()))
        else:
            pairs.append((key, Item(value=True, params=reader.params())))
    return pairs


def parse_dictionary(text: str, *, most_chars: int = MOST_CHARS) -> dict[str, Member]:
    """Return a dictionary; of a key that is repeated the last value (§3.2).

    Raises:
        FieldError: It is not one, or too large.
    """
    return dict(parse_pairs(text, most_chars=most_chars))


def parse_list(text: str, *, most_chars: int = MOST_CHARS) -> list[Member]:
    """Return the members of a list.

    Raises:
        FieldError: It is not one, or too large.
    """
    reader = _Reader(text, most_chars)
    members: list[Member] = []
    while reader.more(len(members)):
        members.append(reader.member())
    return members


class _Reader:
    """Walks over a field from left to right."""

    def __init__(self, text: str, most_chars: int) -> None:
        if len(text) > most_chars:
            raise FieldError(most_chars, f"longer than {most_chars} characters")
        self._text = text.strip(" ")
        self._at = 0
        self._members = 0

    def more(self, members: int) -> bool:
        """Whether another member follows; passes the comma before it."""
        if members == 0:
            return bool(self._text)
        self._skip(" \t")
        if self._at == len(self._text):
            return False
        if not self.take(","):
            raise self._wrong("a comma is missing")
        self._skip(" \t")
        if self._at == len(self._text):
            raise self._wrong("nothing follows the comma")
        return True

    def take(self, char: str) -> bool:
        """Pass a character, if it is there."""
        if self._text.startswith(char, self._at):
            self._at += 1
            return True
        return False

    def key(self) -> str:
        """Return a key (§3.1.2)."""
        return self._match(_KEY, "no key")[0]

    def member(self) -> Member:
        """Return an item or an inner list."""
        self._count()
        if not self.take("("):
            return Item(self._bare(), self.params())
        items: list[Item] = []
        while True:
            self._skip(" ")
            if self.take(")"):
                return InnerList(tuple(items), self.params())
            self._count()
            items.append(Item(self._bare(), self.params()))
            if self._text[self._at : self._at + 1] not in (" ", ")"):
                raise self._wrong("an inner list goes on with a space or ends")

    def params(self) -> dict[str, Bare]:
        """Return the parameters that follow (§4.2.3.2)."""
        found: dict[str, Bare] = {}
        while self.take(";"):
            self._count()
            self._skip(" ")
            key = self.key()
            found[key] = self._bare() if self.take("=") else True
        return found

    def _bare(self) -> Bare:
        char = self._text[self._at : self._at + 1]
        if char == '"':
            return _ESCAPED.sub(r"\1", self._match(_STRING, "a string does not end")[1])
        if char == "?":
            return self._match(re.compile(r"\?([01])"), "neither ?0 nor ?1")[1] == "1"
        if char == ":":
            coded = self._match(_BYTES, "no bytes")[1]
            try:
                return base64.b64decode(coded, validate=True)
            except binascii.Error:
                raise self._wrong("no base64") from None
        if char and (char in "-0123456789"):
            return self._number()
        return Token(self._match(_TOKEN, "no value")[0])

    def _number(self) -> int | float:
        found = self._match(_NUMBER, "no number")
        whole, part = found[2], found[3]
        if part is None:
            if len(whole) > 15:
                raise self._wrong("an integer of more than 15 digits")
            return int(found[0])
        if len(whole) > 12 or not 1 <= len(part) <= 3:
            raise self._wrong("a decimal has up to 12 digits, a point, and 1 to 3 more")
        return float(found[0])

    def _match(self, pattern: re.Pattern[str], detail: str) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise self._wrong(detail)
        self._at = found.end()
        return found

    def _skip(self, blanks: str) -> None:
        while self._at < len(self._text) and self._text[self._at] in blanks:
            self._at += 1

    def _count(self) -> None:
        self._members += 1
        if self._members > MOST_MEMBERS:
            raise self._wrong(f"more than {MOST_MEMBERS} values")

    def _wrong(self, detail: str) -> FieldError:
        return FieldError(self._at, detail)
