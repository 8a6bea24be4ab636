"""Manifests: text becomes a Presentation. HLS and DASH are read, nothing is fetched."""

from __future__ import annotations

from netplay.errors import ManifestError
from netplay.manifest.resolve import MoreNeeded, resolve
from netplay.manifest.text import decoded, described, is_playlist, root_name
from netplay.manifest.urls import request_url
from netplay.timeline import Presentation

__all__ = ["MoreNeeded", "parse_manifest", "request_url", "resolve"]


def parse_manifest(data: bytes | str, url: str, *, utc_us: int | None = None) -> Presentation:
    """Return what a manifest offers to play: an MPD, or a multivariant or media playlist.

    Args:
        data: The document. An encoding is recognized by its byte order mark or declaration.
        url: Where it came from, after redirects: references in it are resolved against this.
        utc_us: The time, in Unix microseconds, for what depends on it (a live MPD); None:
            when it was published, as far as it says so.

    Raises:
        ManifestError: The document is not a manifest, or is broken.
        UnsupportedManifest: It demands something netplay cannot do.
    """
    # Each reader is loaded when a manifest first calls for it: a title is one or the other.
    text = decoded(data, url)
    if is_playlist(text):
        from netplay.manifest.hls import read_hls

        return read_hls(text, url, utc_us=utc_us)
    if root_name(text) == "MPD":
        from netplay.manifest.dash import read_dash

        return read_dash(text, url, utc_us=utc_us)
    raise ManifestError(url, f"not a manifest: {described(text)}")
