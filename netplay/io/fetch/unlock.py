"""HLS segments that are encrypted as a whole: opened when they and their key are there.

Source: RFC 8216bis, clauses 4.4.4.4 (EXT-X-KEY, METHOD=AES-128) and 5.2 (the IV).
"""

from __future__ import annotations

from dataclasses import dataclass

from drm.errors import DrmError
from netplay.errors import MediaError
from netplay.io.fetch.intake import Intake
from netplay.io.keys.store import KeyStore

__all__ = ["AES_128", "LockedIntake", "SegmentKey", "opened"]

AES_128 = "aes-128"


@dataclass(frozen=True, slots=True)
class SegmentKey:
    """The key without an id that a playlist names for a segment.

    Attributes:
        kid: What stands for its id.
        scheme: "aes-128": the whole segment; else its samples, as its boxes say.
        iv: Sixteen bytes, of the whole segment.
    """

    kid: bytes
    scheme: str
    iv: bytes


async def opened(data: bytes, key: SegmentKey, keys: KeyStore, *, what: str) -> bytes:
    """Return a whole resource in the clear, once its key is there.

    Raises:
        MediaError: The key does not fit.
    """
    decryptor = await keys.decryptor(key.kid.hex(), AES_128)
    try:
        return decryptor.decrypt(data, key.iv)
    except DrmError as error:
        raise MediaError(what, f"its key does not fit: {error}") from error


class LockedIntake:
    """Passes a segment on in the clear.

    Args:
        inner: Reads what was inside.
        key: Of the segment.
        keys: Where it comes from.
        what: Names the segment in errors.
    """

    def __init__(self, inner: Intake, key: SegmentKey, keys: KeyStore, *, what: str) -> None:
        self._inner = inner
        self._key = key
        self._keys = keys
        self._what = what
        self._pieces: list[bytes] = []

    @property
    def from_us(self) -> int | None:
        """As of what is inside."""
        return self._inner.from_us

    @property
    def until_us(self) -> int | None:
        """As of what is inside."""
        return self._inner.until_us

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._pieces.append(data)

    def measure(self) -> None:
        """Bring from_us and until_us up to date."""
        self._inner.measure()

    async def finish(self) -> None:
        """Say that these were all, and finish the Source."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._inner.feed(await opened(data, self._key, self._keys, what=self._what))
        await self._inner.finish()
