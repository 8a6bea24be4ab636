"""The keys of one playback, where decoders find them, and wait for them.

It holds what licences brought and gives out nothing but what decrypts. Everything runs on
one event loop; whoever waits is woken by the next licence.
"""

from __future__ import annotations

import anyio

from drm.contract import Decryptor, Keys
from drm.errors import KeyMissing

__all__ = ["KeyStore"]


class KeyStore:
    """Keys by the licence that brought them; never shown."""

    def __init__(self) -> None:
        self._held: dict[int, Keys] = {}
        self._changed = anyio.Event()

    def put(self, key_session: int, keys: Keys) -> None:
        """Hold a licence's keys, in place of those it had brought before."""
        self._held[key_session] = keys
        self._changed.set()
        self._changed = anyio.Event()

    def drop(self, key_session: int) -> None:
        """Forget a licence; its keys are for whoever put them to wipe."""
        self._held.pop(key_session, None)

    def find(self, kid: str, scheme: str) -> Decryptor | None:
        """Return what decrypts under a key; None until a licence has brought it.

        Args:
            kid: 32 lower-case hexadecimal digits.
            scheme: As `drm.contract.Keys.decryptor` takes it.

        Raises:
            DrmError: The key may not be used here.
        """
        for keys in self._held.values():
            if kid in keys.kids:
                try:
                    return keys.decryptor(kid, scheme)
                except KeyMissing:
                    continue  # wiped meanwhile; another licence may have it too
        return None

    async def decryptor(self, kid: str, scheme: str) -> Decryptor:
        """Return the same as `find`, once there is one."""
        while True:
            found = self.find(kid, scheme)
            if found is not None:
                return found
            await self._changed.wait()

    def __repr__(self) -> str:
        return f"<KeyStore: {len(self._held)} licences>"
