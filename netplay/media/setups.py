"""Each codec's own set-up box becomes a codec string and the bytes its decoder wants.

The boxes are a few dozen bytes long and each has its own layout; what they have in common
is what comes out of them, a `Setup`. A box too short for its layout raises one of
`CUT_SHORT`, which the caller, who knows where the box was, turns into a `MediaError`.

Sources: ISO/IEC 14496-15 (AVC, HEVC, VVC), 14496-14 and 14496-3 (MPEG-4), the AV1, VP9,
Opus, FLAC and Dolby in ISOBMFF bindings, RFC 6381.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from netplay.errors import MediaError
from netplay.media.boxes import Reader

__all__ = ["CUT_SHORT", "DOLBY_VISION_BOXES", "SETUP_BOXES", "Setup", "read_dolby_vision"]

CUT_SHORT = (IndexError, ValueError, struct.error, MediaError)
"""What reading past the end of a set-up box raises."""

DOLBY_VISION_BOXES = ("dvcC", "dvvC", "dvwC")
"""They stand beside the box of the codec underneath."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a codec's own box says.

    Attributes:
        codec: As RFC 6381 writes it; None where the box does not tell.
        extradata: What FFmpeg's decoder of the codec wants.
        sample_rate_hz: None: the sample entry's holds.
        channels: None: the sample entry's holds.
        priming_samples: Audio samples to drop from the start of the stream.
    """

    codec: str | None = None
    extradata: bytes = b""
    sample_rate_hz: int | None = None
    channels: int | None = None
    priming_samples: int = 0


def _avc(fourcc: str, body: bytes) -> Setup:
    if len(body) < 7:
        raise ValueError
    return Setup(f"{fourcc}.{body[1:4].hex()}", body)


def _hevc(fourcc: str, body: bytes) -> Setup:
    # 14496-15 annex E.3: the compatibility flags are written with their bits reversed,
    # and constraint bytes are left off from the last zero one.
    space = ("", "A", "B", "C")[body[1] >> 6]
    tier = "H" if body[1] & 0x20 else "L"
    reversed_flags = int(f"{int.from_bytes(body[2:6], 'big'):032b}"[::-1], 2)
    constraints = "".join(f".{byte:X}" for byte in body[6:12].rstrip(b"\0"))
    codec = f"{fourcc}.{space}{body[1] & 0x1F}.{reversed_flags:X}.{tier}{body[12]}{constraints}"
    return Setup(codec, body)


def _av1(fourcc: str, body: bytes) -> Setup:
    profile, level = body[1] >> 5, body[1] & 0x1F
    tier = "H" if body[2] & 0x80 else "M"
    depth = 8 if not body[2] & 0x40 else 12 if body[2] & 0x20 else 10
    return Setup(f"{fourcc}.{profile}.{level:02d}{tier}.{depth:02d}", body)


def _vp9(fourcc: str, body: bytes) -> Setup:
    profile, level, depth = body[4], body[5], body[6] >> 4
    codec = f"{fourcc}.{profile:02d}.{level:02d}.{depth:02d}"
    if body[8] in (16, 18):  # PQ and HLG: the one part of the long form that players act on
        chroma, full = body[6] >> 1 & 7, body[6] & 1
        codec += f".{chroma:02d}.{body[7]:02d}.{body[8]:02d}.{body[9]:02d}.{full:02d}"
    # libav reads profile and colour from the bitstream; its decoder takes no set-up.
    return Setup(codec)


def _vvc(fourcc: str, body: bytes) -> Setup:
    return Setup(fourcc, body[4:])


def read_dolby_vision(fourcc: str, body: bytes) -> str:
    """Return the codec string of a Dolby Vision entry, e.g. "dvh1.05.06"."""
    profile = body[2] >> 1
    level = (body[2] & 1) << 5 | body[3] >> 3
    return f"{fourcc}.{profile:02d}.{level:02d}"


def _opus(_: str, body: bytes) -> Setup:
    # The box is big-endian, the header that decoders know (RFC 7845) little-endian.
    _, channels, preskip, rate, gain = struct.unpack_from(">BBHIh", body)
    head = b"OpusHead" + struct.pack("<BBHIh", 1, channels, preskip, rate, gain) + body[10:]
    return Setup("Opus", head, 48_000, channels, preskip)


def _flac(_: str, body: bytes) -> Setup:
    info = body[8 : 8 + 34]
    if len(info) < 34 or body[4] & 0x7F != 0:
        raise ValueError
    packed = int.from_bytes(info[10:14], "big")
    return Setup("fLaC", info, packed >> 12, (packed >> 9 & 7) + 1)


def _alac(_: str, body: bytes) -> Setup:
    rate = int.from_bytes(body[24:28], "big")
    return Setup("alac", struct.pack(">I4s", 8 + len(body), b"alac") + body, rate, body[13])


def _ac3(_: str, body: bytes) -> Setup:
    bits = int.from_bytes(body[:3], "big")
    rate = (48_000, 44_100, 32_000, 0)[bits >> 22]
    channels = (2, 1, 2, 3, 3, 4, 4, 5)[bits >> 11 & 7] + (bits >> 10 & 1)
    return Setup("ac-3", b"", rate or None, channels)


def _eac3(_: str, body: bytes) -> Setup:
    bits = int.from_bytes(body[2:5], "big")
    rate = (48_000, 44_100, 32_000, 0)[bits >> 22]
    channels = (2, 1, 2, 3, 3, 4, 4, 5)[bits >> 9 & 7] + (bits >> 8 & 1)
    return Setup("ec-3", b"", rate or None, channels)


def _as_it_is(fourcc: str, body: bytes) -> Setup:
    return Setup(fourcc, body)


_AAC_RATES_HZ = (
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
    8_000, 7_350,
)  # fmt: skip
_AAC_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8)
_OBJECT_TYPES = {0xA5: "ac-3", 0xA6: "ec-3", 0xAD: "Opus"}


class _Bits:
    """Reads bits from the front of a few bytes."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise ValueError
        self._left -= count
        return self._value >> self._left & (1 << count) - 1


def _audio_config(config: bytes) -> tuple[int, int | None, int | None]:
    """Return object type, sampling rate and channels of an AudioSpecificConfig.

    Source: ISO/IEC 14496-3, clause 1.6.2.1.
    """
    bits = _Bits(config[:16])

    def object_type() -> int:
        kind = bits.take(5)
        return 32 + bits.take(6) if kind == 31 else kind

    def rate_hz() -> int | None:
        index = bits.take(4)
        if index == 15:
            return bits.take(24)
        return _AAC_RATES_HZ[index] if index < len(_AAC_RATES_HZ) else None

    kind, rate, layout = object_type(), rate_hz(), bits.take(4)
    if kind in (5, 29):  # SBR, and parametric stereo with it, state the doubled rate
        rate = rate_hz()
    channels = _AAC_CHANNELS[layout] if 0 < layout < len(_AAC_CHANNELS) else None
    return kind, rate, 2 if kind == 29 else channels


def _descriptor(reader: Reader) -> tuple[int, int]:
    """Read the tag of an MPEG-4 descriptor and where it ends."""
    tag, size = reader.u8(), 0
    for _ in range(4):
        byte = reader.u8()
        size = size << 7 | byte & 0x7F
        if not byte & 0x80:
            break
    return tag, min(reader.position + size, reader.end)


def _esds(fourcc: str, body: bytes) -> Setup:
    """Find the object type and the DecoderSpecificInfo (14496-1, clause 7.2.6)."""
    reader = Reader(body, 4)
    object_type, config = 0, b""
    while reader.left_bytes > 1:
        tag, end = _descriptor(reader)
        if tag == 3:
            reader.skip(2)
            flags = reader.u8()
            reader.skip(2 if flags & 0x80 else 0)
            if flags & 0x40:
                reader.skip(reader.u8())
            reader.skip(2 if flags & 0x20 else 0)
        elif tag == 4:
            object_type = reader.u8()
            reader.skip(12)
        elif tag == 5:
            config = reader.take(end - reader.position)
        else:
            reader.position = end
    if object_type in _OBJECT_TYPES:
        return Setup(_OBJECT_TYPES[object_type], config)
    if fourcc != "mp4a" or object_type != 0x40:
        return Setup(f"{fourcc}.{object_type:02x}", config)
    if not config:
        return Setup("mp4a.40")
    kind, rate, channels = _audio_config(config)
    return Setup(f"mp4a.40.{kind}", config, rate, channels)


SETUP_BOXES: dict[str, Callable[[str, bytes], Setup]] = {
    "avcC": _avc,
    "hvcC": _hevc,
    "av1C": _av1,
    "vpcC": _vp9,
    "vvcC": _vvc,
    "esds": _esds,
    "dOps": _opus,
    "dfLa": _flac,
    "alac": _alac,
    "dac3": _ac3,
    "dec3": _eac3,
    "dac4": _as_it_is,
    "mhaC": _as_it_is,
    "vttC": _as_it_is,
}
"""By kind of box: reads its body, given the sample entry that it stands in."""
