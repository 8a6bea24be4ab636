"""What every benchmark here does with its figures: median, 95th percentile, a table, JSON."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["arguments", "median", "percentile", "write_json"]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that so large a share of all is not above."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """Return the middle value, or the mean of the two in the middle."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with what all benchmarks take: --json FILE, "-" for standard output."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


def write_json(path: Path | None, figures: Mapping[str, object]) -> None:
    """Write the figures, if they are wanted."""
    text = json.dumps(figures, indent=2) + "\n"
    if path == Path("-"):
        sys.stdout.write(text)
    elif path is not None:
        path.write_text(text, encoding="utf-8")
