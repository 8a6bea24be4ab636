"""One lane's locks: packets are opened in the worker thread, just before the decoder.

Nothing decrypted is kept: a packet waits encrypted, in the buffer and in the decoder's
queue, and its clear bytes live as long as the decoder's call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from drm.contract import Decryptor
from drm.errors import DrmError, SampleError, WrongKey
from netplay.errors import LicenseError, MediaError
from netplay.io.keys.store import KeyStore
from netplay.io.show.probe import PROBED_SOUNDS, is_telling, misfit
from netplay.io.source import Config, Packet

__all__ = ["Locks"]

Lock = tuple[bytes, str]
"""Key id and scheme."""


class Locks:
    """Opens the packets of one lane.

    Args:
        store: Where keys come from.
        thread: Runs something on the lane's worker thread.
    """

    def __init__(
        self, store: KeyStore, thread: Callable[[Callable[[], None]], Awaitable[None]]
    ) -> None:
        self._store = store
        self._thread = thread
        self._decryptors: dict[Lock, Decryptor] = {}
        self._untried: dict[Lock, int] = {}

    async def ready(self, config: Config, packets: Sequence[Packet]) -> None:
        """Wait for the keys of packets; each one is tried on its first packets, once.

        Raises:
            LicenseError: A key does not fit the media, or may not be used.
        """
        for kid in dict.fromkeys(it.encryption.kid for it in packets if it.encryption):
            lock = (kid, config.scheme)
            if lock not in self._decryptors:
                try:
                    self._decryptors[lock] = await self._store.decryptor(kid.hex(), config.scheme)
                except (DrmError, ValueError) as error:
                    raise LicenseError(str(error)) from error
                self._untried[lock] = 1 if config.stream == "video" else PROBED_SOUNDS
            if self._untried.get(lock):
                telling = [it for it in packets if _tells(it, config, kid)][: self._untried[lock]]
                if telling:
                    await self._thread(partial(self._try, config, telling))
                    self._untried[lock] -= len(telling)

    def open(self, config: Config, packet: Packet) -> Packet:
        """Return a packet in the clear; on the worker thread, after `ready`.

        Raises:
            MediaError: What it says of its encryption cannot be followed.
            LicenseError: Its key was taken away meanwhile.
        """
        encryption = packet.encryption
        if encryption is None:
            return packet
        decryptor = self._decryptors[encryption.kid, config.scheme]
        try:
            data = decryptor.decrypt(
                packet.data, encryption.iv, encryption.subsamples, encryption.pattern
            )
        except SampleError as error:
            raise MediaError(f"{config.stream} {config.codec}", str(error)) from error
        except DrmError as error:
            raise LicenseError(str(error)) from error
        return replace(packet, data=data, encryption=None)

    def _try(self, config: Config, packets: Sequence[Packet]) -> None:
        why = misfit(config, [self.open(config, packet) for packet in packets])
        if why is not None:
            encryption = packets[0].encryption
            assert encryption is not None
            raise LicenseError(f"{WrongKey(encryption.kid.hex())}: {why}")


def _tells(packet: Packet, config: Config, kid: bytes) -> bool:
    """Whether a wrong key would show in a packet."""
    encryption = packet.encryption
    return (
        encryption is not None
        and encryption.kid == kid
        and (packet.keyframe or config.stream != "video")
        and is_telling(encryption, config.scheme, len(packet.data))
    )
