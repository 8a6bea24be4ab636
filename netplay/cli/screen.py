"""What a person sees while a command runs: live on a terminal, nothing anywhere else.

All of it goes to standard error, so that standard output holds the answer alone.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import get_args

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from netplay.cli.words import clock, rate, seconds
from netplay.core.status import State, Status

__all__ = ["Screen"]

BAR_WIDTH = 40

COLOURS = {"playing": "green", "stalled": "red", "failed": "red"}


class Screen:
    """A live screen: `with Screen() as screen`; does nothing where nobody looks.

    Args:
        console: Where to draw; None: standard error, if that is a terminal.
        target_us: How much forward buffer counts as full.
    """

    def __init__(self, console: Console | None = None, *, target_us: int = 30_000_000) -> None:
        if console is None and sys.stderr.isatty():
            console = Console(stderr=True)
        self._console = console
        self._target_us = target_us
        self._live: Live | None = None
        self._host = ""

    def __enter__(self) -> Screen:
        if self._console is not None:
            # Drawn when there is something new, by us: a thread that redraws beside a player
            # costs it frames.
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, text: str) -> None:
        """Show one line that says what is going on, until something else is shown."""
        if self._live is not None:
            self._live.update(Text(text, style="dim"), refresh=True)

    def note(self, text: str) -> None:
        """Write a line that stays, above what is live."""
        if self._live is not None:
            self._live.console.print(Text(text, style="bold yellow"))

    def show(self, status: Status) -> None:
        """Show where playback is."""
        if self._live is not None:
            self._live.update(self._drawn(status), refresh=True)

    def encoding(self) -> Progress | None:
        """Return a progress bar for work that can be measured; None where nobody looks."""
        if self._console is None:
            return None
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )

    def _drawn(self, status: Status) -> Group:
        video, audio = status.lane("video"), status.lane("audio")
        lane = video or audio
        if lane is not None and lane.host:
            self._host = lane.host
        whole_us = status.duration_us
        position = clock(status.position_us) + ("" if whole_us is None else f" / {clock(whole_us)}")
        table = Table.grid(padding=(0, 2))
        table.add_column(width=max(map(len, get_args(State))))
        table.add_column(width=BAR_WIDTH)
        table.add_column(no_wrap=True, overflow="ellipsis")
        state = Text(status.state, style=COLOURS.get(status.state, "yellow"))
        table.add_row(state, _bar(status.position_us, whole_us), position)
        table.add_row("buffer", _bar(status.ahead_us, self._target_us), seconds(status.ahead_us, 1))
        rung = "…"
        if lane is not None and lane.rung >= 0:
            height = f"{lane.height}p  " if lane.height else ""
            rung = f"{height}{rate(lane.bitrate_bps)}  ({lane.rung + 1} of {lane.rungs})"
        table.add_row("rung", rung, status.reason)
        believed = "…" if status.throughput_bps is None else rate(status.throughput_bps)
        table.add_row("link", f"{believed}  from {self._host or '…'}", f"stalls {status.stalls}")
        return Group(table)


def _bar(done: int, whole: int | None) -> ProgressBar | Text:
    if not whole:
        return Text("")
    return ProgressBar(total=whole, completed=min(done, whole), width=BAR_WIDTH)
