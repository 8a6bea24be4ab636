"""Where a title's bytes are: beside its manifest on the disk, or on servers.

What is wanted of them is little: manifests and indexes whole or in part, and of segments
only how large they are. A server is asked that with HEAD, and one that does not say it
there with a GET of a single byte (RFC 9110 §14.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from netplay.errors import DatasetError

if TYPE_CHECKING:
    import httpx

__all__ = ["Shelf"]

_TIMEOUT_S: Final = 20.0
_AT_ONCE: Final = 6
"""Connections: as many as a browser opens to a host."""

MAX_REQUESTS: Final = 200_000


class Shelf:
    """Files and servers, read by URL. A context: its connections end with it."""

    def __init__(self) -> None:
        self._client: httpx.Client | None = None

    def __enter__(self) -> Shelf:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._client is not None:
            self._client.close()

    def read(self, url: str, *, first: int = 0, length: int | None = None, most: int) -> bytes:
        """Return bytes of what is at a URL.

        Args:
            length: How many; None: up to the end.
            most: No more than so many.

        Raises:
            DatasetError: They are not there.
        """
        wanted = most if length is None else min(length, most)
        file = file_of(url)
        if file is not None:
            try:
                with file.open("rb") as opened:
                    opened.seek(first)
                    return opened.read(wanted)
            except OSError as error:
                raise DatasetError(str(file), None, f"cannot be read: {error.strerror}") from error
        headers = {} if length is None else {"Range": f"bytes={first}-{first + length - 1}"}
        with self._answer("GET", url, headers) as answer:
            skip = first if answer.status_code == 200 else 0
            data = bytearray()
            for piece in answer.iter_bytes():
                data += piece
                if len(data) >= skip + wanted:
                    break
            return bytes(data[skip : skip + wanted])

    def has(self, url: str) -> bool:
        """Whether a URL is a server's, or a file that is there."""
        file = file_of(url)
        return urlsplit(url).scheme in ("http", "https") if file is None else file.is_file()

    def sizes(self, urls: Iterable[str]) -> dict[str, int]:
        """Return how large what servers have is, by URL; of files, and elsewhere, nothing.

        Raises:
            DatasetError: A server does not say, or there are too many to ask about.
        """
        asked = sorted({url for url in urls if urlsplit(url).scheme in ("http", "https")})
        if len(asked) > MAX_REQUESTS:
            raise DatasetError(asked[0], None, f"one of {len(asked):,} sizes to ask for")
        if not asked:
            return {}
        self._connect()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(asked, pool.map(self._size, asked), strict=True))

    def _size(self, url: str) -> int:
        with self._answer("HEAD", url, {}, check=False) as answer:
            said = answer.headers.get("Content-Length", "")
            if answer.status_code == 200 and said.isdigit():
                return int(said)
        with self._answer("GET", url, {"Range": "bytes=0-0"}) as answer:
            if answer.status_code == 206:
                said = answer.headers.get("Content-Range", "").rpartition("/")[2]
            else:
                said = answer.headers.get("Content-Length", "")
        if not said.isdigit():
            raise DatasetError(url, None, "the server does not say how large it is")
        return int(said)

    @contextmanager
    def _answer(
        self, method: str, url: str, headers: dict[str, str], *, check: bool = True
    ) -> Iterator[httpx.Response]:
        import httpx

        # A packed answer would say its own length, and a range would be one of it.
        headers = {**headers, "Accept-Encoding": "identity"}
        try:
            with self._connect().stream(method, url, headers=headers) as answer:
                if check and answer.status_code not in (200, 206):
                    raise DatasetError(url, None, f"HTTP {answer.status_code}")
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            detail = str(error) or type(error).__name__
            raise DatasetError(url, None, f"cannot be fetched: {detail}") from error

    def _connect(self) -> httpx.Client:
        if self._client is None:
            import httpx

            limits = httpx.Limits(max_connections=_AT_ONCE)
            self._client = httpx.Client(follow_redirects=True, timeout=_TIMEOUT_S, limits=limits)
        return self._client


def file_of(url: str) -> Path | None:
    """Return the file of a URL; None if it is elsewhere."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None
