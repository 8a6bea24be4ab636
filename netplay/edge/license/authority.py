"""A trust of our own: a root, the service it vouches for, and devices made when needed.

Widevine's trust is a tree of DRM certificates: the root signs a certificate for each
licence service and for each device model, and a model signs those of its devices. Here
every key of that tree is made in memory and nothing of it outlives the process, so no
device is shipped, fetched or borrowed, and what is made is good for this service alone.

Source: the messages DrmCertificate, SignedDrmCertificate and ClientIdentification, as
pywidevine publishes them.
"""

import secrets
import time
from base64 import b64decode, b64encode
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import rsa
from pywidevine.cdm import Cdm
from pywidevine.device import Device, DeviceTypes
from pywidevine.license_protocol_pb2 import (
    ClientIdentification,
    DrmCertificate,
    SignedDrmCertificate,
)

from drm.policy import Hdcp
from netplay.edge.license import cipher
from netplay.edge.license.policy import DeviceModel

__all__ = ["Authority", "ServiceIdentity", "SyntheticDevice", "trusting"]

PROVIDER = "license.netplay.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceIdentity:
    """What a Widevine licence service is started with; the root's own key stays outside.

    Attributes:
        root: The root's DrmCertificate: whose devices are served, and what a client that is
            to trust this service must have.
        certificate: The service's SignedDrmCertificate, for privacy mode.
        private_key: The service's, as PKCS #1 DER.
    """

    root: bytes
    certificate: bytes
    private_key: bytes = field(repr=False)

    def to_json(self) -> dict[str, str]:
        """Return what `from_json` reads; it holds the private key."""
        names = ("root", "certificate", "private_key")
        return {name: b64encode(getattr(self, name)).decode() for name in names}

    @classmethod
    def from_json(cls, said: dict[str, str]) -> "ServiceIdentity":
        """Read an identity back."""
        return cls(**{name: b64decode(value) for name, value in said.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticDevice:
    """A Widevine device that never existed.

    Attributes:
        wvd: What `pywidevine.device.Device.loads` reads; holds its private key.
        serial: Its certificate's serial number in hexadecimal.
        model: What it claims to be.
    """

    wvd: bytes = field(repr=False)
    serial: str
    model: DeviceModel


class Authority:
    """A root of trust with a licence service, and the factory of its devices.

    Making one takes two RSA keys, and the first device of a model two more, at some 30 ms
    each: tests share one.

    Attributes:
        identity: What the service is started with.
    """

    def __init__(self, *, provider: str = PROVIDER) -> None:
        self._root = cipher.rsa_key()
        self._models: dict[int, tuple[rsa.RSAPrivateKey, SignedDrmCertificate]] = {}
        service = cipher.rsa_key()
        certificate = self._signed(
            DrmCertificate(
                type=DrmCertificate.SERVICE,
                serial_number=secrets.token_bytes(16),
                creation_time_seconds=int(time.time()),
                public_key=cipher.public_der(service),
                provider_id=provider,
                service_types=[DrmCertificate.LICENSE_SERVER_SDK],
            ),
            self._root,
        )
        root = DrmCertificate(
            type=DrmCertificate.ROOT,
            serial_number=bytes(1),
            creation_time_seconds=int(time.time()),
            public_key=cipher.public_der(self._root),
        )
        self.identity = ServiceIdentity(
            root=root.SerializeToString(),
            certificate=certificate.SerializeToString(),
            private_key=cipher.private_der(service),
        )

    def device(
        self, model: DeviceModel, *, hdcp: Hdcp = Hdcp.NONE, expires_s: int = 0
    ) -> SyntheticDevice:
        """Return a new device of a model.

        Args:
            model: What it is; a service serves it if its policy knows the model.
            hdcp: The best that it says its outputs speak.
            expires_s: Unix time from which its certificate is no longer good; 0: never.
        """
        key = cipher.rsa_key()
        serial = secrets.token_bytes(16)
        model_key, model_certificate = self._model(model)
        token = self._signed(
            DrmCertificate(
                type=DrmCertificate.DEVICE,
                serial_number=serial,
                creation_time_seconds=int(time.time()),
                expiration_time_seconds=expires_s or None,
                public_key=cipher.public_der(key),
                system_id=model.system_id,
            ),
            model_key,
            signer=model_certificate,
        )
        client_id = ClientIdentification(
            type=ClientIdentification.DRM_DEVICE_CERTIFICATE,
            token=token.SerializeToString(),
            client_info=[
                ClientIdentification.NameValue(name="company_name", value="netplay"),
                ClientIdentification.NameValue(name="model_name", value=model.name),
            ],
            client_capabilities=ClientIdentification.ClientCapabilities(
                max_hdcp_version=f"HDCP_{hdcp.name}"
            ),
        )
        wvd = Device(
            type_=DeviceTypes.CHROME,
            security_level=model.widevine_level,
            flags=None,
            private_key=cipher.private_der(key),
            client_id=client_id.SerializeToString(),
        ).dumps()
        return SyntheticDevice(wvd=wvd, serial=serial.hex(), model=model)

    def _model(self, model: DeviceModel) -> tuple[rsa.RSAPrivateKey, SignedDrmCertificate]:
        """Return a model's key and certificate, made when first asked for."""
        if model.system_id not in self._models:
            key = cipher.rsa_key()
            certificate = DrmCertificate(
                type=DrmCertificate.DEVICE_MODEL,
                serial_number=secrets.token_bytes(16),
                creation_time_seconds=int(time.time()),
                public_key=cipher.public_der(key),
                system_id=model.system_id,
            )
            self._models[model.system_id] = key, self._signed(certificate, self._root)
        return self._models[model.system_id]

    @staticmethod
    def _signed(
        certificate: DrmCertificate,
        key: rsa.RSAPrivateKey,
        *,
        signer: SignedDrmCertificate | None = None,
    ) -> SignedDrmCertificate:
        said = certificate.SerializeToString()
        return SignedDrmCertificate(
            drm_certificate=said, signature=cipher.signed(said, key), signer=signer
        )


def trusting(root: bytes) -> type[Cdm]:
    """Return pywidevine's Cdm with another root of trust than the one it pins.

    It accepts service certificates of this root only, which is what privacy mode with a
    service of ours takes; everything else of it is as it was.

    Args:
        root: A DrmCertificate, as `ServiceIdentity.root` has it.
    """
    certificate = DrmCertificate.FromString(root)
    signed = SignedDrmCertificate(drm_certificate=root)
    return type("TrustingCdm", (Cdm,), {"root_cert": certificate, "root_signed_cert": signed})
