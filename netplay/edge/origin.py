"""Serves a folder over HTTP: titles whose manifests name hosts, or any HLS or DASH at all.

ETags are made of the file's time and size, which servers of one folder share. Files are
never held. A title's manifests are written for the hosts that were announced; before any
were, they are the relative ones that lie in the folder.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from email.utils import formatdate
from hashlib import sha256
from pathlib import Path

from netplay.edge.exchange import Answer, FilePart, Request
from netplay.edge.manifests import documents
from netplay.edge.resource import Digests, Resource, answered
from netplay.edge.steered import SteeringAt
from netplay.edge.title import TITLE_FILE, Host, Title

__all__ = ["MANIFESTS", "Origin"]

CONTENT_TYPES = {
    ".aac": "audio/aac",
    ".ac3": "audio/ac3",
    ".cmfa": "audio/mp4",
    ".cmft": "application/mp4",
    ".cmfv": "video/mp4",
    ".css": "text/css; charset=utf-8",
    ".ec3": "audio/eac3",
    ".html": "text/html; charset=utf-8",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".key": "application/octet-stream",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4a": "audio/mp4",
    ".m4s": "video/iso.segment",
    ".m4v": "video/mp4",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".mpd": "application/dash+xml",
    ".png": "image/png",
    ".ts": "video/mp2t",
    ".ttml": "application/ttml+xml",
    ".vtt": "text/vtt; charset=utf-8",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".xml": "application/xml",
}
MANIFESTS = (".mpd", ".m3u8")
LICENSE = "{license}"
"""In the URLs of a title's signals: wherever the licence service will listen."""


class Origin:
    """Answers requests for the files of a folder.

    Args:
        root: Nothing outside it is served, whatever links in it point to.
        hosts: As for `announce`.
        fresh_s: How long caches may hand out media without asking again; manifests are
            asked about always.

    Attributes:
        requests: How often each path was asked for, with the slash in front.
    """

    def __init__(self, root: Path, *, hosts: Sequence[Host] = (), fresh_s: int = 0) -> None:
        self.requests: Counter[str] = Counter()
        self._root = root.resolve()
        self._hosts = tuple(hosts)
        self._fresh_s = fresh_s
        self._license_url = ""
        self._steering: SteeringAt | None = None
        self._written: dict[str, dict[str, str]] = {}
        self._digests = Digests()

    def announce(
        self,
        hosts: Sequence[Host],
        *,
        titles: Iterable[str] = (),
        license_url: str = "",
        steering_url: str = "",
    ) -> None:
        """Write manifests for these hosts from now on.

        Args:
            hosts: (name, URL of this folder of titles there, ending in a slash).
            titles: Folders whose manifests are written now; others', at a first request.
            license_url: What stands for "{license}" in a protected title's signals; "" leaves
                them as they are.
            steering_url: Of the steering manifest that they name; "" names none.
        """
        self._hosts = tuple(hosts)
        self._steering = SteeringAt(steering_url, hosts[0][0]) if steering_url else None
        self._license_url = license_url
        self._written.clear()
        for name in titles:
            self._manifests(name)

    async def __call__(self, request: Request) -> Answer:
        """Return the answer to a request."""
        self.requests[request.path] += 1
        return await answered(self._find(request.path), request, self._digests)

    def _find(self, path: str) -> Resource | None:
        """Return what lies at a path, or None for whatever is not plainly inside the root."""
        names = path.removeprefix("/").split("/")
        if any(not name or name[0] == "." or set(name) & set("\\:\0") for name in names):
            return None
        file = self._root.joinpath(*names)
        try:
            known = file.stat()
            if not file.is_file() or not file.resolve().is_relative_to(self._root):
                return None
        except (OSError, ValueError):  # a name too long, or one that no file system has
            return None
        modified = formatdate(known.st_mtime, usegmt=True)
        kind = CONTENT_TYPES.get(file.suffix.lower(), "application/octet-stream")
        if file.suffix in MANIFESTS and self._hosts and len(names) > 1:
            text = self._manifests(names[0]).get("/".join(names[1:]))
            if text is not None:
                data = text.encode()
                etag = f'"{sha256(data).hexdigest()[:32]}"'
                return Resource(path, (data,), etag, modified, kind)
        etag = f'"{known.st_mtime_ns:x}-{known.st_size:x}"'
        fresh_s = 0 if file.suffix in MANIFESTS else self._fresh_s
        body = (FilePart(file, 0, known.st_size),)
        return Resource(path, body, etag, modified, kind, fresh_s)

    def _manifests(self, name: str) -> dict[str, str]:
        """Return a title's manifests for the announced hosts; none where no title lies."""
        written = self._written.get(name)
        if written is None:
            written = {}
            if (self._root / name / TITLE_FILE).is_file():
                title = Title.load(self._root / name)
                hosts = [(host, f"{url}{name}/") for host, url in self._hosts]
                written = documents(title, hosts, steering=self._steering)
                if self._license_url:
                    written = {
                        path: text.replace(LICENSE, self._license_url)
                        for path, text in written.items()
                    }
            self._written[name] = written
        return written
