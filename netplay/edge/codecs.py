"""Names a codec the way manifests do (RFC 6381), from its sample description.

The string is read from the bytes that were packaged, not from what an encoder was asked
for, so a manifest cannot promise a profile or a level that the media does not have.

Source: RFC 6381; ISO/IEC 14496-15 annex E (avc1, hvc1); the VP9 and AV1 ISOBMFF bindings.
"""

from collections.abc import Callable

from netplay.media.boxes import boxes, find

__all__ = ["codec_string"]

STSD_BODY_BYTES = 16
"""Header, version and flags, entry count: what comes before the first entry."""
VISUAL_ENTRY_BYTES = 78


def _avc(kind: str, said: bytes) -> str:
    return f"{kind}.{said[1:4].hex()}"


def _hevc(kind: str, said: bytes) -> str:
    space = ("", "A", "B", "C")[said[1] >> 6]
    tier = "H" if said[1] & 0x20 else "L"
    compatible = int(f"{int.from_bytes(said[2:6], 'big'):032b}"[::-1], 2)
    constraints = said[6:12].rstrip(b"\0")
    words = [f"{kind}.{space}{said[1] & 0x1F}", f"{compatible:X}", f"{tier}{said[12]}"]
    return ".".join(words + [f"{byte:X}" for byte in constraints])


def _vp9(kind: str, said: bytes) -> str:
    profile, level, depth = said[4], said[5], said[6] >> 4
    return f"{kind}.{profile:02}.{level:02}.{depth:02}"


def _av1(kind: str, said: bytes) -> str:
    profile, level = said[1] >> 5, said[1] & 0x1F
    tier = "H" if said[2] & 0x80 else "M"
    depth = 8 if not said[2] & 0x40 else 12 if said[2] & 0x20 else 10
    return f"{kind}.{profile}.{level:02}{tier}.{depth:02}"


SPELLINGS: dict[str, tuple[str, Callable[[str, bytes], str]]] = {
    "avc1": ("avcC", _avc),
    "hvc1": ("hvcC", _hevc),
    "hev1": ("hvcC", _hevc),
    "vp09": ("vpcC", _vp9),
    "av01": ("av1C", _av1),
}


def codec_string(stsd: bytes) -> str:
    """Return the codecs parameter of the first entry of a sample description box.

    Raises:
        ValueError: Titles are not made of that codec, or its configuration is missing.
    """
    entry = next(boxes(stsd, STSD_BODY_BYTES), None)
    if entry is not None and entry.kind == "mp4a":
        # Titles are made with AAC-LC only, so reading the esds would tell nothing new.
        return "mp4a.40.2"
    if entry is not None and entry.kind in SPELLINGS:
        wanted, spelled = SPELLINGS[entry.kind]
        said = find(stsd, wanted, start=entry.body + VISUAL_ENTRY_BYTES, end=entry.end)
        if said is not None:
            return spelled(entry.kind, stsd[said.body : said.end])
    raise ValueError(f"no codec string for a sample entry of {entry.kind if entry else None!r}")
