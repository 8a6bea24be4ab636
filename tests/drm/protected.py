"""Samples to try keys with."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from drm.contract import LicenseAnswer, LicenseRequest
from drm.laws import ProtectedSample

__all__ = ["ClearKeyService", "coded", "sample"]


def sample(kid: str, key: bytes) -> ProtectedSample:
    """Return a sample under a key, in "cenc"."""
    clear = bytes(range(100))
    cipher = Cipher(algorithms.AES(key), modes.CTR(b"12345678" + bytes(8))).encryptor()
    return ProtectedSample(kid, "cenc", cipher.update(clear), b"12345678", clear)


def coded(raw: bytes) -> str:
    """Return bytes as JSON Web Keys have them."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class ClearKeyService:
    """A Clear Key licence server in the test's own process."""

    def __init__(self, keys: Mapping[str, bytes], **members: object) -> None:
        self._keys = keys
        self.members = members
        self.asked: list[LicenseRequest] = []

    def __call__(self, request: LicenseRequest) -> LicenseAnswer:
        """Answer a request."""
        self.asked.append(request)
        wanted = {base64.urlsafe_b64decode(f"{kid}==").hex() for kid in self.kids()}
        keys = [
            {"kty": "oct", "kid": coded(bytes.fromhex(kid)), "k": coded(key)}
            for kid, key in self._keys.items()
            if kid in wanted
        ]
        body = {"keys": keys, "type": "temporary", **self.members}
        return LicenseAnswer(200, json.dumps(body).encode())

    def kids(self) -> list[str]:
        """Return what was asked for last, as it was written."""
        asked: list[str] = json.loads(self.asked[-1].body)["kids"]
        return asked
