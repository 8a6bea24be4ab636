"""The DASH reader: an MPD becomes a Presentation."""

from netplay.manifest.dash.reader import read_dash

__all__ = ["read_dash"]
