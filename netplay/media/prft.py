"""The encoder's clock inside a segment (`prft`): which media time was made when.

Source: ISO/IEC 14496-12:2022, clause 8.16.5; RFC 5905 for the NTP timestamp.
"""

from dataclasses import dataclass

from netplay.media.boxes import Box, Buffer, Reader

__all__ = ["ProducerTime", "read_prft"]

NTP_TO_UNIX_S = 2_208_988_800
"""Seconds from 1900 to 1970."""


@dataclass(frozen=True, slots=True)
class ProducerTime:
    """A moment of the encoder's clock, tied to media time.

    Attributes:
        track_id: Whose media time.
        utc_us: Unix time.
        media_ticks: In the track's timescale.
    """

    track_id: int
    utc_us: int
    media_ticks: int


def read_prft(data: Buffer, box: Box, *, what: str = "segment") -> ProducerTime:
    """Read one `prft` box.

    Raises:
        MediaError: It is cut short.
    """
    reader = Reader.of(data, box, what=what)
    version, _ = reader.version_and_flags()
    track_id, ntp = reader.u32(), reader.u64()
    media_ticks = reader.u64() if version else reader.u32()
    utc_us = (ntp * 1_000_000 >> 32) - NTP_TO_UNIX_S * 1_000_000
    return ProducerTime(track_id, utc_us, media_ticks)
