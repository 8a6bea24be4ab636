"""pywidevine, held at arm's length: the one file that touches it.

Each exchange has a Cdm of its own, because one Cdm takes seventeen sessions and refuses
the next. Whatever pywidevine raises ends here: its messages quote licences, its frames hold
derived keys, and its objects show their keys when they are printed. So an error of ours is
raised after the handler of theirs, with nothing behind it.

Source: pywidevine 1.9; license_protocol.proto.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_der_private_key
from pywidevine.cdm import Cdm
from pywidevine.device import Device
from pywidevine.license_protocol_pb2 import (
    ClientIdentification,
    DrmCertificate,
    LicenseIdentification,
    LicenseRequest,
    SignedDrmCertificate,
    SignedMessage,
)
from pywidevine.pssh import PSSH

from drm.contract import LicenseAnswer
from drm.errors import KeySystemError
from drm.protobuf import Malformed
from drm.pssh import WIDEVINE, write_pssh
from drm.secret import Secret
from drm.widevine_license import MAX_LICENSE_BYTES, License, read_license, read_signed

__all__ = ["NAME", "CdmSession", "Loaded", "MacKeys", "WidevineDevice"]

NAME = "widevine"
T = TypeVar("T")


def _quietly(what: str, call: Callable[[], T]) -> T:
    """Return what a call into pywidevine gives, or raise ours, with nothing of theirs in it."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 (whatever a foreign parser raises, it ends here)
        kind = type(error).__name__
    raise KeySystemError(NAME, f"{what} ({kind})")


@dataclass(slots=True, repr=False)
class MacKeys:
    """What signs a licence's renewals (client) and their answers (server)."""

    server: Secret
    client: Secret

    def wipe(self) -> None:
        """Overwrite both."""
        self.server.wipe()
        self.client.wipe()


@dataclass(slots=True, repr=False)
class Loaded:
    """A verified licence: its content keys, and what it says beside them."""

    secrets: list[tuple[str, Secret]]
    license: License
    macs: MacKeys


class WidevineDevice:
    """The user's own device, as a `.wvd` file or its bytes holds it.

    Args:
        source: Path of the file, or its contents.
        root: A DrmCertificate to trust in place of Google's root, for a service of one's
            own; b"": Google's.

    Raises:
        KeySystemError: It cannot be read, or is no device.
    """

    def __init__(self, source: bytes | Path, *, root: bytes = b"") -> None:
        try:
            data = source if isinstance(source, bytes) else source.read_bytes()
        except OSError as error:
            raise KeySystemError(NAME, f"the device file: {error.strerror}") from None
        held = Secret(data)
        del data, source
        # Held in a closure rather than by name: a Device prints its private key.
        self._device = _quietly("not a device file", lambda: Device.loads(bytes(held.reveal())))
        held.wipe()
        self._cdm: type[Cdm] = _quietly("not a root certificate", lambda: _trusting(root))

    def session(self) -> CdmSession:
        """Return a session for one exchange."""
        return CdmSession(self, self._cdm.from_device(self._device))

    def unwrapped(self, session_key: bytes) -> bytes:
        """Return a session key that a service wrapped for this device."""
        key = load_der_private_key(self._device.private_key.export_key("DER"), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        # The protocol's choice; OAEP does not rest on SHA-1's resistance to collisions.
        return key.decrypt(session_key, padding.OAEP(padding.MGF1(SHA1()), SHA1(), None))  # noqa: S303

    def renewal(
        self,
        identification: bytes,
        macs: MacKeys,
        *,
        played_s: int,
        names_client: bool,
        certificate: bytes,
    ) -> bytes:
        """Return a signed request for more time.

        Args:
            identification: The licence's, as it gave it.
            macs: Its keys.
            played_s: How long it has been in use.
            names_client: Whether the licence wants to be told again who asks.
            certificate: The service's, to encrypt who asks; b"": in the clear.
        """
        existing = LicenseRequest.ContentIdentification.ExistingLicense(
            license_id=LicenseIdentification.FromString(identification),
            seconds_since_started=played_s,
            seconds_since_last_played=0,
        )
        request = LicenseRequest(
            content_id=LicenseRequest.ContentIdentification(existing_license=existing),
            type="RENEWAL",
            request_time=int(time.time()),
            protocol_version="VERSION_2_1",
            key_control_nonce=secrets.randbelow((1 << 31) - 1) + 1,
        )
        if names_client:
            self._name_client(request, certificate)
        message = request.SerializeToString()
        return SignedMessage(
            type="LICENSE_REQUEST",
            msg=message,
            signature=hmac.digest(macs.client.reveal(), message, "sha256"),
        ).SerializeToString()

    def _name_client(self, request: LicenseRequest, certificate: bytes) -> None:
        client: ClientIdentification = self._device.client_id
        if not certificate:
            request.client_id.CopyFrom(client)
            return
        # It was verified when the licence was asked for.
        signed = SignedDrmCertificate.FromString(SignedMessage.FromString(certificate).msg)
        if not signed.drm_certificate:
            signed = SignedDrmCertificate.FromString(certificate)
        request.encrypted_client_id.CopyFrom(Cdm.encrypt_client_id(client, signed))

    def __repr__(self) -> str:
        return "<WidevineDevice>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a device stays in the process that loaded it")


def _trusting(root: bytes) -> type[Cdm]:
    if not root:
        return Cdm
    certificate = DrmCertificate.FromString(root)
    signed = SignedDrmCertificate(drm_certificate=root)
    return type("OwnRootCdm", (Cdm,), {"root_cert": certificate, "root_signed_cert": signed})


class CdmSession:
    """One exchange's session: certificate, challenge, licence; to be closed whatever happens."""

    def __init__(self, device: WidevineDevice, cdm: Cdm) -> None:
        self._device = device
        self._cdm = cdm
        self._id = cdm.open()
        self._request = b""

    def trust(self, certificate: bytes) -> None:
        """Encrypt who asks for a service.

        Raises:
            KeySystemError: It is no certificate that the root vouches for.
        """
        if not 0 < len(certificate) <= MAX_LICENSE_BYTES:
            raise KeySystemError(NAME, f"a service certificate of {len(certificate)} bytes")
        _quietly(
            "the service certificate was not accepted",
            lambda: self._cdm.set_service_certificate(self._id, certificate),
        )

    def challenge(self, data: bytes, *, license_type: str) -> bytes:
        """Return a signed licence request for the data of a Widevine pssh box."""
        body = _quietly("no challenge could be made", lambda: self._challenge(data, license_type))
        self._request = read_signed(body).message
        return body

    def _challenge(self, data: bytes, license_type: str) -> bytes:
        box = PSSH(write_pssh(WIDEVINE, data))
        return self._cdm.get_license_challenge(self._id, box, license_type, privacy_mode=True)

    def load(self, answer: LicenseAnswer) -> Loaded:
        """Return what a licence holds, once its signature is found right.

        Raises:
            KeySystemError: It is no licence, answers another request, or was changed.
        """
        if not 0 < len(answer.body) <= MAX_LICENSE_BYTES:
            raise KeySystemError(NAME, f"a licence of {len(answer.body)} bytes")
        return _quietly("the answer is no licence for this request", lambda: self._load(answer))

    def _load(self, answer: LicenseAnswer) -> Loaded:
        self._cdm.parse_license(self._id, answer.body)
        signed = read_signed(answer.body)
        said = read_license(signed.message)
        keys = self._cdm.get_keys(self._id)
        found = []
        macs = None
        # By their order: pywidevine takes ids of decimal digits for numbers.
        for key, container in zip(keys, said.containers, strict=True):
            if container.content and container.kid:
                if len(key.key) != 16:
                    raise Malformed(f"a content key of {len(key.key)} bytes")
                found.append((container.kid, Secret(key.key)))
            elif key.type == "SIGNING" and len(key.key) == 64:
                macs = MacKeys(Secret(key.key[:32]), Secret(key.key[32:]))
        return Loaded(found, said, macs or self._derived(signed.session_key))

    def _derived(self, session_key: bytes) -> MacKeys:
        """Return the keys of renewals that follow from the session key."""
        contexts = Cdm.derive_context(self._request)
        _, server, client = Cdm.derive_keys(*contexts, key=self._device.unwrapped(session_key))
        return MacKeys(Secret(server), Secret(client))

    def close(self) -> None:
        """End the session; pywidevine forgets its keys."""
        self._cdm.close(self._id)
