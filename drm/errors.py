"""Everything drm raises.

Sorted by what the caller can do about it:

DrmError
├── InitDataError         the init data is broken or not understood; look at the manifest
├── KeySystemError        the key system or its licence service failed; `retriable` says
│   │                     whether asking again may help
│   └── LicenseDenied     the service refused: check the account or the device
├── LicenseExpired        the licence has ended; ask for a new one
├── KeyMissing            no licence here holds the key: another rung, or another licence
│   └── KeyRefused        the licence holds it, and its rules forbid it on this output
├── SampleError           what a sample says of its encryption cannot be followed
├── WrongKey              the key does not fit the media
└── PackageMissing        install the package that the message names

Bugs of ours are `AssertionError`, misuse by the caller is `ValueError`; neither is in
this tree. No error holds a key, a licence or a challenge: not in its text, not in its
fields, and not in the frames of another error behind it. What a server said is kept to
one bounded line.
"""

__all__ = [
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
]


class DrmError(Exception):
    """Protected media could not be unlocked."""


class InitDataError(DrmError):
    """Init data is broken, too large, or of a form that is not understood.

    Attributes:
        what: What was read, e.g. "pssh" or "PlayReady object".
        detail: What is wrong with it.
    """

    def __init__(self, what: str, detail: str) -> None:
        self.what = what
        self.detail = detail
        super().__init__(f"{what}: {detail}")


class KeySystemError(DrmError):
    """A key system or its licence service failed.

    Attributes:
        system: The key system's name, e.g. "widevine".
        detail: What failed.
        status: HTTP status of the answer; 0 where it was not about one.
        said: What the server said, one line of at most 160 characters; "" if nothing.
        retriable: Whether the same request may succeed later.
        retry_after_s: How long the server asked to be left alone; None if unsaid.
    """

    def __init__(
        self,
        system: str,
        detail: str,
        *,
        status: int = 0,
        said: str = "",
        retriable: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        self.system = system
        self.detail = detail
        self.status = status
        self.said = said
        self.retriable = retriable
        self.retry_after_s = retry_after_s
        answered = f" ({status})" if status else ""
        super().__init__(f"{system}: {detail}{answered}" + (f": {said}" if said else ""))


class LicenseDenied(KeySystemError):
    """The licence service understood, and refused.

    Attributes:
        reason: "revoked" (the device), "device" (not one that is served) or
            "entitlement" (not this account's title) where the service says so in a way
            machines can read, else "".
    """

    def __init__(
        self, system: str, detail: str, *, status: int = 0, said: str = "", reason: str = ""
    ) -> None:
        self.reason = reason
        super().__init__(system, detail, status=status, said=said)


class LicenseExpired(DrmError):
    """The time a licence was given for is over.

    Attributes:
        system: The key system's name.
    """

    def __init__(self, system: str) -> None:
        self.system = system
        super().__init__(f"{system}: the licence has ended")


class KeyMissing(DrmError):
    """No key is held for a key id.

    Attributes:
        kid: The key id, 32 lower-case hexadecimal digits.
        detail: Why not.
    """

    def __init__(self, kid: str, detail: str = "the licence has no such key") -> None:
        self.kid = kid
        self.detail = detail
        super().__init__(f"key {kid}: {detail}")


class KeyRefused(KeyMissing):
    """The licence has the key, and its rules do not allow it here: HDCP or robustness."""


class SampleError(DrmError):
    """What a sample says of its encryption cannot be followed.

    Attributes:
        detail: What is wrong: an IV of no known size, subsamples past the sample's end.
    """

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


class WrongKey(DrmError):
    """Media decrypted to what cannot be media: the key does not belong to it.

    Attributes:
        kid: The key id.
    """

    def __init__(self, kid: str) -> None:
        self.kid = kid
        super().__init__(f"key {kid} does not fit the media")


class PackageMissing(DrmError):
    """A key system needs a package that is not installed.

    Attributes:
        package: What to install.
    """

    def __init__(self, package: str) -> None:
        self.package = package
        super().__init__(f"the package {package!r} is not installed")
