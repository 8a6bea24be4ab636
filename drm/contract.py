"""What a key system is: from init data to keys, by requests that somebody else performs.

A key system opens no socket. `open` is a generator: it yields the requests it needs, is
sent the answers, and returns `Keys`. The driver chooses how to reach the service; a
driver that gives up closes the generator, and nothing is left open behind it:

    exchange = system.open(init)
    requests = next(exchange)              # StopIteration: .value is the Keys, nothing to ask
    requests = exchange.send(answers)      # one answer a request, in their order

An answer of any HTTP status is sent in: what it means is the key system's to say. Keys
stay inside: `Keys` gives a `Decryptor`, never a key.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NoReturn, Protocol
from urllib.parse import urlsplit

from drm.errors import KeySystemError
from drm.policy import Policy

__all__ = [
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
]

Headers = tuple[tuple[str, str], ...]

Data = bytes | bytearray | memoryview
"""A memoryview must be of bytes and contiguous."""


def is_confidential(url: str) -> bool:
    """Return whether a URL may carry licences: https, or http to this machine itself.

    For every hop: a redirect is held to it too.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    if parts.scheme != "http":
        return False
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, repr=False)
class InitData:
    """What media or a manifest says about the keys it needs.

    Attributes:
        system: The key system: a UUID in lower case with dashes, "clearkey", "identity"
            (HLS), or another KEYFORMAT; "": any that has the keys.
        kids: Key ids, 32 lower-case hexadecimal digits each; may be empty.
        pssh: One or more whole pssh boxes; b"": none.
        license_url: From the manifest; a URL that the app gave the key system wins.
        key_uri: HLS: the key's absolute URI (a `data:` URI holds the key itself).
        content_id: The service's own name for the content; b"" if unsaid.
    """

    system: str
    kids: tuple[str, ...] = ()
    pssh: bytes = b""
    license_url: str = ""
    key_uri: str = ""
    content_id: bytes = b""

    def __repr__(self) -> str:
        # URLs carry tokens, and a data: URI carries the key.
        return f"<InitData {self.system or 'any'}: {len(self.kids)} kids, {len(self.pssh)} B>"


@dataclass(frozen=True, slots=True, repr=False)
class LicenseRequest:
    """One HTTP request that a key system asks for.

    It carries the headers that are named and no others: no cookie, no header of a CDN.

    Attributes:
        url: Absolute, and fit for licences (`is_confidential`).
        body: What to send.
        method: "POST" or "GET".
        headers: Names and values.
        purpose: "license", "certificate", "renewal" or "key".

    Raises:
        KeySystemError: The URL is neither https nor on this machine.
    """

    url: str
    body: bytes = b""
    method: str = "POST"
    headers: Headers = ()
    purpose: str = "license"

    def __post_init__(self) -> None:
        if not is_confidential(self.url):
            scheme = self.url[:12].partition(":")[0]
            raise KeySystemError(
                self.purpose,
                f"its URL is no https URL but {scheme!r}…; keys travel over https only",
            )

    def __repr__(self) -> str:
        host = urlsplit(self.url).hostname
        return f"<LicenseRequest {self.purpose}: {self.method} {host}, {len(self.body)} B>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a licence request stays in the process that made it")


@dataclass(frozen=True, slots=True, repr=False)
class LicenseAnswer:
    """What came back, whatever its status. It may hold keys: never shown, never pickled.

    Attributes:
        status: HTTP status, after redirects.
        body: As received, without transfer or content coding.
        headers: Names and values.
    """

    status: int
    body: bytes = b""
    headers: Headers = ()

    def __repr__(self) -> str:
        return f"<LicenseAnswer {self.status}, {len(self.body)} B>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a licence stays in the process that asked for it")


class SegmentDecryptor(Protocol):
    """Decrypts one whole HLS segment while it arrives."""

    def feed(self, data: Data) -> bytes:
        """Return what has become clear; the last block waits for `finish`."""
        ...

    def finish(self) -> bytes:
        """Return the rest, without its padding.

        Raises:
            SampleError: The segment is empty or was cut inside a block.
            WrongKey: There is no padding at its end.
        """
        ...


class Decryptor(Protocol):
    """Decrypts under one key and one scheme. `drm.cenc.Decryptor` is one in software."""

    def decrypt(
        self,
        data: Data,
        iv: bytes,
        subsamples: Sequence[tuple[int, int]] = (),
        pattern: tuple[int, int] | None = None,
    ) -> bytes:
        """Return a sample in the clear.

        Args:
            data: The sample; with "aes-128" a whole segment.
            iv: 8 or 16 bytes.
            subsamples: (clear bytes, protected bytes) one after another; empty: the whole
                sample is protected.
            pattern: (crypt blocks, skip blocks); None: every block is encrypted.

        Returns:
            New bytes, as many as went in; with "aes-128" less the padding.

        Raises:
            SampleError: The parameters do not fit the sample or the scheme.
            WrongKey: Only with "aes-128": there is no padding at the end.
            KeyMissing: The key was wiped.
        """
        ...

    def segment(self, iv: bytes) -> SegmentDecryptor:
        """Return what decrypts one HLS segment while it arrives; only with "aes-128".

        Raises:
            SampleError: The IV has another size than sixteen bytes.
            ValueError: The scheme is another one.
        """
        ...

    def wipe(self) -> None:
        """Forget the key; `Keys.wipe` does so for every decryptor it gave."""
        ...


class Keys(Protocol):
    """One licence's keys, held and never shown.

    Its repr names no key, and pickling or copying it raises TypeError.
    """

    @property
    def kids(self) -> frozenset[str]:
        """Key ids that can be used."""
        ...

    @property
    def refused(self) -> Mapping[str, str]:
        """Key id to why the licence does not allow it here."""
        ...

    @property
    def policy(self) -> Policy:
        """What the licence allows; another value once it is renewed."""
        ...

    def decryptor(self, kid: str, scheme: str) -> Decryptor:
        """Return what decrypts under a key.

        Args:
            kid: 32 lower-case hexadecimal digits.
            scheme: "cenc", "cens", "cbc1", "cbcs" or "aes-128".

        Raises:
            KeyMissing: There is no such key, or it was wiped.
            KeyRefused: There is, and the licence does not allow it here.
            LicenseExpired: The time the licence was given for is over.
            ValueError: No such scheme.
        """
        ...

    def wipe(self) -> None:
        """Overwrite the keys; afterwards none is held. May be called twice."""
        ...


def perform(exchange: Exchange, ask: Callable[[LicenseRequest], LicenseAnswer]) -> Keys:
    """Run an exchange to its end, one request after another, and return the keys.

    Args:
        exchange: From `KeySystem.open` or `renew`.
        ask: Performs one HTTP request. What it raises ends the exchange.

    Raises:
        DrmError: As the exchange does.
    """
    try:
        requests = next(exchange)
        while True:
            requests = exchange.send(tuple(ask(request) for request in requests))
    except StopIteration as done:
        keys: Keys = done.value
        return keys
    finally:
        exchange.close()


Exchange = Generator[tuple[LicenseRequest, ...], tuple[LicenseAnswer, ...], Keys]
"""Yields requests, is sent their answers in order, returns the keys.

Raises:
    InitDataError: The init data cannot be used.
    KeySystemError: The service failed, or answered what is no licence.
    LicenseDenied: The service refused.
    KeyMissing: The licence holds no key at all.
"""


class KeySystem(Protocol):
    """Turns init data into keys. `drm.laws.check_key_system` holds one to this contract.

    One object serves any number of exchanges at once, from several threads.
    """

    @property
    def name(self) -> str:
        """What messages call it: "clearkey", "widevine", …."""
        ...

    @property
    def systems(self) -> frozenset[str]:
        """What `InitData.system` says for this one."""
        ...

    @property
    def asks_at(self) -> str:
        """Where the app has it ask, so that a connection can be opened ahead; "": unknown."""
        ...

    @property
    def asks_by_kid(self) -> bool:
        """Whether key ids are all it needs, without a pssh box or a key's URI."""
        ...

    def warm(self) -> None:
        """Import and prepare what the first `open` needs. May block; may be called twice.

        Raises:
            PackageMissing: It needs a package that is not installed.
        """
        ...

    def open(self, init: InitData) -> Exchange:
        """Ask for the keys that init data names."""
        ...

    def renew(self, keys: Keys) -> Exchange:
        """Ask for more time. Returns the same Keys, brought up to date.

        When it fails the keys stay as they were, and so does their policy.
        """
        ...

    def close(self, keys: Keys) -> None:
        """Forget a licence and wipe its keys. May be called twice."""
        ...
