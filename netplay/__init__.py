"""Client playback SDK: HLS and DASH, adaptive bitrate, edge servers, DRM, decoding."""

from netplay.manifest import parse_manifest

__all__ = ["parse_manifest"]
