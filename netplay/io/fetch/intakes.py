"""Finds what reads each segment: by its init segment, and the key that its playlist names."""

from __future__ import annotations

from collections.abc import Callable

from netplay.core.messages import Fetch, ProtectionFound
from netplay.errors import MediaError
from netplay.io.fetch.intake import Init, Intake, open_intake, read_init_bytes
from netplay.io.fetch.places import Places
from netplay.io.fetch.transfer import Transfer
from netplay.io.fetch.unlock import AES_128, LockedIntake, opened
from netplay.io.keys.store import KeyStore
from netplay.media.container import sniff
from netplay.segments import Protection

__all__ = ["Intakes"]


class Intakes:
    """Makes intakes for the fetches of one session.

    Args:
        places: Knows what fetches are about.
        keys: Open segments that are encrypted as a whole.
        emit: Hears how media turns out to be encrypted.
    """

    def __init__(
        self, places: Places, keys: KeyStore, emit: Callable[[ProtectionFound], None]
    ) -> None:
        self._places = places
        self._keys = keys
        self._emit = emit

    async def init(self, transfer: Transfer) -> Init:
        """Return the init segment that a fetch brought, once it is in the clear.

        Raises:
            MediaError: It is none, or not the one that is needed.
        """
        data, name = b"".join(transfer.raw), transfer.source.name
        key = self._places.key(transfer.action)
        if key is not None and key.scheme == AES_128 and sniff(data) is None:
            data = await opened(data, key, self._keys, what=name)
        init = read_init_bytes(data, what=name)
        if init.protections and key is None:
            self._found(transfer.action, init.protections)
        streams = {track.config.stream for track in init.tracks}
        if transfer.needs and init.container == "fmp4" and transfer.needs not in streams:
            raise MediaError(name, f"holds no {transfer.needs}")
        return init

    def of(self, transfer: Transfer, init: Init | None) -> Intake:
        """Return what reads a media segment."""
        action = transfer.action
        key = self._places.key(action)
        intake = open_intake(
            transfer.source,
            init,
            lane=action.track,
            mime_type=self._places.representation(action.representation).mime_type,
            found=lambda ways: self._found(action, ways),
            kid=key.kid if key is not None and key.scheme != AES_128 else None,
            locked=self._places.has_locked_samples(action),
        )
        if key is None or key.scheme != AES_128:
            return intake
        return LockedIntake(intake, key, self._keys, what=transfer.source.name)

    def _found(self, action: Fetch, protections: tuple[Protection, ...]) -> None:
        fetch_id = None if action.init else action.fetch_id
        self._emit(ProtectionFound(action.representation, protections, fetch_id))
