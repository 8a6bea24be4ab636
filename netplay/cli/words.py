"""Numbers as people read them, and rows as columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["clock", "columns", "rate", "seconds", "size"]


def clock(position_us: int) -> str:
    """Return a position as "1:02:03.4".

    >>> clock(3_723_450_000), clock(59_990_000), clock(-1_500_000)
    ('1:02:03.4', '0:59.9', '-0:01.5')
    """
    tenths = abs(position_us) // 100_000
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    shown = f"{hours}:{minutes:02}" if hours else str(minutes)
    return f"{'-' if position_us < 0 else ''}{shown}:{rest // 10:02}.{rest % 10}"


def seconds(duration_us: float, digits: int = 2) -> str:
    """Return a duration as "0.41 s".

    >>> seconds(412_300)
    '0.41 s'
    """
    return f"{duration_us / 1e6:.{digits}f} s"


def rate(bps: float) -> str:
    """Return a bitrate as "235 kb/s" or "4.30 Mb/s".

    >>> rate(235_400), rate(4_300_000)
    ('235 kb/s', '4.30 Mb/s')
    """
    return f"{bps / 1e6:.2f} Mb/s" if bps >= 999_500 else f"{bps / 1e3:.0f} kb/s"


def size(count: float) -> str:
    """Return a number of bytes as "512 B", "48.1 kB" or "15.2 MB".

    >>> size(512), size(48_100), size(15_200_000)
    ('512 B', '48.1 kB', '15.2 MB')
    """
    if count < 1000:
        return f"{count:.0f} B"
    return f"{count / 1e3:.1f} kB" if count < 999_950 else f"{count / 1e6:.1f} MB"


def columns(rows: Iterable[Sequence[str]], *, indent: str = "") -> list[str]:
    """Return rows as lines whose cells begin under each other; empty columns are left out.

    >>> columns([("a", "", "bb"), ("ccc", "", "d")], indent="  ")
    ['  a    bb', '  ccc  d']
    """
    table = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        indent
        + "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width
        ).rstrip()
        for row in table
    ]
