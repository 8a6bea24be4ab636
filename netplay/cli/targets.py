"""What a person types for a title: a URL, or a path of this machine."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from netplay.io.net.safety import check_scheme
from netplay.io.net.transport import TransferFailed

__all__ = ["checked", "local_path"]

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""Two letters at least, so that a drive letter begins a path."""


def checked(target: str) -> str:
    """Return a target as it is.

    Raises:
        ValueError: It is a URL that nobody could fetch.
    """
    if SCHEME.match(target):
        try:
            check_scheme(target, local=True)
        except TransferFailed as error:
            raise ValueError(error.detail) from error
    elif not target:
        raise ValueError("neither a URL nor a path")
    return target


def local_path(target: str) -> Path | None:
    """Return the path that a path or a file URL means; None for any other URL."""
    if not SCHEME.match(target):
        return Path(target)
    parts = urlsplit(target)
    if parts.netloc.lower() not in ("", "localhost"):
        return None  # a file of another machine is for nobody to read here
    return Path(url2pathname(parts.path)) if parts.scheme.lower() == "file" else None
