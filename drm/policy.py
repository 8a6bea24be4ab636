"""What a licence allows: for how long, on which outputs, and when to ask again.

Plain values, whoever issued them. Times are whole seconds counted from the licence's
start, and a limit that was not stated is None: there is none. A rule that is not
understood counts as the strictest one.

Source: the Widevine License message (`License.Policy`, `KeyContainer`), whose words these
are; W3C EME robustness levels; HDCP versions as in Widevine's `OutputProtection`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

__all__ = ["Hdcp", "KeyRule", "Output", "Policy", "SecurityLevel"]


class Hdcp(IntEnum):
    """Protection of the link to a display, weakest first."""

    NONE = 0
    V1 = 1
    V2 = 2
    V2_1 = 3
    V2_2 = 4
    V2_3 = 5
    NO_DIGITAL_OUTPUT = 255

    @classmethod
    def _missing_(cls, _value: object) -> Hdcp:
        return cls.NO_DIGITAL_OUTPUT


class SecurityLevel(IntEnum):
    """Robustness of where keys and media are handled, weakest first."""

    SW_SECURE_CRYPTO = 1
    SW_SECURE_DECODE = 2
    HW_SECURE_CRYPTO = 3
    HW_SECURE_DECODE = 4
    HW_SECURE_ALL = 5

    @classmethod
    def _missing_(cls, _value: object) -> SecurityLevel:
        return cls.HW_SECURE_ALL


@dataclass(frozen=True, slots=True)
class Output:
    """What the app states of the device it runs on; nothing here is measured.

    Attributes:
        hdcp: What the link to the display offers at all times.
        security_level: The robustness that the app answers for.
        analog: Whether there is an analogue output.
    """

    hdcp: Hdcp = Hdcp.NONE
    security_level: SecurityLevel = SecurityLevel.SW_SECURE_CRYPTO
    analog: bool = False


@dataclass(frozen=True, slots=True)
class KeyRule:
    """What one key of a licence demands.

    Attributes:
        hdcp: Needed on every digital output.
        security_level: Needed of the device.
        no_analog: Whether an analogue output forbids it.
        max_pixels: Height times width that it may be used up to; None: any. Whoever
            picks rungs enforces this: a decryptor does not know its video's size.
        label: The track it is for as the service calls it, e.g. "HD"; "" if unsaid.
    """

    hdcp: Hdcp = Hdcp.NONE
    security_level: SecurityLevel = SecurityLevel.SW_SECURE_CRYPTO
    no_analog: bool = False
    max_pixels: int | None = None
    label: str = ""

    def refusal(self, output: Output) -> str:
        """Return why the key may not be used on an output; "" where it may."""
        if output.hdcp < self.hdcp:
            return f"needs HDCP {self.hdcp.name}, the output has {output.hdcp.name}"
        if output.security_level < self.security_level:
            return f"needs {self.security_level.name}, the device has {output.security_level.name}"
        if self.no_analog and output.analog:
            return "forbids an analogue output"
        return ""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a licence allows. Durations in seconds; None: no limit was stated.

    Attributes:
        can_play: Whether playback is allowed at all.
        license_duration_s: Playback ends this long after the licence's start.
        rental_duration_s: The first playback begins within this of the licence's start.
        playback_duration_s: Playback ends this long after it first began.
        soft_rental: Whether a playback begun in time may run past the rental's end.
        soft_playback: Whether a playback that runs may run past its duration's end.
        can_renew: Whether the service renews this licence.
        renewal_after_s: When to ask for renewal first, from the licence's start.
        renewal_retry_s: How long to wait between requests that fail.
        renewal_recovery_s: How long playback may go on while renewal fails.
        renewal_url: Where to ask for renewal; "": where the licence came from.
        renew_with_usage: Whether renewal is due as soon as playback begins.
        offline: Whether the licence may be stored.
        started_utc_s: The licence's start by the service, UTC seconds; None if unsaid.
        rules: Key ids and what those keys demand; of every key, allowed or refused.
    """

    can_play: bool = True
    license_duration_s: int | None = None
    rental_duration_s: int | None = None
    playback_duration_s: int | None = None
    soft_rental: bool = True
    soft_playback: bool = False
    can_renew: bool = False
    renewal_after_s: int | None = None
    renewal_retry_s: int | None = None
    renewal_recovery_s: int | None = None
    renewal_url: str = field(default="", repr=False)
    renew_with_usage: bool = False
    offline: bool = False
    started_utc_s: int | None = None
    rules: tuple[tuple[str, KeyRule], ...] = ()

    @property
    def hdcp(self) -> Hdcp:
        """The strictest HDCP that any of its keys demands."""
        return max((rule.hdcp for _, rule in self.rules), default=Hdcp.NONE)

    @property
    def security_level(self) -> SecurityLevel | None:
        """The strictest robustness that any of its keys demands; None without keys."""
        return max((rule.security_level for _, rule in self.rules), default=None)

    def rule(self, kid: str) -> KeyRule | None:
        """Return what a key demands; None where the licence has no such key."""
        return next((rule for one, rule in self.rules if one == kid), None)

    def ends_after_s(self, played_from_s: int | None = None) -> int | None:
        """Return when playback must have ended, in seconds from the licence's start.

        Args:
            played_from_s: When playback first began, from the licence's start; None: not
                yet, so that this is also the last moment to begin.

        Returns:
            None where nothing limits it.
        """
        if not self.can_play:
            return 0
        limits = [self.license_duration_s]
        if played_from_s is None or not self.soft_rental:
            limits.append(self.rental_duration_s)
        if (
            played_from_s is not None
            and self.playback_duration_s is not None
            and not self.soft_playback
        ):
            limits.append(played_from_s + self.playback_duration_s)
        return min((limit for limit in limits if limit is not None), default=None)
