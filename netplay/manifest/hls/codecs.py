"""What a list of codecs and a file name tell about the kind of media."""

from __future__ import annotations

from urllib.parse import urlsplit

from netplay.codecs import kind_of
from netplay.timeline import Kind

__all__ = ["kinds_of", "mime_type_of"]

_MIME_TYPES = {
    "ts": "video/mp2t", "m2ts": "video/mp2t", "tsv": "video/mp2t", "mts": "video/mp2t",
    "mp4": "video/mp4", "m4s": "video/mp4", "m4v": "video/mp4", "cmfv": "video/mp4",
    "m4f": "video/mp4", "m4i": "video/mp4",
    "m4a": "audio/mp4", "cmfa": "audio/mp4", "tsa": "audio/mp2t",
    "aac": "audio/aac", "mp3": "audio/mpeg", "ac3": "audio/ac3", "ec3": "audio/eac3",
    "ac4": "audio/ac4",
    "vtt": "text/vtt", "webvtt": "text/vtt",
    "ttml": "application/ttml+xml", "cmft": "application/mp4",
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png",
    "webm": "video/webm",
}  # fmt: skip
"""File name extensions in use for segments; RFC 8216bis §3.1 leaves them open."""


def kinds_of(codecs: tuple[str, ...]) -> set[Kind]:
    """Return everything that codecs are known to carry."""
    return {found for codec in codecs if (found := kind_of(codec)) is not None}


def mime_type_of(uri: str) -> str:
    """Return the MIME type that the extension of a file name stands for; "" if none."""
    try:
        path = urlsplit(uri).path
    except ValueError:  # such as an unclosed IPv6 address
        return ""
    name, dot, extension = path.rpartition("/")[2].rpartition(".")
    return _MIME_TYPES.get(extension.lower(), "") if dot and name else ""
