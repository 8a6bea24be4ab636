"""Bytes that nothing shows: keys while they are held.

A traceback prints what its frames hold, and so do crash reporters and debuggers of
logging. So a key is in a `Secret` from the moment it arrives, and comes out only where a
cipher is made of it. The memory is overwritten when it is wiped or forgotten; copies that
ciphers and interpreters make are out of reach (SECURITY.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

__all__ = ["Secret"]


class Secret:
    """Bytes that can be wiped, and are neither shown, compared, copied nor pickled."""

    __slots__ = ("_held",)

    def __init__(self, value: bytes | bytearray) -> None:
        self._held = bytearray()
        self._held += value

    @property
    def empty(self) -> bool:
        """Whether nothing is held: wiped, or never anything."""
        return not self._held

    def reveal(self) -> bytearray:
        """Return the bytes themselves, not a copy: for the call that makes a cipher of them."""
        return self._held

    def wipe(self) -> None:
        """Overwrite what is held, and hold nothing."""
        held, self._held = self._held, bytearray()
        held[:] = bytes(len(held))

    @staticmethod
    def wipe_all(secrets: Iterable[Secret]) -> None:
        """Wipe each of several."""
        for secret in secrets:
            secret.wipe()

    def __del__(self) -> None:
        self.wipe()

    def __repr__(self) -> str:
        return "<Secret>"

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret stays in the process that holds it")
