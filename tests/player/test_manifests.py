"""A URL that is no manifest ends in one ManifestError that names it, quickly and small."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import anyio
import httpx
import pytest

import abr
from netplay import ManifestError, NetplayError, Network, Player, SessionRules, SkippingClock
from netplay.io.net.http import Timeouts
from netplay.io.net.network import Limits

from .hosts import Asked, Hosts, Reply, changed, hosts, missing
from .screen import Screen

pytestmark = pytest.mark.anyio

ALL = list(range(144))
TIMEOUTS = Timeouts(connect_s=0.2, first_byte_s=0.1, gap_s=0.1, document_s=0.4, backoff_s=0.01)

both_loops = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])


def redirect(to: str) -> Reply:
    return Reply(b"", 302, {"Location": to})


def bomb(reply: Reply) -> Reply:
    """Return a document of 40 MB that travels as 40 kB."""
    packed = zlib.compress(b"<MPD>" + b" " * (40 << 20))
    return Reply(packed, headers={"Content-Encoding": "deflate"})


MPD, HLS = "manifest.mpd", "master.m3u8"
Answer = Callable[[Reply], Reply]

NO_MANIFEST: dict[str, tuple[Answer, str]] = {
    "404": (lambda _: missing(), "404"),
    "403": (lambda _: Reply(b"", 403), "403"),
    "500, three times": (lambda _: Reply(b"", 500), "500 3 times"),
    "a web page": (lambda it: changed(it, b"<!doctype html><html><p>Hello</html>"), ""),
    "nothing": (lambda it: changed(it, b""), "empty"),
    "blanks": (lambda it: changed(it, b" \r\n\t" * 100), "empty"),
    "noise": (lambda it: changed(it, b"\x00\xff\x17" * 500), ""),
    "a half that says so": (
        lambda it: replace(it, body=it.body[:300], announced=len(it.body), then="reset"),
        "",
    ),
    "silence": (lambda it: replace(it, body=b"", announced=9, then="silence"), "timeout"),
    "a head and then silence": (lambda it: replace(it, pauses_at=40), "timeout"),
    "a huge length": (lambda it: replace(it, announced=200 << 20, then="silence"), "bytes"),
    "a bomb": (bomb, "bytes"),
    "a redirect to itself": (lambda _: redirect("/title/" + MPD), "redirect"),
    "a redirect to a file": (lambda _: redirect("file:///etc/passwd"), "redirect"),
    "a redirect to nowhere": (lambda _: Reply(b"", 302), "redirect"),
    "a coding nobody asked for": (lambda it: replace(it, headers={"Content-Encoding": "br"}), ""),
}


async def refused(url: str, network: Network) -> ManifestError:
    """Return how opening a URL fails, which it must within a second or so."""
    with anyio.fail_after(2):
        async with network, Player(network=network) as player:
            with pytest.raises(ManifestError) as failure:
                await player.open(url)
    return failure.value


@both_loops
@pytest.mark.slow
@pytest.mark.parametrize("answer", NO_MANIFEST)
async def test_an_answer_that_is_no_manifest_is_one_error_that_names_the_url(
    folder: Path, answer: str
) -> None:
    change, says = NO_MANIFEST[answer]

    def answer_wrongly(asked: Asked, reply: Reply) -> Reply:
        return change(reply)

    async with hosts(folder, answer_wrongly, count=1) as served:
        url = served.url(MPD)
        error = await refused(
            url, Network(timeouts=TIMEOUTS, limits=Limits(document_bytes=1 << 20))
        )
        asked = len(served.asked)

    assert error.url == url
    assert url in str(error)
    assert says in str(error)
    assert asked <= 3


@pytest.mark.parametrize("path", [MPD, HLS])
@pytest.mark.slow
async def test_a_manifest_cut_off_anywhere_is_an_error_or_still_a_manifest(
    folder: Path, path: str
) -> None:
    errors = 0
    async with hosts(folder, count=1) as served:
        whole = (folder / path).read_bytes()
        for length in range(1, len(whole), len(whole) // 20):

            def cut(asked: Asked, reply: Reply, length: int = length) -> Reply:
                return changed(reply, reply.body[:length]) if asked.path == path else reply

            served.tamper = cut
            with anyio.fail_after(2):
                async with Player(clock=SkippingClock()) as player:
                    try:
                        await player.open(served.url(path))
                    except ManifestError as error:
                        errors += 1
                        assert served.url(path) in str(error)  # noqa: PT017 - others are whole

    assert errors > (18 if path == MPD else 3)


class Endless(httpx.AsyncByteStream):
    """Comments without end; counts what was taken of them."""

    def __init__(self) -> None:
        self.taken_bytes = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = b"<!-- " + b"x" * 65_527 + b" -->"
        self.taken_bytes += len(piece)
        if self.taken_bytes > 200 << 20:
            raise StopAsyncIteration
        return piece


@both_loops
async def test_two_hundred_megabytes_are_refused_as_soon_as_they_are_too_many() -> None:
    endless = Endless()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=endless))
    network = Network(transport=transport, limits=Limits(document_bytes=4 << 20))

    error = await refused("http://oca.test/manifest.mpd", network)

    assert "more than" in str(error)
    assert endless.taken_bytes < 6 << 20


@pytest.mark.parametrize(
    "url", ["gopher://oca.test/x.mpd", "rtsp://oca.test/x", "http:///x.mpd", "http://[/x.mpd"]
)
async def test_a_url_of_a_scheme_or_form_that_nobody_knows_is_refused_unasked(url: str) -> None:
    error = await refused(url, Network())

    assert error.url == url


async def test_nobody_at_the_port_is_one_error(folder: Path) -> None:
    async with hosts(folder, count=1) as served:
        url = served.url(MPD)
    error = await refused(url, Network(timeouts=TIMEOUTS))

    assert url in str(error)
    assert "refused" in str(error)
    assert len(error.attempts) == 3


async def test_https_never_becomes_http() -> None:
    """TLS itself is left out: what counts is that the redirect is not followed."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(302, headers={"location": "http://oca.test/manifest.mpd"})

    network = Network(transport=httpx.MockTransport(answer))
    error = await refused("https://oca.test/manifest.mpd", network)

    assert asked == ["https://oca.test/manifest.mpd"]
    assert "https" in str(error)


async def test_tokens_in_the_url_are_kept_out_of_the_message(folder: Path) -> None:
    def lost(asked: Asked, reply: Reply) -> Reply:
        return missing()

    async with hosts(folder, lost, count=1) as served:
        error = await refused(served.url(MPD) + "?token=hunter2", Network())

    assert "hunter2" not in str(error)
    assert "hunter2" not in repr(error.attempts)


@both_loops
@pytest.mark.slow
@pytest.mark.parametrize("path", [MPD, "base.mpd", HLS, "ts.m3u8"])
@pytest.mark.parametrize("as_url", [True, False], ids=["url", "path"])
async def test_a_manifest_that_is_a_file_plays_from_files(
    folder: Path,
    path: str,
    as_url: bool,
) -> None:
    screen, place = Screen(), folder / path
    with anyio.fail_after(10):
        async with Player(screen, controller=abr.Fixed(0), clock=SkippingClock()) as player:
            await player.open(place.as_uri() if as_url else str(place))
            await player.play()
            await player.wait_finished()

    assert screen.numbers == ALL


@both_loops
@pytest.mark.slow
@pytest.mark.parametrize("path", [MPD, HLS])
async def test_a_manifest_from_the_web_has_no_file_read(folder: Path, path: str) -> None:
    def names_files(asked: Asked, reply: Reply) -> Reply:
        text = reply.body.decode()
        for url in served.urls.values():
            text = text.replace(url, folder.as_uri() + "/")
        return changed(reply, text.encode())

    served: Hosts
    screen = Screen()
    async with hosts(folder, names_files) as served:
        with anyio.fail_after(5):
            async with Player(screen, clock=SkippingClock(), rules=SessionRules()) as player:
                await player.open(served.url(path))
                with pytest.raises(NetplayError, match="files are for manifests") as failure:
                    await player.play()

    assert screen.frames == []
    assert "file:" in str(failure.value)


async def test_a_path_with_nothing_there_is_a_manifest_error(tmp_path: Path) -> None:
    error = await refused(str(tmp_path / "nothing.mpd"), Network())

    assert "nothing.mpd" in str(error)
