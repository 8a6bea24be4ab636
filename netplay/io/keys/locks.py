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
from netplay.io.keys.probe import proves_wrong
from netplay.io.keys.store import KeyStore
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
        self._proved: set[Lock] = set()

    async def ready(self, config: Config, packets: Sequence[Packet]) -> None:
        """Wait for the keys of packets; each one is tried on its first packets, once.

        Raises:
            LicenseError: A key does not fit the media, or may not be used.
        """
        for packet in packets:
            if packet.encryption is None or (packet.encryption.kid, config.scheme) in self._proved:
                continue
            kid = packet.encryption.kid
            lock = (kid, config.scheme)
            try:
                self._decryptors[lock] = await self._store.decryptor(kid.hex(), config.scheme)
            except (DrmError, ValueError) as error:
                raise LicenseError(str(error)) from error
            under = [it for it in packets if it.encryption and it.encryption.kid == kid]
            await self._thread(partial(self._prove, config, under))
            self._proved.add(lock)

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

    def _prove(self, config: Config, packets: Sequence[Packet]) -> None:
        if proves_wrong(config, [self.open(config, packet) for packet in packets]):
            encryption = packets[0].encryption
            assert encryption is not None
            raise LicenseError(str(WrongKey(encryption.kid.hex())))
