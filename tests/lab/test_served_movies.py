"""Movies from manifests on servers: what their segments weigh is asked with HEAD."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from netplay.errors import DatasetError
from netplay.lab import shelf
from netplay.lab.movies import Movie, read_movie
from netplay.lab.study import simulate
from netplay.lab.traces import NetworkTrace

MPD = """<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
  mediaPresentationDuration="PT8S" minBufferTime="PT1S" profiles="urn:x">
 <Period><AdaptationSet contentType="video" mimeType="video/mp4" codecs="avc1.640028">
  <SegmentTemplate timescale="1" duration="4" startNumber="1" media="$RepresentationID$-$Number$"/>
  <Representation id="low" bandwidth="400000"/><Representation id="high" bandwidth="900000"/>
 </AdaptationSet></Period></MPD>
"""

MASTER = """#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=400000,CODECS="avc1.64001f",RESOLUTION=640x360
low.m3u8
"""

PLAYLIST = """#EXTM3U
#EXT-X-TARGETDURATION:4
#EXTINF:4,
low-1
#EXTINF:3,
low-2
#EXT-X-ENDLIST
"""

SIZES = {"/low-1": 150_001, "/low-2": 90_002, "/high-1": 400_003, "/high-2": 500_004}
TEXTS = {"/t.mpd": MPD, "/t.m3u8": MASTER, "/low.m3u8": PLAYLIST}


class _Answers(BaseHTTPRequestHandler):
    """Answers as `manner` says: "head", "range" (HEAD is refused), or "silent"."""

    protocol_version = "HTTP/1.1"
    manner = "head"
    asked: tuple[tuple[str, str], ...] = ()

    def do_HEAD(self) -> None:
        type(self).asked += (("HEAD", self.path),)
        if self.manner == "range":
            self._say(405, {"Content-Length": "0"})
        elif self.manner == "silent":
            self.close_connection = True
            self._say(200, {"Connection": "close"})
        else:
            self._say(200, {"Content-Length": str(SIZES[self.path])})

    def do_GET(self) -> None:
        type(self).asked += (("GET", self.path),)
        if self.path in TEXTS:
            body = TEXTS[self.path].encode()
            self._say(200, {"Content-Length": str(len(body))})
            self.wfile.write(body)
        elif self.path not in SIZES:
            self._say(404, {"Content-Length": "0"})
        elif self.manner == "silent":
            self.close_connection = True
            self._say(206, {"Content-Range": "bytes 0-0/*", "Content-Length": "0"})
        else:
            said = f"bytes 0-0/{SIZES[self.path]}"
            self._say(206, {"Content-Range": said, "Content-Length": "1"})
            self.wfile.write(b"x")

    def _say(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the root URL of a server."""
    monkeypatch.setattr(_Answers, "asked", ())
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def sizes(movie: Movie) -> list[list[int]]:
    reps = movie.content.presentation.periods[0].representations
    return [
        [movie.content.sizes(rep, segment) for segment in movie.content.index(rep.id)]
        for rep in sorted(reps, key=lambda rep: rep.bandwidth_bps)
    ]


@pytest.mark.parametrize("manner", ["head", "range"])
def test_servers_are_asked_how_large_their_segments_are(
    server: str, manner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Answers, "manner", manner)

    movie = read_movie(f"{server}/t.mpd")

    assert sizes(movie) == [[150_001, 90_002], [400_003, 500_004]]
    assert {path for method, path in _Answers.asked if method == "HEAD"} == set(SIZES)
    assert (movie.name, movie.segments) == ("t", 2)


def test_playlists_on_servers_are_read_too(server: str) -> None:
    movie = read_movie(f"{server}/t.m3u8")

    assert sizes(movie) == [[150_001, 90_002]]


def test_a_manifest_on_the_disk_may_name_segments_on_servers(server: str, tmp_path: Path) -> None:
    path = tmp_path / "here.mpd"
    path.write_text(MPD.replace("<Period>", f"<BaseURL>{server}/</BaseURL><Period>"))

    assert sizes(read_movie(path)) == [[150_001, 90_002], [400_003, 500_004]]


def test_a_study_takes_the_url_of_a_manifest(server: str) -> None:
    trace = NetworkTrace("steady", ((1_000_000, 5_000_000, 20_000),))

    (row,) = simulate(f"{server}/t.mpd", trace, "throughput").rows

    assert (row["movie"], row["error"]) == ("t", "")


def test_a_server_that_does_not_say_is_named(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Answers, "manner", "silent")

    with pytest.raises(DatasetError, match="-1: the server does not say how large it is"):
        read_movie(f"{server}/t.mpd")


def test_what_is_not_on_the_server_is_named(server: str, unused_tcp: int) -> None:
    with pytest.raises(DatasetError, match=r"no\.mpd: HTTP 404"):
        read_movie(f"{server}/no.mpd")
    with pytest.raises(DatasetError, match="cannot be fetched"):
        read_movie(f"http://127.0.0.1:{unused_tcp}/t.mpd")


@pytest.fixture
def unused_tcp() -> Iterator[int]:
    """Return a port where nobody listens."""
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_no_endless_list_of_segments_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "MAX_REQUESTS", 2)

    with shelf.Shelf() as place, pytest.raises(DatasetError, match="one of 3 sizes"):
        place.sizes(f"http://127.0.0.1:9/{number}" for number in range(3))
