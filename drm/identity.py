"""HLS keys by URI: KEYFORMAT "identity", sixteen raw bytes.

Source: RFC 8216bis clause 4.4.4.4 and 5; the key file is the key, sixteen octets.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote_to_bytes

from drm.contract import Exchange, Headers, InitData, Keys, LicenseAnswer
from drm.errors import InitDataError, KeySystemError
from drm.held import HeldKeys, own, warm_cipher
from drm.initdata import IDENTITY, uri_kid
from drm.policy import Output, Policy
from drm.secret import Secret
from drm.service import Service, check, the_answer

__all__ = ["IdentityKey"]


@dataclass(frozen=True, slots=True, repr=False)
class _Lease:
    """Where the key is; a data: URI is the key itself, so it is not shown."""

    init: InitData

    def wipe(self) -> None:
        """The URI is the manifest's and cannot be wiped here."""


class IdentityKey:
    """Fetches the key that an HLS playlist names by its URI.

    A key is held under the id that the tag states, and where it states none under
    `drm.initdata.uri_kid` of its URI.

    Args:
        origin: The key server that headers are for, e.g. "https://keys.example.com".
        headers: For keys from that origin only, whatever a playlist names.

    Raises:
        ValueError: There are headers and no origin.
    """

    name = IDENTITY
    systems = frozenset((IDENTITY,))
    asks_by_kid = False

    def __init__(self, *, origin: str = "", headers: Headers = ()) -> None:
        self._service = Service(self.name, origin, headers)

    @property
    def asks_at(self) -> str:
        """The URL that the app gave; "" if it gave none."""
        return self._service.url

    def warm(self) -> None:
        """Import the cipher.

        Raises:
            PackageMissing: cryptography is not installed.
        """
        warm_cipher()

    def open(self, init: InitData) -> Exchange:
        """Ask for the key behind a URI; a data: URI is asked nowhere.

        Raises:
            InitDataError: There is no URI, or its data: is not a key.
            KeySystemError, LicenseDenied: The server failed or refused.
        """
        keys = HeldKeys(self.name, self, output=Output())
        yield from self._fill(keys, init)
        return keys

    def renew(self, keys: Keys) -> Exchange:
        """Fetch the key again.

        Raises:
            ValueError: The keys are another key system's.
            KeySystemError: They were closed.
        """
        held = own(keys, self)
        lease = held.lease
        if not isinstance(lease, _Lease):
            raise KeySystemError(self.name, "the licence was closed")
        yield from self._fill(held, lease.init)
        return held

    def close(self, keys: Keys) -> None:
        """Wipe the key."""
        own(keys, self).wipe()

    def _fill(self, keys: HeldKeys, init: InitData) -> Exchange:
        if init.key_uri.startswith("data:"):
            secret = _from_data_uri(init.key_uri)
        elif init.key_uri:
            request = self._service.request("key", elsewhere=init.key_uri, content_type="")
            secret = _from_answer(the_answer(self.name, (yield (request,))))
        else:
            raise InitDataError("HLS key", "without a URI")
        kids = init.kids or (uri_kid(init.key_uri),)
        held = [(kid, Secret(secret.reveal())) for kid in kids]
        secret.wipe()
        keys.load(held, Policy(), _Lease(init))
        return keys

    def __repr__(self) -> str:
        return "<IdentityKey>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key system stays in its process")


def _from_answer(answer: LicenseAnswer) -> Secret:
    check(IDENTITY, answer, "the key")
    if len(answer.body) != 16:
        raise KeySystemError(IDENTITY, f"a key of {len(answer.body)} bytes; sixteen are one")
    return Secret(answer.body)


def _from_data_uri(uri: str) -> Secret:
    head, _, body = uri.partition(",")
    raw = unquote_to_bytes(body) if len(body) < 100 else b""
    if head.endswith(";base64"):
        try:
            raw = b64decode(raw, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
    if len(raw) == 16:
        return Secret(raw)
    size = len(raw)
    del raw, body, uri
    raise InitDataError("HLS key", f"its data: URI holds {size} bytes, not a key")
