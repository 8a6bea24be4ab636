"""Digital rights management: init data, key systems, licences, samples. Usable without netplay.

A key system turns init data into keys by requests that somebody else performs (`contract`);
keys decrypt and are never shown. What is named here is loaded when it is first used, and
`import drm` alone loads nothing.

    >>> import drm
    >>> system = drm.ClearKey(license_url="https://licences.example/clearkey")
    >>> init = drm.from_default_kid("00112233-4455-6677-8899-aabbccddeeff", system="clearkey")
    >>> exchange = system.open(init)
    >>> next(exchange)                                    # what to send; you choose how
    (<LicenseRequest license: POST licences.example, 57 B>,)
    >>> body = b'''{"keys": [{"kty": "oct",
    ...     "kid": "ABEiM0RVZneImaq7zN3u_w", "k": "AAECAwQFBgcICQoLDA0ODw"}]}'''
    >>> keys = drm.perform(system.open(init), lambda request: drm.LicenseAnswer(200, body))
    >>> keys
    <Keys clearkey: 1 kids>
    >>> decryptor = keys.decryptor("00112233445566778899aabbccddeeff", "cenc")
    >>> decryptor.decrypt(bytes.fromhex("a0c8575a"), iv=bytes(8))
    b'film'
    >>> system.close(keys)
"""

from importlib import import_module

TYPE_CHECKING = False
"""What type checkers take for true, without importing `typing`, which takes 10 ms."""

if TYPE_CHECKING:
    from drm.clearkey import ClearKey
    from drm.contract import (
        Decryptor,
        Exchange,
        InitData,
        Keys,
        KeySystem,
        LicenseAnswer,
        LicenseRequest,
        SegmentDecryptor,
        is_confidential,
        perform,
    )
    from drm.errors import (
        DrmError,
        InitDataError,
        KeyMissing,
        KeyRefused,
        KeySystemError,
        LicenseDenied,
        LicenseExpired,
        PackageMissing,
        SampleError,
        WrongKey,
    )
    from drm.identity import IdentityKey
    from drm.initdata import from_default_kid, from_hls_key, from_pssh, uri_kid
    from drm.laws import check_key_system
    from drm.platform import Message, Platform, PlatformCdm, PlatformSession
    from drm.policy import Hdcp, KeyRule, Output, Policy, SecurityLevel
    from drm.widevine import Widevine

__all__ = [
    "ClearKey",
    "Decryptor",
    "DrmError",
    "Exchange",
    "Hdcp",
    "IdentityKey",
    "InitData",
    "InitDataError",
    "KeyMissing",
    "KeyRefused",
    "KeyRule",
    "KeySystem",
    "KeySystemError",
    "Keys",
    "LicenseAnswer",
    "LicenseDenied",
    "LicenseExpired",
    "LicenseRequest",
    "Message",
    "Output",
    "PackageMissing",
    "Platform",
    "PlatformCdm",
    "PlatformSession",
    "Policy",
    "SampleError",
    "SecurityLevel",
    "SegmentDecryptor",
    "Widevine",
    "WrongKey",
    "check_key_system",
    "from_default_kid",
    "from_hls_key",
    "from_pssh",
    "is_confidential",
    "perform",
    "uri_kid",
]

_HOMES = {
    "drm.clearkey": ("ClearKey",),
    "drm.contract": (
        "Decryptor",
        "Exchange",
        "InitData",
        "KeySystem",
        "Keys",
        "LicenseAnswer",
        "LicenseRequest",
        "SegmentDecryptor",
        "is_confidential",
        "perform",
    ),
    "drm.errors": (
        "DrmError",
        "InitDataError",
        "KeyMissing",
        "KeyRefused",
        "KeySystemError",
        "LicenseDenied",
        "LicenseExpired",
        "PackageMissing",
        "SampleError",
        "WrongKey",
    ),
    "drm.identity": ("IdentityKey",),
    "drm.initdata": ("from_default_kid", "from_hls_key", "from_pssh", "uri_kid"),
    "drm.laws": ("check_key_system",),
    "drm.platform": ("Message", "Platform", "PlatformCdm", "PlatformSession"),
    "drm.policy": ("Hdcp", "KeyRule", "Output", "Policy", "SecurityLevel"),
    "drm.widevine": ("Widevine",),
}


def __getattr__(name: str) -> object:
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'drm' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    # Next time it is found without asking here.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    # Names that were not used yet are found by those who look for them all the same.
    return sorted({*globals(), *__all__})
