"""What a Widevine licence says beside its keys: policy, rules for each key, who it is.

pywidevine gives the keys and drops the rest, so the verified message is read here once
more, by a reader that bounds its work. Nothing here is secret and nothing is decrypted.

Source: the `SignedMessage`, `License` and `LicenseError` protobuf messages, as pywidevine
publishes them (license_protocol.proto); field numbers are theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from drm.policy import Hdcp, KeyRule, Policy, SecurityLevel
from drm.protobuf import Malformed, Message, read_message

__all__ = [
    "LICENSE",
    "MAX_LICENSE_BYTES",
    "Container",
    "License",
    "Signed",
    "error_reason",
    "read_license",
    "read_signed",
]

LICENSE_REQUEST = 1
LICENSE = 2
ERROR_RESPONSE = 3
"""SignedMessage.MessageType."""

CONTENT = 2
"""License.KeyContainer.KeyType."""

MAX_LABEL_CHARACTERS = 64
MAX_CONSTRAINTS = 64
"""Of one key; a guess: a ladder has a dozen sizes."""
MAX_LICENSE_BYTES = 1 << 18
"""A licence seen holds some hundred bytes a key; a guess at what none exceeds."""
_ERRORS = {
    1: ("device", "the device's certificate is not valid"),
    2: ("revoked", "the device was revoked"),
    3: ("", "the service is not available"),
    4: ("device", "the device's certificate has expired"),
}
"""LicenseError.Error, to a reason and what it means."""


@dataclass(frozen=True, slots=True, repr=False)
class Signed:
    """A SignedMessage.

    Attributes:
        kind: Its MessageType.
        message: What was signed.
        signature: Over core and message.
        session_key: Wrapped for the device; b"" in a renewal.
        core: OEMCrypto's message, which is signed too, in front; b"" if there is none.
    """

    kind: int
    message: bytes
    signature: bytes
    session_key: bytes
    core: bytes


@dataclass(frozen=True, slots=True)
class Container:
    """One KeyContainer, without its key.

    Attributes:
        kid: 32 hexadecimal digits; "" where its id is not sixteen bytes.
        content: Whether it holds a content key.
        rule: What that key demands.
    """

    kid: str
    content: bool
    rule: KeyRule


@dataclass(frozen=True, slots=True)
class License:
    """A License, without its keys.

    Attributes:
        identification: Its LicenseIdentification, as a renewal repeats it.
        request_id: Of the request that it answers.
        version: How often it was renewed.
        policy: With a rule for each content key.
        containers: In their order.
        names_client: Whether renewals must say again who asks.
    """

    identification: bytes
    request_id: bytes
    version: int
    policy: Policy
    containers: tuple[Container, ...]
    names_client: bool


def read_signed(data: bytes) -> Signed:
    """Return a SignedMessage.

    Raises:
        Malformed: The bytes are no protobuf message.
    """
    message = read_message(data)
    return Signed(
        message.number(1), message.blob(2), message.blob(3), message.blob(4), message.blob(9)
    )


def error_reason(data: bytes) -> tuple[str, str] | None:
    """Return the reason and meaning of an ERROR_RESPONSE, or None for anything else."""
    try:
        signed = read_signed(data)
        if signed.kind != ERROR_RESPONSE:
            return None
        code = read_message(signed.message).number(1)
    except Malformed:
        return None
    return _ERRORS.get(code, ("", f"error {code}"))


def read_license(data: bytes) -> License:
    """Return what a License message says.

    Raises:
        Malformed: The bytes are none or too many, or a duration is negative.
    """
    if len(data) > MAX_LICENSE_BYTES:
        raise Malformed(f"a licence of {len(data)} bytes")
    message = read_message(data)
    identification = message.blob(1)
    identity = read_message(identification)
    containers = tuple(_container(read_message(one)) for one in message.blobs(3))
    terms = read_message(message.blob(2))
    return License(
        identification=identification,
        request_id=identity.blob(1),
        version=identity.number(5),
        policy=_policy(terms, message.number(4), containers),
        containers=containers,
        names_client=terms.flag(12),
    )


def _policy(terms: Message, started_s: int, containers: tuple[Container, ...]) -> Policy:
    renews = terms.flag(3)
    return Policy(
        can_play=terms.flag(1),
        offline=terms.flag(2),
        can_renew=renews,
        rental_duration_s=_seconds(terms, 4),
        playback_duration_s=_seconds(terms, 5),
        license_duration_s=_seconds(terms, 6),
        # These "only apply if can_renew is true", as the message's own comment has it.
        renewal_recovery_s=_seconds(terms, 7) if renews else None,
        renewal_url=terms.text(8) if renews else "",
        renewal_after_s=_seconds(terms, 9) if renews else None,
        renewal_retry_s=_seconds(terms, 10) if renews else None,
        renew_with_usage=renews and terms.flag(11),
        soft_playback=terms.flag(14),
        soft_rental=terms.flag(15, default=True),
        started_utc_s=started_s if 0 < started_s < 1 << 40 else None,
        rules=tuple((one.kid, one.rule) for one in containers if one.content and one.kid),
    )


def _seconds(terms: Message, number: int) -> int | None:
    """Return a duration; None for zero, which means that there is no limit."""
    value = terms.number(number)
    if value >= 1 << 63:
        raise Malformed(f"a negative duration in field {number} of the policy")
    return value or None


def _container(message: Message) -> Container:
    kid = message.blob(1)
    rule = KeyRule()
    if message.number(4) == CONTENT:
        rule = _rule(message)
    return Container(kid.hex() if len(kid) == 16 else "", message.number(4) == CONTENT, rule)


def _rule(message: Message) -> KeyRule:
    protections = [message.blob(6)]
    sizes = []
    constraints = message.blobs(10)
    if len(constraints) > MAX_CONSTRAINTS:
        raise Malformed(f"{len(constraints)} rules for sizes in one key")
    for one in constraints:
        # A rule for some sizes is kept for all: whoever decrypts does not know the size.
        constraint = read_message(one)
        protections.append(constraint.blob(3))
        sizes.append(constraint.number(2))
    outputs = [read_message(one) for one in protections]
    hdcp = max(Hdcp(output.number(1)) for output in outputs)
    if any(output.flag(5) for output in outputs):
        hdcp = Hdcp.NO_DIGITAL_OUTPUT
    return KeyRule(
        hdcp=hdcp,
        security_level=SecurityLevel(message.number(5, SecurityLevel.SW_SECURE_CRYPTO)),
        no_analog=any(output.flag(4) for output in outputs),
        max_pixels=max(sizes, default=None),
        label=message.text(12)[:MAX_LABEL_CHARACTERS],
    )
