"""The command line itself, to which the commands are added, and how it says no."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["Abort", "Json", "UsageError", "app"]

# Typer carries its own copy of Click since 0.26 and used Click's before, so that the class
# behind all "bad arguments" has two homes; this is it in either.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]

Abort = typer.Abort

app = typer.Typer(
    name="netplay",
    help="Play, inspect and demonstrate HLS and DASH titles.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 the world failed, 2 bad arguments, 130 interrupted.",
)

Json = Annotated[bool, typer.Option("--json", help="Say the outcome as one JSON object.")]
