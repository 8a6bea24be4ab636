"""A served title, a server of wrong answers, and the command as a user starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from served import SHORT, short_title

from netplay.edge.cache import cached_title
from netplay.edge.testbed import Testbed

Netplay = Callable[..., subprocess.CompletedProcess[str]]

BLOCKED = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Block())
from netplay.cli import main
sys.exit(main({arguments}))
"""


def spellings(key: bytes) -> list[str]:
    """Return how a key might be written."""
    coded = [key.hex(), key.hex().upper(), b64encode(key).decode().rstrip("=")]
    return [*coded, urlsafe_b64encode(key).decode().rstrip("="), repr(key)[2:-1], str(list(key))]


def without(names: set[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command where some modules are not installed."""
    code = BLOCKED.format(names=names, arguments=list(arguments))
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where titles are kept for these tests."""
    return tmp_path_factory.mktemp("titles")


@pytest.fixture(scope="session")
def folder(cache: Path) -> Path:
    """Return the folder of a packaged SHORT title; nobody writes into it."""
    return cached_title(SHORT, cache)


@pytest.fixture(scope="session")
def bed(cache: Path) -> Iterator[Testbed]:
    """Serve the title from real servers that nobody stops."""
    with short_title(cache) as running:
        yield running


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which nothing of this user's is read or written."""
    return os.environ | {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture(scope="session")
def netplay(environment: dict[str, str]) -> Netplay:
    """Return a function that runs the command to its end."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "netplay.cli", *map(str, arguments)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


class _Answers(BaseHTTPRequestHandler):
    """Answers by path, in all the ways that are not a manifest."""

    bodies: ClassVar[dict[str, bytes]] = {
        "/page": b"<!DOCTYPE html><html><body>Not here</body></html>",
        "/empty": b"",
        "/cut.mpd": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Per',
        "/no-segments.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-ENDLIST\n",
    }

    def do_GET(self) -> None:
        if self.path == "/loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.bodies.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture(scope="session")
def wrong() -> Iterator[str]:
    """Return the root URL of a server that answers everything wrong."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def unused_port() -> Iterator[int]:
    """Return a port where nobody listens, and nobody else will."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
