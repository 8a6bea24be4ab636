"""Reading the lab's files: whole or line by line, packed or not, never without a bound.

Traces and movies come from anywhere, so a file that is too long, not text or not JSON is
refused with its name and the line, as what is wrong inside it is.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

from netplay.errors import DatasetError

__all__ = ["element_line", "entry_line", "lines", "number", "parsed", "text"]

MAX_BYTES: Final = 256 << 20
"""Of a file, unpacked: a million-period trace as JSON is a fifth of it."""

MAX_LINE_BYTES: Final = 64 << 20

_UNREADABLE: Final = (OSError, EOFError, zlib.error)


def text(path: Path) -> str:
    """Return a file's text, unpacked if its name ends in .gz.

    Raises:
        DatasetError: It cannot be read, is too long or is no text.
    """
    try:
        with _opened(path) as file:
            data = file.read(MAX_BYTES + 1)
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error
    if len(data) > MAX_BYTES:
        raise DatasetError(str(path), None, f"longer than {MAX_BYTES >> 20} MiB")
    return _decoded(data, path, None)


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (number, text) of the lines that are not blank, without the whole file in memory.

    Raises:
        DatasetError: It cannot be read, or a line is too long or no text.
    """
    try:
        with _opened(path) as file:
            place = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                place += 1
                if len(line) > MAX_LINE_BYTES:
                    raise DatasetError(str(path), place, "the line is too long")
                said = _decoded(line, path, place).strip()
                if said:
                    yield place, said
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error


def parsed(said: str, path: Path, *, line: int = 1) -> object:
    """Return what JSON text says; `line` is that of its beginning.

    Raises:
        DatasetError: It is no JSON.
    """
    try:
        return cast("object", json.loads(said))
    except json.JSONDecodeError as error:
        where = line + error.lineno - 1
        raise DatasetError(str(path), where, f"no JSON: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        raise DatasetError(str(path), line, "JSON that nests too deep or has absurd numbers") from (
            error
        )


def entry_line(said: str, name: str) -> int:
    """Return the line at which an entry of an object of valid JSON begins; 1 without one."""
    return said.count("\n", 0, max(0, said.find(json.dumps(name)))) + 1


def element_line(said: str, place: int, *, name: str | None = None) -> int:
    """Return the line at which an element of an array of valid JSON begins.

    Args:
        name: Of the object's entry that is the array; None: the outermost array.
    """
    before = 0 if name is None else said.index(json.dumps(name))
    decoder, at = json.JSONDecoder(), said.index("[", before) + 1
    for _ in range(place):
        at = _past_space(said, at)
        _, at = decoder.raw_decode(said, at)
        at = said.index(",", at) + 1
    return said.count("\n", 0, _past_space(said, at)) + 1


def number(value: object, what: str) -> float:
    """Return a number that is finite and not negative.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{what} is no number")  # noqa: TRY004  # of a file, not of our code
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{what} is {value}")
    return float(value)


def _opened(path: Path) -> gzip.GzipFile:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")
    return cast("gzip.GzipFile", path.open("rb"))


def _decoded(data: bytes, path: Path, line: int | None) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(str(path), line, "not UTF-8 text") from error


def _unreadable(path: Path, error: Exception) -> DatasetError:
    detail = getattr(error, "strerror", None) or str(error)
    return DatasetError(str(path), None, f"cannot be read: {detail}")


def _past_space(said: str, at: int) -> int:
    while said[at].isspace():
        at += 1
    return at
