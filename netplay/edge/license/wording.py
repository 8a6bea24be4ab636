"""A service's policy as JSON, for the pipe to the process that runs it.

What is written here holds keys and tokens: it goes through a pipe, never into a file.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from drm.policy import Hdcp, SecurityLevel
from netplay.edge.license.policy import (
    DeviceModel,
    Entitlement,
    LicensedKey,
    ProtectedTitle,
    RateLimit,
    Rotation,
    ServicePolicy,
    Terms,
)

__all__ = ["policy_from_json", "policy_to_json"]


def policy_to_json(policy: ServicePolicy) -> dict[str, Any]:
    """Return what `policy_from_json` reads; it holds every key."""
    said = asdict(policy)
    for title in said["titles"]:
        for key in title["keys"]:
            key["key"] = b64encode(key["key"]).decode()
    for entitlement in said["entitlements"]:
        entitlement["titles"] = sorted(entitlement["titles"])
    said["revoked_serials"] = sorted(policy.revoked_serials)
    said["revoked_models"] = sorted(policy.revoked_models)
    return said


def policy_from_json(said: Mapping[str, Any]) -> ServicePolicy:
    """Read a policy back."""
    return ServicePolicy(
        **{
            **said,
            "titles": tuple(_title(each) for each in said["titles"]),
            "entitlements": tuple(
                Entitlement(**{**each, "titles": frozenset(each["titles"])})
                for each in said["entitlements"]
            ),
            "models": tuple(
                DeviceModel(**{**each, "level": SecurityLevel(each["level"])})
                for each in said["models"]
            ),
            "revoked_serials": frozenset(said["revoked_serials"]),
            "revoked_models": frozenset(said["revoked_models"]),
            "rate": said["rate"] and RateLimit(**said["rate"]),
        }
    )


def _title(said: Mapping[str, Any]) -> ProtectedTitle:
    return ProtectedTitle(
        **{
            **said,
            "keys": tuple(_key(each) for each in said["keys"]),
            "terms": Terms(**said["terms"]),
            "rotation": said["rotation"] and Rotation(**said["rotation"]),
        }
    )


def _key(said: Mapping[str, Any]) -> LicensedKey:
    return LicensedKey(
        **{
            **said,
            "key": b64decode(said["key"]),
            "level": SecurityLevel(said["level"]),
            "hdcp": Hdcp(said["hdcp"]),
        }
    )
