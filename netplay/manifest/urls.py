"""References become URLs (RFC 3986 §5.2), whatever the scheme.

`urllib.parse.urljoin` resolves only the schemes it knows; apps bring their own (a store on
disk, a proxy inside the process), and a manifest read through one refers to its neighbours
like any other.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from netplay.timeline import Location

__all__ = ["request_url", "resolve_url"]

_PARTS = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL
)
"""RFC 3986 appendix B: scheme, authority, path, query, fragment."""


def resolve_url(base: str, reference: str) -> str:
    """Return a reference made absolute; white space around it does not count."""
    reference = reference.strip()
    scheme, authority, path, query, fragment = _split(reference)
    if scheme is not None:
        return reference
    base_scheme, base_authority, base_path, base_query, _ = _split(base)
    if authority is None:
        authority = base_authority
        if not path:
            path, query = base_path or "", base_query if query is None else query
        elif not path.startswith("/"):
            path = _merged(base_path or "", path, rooted=base_authority is not None)
    shown_scheme = "" if base_scheme is None else f"{base_scheme}:"
    shown_authority = "" if authority is None else f"//{authority}"
    return (
        f"{shown_scheme}{shown_authority}{_without_dots(path or '')}{query or ''}{fragment or ''}"
    )


def request_url(location: Location, uri: str) -> str:
    """Return the URL of a reference at one of the places it can be fetched from.

    Letters outside ASCII are percent-encoded as UTF-8 (RFC 3987 §3.1); what is escaped
    already stays as it is.
    """
    url = resolve_url(location.url, uri) if uri else location.url
    return url if url.isascii() else quote(url, safe="".join(map(chr, range(33, 127))))


def _split(url: str) -> tuple[str | None, ...]:
    match = _PARTS.match(url)
    assert match is not None, "every part of the pattern may be empty"
    return match.groups()


def _merged(base_path: str, path: str, *, rooted: bool) -> str:
    if rooted and not base_path:
        return f"/{path}"
    return base_path[: base_path.rfind("/") + 1] + path


def _without_dots(path: str) -> str:
    """Return a path without "." and ".." (RFC 3986 §5.2.4)."""
    if "/." not in path and not path.startswith("."):
        return path
    rooted = path.startswith("/")
    steps = path.split("/")
    kept: list[str] = []
    for step in steps[1:] if rooted else steps:
        if step == "..":
            kept = kept[:-1]
        elif step != ".":
            kept.append(step)
    if steps[-1] in (".", ".."):
        kept.append("")
    return ("/" if rooted else "") + "/".join(kept)
