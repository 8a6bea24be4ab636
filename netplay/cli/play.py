"""`netplay play`: one title, in real time, to nowhere, and how it went."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from functools import partial

import anyio

from netplay.cli.outcome import summary_lines
from netplay.cli.playing import PlayRequest, watch
from netplay.cli.screen import Screen
from netplay.errors import ExtraMissing, LicenseError
from netplay.telemetry.log import LogWriter
from netplay.telemetry.summary import Summary

__all__ = ["play"]


def play(wanted: PlayRequest, *, log: LogWriter | None = None, as_json: bool = False) -> None:
    """Play a title and write to standard output how it went.

    Raises:
        NetplayError: Playback failed.
        ExtraMissing: The title is protected, and no key system is installed.
        OSError, LogError: The log could not be written.
    """
    with ExitStack() as stack:
        taps = () if log is None else (stack.enter_context(log),)
        screen = stack.enter_context(Screen(target_us=wanted.rules.target_us))
        try:
            summary: Summary = anyio.run(partial(watch, wanted, screen, taps=taps))
        except LicenseError:
            if wanted.key_systems:
                raise
            raise ExtraMissing("a protected title", "drm") from None
    if as_json:
        sys.stdout.write(json.dumps(summary.to_json()) + "\n")
    else:
        sys.stdout.write("\n".join(summary_lines(summary)) + "\n")
