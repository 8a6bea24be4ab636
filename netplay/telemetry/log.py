"""A session as JSON Lines: a header, then one line for each event and each action.

The log is complete: fed into a new Session made as the header says, its events lead to
its actions again. It holds no secrets (see `netplay.telemetry.redaction`). A log whose
last line is not the closing one was cut off, by a crash or a full disk; what it holds
up to there is as good as any.

    {"format": 1, "netplay": "0.1.0", "seed": 7, "controller": "hybrid", …}
    {"now_us": 0, "event": {"is": "Opened", …}}
    {"now_us": 0, "action": {"is": "Fetch", "fetch_id": 1, …}}
    {"lines": 2}
"""

from __future__ import annotations

import dataclasses
import json
import platform
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import TextIO, cast

from netplay.telemetry.redaction import Redaction
from netplay.telemetry.unwire import decode
from netplay.telemetry.wire import ACTIONS, Message, Text, WireError, encode

__all__ = ["Header", "Log", "LogError", "LogLines", "LogWriter", "Record", "read_log"]

FORMAT = 1

# The longest line is an Opened or a Resolved: about 100 bytes a segment, so this holds a
# playlist of a million of them, and no more of a file that is not a log.
LONGEST_LINE = 128 << 20

# Messages waiting for the disk. A session makes some tens a second, so this is an hour
# of a disk that does not answer.
BACKLOG = 200_000


class LogError(ValueError):
    """A file is not a session log, or not to be read by this version.

    Attributes:
        line: Where, counted from 1.
        detail: What is wrong there.
    """

    def __init__(self, line: int, detail: str) -> None:
        self.line = line
        self.detail = detail
        super().__init__(f"line {line}: {detail}")


@dataclass(frozen=True, slots=True)
class Header:
    """What a Session was made with, so that it can be made again.

    Attributes:
        seed: Of its jitter.
        controller: The controller's name, as `abr.controller` knows it, or its class's.
        settings: The controller's settings, as JSON values.
        rules: The SessionRules, as JSON values.
        notes: Whatever else the writer wants to be remembered, as JSON values.
    """

    seed: int = 0
    controller: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    rules: Mapping[str, object] = field(default_factory=dict)
    notes: Mapping[str, object] = field(default_factory=dict)
    netplay: str = field(default_factory=lambda: version("netplay"))
    python: str = field(default_factory=platform.python_version)

    @classmethod
    def of(
        cls,
        controller: str,
        settings: object,
        *,
        rules: object,
        seed: int,
        notes: Mapping[str, object] | None = None,
    ) -> Header:
        """Return the header of a Session; settings and rules are dataclasses or mappings."""
        return cls(seed, controller, _plain(settings), _plain(rules), notes or {})


@dataclass(frozen=True, slots=True)
class Record:
    """One event or action of a log.

    Attributes:
        line: Its line in the file, counted from 1.
    """

    line: int
    now_us: int
    message: Message


@dataclass(frozen=True, slots=True)
class Log:
    """A session as it was recorded.

    Attributes:
        complete: The closing line is there: nothing is missing at the end.
    """

    header: Header
    records: tuple[Record, ...]
    complete: bool


class LogLines:
    """Turns messages into the lines of a log, one after the other."""

    def __init__(self, text: Text | None = None) -> None:
        self._text = Redaction() if text is None else text
        self._lines = 0

    def first(self, header: Header) -> str:
        """Return the header's line."""
        raw = {one.name: getattr(header, one.name) for one in dataclasses.fields(header)}
        return _line({"format": FORMAT, **raw})

    def next(self, now_us: int, message: Message) -> str:
        """Return a message's line."""
        self._lines += 1
        kind = "action" if isinstance(message, ACTIONS) else "event"
        return _line({"now_us": now_us, kind: encode(message, self._text)})

    def last(self) -> str:
        """Return the closing line."""
        return _line({"lines": self._lines})


class LogWriter:
    """A tap that writes a log to a file and never keeps playback waiting.

    The tap only queues the message; a thread encodes and writes. `close` waits for it,
    and raises what went wrong there: OSError from the disk, WireError from a message that
    cannot be written, or LogError when the disk fell hopelessly behind.

    Args:
        path: Written anew.
        header: What the Session was made with.
        salt: Makes the digests of secrets comparable between logs; None: of this log alone.
    """

    def __init__(self, path: str | Path, header: Header, *, salt: bytes | None = None) -> None:
        self._queue: queue.SimpleQueue[tuple[int, Message] | None] = queue.SimpleQueue()
        self._overrun = False
        # Opened here, so that a path that cannot be written is known before playback.
        stream = Path(path).open("w", encoding="ascii", newline="\n")  # noqa: SIM115
        self._written: Future[int] = Future()
        # A daemon: an app that forgets to close its log can still end.
        self._thread = threading.Thread(
            target=self._run,
            args=(stream, LogLines(Redaction(salt)), header),
            name="netplay-log",
            daemon=True,
        )
        self._thread.start()

    def __call__(self, now_us: int, message: Message) -> None:
        """Queue a message."""
        if self._written.done() or self._overrun:
            return  # it failed; close() says how
        if self._queue.qsize() >= BACKLOG:
            self._overrun = True
            return
        self._queue.put((now_us, message))

    def close(self) -> None:
        """Write what is queued and the closing line; raise what went wrong, if anything did."""
        self._queue.put(None)
        self._thread.join()
        lines = self._written.result()
        if self._overrun:
            raise LogError(lines, "the disk fell behind; the log ends here")

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, stream: TextIO, lines: LogLines, header: Header) -> None:
        try:
            self._written.set_result(self._write(stream, lines, header))
        except BaseException as error:  # noqa: BLE001 - close() raises it where it belongs
            self._written.set_exception(error)

    def _write(self, stream: TextIO, lines: LogLines, header: Header) -> int:
        """Write until told to end; return how many lines there are."""
        count = 1
        with stream:
            stream.write(lines.first(header))
            while (item := self._next(stream)) is not None:
                stream.write(lines.next(*item))
                count += 1
            if not self._overrun:
                stream.write(lines.last())
        return count

    def _next(self, stream: TextIO) -> tuple[int, Message] | None:
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            # Idle: what is written so far survives a crash from here on.
            stream.flush()
            return self._queue.get()


def read_log(source: str | Path | Iterable[str]) -> Log:
    """Read a log.

    Args:
        source: A file, or its lines.

    Raises:
        LogError: It is not a log, or a line of it cannot be read. A last line that was cut
            off is left out instead, and the log is not complete.
    """
    if isinstance(source, str | Path):
        with Path(source).open(encoding="utf-8", errors="replace") as stream:
            return _read(_bounded(stream))
    return _read(iter(source))


def _bounded(stream: TextIO) -> Iterator[str]:
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE and not line.endswith("\n"):
            raise LogError(number, f"longer than {LONGEST_LINE} characters")
        yield line


def _read(lines: Iterator[str]) -> Log:
    header = _read_header(next(lines, ""))
    records: list[Record] = []
    for number, line in enumerate(lines, 2):
        try:
            raw = _object(number, line)
        except LogError:
            if line.endswith("\n"):
                raise
            break  # cut off while it was written
        if "lines" in raw:
            if raw["lines"] != len(records):
                raise LogError(number, f"{len(records)} records, not {raw['lines']}, precede it")
            return Log(header, tuple(records), complete=True)
        records.append(_record(number, raw))
    return Log(header, tuple(records), complete=False)


def _read_header(line: str) -> Header:
    raw = _object(1, line)
    if raw.pop("format", None) != FORMAT:
        raise LogError(1, f"no session log of format {FORMAT}")
    known = {one.name: one.type for one in dataclasses.fields(Header)}
    for name, value in raw.items():
        kind = {"int": int, "str": str}.get(str(known.get(name)), dict)
        if name not in known or not isinstance(value, kind):
            raise LogError(1, f"the header's {name!r} is not known or not what it should be")
    missing = sorted(known.keys() - raw.keys())
    if missing:
        raise LogError(1, f"the header lacks {', '.join(missing)}")
    return Header(
        seed=cast("int", raw["seed"]),
        controller=cast("str", raw["controller"]),
        settings=cast("dict[str, object]", raw["settings"]),
        rules=cast("dict[str, object]", raw["rules"]),
        notes=cast("dict[str, object]", raw["notes"]),
        netplay=cast("str", raw["netplay"]),
        python=cast("str", raw["python"]),
    )


def _record(number: int, raw: dict[str, object]) -> Record:
    now_us = raw.get("now_us")
    if type(now_us) is not int:
        raise LogError(number, "now_us is missing or no integer")
    kind = "action" if "action" in raw else "event"
    try:
        message = decode(raw.get(kind))
    except WireError as error:
        raise LogError(number, str(error)) from error
    if isinstance(message, ACTIONS) != (kind == "action"):
        raise LogError(number, f"{type(message).__name__} is no {kind}")
    return Record(number, now_us, message)


def _object(number: int, line: str) -> dict[str, object]:
    try:
        raw: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LogError(number, f"not JSON ({error})") from error
    if not isinstance(raw, dict):
        raise LogError(number, f"a JSON {type(raw).__name__}, not an object")
    return raw


def _line(raw: Mapping[str, object]) -> str:
    return json.dumps(raw, separators=(",", ":"), default=_jsonable) + "\n"


def _plain(value: object) -> dict[str, object]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if not isinstance(value, Mapping):
        raise TypeError(f"settings are a dataclass or a mapping, not {type(value).__name__}")
    return cast("dict[str, object]", json.loads(json.dumps(dict(value), default=_jsonable)))


def _jsonable(value: object) -> object:
    """Say what stands for a value that JSON has no form for; for settings, not for messages."""
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
