"""What RFC 6381 codec strings and file names tell about the kind of media."""

from __future__ import annotations

from urllib.parse import urlsplit

from netplay.timeline import Kind

__all__ = ["codec_list", "family", "kind_of_codec", "kinds_of", "mime_type_of"]

_FAMILIES = {
    "avc1": "avc", "avc2": "avc", "avc3": "avc", "avc4": "avc", "svc1": "avc",
    "hvc1": "hevc", "hev1": "hevc", "dvh1": "hevc", "dvhe": "hevc",
    "vvc1": "vvc", "vvi1": "vvc",
    "av01": "av1", "dav1": "av1",
    "vp08": "vp8", "vp8": "vp8", "vp09": "vp9", "vp9": "vp9",
    "dvav": "avc", "dva1": "avc",
    "mp4v": "mpeg4", "theora": "theora",
    "mjpg": "jpeg", "jpeg": "jpeg",
}  # fmt: skip
"""Sample entries (mp4ra.org) to the family that one decoder decodes."""

_AUDIO = {
    "mp4a", "ac-3", "ec-3", "ac-4", "a3ds", "opus", "flac", "fla", "alac", "mp3", "vorbis",
    "dtsc", "dtse", "dtsh", "dtsl", "dtsx", "mha1", "mhm1", "mhm2", "iamf", "aac", "usac", "apac",
    "xhe", "lc3", "sevc", "samr", "sawb", "ac3", "eac3",
}  # fmt: skip
_TEXT = {"wvtt", "stpp", "vtt", "webvtt", "ttml", "tx3g", "c608", "c708"}

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


def codec_list(text: str) -> tuple[str, ...]:
    """Return the codecs of a CODECS attribute, in their order, each once."""
    return tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


def family(codec: str) -> str:
    """Return the family of a video codec; "" for what is not a known video codec."""
    return _FAMILIES.get(codec.partition(".")[0].lower(), "")


def kind_of_codec(codec: str) -> Kind | None:
    """Return what a codec carries; None if it is not known."""
    name = codec.partition(".")[0].lower()
    if name in _FAMILIES:
        return "video"
    if name in _AUDIO:
        return "audio"
    return "text" if name in _TEXT else None


def kinds_of(codecs: tuple[str, ...]) -> set[Kind]:
    """Return everything that codecs are known to carry."""
    return {kind for codec in codecs if (kind := kind_of_codec(codec)) is not None}


def mime_type_of(uri: str) -> str:
    """Return the MIME type that the extension of a file name stands for; "" if none."""
    try:
        path = urlsplit(uri).path
    except ValueError:  # such as an unclosed IPv6 address
        return ""
    name, dot, extension = path.rpartition("/")[2].rpartition(".")
    return _MIME_TYPES.get(extension.lower(), "") if dot and name else ""
