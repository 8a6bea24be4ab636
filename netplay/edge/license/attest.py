"""Who asks: a device proves itself by a chain of certificates that ends at our root.

A device's certificate is signed by its model's, and the model's by the root. Signatures
are checked before anything that they cover is believed, and the revocation list last of
all, so that only a genuine device learns that it was revoked.
"""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import rsa
from google.protobuf.message import DecodeError
from pywidevine.license_protocol_pb2 import (
    ClientIdentification,
    DrmCertificate,
    EncryptedClientIdentification,
    SignedDrmCertificate,
)

from netplay.edge.license import cipher
from netplay.edge.license.authority import ServiceIdentity
from netplay.edge.license.grants import Denied
from netplay.edge.license.policy import DeviceModel, ServicePolicy

__all__ = ["Attestation", "Attested", "refuse_revoked"]


@dataclass(frozen=True, slots=True)
class Attested:
    """A device that is what it says.

    Attributes:
        serial: Its certificate's serial number in hexadecimal.
        model: As the service's policy knows it.
        public_key: Of its certificate; checks its challenges and wraps its session keys.
    """

    serial: str
    model: DeviceModel
    public_key: rsa.RSAPublicKey = field(repr=False)


class Attestation:
    """Checks client identifications against one root; opens those meant for one service."""

    def __init__(self, identity: ServiceIdentity) -> None:
        self._root = cipher.public_key(DrmCertificate.FromString(identity.root).public_key)
        self._private = cipher.private_key(identity.private_key)
        signed = SignedDrmCertificate.FromString(identity.certificate)
        self._own = DrmCertificate.FromString(signed.drm_certificate)

    def opened(self, client: EncryptedClientIdentification) -> ClientIdentification:
        """Return a client identification that was encrypted for this service.

        Raises:
            Denied: It was encrypted for another, or changed since.
        """
        mine = (self._own.provider_id, self._own.serial_number)
        if (client.provider_id, client.service_certificate_serial_number) != mine:
            raise Denied("wrong_service", "encrypted for another service's certificate", status=400)
        try:
            key = cipher.unwrapped(client.encrypted_privacy_key, self._private)
            plain = cipher.cbc_decrypted(
                client.encrypted_client_id, key, client.encrypted_client_id_iv
            )
            return ClientIdentification.FromString(plain)
        except (ValueError, DecodeError) as error:
            detail = "the encrypted client identification cannot be opened"
            raise Denied("malformed", detail, status=400) from error

    def attested(
        self, client: ClientIdentification, policy: ServicePolicy, *, now_s: float
    ) -> Attested:
        """Return the device behind a client identification.

        Raises:
            Denied: Its certificates do not lead to our root, or the policy does not know it.
        """
        if client.type != ClientIdentification.DRM_DEVICE_CERTIFICATE:
            raise Denied("device_unknown", "only devices with a DRM certificate are served")
        try:
            leaf = SignedDrmCertificate.FromString(client.token)
            made_by = _checked(leaf.signer, self._root, DrmCertificate.DEVICE_MODEL)
            device = _checked(leaf, cipher.public_key(made_by.public_key), DrmCertificate.DEVICE)
            key = cipher.public_key(device.public_key)
        except (ValueError, DecodeError) as error:
            detail = "the device's certificates do not lead to this service's root"
            raise Denied("device_unknown", detail) from error
        model = policy.model(made_by.system_id)
        if model is None or device.system_id != made_by.system_id:
            raise Denied("device_unknown", f"no device model {device.system_id} is served")
        if 0 < device.expiration_time_seconds <= now_s:
            raise Denied("device_expired", "the device's certificate has expired")
        return Attested(device.serial_number.hex(), model, key)


def _checked(
    signed: SignedDrmCertificate, by: rsa.RSAPublicKey, kind: DrmCertificate.Type
) -> DrmCertificate:
    """Return a certificate whose signature and kind are right.

    Raises:
        ValueError: They are not.
    """
    if not cipher.is_signed(signed.drm_certificate, signed.signature, by):
        raise ValueError("signed by somebody else")
    certificate = DrmCertificate.FromString(signed.drm_certificate)
    if certificate.type != kind:
        raise ValueError("a certificate of another kind")
    return certificate


def refuse_revoked(policy: ServicePolicy, device: Attested) -> None:
    """Let only devices through that are not revoked.

    Raises:
        Denied: This one is.
    """
    if device.serial in policy.revoked_serials or device.model.system_id in policy.revoked_models:
        raise Denied("device_revoked", "this device has been revoked")
