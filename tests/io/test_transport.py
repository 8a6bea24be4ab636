"""What can go wrong on a connection, and the word for it."""

from __future__ import annotations

import anyio
import httpx
import pytest
from anyio.abc import SocketStream
from loopback import Exchange, closed_port, greeting, serving

from netplay.io.net.http import Timeouts
from netplay.io.net.network import Network
from netplay.io.net.transport import Request, TransferFailed

pytestmark = pytest.mark.anyio

HASTE = Timeouts(first_byte_s=0.02, gap_s=0.02)


async def read(network: Network, url: str) -> bytes:
    """Return the whole body at a URL."""
    async with network.stream(Request(url, "segment")) as response:
        whole = b""
        while data := await response.read():
            whole += data
        return whole


async def failure(network: Network, url: str) -> TransferFailed:
    """Return how fetching a URL fails."""
    with pytest.raises(TransferFailed) as caught:
        await read(network, url)
    return caught.value


async def test_a_body_arrives_whole() -> None:
    async def serve(it: Exchange) -> None:
        await it.respond(bytes(1_000_000))

    async with serving(serve) as server, Network() as network:
        body = await read(network, f"{server.url}/a")

    assert body == bytes(1_000_000)


async def test_requests_one_after_another_share_a_connection() -> None:
    async def serve(it: Exchange) -> None:
        await it.respond(b"x")

    async with serving(serve) as server, Network() as network:
        for _ in range(3):
            await read(network, f"{server.url}/a")

    assert (server.connections, len(server.heads)) == (1, 3)


async def test_nobody_listening_is_refused() -> None:
    async with Network() as network:
        error = await failure(network, f"http://127.0.0.1:{closed_port()}/a?token=1")

    assert error.failure == "refused"
    assert "token" not in error.detail


@pytest.mark.parametrize("host", ["a" * 70 + ".test", "a..test"])
async def test_a_host_that_cannot_be_one_is_a_failure_of_its_name(host: str) -> None:
    async with Network() as network:
        error = await failure(network, f"http://{host}/a")

    assert error.failure in ("name", "scheme")


async def test_a_server_that_breaks_the_connection_before_it_answers_is_a_reset() -> None:
    async def serve(it: Exchange) -> None:
        await it.reset()

    async with serving(serve) as server, Network() as network:
        error = await failure(network, f"{server.url}/a")

    assert error.failure == "reset"
    assert len(server.heads) == 1  # a new connection's failure is the server's own


async def test_a_server_that_never_answers_is_a_timeout() -> None:
    async def serve(it: Exchange) -> None:
        await anyio.sleep_forever()

    async with serving(serve) as server, Network(timeouts=HASTE) as network:
        error = await failure(network, f"{server.url}/a")

    assert error.failure == "timeout"


async def test_a_body_that_pauses_for_too_long_is_a_timeout() -> None:
    async def serve(it: Exchange) -> None:
        await it.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await anyio.sleep_forever()

    async with serving(serve) as server, Network(timeouts=HASTE) as network:
        error = await failure(network, f"{server.url}/a")

    assert error.failure == "timeout"


async def test_a_body_shorter_than_announced_is_short() -> None:
    async def serve(it: Exchange) -> None:
        await it.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await it.stream.aclose()

    async with serving(serve) as server, Network() as network:
        error = await failure(network, f"{server.url}/a")

    assert error.failure == "short"


async def test_a_body_that_breaks_off_in_the_middle_is_a_reset() -> None:
    async def serve(it: Exchange) -> None:
        await it.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await it.reset()

    async with serving(serve) as server, Network() as network:
        error = await failure(network, f"{server.url}/a")

    assert error.failure in ("reset", "short")


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\0" * 90]
)
async def test_an_answer_that_is_not_http_is_a_reset(answer: bytes) -> None:
    async def serve(it: Exchange) -> None:
        await it.send(answer)
        await it.stream.aclose()

    async with serving(serve) as server, Network() as network:
        error = await failure(network, f"{server.url}/a")

    assert error.failure == "reset"


async def test_plain_text_where_tls_was_expected_is_a_failure_of_tls() -> None:
    async def greet(stream: SocketStream) -> None:
        async with stream:
            await stream.send(b"220 mail.test ESMTP\r\n")
            await stream.receive()

    async with Network() as network, greeting(greet) as port:
        error = await failure(network, f"https://127.0.0.1:{port}/a")

    assert error.failure == "tls"


async def test_a_kept_connection_that_the_server_closed_is_replaced_without_a_failure() -> None:
    served = 0

    async def serve(it: Exchange) -> None:
        nonlocal served
        served += 1
        if served == 2:
            await it.reset()
        else:
            await it.respond(b"x")

    async with serving(serve) as server, Network() as network:
        first = await read(network, f"{server.url}/a")
        second = await read(network, f"{server.url}/b")

    assert (first, second, server.connections) == (b"x", b"x", 2)


async def test_connections_opened_ahead_and_closed_by_the_server_are_replaced() -> None:
    async def serve(it: Exchange) -> None:
        if server.connections < 4:
            await it.reset()
        else:
            await it.respond(b"x")

    async with serving(serve) as server, Network() as network:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(network.connect, server.url)
        body = await read(network, f"{server.url}/a")

    assert (body, server.connections, len(server.heads)) == (b"x", 4, 4)


async def test_a_short_body_that_nobody_reads_leaves_the_connection_usable() -> None:
    async def serve(it: Exchange) -> None:
        await it.respond(b"no such thing", status="404 Not Found")

    async with serving(serve) as server, Network() as network:
        for _ in range(3):
            async with network.stream(Request(f"{server.url}/a", "segment")) as response:
                assert response.status == 404

    assert server.connections == 1


async def test_a_long_body_that_is_given_up_costs_only_its_connection() -> None:
    async def serve(it: Exchange) -> None:
        if it.path == "/long":
            await it.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nabc")
            await anyio.sleep_forever()
        await it.respond(b"x")

    async with serving(serve) as server, Network() as network:
        async with network.stream(Request(f"{server.url}/long", "segment")) as response:
            assert await response.read() == b"abc"
        after = await read(network, f"{server.url}/short")

    assert (after, server.connections) == (b"x", 2)


async def test_a_connection_opened_ahead_is_the_one_that_is_used() -> None:
    async def serve(it: Exchange) -> None:
        await it.respond(b"x")

    async with serving(serve) as server, Network() as network:
        await network.connect(f"{server.url}/anything")
        await server.connected()
        before = (server.connections, len(server.heads))
        body = await read(network, f"{server.url}/a")

    assert before == (1, 0)
    assert (body, server.connections) == (b"x", 1)


async def test_connections_opened_beside_a_request_are_those_of_the_requests_that_follow() -> None:
    async def serve(it: Exchange) -> None:
        if it.path == "/manifest":
            await server.connected(3)
        await it.respond(b"x")

    async with serving(serve) as server, Network() as network:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read, network, f"{server.url}/manifest")
            await server.connected(1)
            for _ in range(2):
                tasks.start_soon(network.connect, server.url)
        async with anyio.create_task_group() as tasks:
            for path in ("/video", "/audio", "/text"):
                tasks.start_soon(read, network, server.url + path)

    assert (server.connections, len(server.heads)) == (3, 4)


async def test_no_connection_is_opened_beside_one_that_is_idle() -> None:
    async def serve(it: Exchange) -> None:
        await it.respond(b"x")

    async with serving(serve) as server, Network() as network:
        await read(network, f"{server.url}/a")
        await network.connect(server.url)

    assert server.connections == 1


async def test_connecting_ahead_to_nobody_is_no_matter() -> None:
    async with Network() as network:
        await network.connect(f"http://127.0.0.1:{closed_port()}/")
        await network.connect("http://[broken/")
        await network.connect("file:///etc/hostname")


async def test_a_cancelled_request_leaves_the_network_usable() -> None:
    async def serve(it: Exchange) -> None:
        if it.path == "/hang":
            await anyio.sleep_forever()
        await it.respond(b"x")

    async with serving(serve) as server, Network() as network:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read, network, f"{server.url}/hang")
                await server.connected()
                scope.cancel()
        body = await read(network, f"{server.url}/a")

    assert body == b"x"


async def test_credentials_in_a_url_are_sent_as_basic_authorization() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"x")

    async with Network(transport=httpx.MockTransport(answer)) as network:
        await read(network, "http://user:p%40ss@edge.test/a")

    assert seen[0].headers["authorization"] == "Basic dXNlcjpwQHNz"
    assert "user" not in str(seen[0].url.netloc)


async def test_a_cookie_is_sent_back_to_the_server_that_set_it_and_to_no_other() -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("cookie"))
        return httpx.Response(200, headers={"Set-Cookie": "signature=1; Path=/"})

    async with Network(transport=httpx.MockTransport(answer)) as network:
        await read(network, "https://edge.test/manifest.mpd")
        await read(network, "https://edge.test/segment")
        await read(network, "https://other.test/segment")

    assert seen == [None, "signature=1", None]
