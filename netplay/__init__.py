"""Client playback SDK: HLS and DASH, adaptive bitrate, edge servers, DRM, decoding."""
