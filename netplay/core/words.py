"""The few words that events and actions share."""

from __future__ import annotations

from typing import Literal

__all__ = ["ErrorName", "Failure", "Track", "Why"]

Track = Literal["video", "audio", "text"]

Failure = Literal[
    "name",  # the host's name was not found
    "refused",  # nobody listens there, or no connection in time
    "tls",  # no trust in who answered
    "reset",  # the connection broke
    "timeout",  # nothing came for too long
    "status",  # an HTTP status that is not success
    "redirect",  # too many redirects, or one to a forbidden scheme
    "range",  # another range than the one asked for
    "short",  # fewer bytes than announced
    "long",  # more bytes than announced or allowed
    "media",  # the bytes are not the media they should be
    "document",  # the document (playlist, sidx) cannot be read
    "decode",  # the decoder refused them
    "scheme",  # a URL of a scheme that may not be used here
]

Why = Literal["start", "seek", "stall", "pause", "end"]

ErrorName = Literal["DeliveryError", "DecodeError", "LicenseError", "ManifestError", "MediaError"]
