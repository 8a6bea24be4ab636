"""A script of faults: what `faults.toml` says, and in which line it goes wrong.

    seed = 7

    [[fault]]
    kind = "reset"
    host = "oca-1"
    path = "*/video-*/00003.m4s"
    at_byte = 20000
    times = 1

`Fault` says which keys there are.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from netplay.edge.faults.rules import Fault, FaultError

__all__ = ["FaultScript", "ScriptError"]


class ScriptError(ValueError):
    """A script that cannot be performed.

    Attributes:
        line: Where, from 1; 0 where the script has no lines.
    """

    def __init__(self, name: str, line: int, message: str) -> None:
        self.line = line
        super().__init__(f"{name}:{line}: {message}" if line else f"{name}: {message}")


class _Wrong(Exception):
    """Something is wrong with one key, of the whole script or of one fault of it."""

    def __init__(self, number: int | None, key: str, message: str) -> None:
        self.number = number
        self.key = key
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class FaultScript:
    """Faults and the seed that decides which requests a share of them are.

    Attributes:
        faults: In order; every one that matches a request strikes it, in this order.
    """

    faults: tuple[Fault, ...] = ()
    seed: int = 0

    @classmethod
    def load(cls, path: Path) -> "FaultScript":
        """Read a script.

        Raises:
            OSError: It cannot be read.
            ScriptError: It is not one.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            line = path.read_bytes()[: error.start].count(b"\n") + 1
            raise ScriptError(path.name, line, "not UTF-8") from error
        return cls.parse(text, name=path.name)

    @classmethod
    def parse(cls, text: str, *, name: str = "faults.toml") -> "FaultScript":
        """Read the text of a script.

        Raises:
            ScriptError: It is not one; the message begins with the name and the line.
        """
        try:
            said = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            line = _syntax_line(text)
            raise ScriptError(name, line, str(error).partition(" (at ")[0]) from error
        try:
            return _script(said)
        except _Wrong as error:
            line = _line_of(text, error.number, error.key)
            raise ScriptError(name, line, str(error)) from error.__cause__

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {"seed": self.seed, "fault": [fault.to_json() for fault in self.faults]}

    @classmethod
    def from_json(cls, said: object, *, name: str = "faults") -> "FaultScript":
        """Read a script that was parsed already.

        Raises:
            ScriptError: It is not one.
        """
        try:
            if not isinstance(said, dict):
                raise _Wrong(None, "", "a script is a table")
            return _script(said)
        except _Wrong as error:
            place = "" if error.number is None else f"fault {error.number + 1}: "
            raise ScriptError(name, 0, f"{place}{error}") from error.__cause__


def _script(said: Mapping[str, Any]) -> FaultScript:
    for key in said:
        if key not in ("seed", "fault"):
            raise _Wrong(None, key, f"a script has seed and [[fault]], no {key}")
    seed = said.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise _Wrong(None, "seed", f"seed is a whole number, not {seed!r}")
    stated = said.get("fault", [])
    if not isinstance(stated, list):
        raise _Wrong(None, "fault", "each fault is a [[fault]]")
    return FaultScript(tuple(_fault(number, each) for number, each in enumerate(stated)), seed)


def _fault(number: int, said: object) -> Fault:
    if not isinstance(said, dict):
        raise _Wrong(number, "", "a fault is a table")
    known = {field.name for field in fields(Fault)}
    for key in said:
        if key not in known:
            raise _Wrong(number, key, f"a fault has no {key}")
    if "kind" not in said:
        raise _Wrong(number, "", "a fault needs a kind")
    try:
        return Fault(**said)
    except FaultError as error:
        raise _Wrong(number, error.key, str(error)) from error


def _syntax_line(text: str) -> int:
    """Return the first line without which the text before it would be fine."""
    lines = text.split("\n")
    return min(_readable(lines, len(lines)) + 1, len(lines))


def _readable(lines: list[str], count: int) -> int:
    """Return how many of the first lines are a script by themselves, at most `count`."""
    for number in range(count, 0, -1):
        if _parsed(lines[:number]) is not None:
            return number
    return 0


def _parsed(lines: list[str]) -> dict[str, Any] | None:
    try:
        return tomllib.loads("\n".join(lines))
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _line_of(text: str, number: int | None, key: str) -> int:
    """Return the line in which a key is stated: the first with which it is there."""
    lines = text.split("\n")
    for count in range(1, len(lines) + 1):
        said = _parsed(lines[:count])
        if said is not None and _has(said, number, key):
            # A value may take several lines; it starts after the last that stood alone.
            return _readable(lines, count - 1) + 1
    return len(lines)


def _has(said: Mapping[str, Any], number: int | None, key: str) -> bool:
    if number is None:
        return key in said
    stated = said.get("fault", [])
    if not isinstance(stated, list) or len(stated) <= number:
        return False
    return not key or (isinstance(stated[number], dict) and key in stated[number])
