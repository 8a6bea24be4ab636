"""The `netplay` command: play, inspect and demo.

How a command ends is decided here and nowhere else: 0 when it did what was asked, 1 when
the world failed, 2 when the arguments cannot work, 130 after Ctrl-C; and one line on
standard error that says why. The core install has no command-line libraries, so what a
command needs is looked for before anything of it is imported.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version

from netplay.cli.extras import require_extras
from netplay.errors import ExtraMissing, NetplayError

__all__ = ["main"]

DONE, WORLD_FAILED, BAD_ARGUMENTS, INTERRUPTED = 0, 1, 2, 130

SECRETS = ("--key", "--license-header")
"""Options whose values no message repeats, not even where they were misplaced."""

STRAY = re.compile(r"(unexpected extra argument\S*) \(.*\)", re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Perform one command and return its exit code.

    Args:
        arguments: Without the program's name; None: those of this process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    # A locale that lacks a character should cost that character, not the answer.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if given == ["--version"]:
        sys.stdout.write(f"netplay {version('netplay')}\n")
        return DONE
    try:
        return _performed(given)
    except KeyboardInterrupt:
        return INTERRUPTED
    except ExtraMissing as error:
        return _failed(error, BAD_ARGUMENTS, given)
    except (NetplayError, OSError) as error:
        return _failed(error, WORLD_FAILED, given)


def _performed(arguments: list[str]) -> int:
    require_extras(arguments)
    from netplay.cli.commands import Abort, UsageError, perform
    from netplay.telemetry.log import LogError

    try:
        return perform(arguments)
    except UsageError as error:
        return _failed(error, BAD_ARGUMENTS, arguments)
    except Abort:  # what older versions of Typer make of Ctrl-C
        return INTERRUPTED
    except LogError as error:  # the disk did not keep up
        return _failed(error, WORLD_FAILED, arguments)


def _failed(error: Exception, code: int, arguments: list[str]) -> int:
    """Say why in one line, and as JSON where JSON was asked for; return the exit code."""
    said = error.format_message() if hasattr(error, "format_message") else str(error)
    if code == BAD_ARGUMENTS and any(word.startswith(SECRETS) for word in arguments):
        said = STRAY.sub(r"\1", said)
    line = " ".join(said.split()) or type(error).__name__
    sys.stderr.write(f"netplay: {line}\n")
    if "--json" in arguments:
        told: dict[str, object] = {"type": type(error).__name__, "message": line}
        if isinstance(error, NetplayError):
            told["code"] = error.code
        told["attempts"] = [list(attempt) for attempt in getattr(error, "attempts", ())]
        sys.stdout.write(json.dumps({"error": told}) + "\n")
    return code
