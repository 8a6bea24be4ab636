"""ClearKey: keys as JSON, and HLS "identity" keys as sixteen bytes.

Neither knows devices, so keys that need a robust one are not given. What W3C's format has
no place for travels in members of its own, which readers that do not know them pass over:
"policy" beside the keys and "rule" in each, worded as `drm.policy` words them. A bare HLS
key has no room even for that, so a key with a rule is not to be had that way.

Source: W3C Encrypted Media Extensions, section 9.1 (Clear Key: request, licence and
licence release formats); RFC 8216, section 4.3.2.4 (KEYFORMAT "identity").
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from netplay.edge.license.desk import Inquiry, Reply
from netplay.edge.license.faults import Purpose
from netplay.edge.license.grants import Denied, Grant, Wish
from netplay.edge.license.policy import LicensedKey

__all__ = ["ClearKeyDesk", "IdentityDesk"]

MOST_KIDS = 256
SESSION_TYPES = ("temporary", "persistent-license")


class ClearKeyDesk:
    """Answers W3C's ClearKey licence requests."""

    system = "clearkey"

    def purpose(self, body: bytes) -> Purpose:  # noqa: ARG002 (a renewal is a licence asked for again)
        """Return "license": the format has nothing else."""
        return "license"

    def reply(self, inquiry: Inquiry) -> Reply:
        """Return the keys of the key ids asked for.

        Raises:
            Denied: None of them; or the request is not one.
        """
        kids, persistent = _asked(inquiry.body)
        grant = inquiry.granted(Wish(kids=kids, token=inquiry.token, persistent=persistent))
        said = {
            "keys": [_key(key) for key in grant.keys],
            "type": SESSION_TYPES[grant.persistent],
            "policy": _policy(grant, inquiry),
        }
        return Reply(
            body=json.dumps(said, separators=(",", ":")).encode(),
            media_type="application/json",
            title=grant.title,
            kids=tuple(key.kid for key in grant.keys),
            left_out=grant.left_out,
            persistent=grant.persistent,
        )


class IdentityDesk:
    """Answers requests for one HLS key; the inquiry's body is the key id."""

    system = "identity"

    def purpose(self, body: bytes) -> Purpose:  # noqa: ARG002 (there is one kind of request)
        """Return "key"."""
        return "key"

    def reply(self, inquiry: Inquiry) -> Reply:
        """Return a key's sixteen bytes.

        Raises:
            Denied: It is not given.
        """
        kid = inquiry.body.decode("ascii", "replace").lower()
        grant = inquiry.granted(Wish(kids=(kid,), token=inquiry.token, states_hdcp=False))
        key = next((key for key in grant.keys if key.kid == kid), None)
        if key is None:  # the title gave its other keys
            raise Denied("no_usable_key", f"{kid}: {grant.left_out[kid]}")
        return Reply(
            body=key.key, media_type="application/octet-stream", title=grant.title, kids=(kid,)
        )


def _asked(body: bytes) -> tuple[tuple[str, ...], bool]:
    """Return the key ids of a request, and whether its licence is to be stored."""
    try:
        said = json.loads(body)
        kids = tuple(_kid(each) for each in said["kids"])
        session_type = said.get("type", SESSION_TYPES[0])
        persistent = bool(SESSION_TYPES.index(session_type))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Denied("malformed", "not a ClearKey licence request", status=400) from error
    if not 0 < len(kids) <= MOST_KIDS:
        raise Denied("malformed", f"1 to {MOST_KIDS} key ids, not {len(kids)}", status=400)
    return tuple(dict.fromkeys(kids)), persistent


def _kid(text: str) -> str:
    """Return a key id in hexadecimal from base64url without padding."""
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(raw) != 16 or _base64url(raw) != text:
        raise ValueError("not sixteen bytes in base64url")
    return raw.hex()


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _key(key: LicensedKey) -> dict[str, Any]:
    """Return a key as a JSON Web Key, with what it demands."""
    rule = {"hdcp": int(key.hdcp), "security_level": int(key.level), "label": key.label}
    kid = _base64url(bytes.fromhex(key.kid))
    return {"kty": "oct", "kid": kid, "k": _base64url(key.key), "rule": rule}


def _policy(grant: Grant, inquiry: Inquiry) -> dict[str, Any]:
    """Return what the licence allows, unlimited things unsaid."""
    terms = grant.terms
    said: dict[str, Any] = {
        "license_duration_s": grant.duration_s,
        "playback_duration_s": terms.playback_duration_s,
        "rental_duration_s": terms.rental_duration_s,
        "offline": grant.persistent,
        "started_utc_s": int(inquiry.now_s),
    }
    if terms.can_renew:
        said |= {
            "can_renew": True,
            "renewal_after_s": terms.renewal_delay_s,
            "renewal_retry_s": terms.renewal_retry_s,
            "renewal_recovery_s": terms.renewal_recovery_s,
            "renewal_url": terms.renewal_url or inquiry.renewal_url,
            "renew_with_usage": terms.renew_with_usage,
        }
    return {name: value for name, value in said.items() if value}
