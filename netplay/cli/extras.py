"""What a command needs that the core install has not; looked for, not imported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec

from netplay.errors import ExtraMissing

__all__ = ["has_extra", "require_extras"]

EXTRAS = {
    "cli": ("typer", "rich"),
    "edge": ("starlette", "uvicorn", "m3u8", "mpegdash"),
    "drm": ("cryptography",),
    "widevine": ("cryptography", "pywidevine"),
}
"""What an extra brings, to see whether it is there without importing it."""

NEEDS = {"demo": ("cli", "edge"), "serve": ("cli", "edge")}
"""What a command needs; the others need "cli" alone."""

OPTIONS = {
    ("demo", "--drm"): {"clearkey": "drm", "widevine": "widevine"},
    ("play", "--key"): {},
    ("play", "--key-file"): {},
    ("play", "--license-url"): {},
    ("play", "--widevine-device"): {"": "widevine"},
}
"""What options of a command need besides, by their value; "" is any; drm where none is said."""


def require_extras(arguments: Sequence[str]) -> None:
    """Do nothing if the arguments can be followed with what is installed.

    Raises:
        ExtraMissing: They cannot; it names every extra that is missing.
    """
    command = next((word for word in arguments if not word.startswith("-")), "")
    needed = [*NEEDS.get(command, ("cli",)), *_of_options(command, arguments)]
    missing = [extra for extra in dict.fromkeys(needed) if not has_extra(extra)]
    if "widevine" in missing and "drm" in missing:
        missing.remove("drm")  # one brings the other
    if missing:
        raise ExtraMissing(command or "the command line", ",".join(missing))


def has_extra(extra: str) -> bool:
    """Return whether all that an extra brings is installed."""
    return all(_is_installed(module) for module in EXTRAS[extra])


def _of_options(command: str, arguments: Sequence[str]) -> Iterable[str]:
    for place, word in enumerate(arguments):
        option, _, value = word.partition("=")
        by_value = OPTIONS.get((command, option))
        if by_value is not None:
            value = value or next(iter(arguments[place + 1 :]), "")
            yield by_value.get(value) or by_value.get("", "drm")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # a finder that refuses rather than passes on
        return False
