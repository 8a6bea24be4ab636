"""A JSON object of numbers, rows and tables of numbers; what is wrong in it names its line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from netplay.errors import DatasetError
from netplay.lab.files import element_line, entry_line, number, parsed, text

__all__ = ["Sheet"]


class Sheet:
    """The entries of a file that holds one JSON object.

    Raises:
        DatasetError: It holds none.
    """

    def __init__(self, path: Path, what: str) -> None:
        self._path = path
        self._said = text(path)
        found = parsed(self._said, path)
        if not isinstance(found, dict):
            raise DatasetError(str(path), 1, f"not {what}: not a JSON object")
        self._entries: dict[str, object] = found

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def number(self, name: str, *, limit: float) -> float:
        """Return an entry that is a number of 0 to a limit.

        Raises:
            DatasetError: It is none.
        """
        return self._number(self._entries.get(name), name, limit, name, None)

    def row(self, name: str, what: str, *, most: int, limit: float) -> list[float]:
        """Return an entry that is a list of at most so many numbers up to a limit.

        Raises:
            DatasetError: It is none.
        """
        return [
            self._number(one, what, limit, name, place)
            for place, one in enumerate(self._list(name, most))
        ]

    def table(
        self, name: str, what: str, *, columns: int, most: int, limit: float
    ) -> list[list[float]]:
        """Return an entry that has a row a segment and a number a rung in each.

        Raises:
            DatasetError: It has not.
        """
        return list(self._rows(name, what, columns, most, limit))

    def _rows(
        self, name: str, what: str, columns: int, most: int, limit: float
    ) -> Iterator[list[float]]:
        for place, row in enumerate(self._list(name, most)):
            if not isinstance(row, list):
                raise self.wrong(name, f"segment {place} is no list", place=place)
            if len(row) != columns:
                detail = f"segment {place} has {len(row)} of {columns} rungs"
                raise self.wrong(name, detail, place=place)
            yield [self._number(one, what, limit, name, place) for one in row]

    def _list(self, name: str, most: int) -> list[object]:
        found = self._entries.get(name)
        if not isinstance(found, list) or not found:
            raise self.wrong(name, f"{name} is no list")
        if len(found) > most:
            raise self.wrong(name, f"{name} has {len(found):,} entries, more than {most:,}")
        return found

    def _number(
        self, value: object, what: str, limit: float, name: str, place: int | None
    ) -> float:
        try:
            taken = number(value, what)
        except ValueError as error:
            raise self.wrong(name, str(error), place=place) from error
        if taken > limit:
            raise self.wrong(name, f"{what} is {taken:g}", place=place)
        return taken

    def wrong(self, name: str, detail: str, *, place: int | None = None) -> DatasetError:
        """Return what to raise about an entry, or about an element of it."""
        if place is None:
            line = entry_line(self._said, name)
        else:
            line = element_line(self._said, place, name=name)
        return DatasetError(str(self._path), line, detail)
