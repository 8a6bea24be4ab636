"""The public API is a checked-in listing, so that a change of it shows in a diff.

When a change is meant: `.venv/bin/python tests/test_public_api.py > docs/public-api.txt`.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

LISTING = Path(__file__).resolve().parent.parent / "docs" / "public-api.txt"
PACKAGES = ("netplay", "netplay.blocking", "netplay.sim", "netplay.telemetry", "abr", "drm")


def described(package: str) -> Iterator[str]:
    """Yield a line for everything a package names as public."""
    module = importlib.import_module(package)
    for name in sorted(getattr(module, "__all__", ())):
        value = getattr(module, name)
        where = f"{package}.{name}"
        if inspect.isclass(value):
            yield f"class {where}{fields(value)}"
            yield from methods(where, value)
        elif inspect.isfunction(value):
            yield f"def {where}{inspect.signature(value)}"
        else:
            yield f"{where}"


def fields(cls: type) -> str:
    """Return what a class is made with."""
    if dataclasses.is_dataclass(cls):
        return "(" + ", ".join(f"{one.name}: {one.type}" for one in dataclasses.fields(cls)) + ")"
    if issubclass(cls, BaseException) or getattr(cls, "_is_protocol", False):
        return ""
    return str(inspect.signature(cls))


def methods(where: str, cls: type) -> Iterator[str]:
    """Yield a line for every public method and property that a class itself defines."""
    for name, value in sorted(vars(cls).items()):
        if name.startswith("_"):
            continue
        if inspect.isfunction(value):
            yield f"    def {where}.{name}{inspect.signature(value)}"
        elif isinstance(value, property):
            yield f"    {where}.{name}"


def listing() -> str:
    """Return the listing as it is now."""
    lines = [line for package in PACKAGES for line in described(package)]
    # A default that is a function shows where it lies in memory.
    return re.sub(r" at 0x[0-9a-f]+", "", "\n".join(lines)) + "\n"


def test_the_public_api_is_the_checked_in_listing() -> None:
    assert listing() == LISTING.read_text(encoding="utf-8")


if __name__ == "__main__":
    print(listing(), end="")  # noqa: T201
