"""Codec strings, as manifests and init segments write them, understood.

`family("hvc1.2.4.L153.B0")` is all a player needs to choose a decoder; `understand` adds
what the string tells about depth and transfer, which decides what a display can show. A
table, not a parser of everything: what is not told stays None, and a codec nobody here
knows has no family rather than a guess.

Sources: RFC 6381; ISO/IEC 14496-15 annex E (AVC, HEVC); the AV1 and VP9 codec string
definitions in their ISOBMFF bindings; Dolby Vision Streams within HLS and MPEG-DASH.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Codec", "Family", "Kind", "Transfer", "family", "kind_of", "split_codecs", "understand"]

Family = Literal[
    "h264", "hevc", "vvc", "vp8", "vp9", "av1", "mpeg4", "jpeg",
    "aac", "ac3", "eac3", "ac4", "dts", "mpegh", "opus", "vorbis", "flac", "alac", "mp3",
    "webvtt", "ttml",
]  # fmt: skip
Kind = Literal["video", "audio", "text"]
Transfer = Literal["sdr", "pq", "hlg"]

_FAMILIES: dict[str, Family] = {
    "avc1": "h264",
    "avc2": "h264",
    "avc3": "h264",
    "avc4": "h264",
    "dva1": "h264",
    "dvav": "h264",
    "hev1": "hevc",
    "hvc1": "hevc",
    "dvh1": "hevc",
    "dvhe": "hevc",
    "vvc1": "vvc",
    "vvi1": "vvc",
    "vp8": "vp8",
    "vp08": "vp8",
    "vp9": "vp9",
    "vp09": "vp9",
    "av01": "av1",
    "dav1": "av1",
    "mp4v": "mpeg4",
    "mjpg": "jpeg",
    "jpeg": "jpeg",
    "ac-3": "ac3",
    "ac3": "ac3",
    "ec-3": "eac3",
    "ec3": "eac3",
    "eac3": "eac3",
    "ac-4": "ac4",
    "dtsc": "dts",
    "dtse": "dts",
    "dtsh": "dts",
    "dtsl": "dts",
    "dtsx": "dts",
    "mha1": "mpegh",
    "mha2": "mpegh",
    "mhm1": "mpegh",
    "mhm2": "mpegh",
    "opus": "opus",
    "vorbis": "vorbis",
    "flac": "flac",
    "alac": "alac",
    "aac": "aac",
    "mp3": "mp3",
    "mpa": "mp3",
    ".mp3": "mp3",
    "wvtt": "webvtt",
    "webvtt": "webvtt",
    "vtt": "webvtt",
    "stpp": "ttml",
    "ttml": "ttml",
}
_MPEG4_OBJECTS: dict[str, Family] = {
    "40": "aac",
    "66": "aac",
    "67": "aac",
    "68": "aac",
    "69": "mp3",
    "6b": "mp3",
    "a5": "ac3",
    "a6": "eac3",
    "a9": "dts",
    "ac": "dts",
    "ad": "opus",
    "dd": "vorbis",
}
"""By object type indication, the second part of "mp4a.40.2" (14496-1 table 5)."""

_MPEG1_AUDIO_IN_MPEG4 = {"32": "mp3", "33": "mp3", "34": "mp3"}
"""By audio object type: "mp4a.40.34" is MP3 (14496-3 table 1.17)."""

_VIDEO = {"h264", "hevc", "vvc", "vp8", "vp9", "av1", "mpeg4", "jpeg"}
_TEXT = {"webvtt", "ttml"}
_UNDECODED: dict[Kind, tuple[str, ...]] = {
    "video": ("avc", "svc", "hvc", "hev", "dvh", "dva", "vp0", "evc", "lvc", "theora", "encv",
              "apv"),
    "audio": ("mp4a", "a3ds", "iamf", "usac", "apac", "xhe", "lc3", "sevc", "samr", "sawb", "dts",
              "mha", "mhm", "fla", "enca"),
    "text": ("tx3g", "c608", "c708", "enct"),
}  # fmt: skip
"""What else the sample entries of mp4ra.org begin with."""

_DOLBY_VISION = {"dvh1", "dvhe", "dva1", "dvav", "dav1"}


@dataclass(frozen=True, slots=True)
class Codec:
    """What a codec string tells.

    Attributes:
        codec: The string itself.
        family: Which decoder; None: unknown here.
        kind: "video", "audio" or "text"; None where nothing is known of it.
        profile: As the string writes it, e.g. "64" or "02"; None where it does not.
        level: As the codec numbers levels, e.g. 40 for H.264 4.0 and 123 for HEVC 4.1.
        bit_depth: Of a video sample; None where the string does not tell.
        transfer: "sdr", "pq" or "hlg"; None where the string does not tell.
        dolby_vision: Its profile, e.g. 5; None: not Dolby Vision.
    """

    codec: str
    family: Family | None
    kind: Kind | None
    profile: str | None = None
    level: int | None = None
    bit_depth: int | None = None
    transfer: Transfer | None = None
    dolby_vision: int | None = None


def split_codecs(attribute: str) -> tuple[str, ...]:
    """Return the strings of a CODECS or @codecs attribute, without blanks and quotes."""
    stripped = (part.strip().strip("\"'") for part in attribute.split(","))
    return tuple(part for part in stripped if part)


def family(codec: str) -> Family | None:
    """Return which decoder a codec string asks for, or None for one unknown here."""
    parts = codec.strip().split(".")
    entry = parts[0].lower()
    if entry == "mp4a":
        if len(parts) > 2 and parts[1] == "40" and parts[2] in _MPEG1_AUDIO_IN_MPEG4:
            return "mp3"
        return _MPEG4_OBJECTS.get(parts[1].lower()) if len(parts) > 1 else "aac"
    if not entry:
        return _FAMILIES.get(codec.strip().lower())
    return _FAMILIES.get(entry)


def kind_of(codec: str) -> Kind | None:
    """Return whether a codec string is of video, audio or text, or None for an unknown one.

    That is known of more codecs than can be decoded.
    """
    named = family(codec)
    if named is not None:
        return "video" if named in _VIDEO else "text" if named in _TEXT else "audio"
    entry = codec.strip().lower()
    return next((what for what, begin in _UNDECODED.items() if entry.startswith(begin)), None)


def understand(codec: str) -> Codec:
    """Return everything a codec string tells; what it does not is None."""
    parts = codec.strip().split(".")
    entry, fields = parts[0].lower(), parts[1:]
    named = family(codec)
    found = Codec(codec, named, kind_of(codec))
    if not fields:
        return found
    if entry in _DOLBY_VISION:
        return _dolby_vision(found, fields)
    match named:
        case "h264":
            return _h264(found, fields)
        case "hevc":
            return _hevc(found, fields)
        case "vp9" | "vp8":
            return _vp9(found, fields)
        case "av1":
            return _av1(found, fields)
        case "aac":
            return _with(found, profile=fields[1] if len(fields) > 1 else None)
        case _:
            return found


def _with(
    codec: Codec,
    *,
    profile: str | None = None,
    level: int | None = None,
    bit_depth: int | None = None,
    transfer: Transfer | None = None,
    dolby_vision: int | None = None,
) -> Codec:
    return Codec(
        codec.codec, codec.family, codec.kind, profile, level, bit_depth, transfer, dolby_vision
    )


def _number(fields: list[str], index: int) -> int | None:
    text = fields[index] if index < len(fields) else ""
    return int(text) if text.isascii() and text.isdigit() else None


def _transfer(fields: list[str], index: int) -> Transfer | None:
    """Read an ISO/IEC 23091-2 TransferCharacteristics: 16 is PQ, 18 is HLG."""
    number = _number(fields, index)
    if number is None or number in (0, 2):
        return None
    return "pq" if number == 16 else "hlg" if number == 18 else "sdr"


_H264_DEPTHS = {"42": 8, "4d": 8, "58": 8, "64": 8, "6e": 10}
"""By profile_idc; the high 4:2:2 and 4:4:4 profiles do not tell."""


def _h264(codec: Codec, fields: list[str]) -> Codec:
    if len(fields[0]) == 6:
        profile = fields[0][:2].lower()
        try:
            level = int(fields[0][4:], 16)
        except ValueError:
            return codec
        return _with(codec, profile=profile, level=level, bit_depth=_H264_DEPTHS.get(profile))
    # "avc1.77.30": decimal, as HLS wrote it before RFC 6381.
    profile_idc, level_idc = _number(fields, 0), _number(fields, 1)
    if profile_idc is None:
        return codec
    profile = f"{profile_idc:02x}"
    return _with(codec, profile=profile, level=level_idc, bit_depth=_H264_DEPTHS.get(profile))


_HEVC_DEPTHS = {1: 8, 2: 10, 3: 8}
"""By general_profile_idc: Main, Main 10, Main Still Picture; others do not tell."""


def _hevc(codec: Codec, fields: list[str]) -> Codec:
    profile = fields[0].lstrip("ABCabc")
    number = _number([profile], 0)
    level = _number([fields[2][1:]], 0) if len(fields) > 2 else None
    depth = None if number is None else _HEVC_DEPTHS.get(number)
    return _with(codec, profile=fields[0], level=level, bit_depth=depth)


def _vp9(codec: Codec, fields: list[str]) -> Codec:
    """Read vp09.PP.LL.DD.CC.cp.tc.mc.FF; the colour fields come together or not at all."""
    return _with(
        codec,
        profile=fields[0],
        level=_number(fields, 1),
        bit_depth=_number(fields, 2),
        transfer=_transfer(fields, 5),
    )


def _av1(codec: Codec, fields: list[str]) -> Codec:
    """Read av01.P.LLT.DD.M.CCC.cp.tc.mc.F; what stands behind the depth may be left off."""
    level = _number([fields[1][:-1]], 0) if len(fields) > 1 else None
    transfer: Transfer | None = _transfer(fields, 6)
    return _with(
        codec, profile=fields[0], level=level, bit_depth=_number(fields, 2), transfer=transfer
    )


def _dolby_vision(codec: Codec, fields: list[str]) -> Codec:
    """Read dvh1.05.06; every profile in use is ten bits deep but 9, which is eight."""
    profile = _number(fields, 0)
    return _with(
        codec,
        profile=fields[0],
        level=_number(fields, 1),
        bit_depth=None if profile is None else 8 if profile == 9 else 10,
        transfer=None if profile is None else "sdr" if profile == 9 else "pq",
        dolby_vision=profile,
    )
