"""Public names that are loaded when they are first used.

A package that offers much would otherwise make everybody wait for all of it at start.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module

__all__ = ["lazily"]


def lazily(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Return a module's `__getattr__` that fetches names from where they live (PEP 562).

    Args:
        package: The package that offers the names.
        homes: Name to module.
    """

    def fetch(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(import_module(homes[name]), name)
        # Next time it is found without asking here.
        setattr(sys.modules[package], name, value)
        return value

    return fetch
