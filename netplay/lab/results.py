"""Rows of results in a file: written as they come, read back to go on where it was left.

JSON Lines and CSV grow row by row. Parquet cannot, so rows are gathered in a JSON Lines
file beside it until the study is complete.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Final, TextIO, cast

from netplay.errors import DatasetError, ExtraMissing
from netplay.lab.files import lines, parsed
from netplay.lab.plan import Row

__all__ = ["COLUMNS", "Results", "columns"]

COLUMNS: Final = (
    "trace",
    "traces",
    "movie",
    "abr",
    "profile",
    "played_bitrate_kbps",
    "played_utility",
    "score",
    "play_time_s",
    "rebuffer_s",
    "rebuffer_ratio",
    "rebuffers",
    "startup_s",
    "switches",
    "bitrate_change_kbps",
)
_SOURCE: Final = (
    "ending",
    "error",
    "seed",
    "settings",
    "buffer_s",
    "abandon",
    "link",
    "netplay",
    "python",
)
_IDENTITY: Final = (
    *("trace", "traces", "movie", "abr", "profile"),
    *("seed", "settings", "buffer_s", "abandon", "link", "netplay"),
)
_WORDS: Final = frozenset(
    (*_IDENTITY[:5], "ending", "error", "settings", "link", "netplay", "python"),
)
_FORMATS: Final = (".jsonl", ".csv", ".parquet")


def columns(qoe: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of rows, in order."""
    return (*COLUMNS, *(f"qoe_{name}" for name in qoe), *_SOURCE)


class Results:
    """A file of rows that grows.

    Args:
        path: Ends in .jsonl, .csv or .parquet.
        qoe: The QoE models that rows have.

    Raises:
        ValueError: Its name ends in something else.
        ExtraMissing: Parquet, and pyarrow is not installed.
        DatasetError: What is there already is no such file.
    """

    def __init__(self, path: Path, qoe: Sequence[str]) -> None:
        if path.suffix not in _FORMATS:
            raise ValueError(f"results end in {', '.join(_FORMATS)}, not as {path.name}")
        if path.suffix == ".parquet":
            _need_parquet()
        self._path = path
        self._columns = columns(qoe)
        self._growing = path if path.suffix != ".parquet" else path.with_suffix(".parquet.jsonl")
        self.rows: list[Row] = self._read()
        self._file: TextIO | None = None

    def of(self, heading: Row) -> Row | None:
        """Return a session's row; None if it is not there or was a failure."""
        return self._done.get(_identity(heading))

    def __enter__(self) -> Results:
        # Anew, without a last line that was cut off and without failures: those are repeated.
        self._file = self._growing.open("w", encoding="utf-8", newline="")
        if self._growing.suffix == ".csv":
            self._file.write(_csv_line(self._columns))
        for row in self.rows:
            self._file.write(self._line(row))
        self._file.flush()
        return self

    def write(self, row: Row) -> None:
        """Add a row, for good."""
        assert self._file is not None, "rows are written between enter and exit"
        self.rows.append(row)
        self._file.write(self._line(row))
        self._file.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._file is not None
        self._file.close()
        if kind is None and self._path.suffix == ".parquet":
            self._write_parquet()
            self._growing.unlink()

    def _line(self, row: Row) -> str:
        if self._growing.suffix == ".csv":
            return _csv_line(["" if row.get(name) is None else row[name] for name in self._columns])
        return json.dumps({name: row.get(name) for name in self._columns}) + "\n"

    def _read(self) -> list[Row]:
        found = [row for row in self._found() if not row.get("error")]
        self._done = {_identity(row): row for row in found}
        return found

    def _found(self) -> Iterator[Row]:
        if self._growing.exists():
            read = _read_csv if self._growing.suffix == ".csv" else _read_lines
            yield from read(self._growing, self._columns)
        elif self._path.exists():
            yield from _read_parquet(self._path, self._columns)

    def _write_parquet(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = {name: [row.get(name) for row in self.rows] for name in self._columns}
        pq.write_table(pa.table(table), self._path)


def _identity(row: Row) -> tuple[object, ...]:
    return tuple(row.get(name) for name in _IDENTITY)


def _read_lines(path: Path, names: Sequence[str]) -> Iterator[Row]:
    held: tuple[int, str] | None = None
    for line, said in lines(path):
        if held is not None:
            yield _row(held, path, names)
        held = (line, said)
    if held is not None and held[1].endswith("}"):  # else it was cut off while it was written
        yield _row(held, path, names)


def _row(held: tuple[int, str], path: Path, names: Sequence[str]) -> Row:
    line, said = held
    row = parsed(said, path, line=line)
    if not isinstance(row, dict) or set(row) != set(names):
        raise DatasetError(str(path), line, "not a row of this study: other columns")
    return cast("Row", row)


def _read_csv(path: Path, names: Sequence[str]) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, None)
        if header is None:
            return
        if tuple(header) != tuple(names):
            raise DatasetError(str(path), 1, "not the results of this study: other columns")
        for cells in reader:
            if len(cells) == len(names):  # else it was cut off while it was written
                yield {
                    name: _value(name, cell, path, reader.line_num)
                    for name, cell in zip(names, cells, strict=True)
                }


def _value(name: str, cell: str, path: Path, line: int) -> object:
    if name in _WORDS:
        return cell
    if name == "abandon":
        return cell == "True"
    try:
        return None if cell == "" else json.loads(cell)
    except json.JSONDecodeError as error:
        raise DatasetError(str(path), line, f"{name} is no number") from error


def _read_parquet(path: Path, names: Sequence[str]) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(str(path), None, f"no Parquet: {error}") from error
    if set(table.column_names) != set(names):
        raise DatasetError(str(path), None, "not the results of this study: other columns")
    yield from cast("list[Row]", table.to_pylist())


def _csv_line(cells: Sequence[object]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _need_parquet() -> None:
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        raise ExtraMissing("Parquet", "lab")
