"""A licence service: where it is, what it may be told, and what its answers mean.

Headers that an app gives for its licence service go there and nowhere else: where a
manifest or a licence names another origin, they stay at home. What a server says about a
refusal is kept to one line, and what looks like a key or a token in it is left out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import NoReturn
from urllib.parse import urlsplit

from drm.contract import Headers, LicenseAnswer, LicenseRequest
from drm.errors import KeySystemError, LicenseDenied

__all__ = ["Service", "check", "first_line", "the_answer"]

MAX_ANSWER_BYTES = 1 << 20
MAX_SAID_CHARACTERS = 160
MAX_READ_BYTES = 1 << 16
"""Of an error's body, as much is looked at."""

REFUSALS = frozenset((401, 402, 403, 410, 451))
PASSING = frozenset((408, 425, 429))
"""RFC 9110 clause 15, RFC 6585, RFC 8470: refusals, and what is worth another attempt."""

_PORTS = {"https": 443, "http": 80}
_TOKEN = re.compile(r"[A-Za-z0-9+/=_.\-]{20,}")
_WORD = re.compile(r"[A-Z_-]+|[a-z_-]+", re.ASCII)
_TELLING = ("message", "detail", "error_description", "error", "reason", "code", "title")
"""Members of a JSON error that say what happened; RFC 9457, RFC 6749 and common use."""
_CODES = ("error", "reason", "code")
_REASONS = (("revoked", "revoked"), ("device", "device"), ("entitle", "entitlement"))
"""What a code holds, and the reason that it stands for: "device_revoked" is the first."""


@dataclass(frozen=True, slots=True, repr=False)
class Service:
    """Where licences are asked for.

    Attributes:
        system: The key system's name, for messages.
        url: Of the app's choice; "": what the manifest says.
        headers: For that URL's origin only.

    Raises:
        ValueError: There are headers and no URL, so nobody to send them to.
    """

    system: str
    url: str = ""
    headers: Headers = ()

    def __post_init__(self) -> None:
        if self.headers and not self.url:
            raise ValueError("headers are for a licence URL, and none was given with them")

    def __repr__(self) -> str:
        return f"<Service {self.system}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("headers for a licence service stay in the process that has them")

    def request(
        self,
        purpose: str,
        body: bytes = b"",
        *,
        stated: str = "",
        elsewhere: str = "",
        content_type: str = "application/octet-stream",
    ) -> LicenseRequest:
        """Return a request to the service.

        Args:
            purpose: As `LicenseRequest` has it.
            body: What to send.
            stated: The manifest's URL, for when the app gave none.
            elsewhere: A URL that wins over both: the licence's own, for renewal.
            content_type: What the body is; "" without one.

        Raises:
            KeySystemError: Nobody named a URL, or it may not carry licences.
        """
        url = elsewhere or self.url or stated
        if not url:
            raise KeySystemError(self.system, "neither the app nor the manifest has a licence URL")
        headers: Headers = (("Content-Type", content_type),) if content_type else ()
        if self.url and _origin(url) == _origin(self.url):
            given = {name.lower() for name, _ in self.headers}
            headers = tuple(one for one in headers if one[0].lower() not in given) + self.headers
        request = LicenseRequest(url, body, headers=headers, purpose=purpose)
        return request if content_type else replace(request, method="GET")


def _origin(url: str) -> tuple[str, str, int | None]:
    """Return a URL's origin (RFC 6454 clause 4); of one that cannot be read, nobody's."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", "", None


def the_answer(system: str, answers: tuple[LicenseAnswer, ...]) -> LicenseAnswer:
    """Return the answer to one request.

    Raises:
        ValueError: The driver sent another number of answers.
    """
    if len(answers) != 1:
        raise ValueError(f"{system} asked one question and was sent {len(answers)} answers")
    return answers[0]


def check(system: str, answer: LicenseAnswer, what: str) -> None:
    """Raise what an answer means, unless it is a success.

    Args:
        system: The key system's name.
        answer: Of any status.
        what: What was asked for, e.g. "the licence".

    Raises:
        LicenseDenied: The service refused.
        KeySystemError: Any other status than success, or a body over 1 MiB.
    """
    status = answer.status
    if 200 <= status < 300:
        if len(answer.body) > MAX_ANSWER_BYTES:
            raise KeySystemError(system, f"{what} is {len(answer.body)} bytes long", status=status)
        return
    told, reason = _told(answer.body)
    said = first_line(told)
    if status in REFUSALS or (400 <= status < 500 and reason):
        raise LicenseDenied(system, f"{what} was refused", status=status, said=said, reason=reason)
    raise KeySystemError(
        system,
        f"{what} did not come",
        status=status,
        said=said,
        retriable=status >= 500 or status in PASSING,
        retry_after_s=_retry_after_s(answer.headers),
    )


def first_line(text: str) -> str:
    """Return the first line of what a server says, fit for showing.

    At most 160 characters, no control characters, and nothing that could be a key or a
    token: words of twenty characters and more that are not plain letters become "…".
    """
    line = next((line for line in text.splitlines() if line.strip()), "")
    line = " ".join("".join(one if one.isprintable() else " " for one in line).split())
    line = _TOKEN.sub(lambda match: match[0] if _WORD.fullmatch(match[0]) else "…", line)
    return line if len(line) <= MAX_SAID_CHARACTERS else line[: MAX_SAID_CHARACTERS - 1] + "…"


def _told(body: bytes) -> tuple[str, str]:
    """Return what an error's body says to people, and its reason where machines can read it."""
    text = body[:MAX_READ_BYTES].decode("utf-8", "replace").strip()
    if text.startswith("<") or "\ufffd" in text[:200]:
        return "", ""  # a web page, or no text at all
    if not text.startswith("{"):
        return text, ""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text, ""
    inner = value.get("error")
    told = {**value, **inner} if isinstance(inner, dict) else value
    words = [told[name] for name in _TELLING if isinstance(told.get(name), str)]
    codes = " ".join(told[name] for name in _CODES if isinstance(told.get(name), str)).lower()
    reason = next((reason for sign, reason in _REASONS if sign in codes), "")
    return ": ".join(dict.fromkeys(" ".join(word.split()) for word in words)), reason


def _retry_after_s(headers: Headers) -> float | None:
    text = next((value.strip() for name, value in headers if name.lower() == "retry-after"), "")
    # The other form is a date, which needs a clock that agrees with the server's.
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
