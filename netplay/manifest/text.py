"""Bytes from a server become text, and what is no manifest is told apart by its looks."""

from __future__ import annotations

import codecs
import re

from netplay.errors import ManifestError

__all__ = ["MAX_BYTES", "after_prolog", "decoded", "described", "is_playlist", "root_name"]

MAX_BYTES = 64 << 20
"""A day of 2 s segments listed one by one on ten renditions stays under half of it."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
_PROLOG = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_DOCTYPE = re.compile(r"<!DOCTYPE[^\[>]*>", re.IGNORECASE)
_TAG = re.compile(r"^[ \t]*#EXT(?:M3U|INF:|-X-)", re.MULTILINE)
_ELEMENT = re.compile(r"<(?:[\w.-]{1,100}:)?([\w.-]{1,100})")


def decoded(data: bytes | str, url: str) -> str:
    """Return a document as text, without byte order mark and leading white space.

    Bytes that are no text in the encoding they claim become replacement characters: one
    broken title must not make a film unplayable.

    Raises:
        ManifestError: It is larger than MAX_BYTES.
    """
    if len(data) > MAX_BYTES:
        raise ManifestError(url, f"{len(data)} bytes are more than a manifest may have")
    if isinstance(data, str):
        text = data.encode("utf-8", "replace").decode("utf-8")
    else:
        text = _from_bytes(data)
    return text.lstrip("\ufeff \t\r\n")


def _from_bytes(data: bytes) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if data[:2] in (b"<\0", b"#\0"):
        return data.decode("utf-16-le", "replace")
    if data[:2] in (b"\0<", b"\0#"):
        return data.decode("utf-16-be", "replace")
    declared = _DECLARED.match(data.lstrip()[:300])
    encoding = declared[1].decode("ascii") if declared else "utf-8"
    try:
        return data.decode(encoding, "replace")
    except (LookupError, UnicodeError):
        return data.decode("utf-8", "replace")


def after_prolog(text: str) -> int:
    """Return where white space, comments and instructions before the first element end."""
    place = 0
    while skipped := _PROLOG.match(text, place):
        place = skipped.end()
    return place


def is_playlist(text: str) -> bool:
    """Whether a document looks like HLS, with or without the #EXTM3U that should begin it."""
    return text[:1] not in ("<", "{", "[") and _TAG.search(text, 0, 65_536) is not None


def root_name(text: str) -> str:
    """Return the name of the first element of what may be XML, without prefix; "" if none."""
    place = after_prolog(text)
    if doctype := _DOCTYPE.match(text, place):
        place = doctype.end() + after_prolog(text[doctype.end() :])
    match = _ELEMENT.match(text, place)
    return "" if match is None else match[1]


def described(text: str) -> str:
    """Return what a document that is no manifest looks like, for an error message."""
    if not text:
        return "the document is empty"
    root = root_name(text)
    if root.lower() in ("html", "head", "body", "title") or text[:15].lower() == "<!doctype html>":
        return "it is an HTML page"
    if root == "SmoothStreamingMedia":
        return "it is a Smooth Streaming manifest, which is not supported"
    if root == "Patch":
        return "it is a patch for an MPD, not an MPD"
    if root:
        return f"it is XML whose root element is {root[:60]!r}"
    if text[0] in "{[":
        return "it looks like JSON"
    if text[4:8] in ("ftyp", "styp", "moof", "sidx", "moov"):
        return "it is a media file, not a manifest"
    return f"it begins with {text[:40]!r}"
