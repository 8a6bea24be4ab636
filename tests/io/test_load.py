"""A manifest's URL becomes a Presentation, or one error that says what was tried."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import httpx
import pytest
from loopback import Exchange, closed_port, serving
from reels import served

from netplay.errors import ManifestError
from netplay.io.fetch.load import load_manifest, load_presentation
from netplay.io.net.http import Timeouts
from netplay.io.net.network import Limits, Network

pytestmark = pytest.mark.anyio

URL = "https://edge.test/title/manifest.m3u8"
PLAYLIST = b"""#EXTM3U
#EXT-X-TARGETDURATION:2
#EXTINF:2,
a.ts
#EXT-X-ENDLIST
"""
HASTE = Timeouts(first_byte_s=0.02, gap_s=0.02, backoff_s=0.001)


def network_of(
    answer: Callable[[httpx.Request], httpx.Response], limits: Limits | None = None
) -> Network:
    """Return a network on which every request is answered by a function."""
    return Network(transport=httpx.MockTransport(answer), timeouts=HASTE, limits=limits)


async def refused(network: Network, url: str = URL) -> ManifestError:
    """Return the error that loading a manifest ends in."""
    async with network:
        with pytest.raises(ManifestError) as caught:
            await load_presentation(network, url)
    return caught.value


async def test_a_manifest_is_fetched_and_read() -> None:
    async with Network(transport=served({"/title/manifest.m3u8": PLAYLIST})) as network:
        loaded = await load_manifest(network, URL)

    assert (loaded.presentation.url, loaded.presentation.format) == (URL, "hls")
    assert loaded.bytes == len(PLAYLIST)
    assert loaded.asked_us <= loaded.first_byte_at_us <= loaded.ready_at_us
    assert not loaded.local


async def test_references_are_relative_to_where_redirects_led() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "edge.test":
            return httpx.Response(302, headers={"Location": "//far.test/else/m.m3u8"})
        return httpx.Response(200, content=PLAYLIST)

    async with network_of(answer) as network:
        presentation = await load_presentation(network, URL)

    assert presentation.url == "https://far.test/else/m.m3u8"


async def test_a_large_manifest_is_read_all_the_same() -> None:
    long = PLAYLIST.replace(b"#EXT-X-ENDLIST", b"#EXTINF:2,\na.ts\n" * 20_000 + b"#EXT-X-ENDLIST")

    async with Network(transport=served({"/title/manifest.m3u8": long})) as network:
        presentation = await load_presentation(network, URL)

    assert presentation.duration_us == 20_001 * 2_000_000


@pytest.mark.parametrize("form", ["url", "absolute path", "relative path"])
async def test_a_local_manifest_is_read_by_url_or_path(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a title.m3u8"
    path.write_bytes(PLAYLIST)
    monkeypatch.chdir(tmp_path)
    named = {"url": path.as_uri(), "absolute path": str(path), "relative path": path.name}[form]

    async with Network() as network:
        loaded = await load_manifest(network, named)

    assert loaded.presentation.url == path.as_uri()
    assert loaded.local


async def test_a_path_with_nothing_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    error = await refused(Network(), str(tmp_path / "none.mpd"))

    assert "none.mpd" in str(error)
    assert str(error).endswith("none.mpd: no such file")
    assert error.attempts == ()


async def test_a_404_is_an_answer_and_is_not_asked_for_again() -> None:
    error = await refused(network_of(lambda _: httpx.Response(404)))

    assert len(error.attempts) == 1
    assert error.attempts[0][0] == "edge.test"
    assert "404" in str(error)


async def test_a_server_in_trouble_is_asked_three_times_and_each_is_told() -> None:
    error = await refused(network_of(lambda _: httpx.Response(503)))

    assert [who for who, _ in error.attempts] == ["edge.test"] * 3
    assert all("503 Service Unavailable" in what for _, what in error.attempts)


async def test_a_server_that_recovers_is_forgiven() -> None:
    answers = iter([httpx.Response(500), httpx.Response(200, content=PLAYLIST)])

    async with network_of(lambda _: next(answers)) as network:
        presentation = await load_presentation(network, URL)

    assert presentation.format == "hls"


async def test_who_asks_to_be_left_alone_for_longer_than_there_is_time_is_left_alone() -> None:
    busy = httpx.Response(503, headers={"Retry-After": "3600"})

    error = await refused(network_of(lambda _: busy))

    assert len(error.attempts) == 1


async def test_nobody_listening_is_tried_three_times() -> None:
    error = await refused(Network(timeouts=HASTE), f"http://127.0.0.1:{closed_port()}/m.mpd?key=1")

    assert len(error.attempts) == 3
    assert "refused" in str(error)
    assert "key=1" not in str(error)


async def test_a_server_that_never_answers_is_given_up_on() -> None:
    async def serve(it: Exchange) -> None:
        await anyio.sleep_forever()

    async with serving(serve) as server:
        error = await refused(Network(timeouts=HASTE), f"{server.url}/m.mpd")

    assert "timeout" in str(error)


async def test_a_manifest_that_drips_for_ever_is_given_up_on() -> None:
    async def serve(it: Exchange) -> None:
        await it.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        while True:
            await it.send(b"#")
            await anyio.sleep(0.005)

    timeouts = Timeouts(document_s=0.05, backoff_s=0.001)
    async with serving(serve) as server:
        error = await refused(Network(timeouts=timeouts), f"{server.url}/m.mpd")

    assert "timeout" in str(error)


async def test_a_truncated_manifest_is_asked_for_again_and_then_refused() -> None:
    async def serve(it: Exchange) -> None:
        await it.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n#EXTM3U")
        await it.stream.aclose()

    async with serving(serve) as server:
        error = await refused(Network(timeouts=HASTE), f"{server.url}/m.m3u8")

    assert len(error.attempts) == 3
    assert "short" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-ENDLIST\n",
        b"",
        b"  \r\n ",
        b"<!doctype html><html><body>Not here</body></html>",
        b"<html>",
        b"<MPD",
        b"<MPD>",
        b"\xff\xfe\x00\xd8" * 9,
        bytes(range(256)) * 8,
        b'{"error": "no such title"}',
    ],
)
async def test_what_is_no_manifest_is_an_error_that_names_the_url(body: bytes) -> None:
    error = await refused(network_of(lambda _: httpx.Response(200, content=body)))

    assert "edge.test/title/manifest.m3u8" in str(error)
    assert error.url == URL


async def test_a_manifest_announced_as_huge_is_refused_before_it_is_read() -> None:
    read = 0

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal read
            for _ in range(200):
                read += 1
                yield bytes(1 << 20)

    huge = {"Content-Length": str(200 << 20)}
    error = await refused(network_of(lambda _: httpx.Response(200, headers=huge, stream=Endless())))

    assert "long" in str(error)
    assert read <= 2
    assert len(error.attempts) == 1


async def test_a_manifest_that_grows_past_the_limit_is_cut_off_there() -> None:
    async def serve(it: Exchange) -> None:
        await it.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n#EXTM3U\n")
        while True:
            await it.send(bytes(65536))

    limits = Limits(document_bytes=1 << 20)
    async with serving(serve) as server:
        error = await refused(Network(limits=limits), f"{server.url}/m.m3u8")

    assert "long" in str(error)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_manifest_is_opened(coding: str) -> None:
    packed = gzip.compress(PLAYLIST) if coding == "gzip" else zlib.compress(PLAYLIST)

    def answer(request: httpx.Request) -> httpx.Response:
        assert "gzip" in request.headers["accept-encoding"]
        return httpx.Response(200, headers={"Content-Encoding": coding}, stream=Raw(packed))

    async with network_of(answer) as network:
        presentation = await load_presentation(network, URL)

    assert presentation.format == "hls"


async def test_a_body_that_swells_without_end_is_stopped_at_the_limit() -> None:
    bomb = gzip.compress(bytes(64 << 20))
    answer = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Raw(bomb))

    error = await refused(network_of(lambda _: answer, Limits(document_bytes=1 << 20)))

    assert "long" in str(error)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"not gzip at all"),
        ("gzip", gzip.compress(PLAYLIST, mtime=0)[:-9]),
        ("br", PLAYLIST),
    ],
)
async def test_a_broken_or_unasked_coding_is_an_error(coding: str, body: bytes) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": coding}, stream=Raw(body))

    error = await refused(network_of(answer))

    assert error.attempts


@pytest.mark.parametrize("url", ["ftp://edge.test/m.mpd", "javascript:alert(1)", "http:///m.mpd"])
async def test_a_scheme_that_is_not_for_manifests_is_refused(url: str) -> None:
    error = await refused(Network(), url)

    assert "scheme" in str(error)


@pytest.mark.parametrize(
    "target",
    ["http://edge.test/m.mpd", "file:///etc/passwd", "data:,x", "ftp://edge.test/", "http://[x/"],
)
async def test_a_redirect_to_a_worse_place_is_refused(target: str) -> None:
    moved = httpx.Response(301, headers={"Location": target})

    error = await refused(network_of(lambda _: moved))

    assert "redirect" in str(error)
    assert len(error.attempts) == 1


async def test_a_redirect_without_a_target_is_refused() -> None:
    error = await refused(network_of(lambda _: httpx.Response(301)))

    assert "redirected to nowhere" in str(error)


async def test_redirects_in_a_circle_are_noticed() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        other = "/b" if request.url.path == "/a" else "/a"
        return httpx.Response(302, headers={"Location": other})

    error = await refused(network_of(answer), "https://edge.test/a")

    assert "circle" in str(error)


async def test_redirects_without_end_are_not_followed_without_end() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(302, headers={"Location": f"/{len(asked)}"})

    await refused(network_of(answer))

    assert len(asked) == 11


async def test_secrets_do_not_follow_a_redirect_to_another_server() -> None:
    seen: dict[str, httpx.Headers] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        seen[str(request.url)] = request.headers
        if request.url.path == "/a":
            return httpx.Response(302, headers={"Location": "/b"})
        if request.url.path == "/b":
            return httpx.Response(302, headers={"Location": "https://other.test/c"})
        return httpx.Response(200, content=PLAYLIST)

    network = Network(
        transport=httpx.MockTransport(answer),
        headers={"Authorization": "Bearer 1", "Cookie": "a=1", "X-App": "tv"},
    )
    async with network:
        await load_presentation(network, "https://edge.test/a")

    assert seen["https://edge.test/b"]["authorization"] == "Bearer 1"
    assert "authorization" not in seen["https://other.test/c"]
    assert "cookie" not in seen["https://other.test/c"]
    assert seen["https://other.test/c"]["x-app"] == "tv"


async def test_a_remote_manifest_redirected_to_a_file_reads_no_file(tmp_path: Path) -> None:
    path = tmp_path / "m.m3u8"
    path.write_bytes(PLAYLIST)
    moved = httpx.Response(302, headers={"Location": path.as_uri()})

    error = await refused(network_of(lambda _: moved))

    assert "redirect" in str(error)


class Raw(httpx.AsyncByteStream):
    """A body as it goes over the wire, whatever its coding is said to be."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._data
