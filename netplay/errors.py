"""Everything netplay raises.

Sorted by what the caller can do about it:

NetplayError
├── ManifestError           check the URL, or the document behind it
│   └── UnsupportedManifest   a valid manifest that asks for what netplay cannot do
├── LicenseError            check the account, the device or the licence service
├── MediaError              the bytes are not the media they should be; ask another host
├── DecodeError             the media is sound, this device cannot turn it into frames
├── DeliveryError           no host could deliver in time; try again later
├── SinkError               the app's own sink failed
├── DatasetError            mend the trace or movie file, at the line that is named
└── ExtraMissing            install the extra that the message names

Bugs of ours are `AssertionError`, misuse by the caller is `ValueError`; neither is in
this tree. An error carries fields as well as text, and its text names the thing and
what was tried. URLs in messages carry no user name, password or query string.
"""

from urllib.parse import urlsplit, urlunsplit

__all__ = [
    "Attempt",
    "DatasetError",
    "DecodeError",
    "DeliveryError",
    "ExtraMissing",
    "LicenseError",
    "ManifestError",
    "MediaError",
    "NetplayError",
    "SinkError",
    "UnsupportedManifest",
    "shown_url",
]

Attempt = tuple[str, str]
"""Who was asked, and what came of it: ("oca-1", "503 Service Unavailable")."""


def shown_url(url: str) -> str:
    """Return a URL as it may be shown: without user name, password, query or fragment.

    Tokens travel in queries, so a message or a log never repeats one. A `data:` URL
    is cut to its type.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(unreadable URL)"
    if parts.scheme == "data":
        return f"data:{parts.path.split(',', 1)[0][:60]},…"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", "")) + ("?…" if parts.query else "")


def _told(attempts: tuple[Attempt, ...]) -> str:
    """Return what was tried, the same answer only once."""
    return "; ".join(dict.fromkeys(f"{who}: {what}" for who, what in attempts))


class NetplayError(Exception):
    """Something in the world kept netplay from doing what was asked.

    Attributes:
        code: A stable number for machines: domain x 1000 + kind.
    """

    code: int = 0


class ManifestError(NetplayError):
    """The document behind a URL is not a manifest that can be read.

    Attributes:
        url: Where it came from, as given (not fit for showing; the message is).
        detail: What is wrong, with the line, tag or element where known.
        attempts: What was tried to get it, in order; empty when it was got.
    """

    code = 4001

    def __init__(self, url: str, detail: str, attempts: tuple[Attempt, ...] = ()) -> None:
        self.url = url
        self.detail = detail
        self.attempts = attempts
        tried = _told(attempts)
        super().__init__(f"{shown_url(url)}: {detail}" + (f" ({tried})" if tried else ""))


class UnsupportedManifest(ManifestError):
    """The manifest is sound but demands something netplay cannot do."""

    code = 4002


class LicenseError(NetplayError):
    """No usable key arrived.

    Attributes:
        detail: What was refused and what the server said.
    """

    code = 6001

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


class MediaError(NetplayError):
    """Media bytes are not what they should be: broken, cut short or of another file.

    Attributes:
        what: What was read, e.g. "video/3/00017" or "init of v3".
        detail: What is wrong, with the byte offset where known.
    """

    code = 3001

    def __init__(self, what: str, detail: str) -> None:
        self.what = what
        self.detail = detail
        super().__init__(f"{what}: {detail}")


class DecodeError(NetplayError):
    """Sound media could not be turned into frames on this device.

    Attributes:
        what: What was decoded, e.g. "video avc1.640028".
        detail: What the decoder said.
    """

    code = 3101

    def __init__(self, what: str, detail: str) -> None:
        self.what = what
        self.detail = detail
        super().__init__(f"{what}: {detail}")


class DeliveryError(NetplayError):
    """Every host failed to deliver one segment.

    Attributes:
        segment: Which segment, as the timeline names it, e.g. "video/3/00017".
        attempts: What each host answered, in the order they were asked.
    """

    code = 1001

    def __init__(self, segment: str, attempts: tuple[Attempt, ...]) -> None:
        self.segment = segment
        self.attempts = attempts
        super().__init__(f"no host delivered {segment} ({_told(attempts)})")


class SinkError(NetplayError):
    """A sink that the app passed in raised; its own exception is the cause.

    Attributes:
        sink: The sink's class name.
    """

    code = 7001

    def __init__(self, sink: str, detail: str) -> None:
        self.sink = sink
        self.detail = detail
        super().__init__(f"sink {sink}: {detail}")


class DatasetError(NetplayError):
    """A file of the lab (a trace, a movie, results) is not what it should be.

    Attributes:
        path: The file.
        line: Where in it, counted from 1; None: as a whole.
        detail: What is wrong with it.
    """

    code = 9001

    def __init__(self, path: str, line: int | None, detail: str) -> None:
        self.path = path
        self.line = line
        self.detail = detail
        place = path if line is None else f"{path}, line {line}"
        super().__init__(f"{place}: {detail}")


class ExtraMissing(NetplayError):
    """A feature was asked for whose optional dependency is not installed.

    Attributes:
        feature: What was asked for.
        extra: The extra that brings it.
    """

    code = 8001

    def __init__(self, feature: str, extra: str) -> None:
        self.feature = feature
        self.extra = extra
        super().__init__(
            f"{feature} needs the {extra!r} extra; in netplay's folder: pip install '.[{extra}]'"
        )
