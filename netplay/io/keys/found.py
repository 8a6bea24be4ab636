"""What media itself says of the keys it needs, in the words of the manifest.

Source: ISO/IEC 23001-7:2023, clause 8.1 (pssh), 8.2 (tenc), 6 (seig).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from netplay.media.init import InitSegment
from netplay.segments import Protection

__all__ = ["protections", "protections_of"]

_SYSTEM_ID = slice(12, 28)


def protections_of(movie: InitSegment) -> tuple[Protection, ...]:
    """Return how an init segment says that its media is encrypted; () if it is in the clear."""
    kids: dict[str, str] = {}
    for track in movie.tracks:
        stated = [it.protection for it in track.descriptions if it.protection is not None]
        for one in (*stated, *track.key_groups):
            if one.protected:
                kids[one.kid.hex()] = one.scheme
    return tuple(
        way for kid, scheme in kids.items() for way in protections((kid,), scheme, movie.pssh)
    )


def protections(kids: Iterable[str], scheme: str, pssh: Sequence[bytes]) -> tuple[Protection, ...]:
    """Return one Protection a key id and key system; one a key id, of no system, without pssh."""
    by_system: dict[str, bytes] = {}
    for box in pssh:
        system = str(UUID(bytes=bytes(box[_SYSTEM_ID])))
        by_system[system] = by_system.get(system, b"") + bytes(box)
    if not by_system:
        by_system[""] = b""
    return tuple(
        Protection(system=system, scheme=scheme, default_kid=kid, pssh=data)
        for kid in kids
        for system, data in by_system.items()
    )
