"""Serves a folder of titles over HTTP: exact byte ranges, strong validators, nothing else.

What a player leans on when it resumes a segment on another host is that the same URL path
has the same ETag there; it is made of the file's time and size, which servers of one
folder share. Files are streamed, never held. Manifests are written for the hosts that were
announced; before any were, they are the relative ones that lie in the folder.

Source: RFC 9110, sections 8.8 (validators), 13.1 (preconditions) and 14 (range requests).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from hashlib import sha256
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from netplay.edge.manifests import documents
from netplay.edge.title import TITLE_FILE, Host, Title

__all__ = ["Origin", "asked_range"]

CONTENT_TYPES = {
    ".aac": "audio/aac",
    ".json": "application/json",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
    ".mpd": "application/dash+xml",
    ".ts": "video/mp2t",
    ".vtt": "text/vtt; charset=utf-8",
}
MANIFESTS = (".mpd", ".m3u8")
LICENSE = "{license}"
"""In the URLs of a title's signals: wherever the licence service will listen."""

READ_BYTES = 64 * 1024
"""At a time; the server's own write buffer is as large, so more would only wait in it."""


class NotSatisfiableError(ValueError):
    """The range begins where the resource has already ended."""


def asked_range(header: str, size_bytes: int) -> range | None:
    """Return the bytes that a Range header asks for, or None for all of them.

    What a server may ignore (other units, several ranges, nonsense) is ignored, as RFC 9110
    section 14.2 allows.

    Raises:
        NotSatisfiableError: It is one well-formed range, of bytes that are not there.
    """
    unit, _, said = header.partition("=")
    first, dash, last = (part.strip(" \t") for part in said.partition("-"))
    digits = (first + last).isascii() and (first + last).isdecimal()
    if unit.strip().lower() != "bytes" or dash != "-" or not digits or len(said) > 64:
        return None
    if not first:
        start, end = max(0, size_bytes - int(last)), size_bytes
    else:
        start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= size_bytes or start >= end:
        raise NotSatisfiableError(f"bytes from {start} of {size_bytes}")
    return range(start, end)


@dataclass(frozen=True, slots=True)
class _Resource:
    """What a path stands for: a file, or a document made for it.

    Attributes:
        text: The document; None where it is the file itself.
    """

    path: Path
    size_bytes: int
    etag: str
    modified: str
    text: bytes | None = None


class _Part(Response):
    """A stretch of a resource, read from disk as fast as the viewer takes it."""

    def __init__(self, resource: _Resource, part: range, status: int) -> None:
        self._resource = resource
        self._part = part
        headers = {
            "Content-Length": str(len(part)),
            "Accept-Ranges": "bytes",
            "ETag": resource.etag,
            "Last-Modified": resource.modified,
            "Access-Control-Allow-Origin": "*",
        }
        if status == 206:
            said = f"bytes {part.start}-{part.stop - 1}/{resource.size_bytes}"
            headers["Content-Range"] = said
        media_type = CONTENT_TYPES.get(resource.path.suffix, "application/octet-stream")
        super().__init__(status_code=status, headers=headers, media_type=media_type)

    async def __call__(
        self,
        scope: Scope,
        receive: Receive,  # noqa: ARG002 (an ASGI application takes three)
        send: Send,
    ) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        left = 0 if scope["method"] == "HEAD" else len(self._part)
        if left and self._resource.text is not None:
            body = self._resource.text[self._part.start : self._part.stop]
            await send({"type": "http.response.body", "body": body, "more_body": True})
        elif left:
            # Read on the event loop: a chunk from the page cache takes microseconds, and
            # the round trip through a thread would take a hundred.
            with self._resource.path.open("rb") as file:
                file.seek(self._part.start)
                while left and (chunk := file.read(min(left, READ_BYTES))):
                    left -= len(chunk)
                    message = {"type": "http.response.body", "body": chunk, "more_body": True}
                    await send(message)
        await send({"type": "http.response.body", "body": b""})


class Origin:
    """An HTTP server's worth of titles, as an ASGI application.

    Attributes:
        app: What to run.
        requests: How often each path was asked for, with the slash in front.
    """

    def __init__(self, root: Path, *, hosts: Sequence[Host] = ()) -> None:
        self.requests: Counter[str] = Counter()
        self._root = root.resolve()
        self._hosts = tuple(hosts)
        self._license_url = ""
        self._written: dict[str, dict[str, str]] = {}
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "HEAD"])])

    def announce(
        self, hosts: Sequence[Host], *, titles: Iterable[str] = (), license_url: str = ""
    ) -> None:
        """Write manifests for these hosts from now on.

        Args:
            hosts: (name, URL of this folder of titles there, ending in a slash).
            titles: Folders whose manifests are written now; others', at a first request.
            license_url: What stands for "{license}" in a protected title's signals; "" leaves
                them as they are.
        """
        self._hosts = tuple(hosts)
        self._license_url = license_url
        self._written.clear()
        for name in titles:
            self._manifests(name)

    async def _answer(self, request: Request) -> Response:
        path: str = request.path_params["path"]
        self.requests[f"/{path}"] += 1
        resource = self._find(path)
        if resource is None:
            return PlainTextResponse(f"no /{path} here\n", status_code=404)
        if request.headers.get("if-none-match") in (resource.etag, "*"):
            return Response(status_code=304, headers={"ETag": resource.etag})
        whole = range(resource.size_bytes)
        asked = request.headers.get("range")
        # A range of a resource that has changed since would be glued to the wrong bytes.
        unchanged = request.headers.get("if-range", resource.etag) in (
            resource.etag,
            resource.modified,
        )
        if asked is None or not unchanged:
            return _Part(resource, whole, 200)
        try:
            part = asked_range(asked, resource.size_bytes)
        except NotSatisfiableError:
            total = f"bytes */{resource.size_bytes}"
            return Response(status_code=416, headers={"Content-Range": total})
        return _Part(resource, whole, 200) if part is None else _Part(resource, part, 206)

    def _find(self, path: str) -> _Resource | None:
        """Return what lies at a path, or None for whatever is not plainly inside the root."""
        names = path.split("/")
        if any(not name or name[0] == "." or set(name) & set("\\:\0") for name in names):
            return None
        file = self._root.joinpath(*names)
        try:
            known = file.stat()
            if not file.is_file() or not file.resolve().is_relative_to(self._root):
                return None
        except OSError:
            return None
        modified = formatdate(known.st_mtime, usegmt=True)
        if file.suffix in MANIFESTS and self._hosts and len(names) > 1:
            said = self._manifests(names[0]).get("/".join(names[1:]))
            if said is not None:
                text = said.encode()
                etag = f'"{sha256(text).hexdigest()[:32]}"'
                return _Resource(file, len(text), etag, modified, text)
        etag = f'"{known.st_mtime_ns:x}-{known.st_size:x}"'
        return _Resource(file, known.st_size, etag, modified)

    def _manifests(self, name: str) -> dict[str, str]:
        """Return a title's manifests for the announced hosts; none where no title lies."""
        written = self._written.get(name)
        if written is None:
            written = {}
            if (self._root / name / TITLE_FILE).is_file():
                title = Title.load(self._root / name)
                hosts = [(host, f"{url}{name}/") for host, url in self._hosts]
                written = documents(title, hosts)
                if self._license_url:
                    written = {
                        path: text.replace(LICENSE, self._license_url)
                        for path, text in written.items()
                    }
            self._written[name] = written
        return written
