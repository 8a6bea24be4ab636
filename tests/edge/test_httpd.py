"""The server reads requests strictly, keeps connections, and leaves nothing behind."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.edge.delivery import Delivery
from netplay.edge.exchange import Answer, BadRequestError, Request, read_request, said
from netplay.edge.faults.sending import Sending
from netplay.edge.httpd import HEALTH_PATH, WebServer
from netplay.edge.origin import Origin

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def echo(request: Request) -> Answer:
    told = {
        "method": request.method,
        "path": request.path,
        "query": dict(request.query),
        "body": request.body.decode(),
        "x": request.headers.get("x-said"),
    }
    return said(200, json.dumps(told), "application/json")


@pytest.fixture
async def server() -> AsyncIterator[WebServer]:
    async with WebServer(echo) as running:
        yield running


async def talk(server: WebServer, sent: bytes) -> bytes:
    """Return all that comes back for some bytes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    writer.write_eof()
    async with asyncio.timeout(5):
        data = await reader.read()
    writer.close()
    return data


async def test_a_request_comes_through_whole(server: WebServer) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        response = await client.post(
            "/a%20b/c?x=1&y=%26", content="body", headers=[(b"X-Said", b"a"), (b"x-said", b"\xe9")]
        )

    assert response.json() == {
        "method": "POST",
        "path": "/a b/c",
        "query": {"x": "1", "y": "&"},
        "body": "body",
        "x": "a, é",
    }


async def test_one_connection_serves_request_after_request(server: WebServer) -> None:
    data = await talk(
        server, b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n"
    )

    assert data.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert data.index(b'"/1"') < data.index(b'"/2"')


@pytest.mark.parametrize(
    "line", [b"GET / HTTP/1.0\r\n", b"GET / HTTP/1.1\r\nConnection: close\r\n"]
)
async def test_it_closes_when_the_client_wants_it_to(server: WebServer, line: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(line + b"\r\n")
    async with asyncio.timeout(5):
        data = await reader.read()
    writer.close()

    assert data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close\r\n" in data


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET http://other/ HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nspace : x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_closed(
    server: WebServer, sent: bytes, status: int
) -> None:
    data = await talk(server, sent)

    assert data.startswith(b"HTTP/1.1 %d " % status)
    assert data.count(b"\r\n\r\n") == 1


LINES = st.sampled_from(
    [
        b"GET / HTTP/1.1",
        b"GET  /",
        b"Host: x",
        b"Content-Length: 3",
        b"Content-Length: x",
        b":",
        b"",
    ]
) | st.binary(max_size=12)


@given(st.lists(LINES, max_size=6), st.binary(max_size=8))
def test_any_bytes_are_a_request_the_end_or_refused(lines: list[bytes], rest: bytes) -> None:
    async def read() -> Request | BadRequestError | None:
        reader = asyncio.StreamReader(1000)
        reader.feed_data(b"\r\n".join([*lines, b"", rest]))
        reader.feed_eof()
        try:
            return await read_request(reader)
        except BadRequestError as error:
            return error

    match asyncio.run(read()):
        case BadRequestError(status=status):
            assert 400 <= status < 500
        case Request(path=path, body=body):
            assert path.startswith("/")
            assert len(body) in (0, 3)
        case ended:
            assert ended is None


async def test_it_says_how_it_is(server: WebServer) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        await client.get("/a")
        told = (await client.get(HEALTH_PATH)).json()

    assert told["name"] == "edge"
    assert (told["active"], told["load"]) == (0, 0)
    assert told["sent_bytes"] > 0


async def test_a_file_that_vanishes_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    (tmp_path / "a.m4s").write_bytes(b"a" * 1000)
    origin = Origin(tmp_path)

    async def late(request: Request) -> Answer:
        answer = await origin(request)
        (tmp_path / "a.m4s").unlink(missing_ok=True)
        return answer

    async with WebServer(late) as server, httpx.AsyncClient(base_url=server.url) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/a.m4s")
        gone = await client.get("/a.m4s")

    assert gone.status_code == 404


async def test_leaving_the_block_ends_what_is_on_its_way() -> None:
    asked = asyncio.Event()

    async def never(request: Request) -> Answer:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    before = asyncio.all_tasks()
    async with WebServer(never) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await asked.wait()
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()

    assert asyncio.all_tasks() == before
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_a_port_that_is_taken_is_refused(server: WebServer) -> None:
    with pytest.raises(OSError, match=r"in use"):
        async with WebServer(echo, port=server.port):
            pass


async def test_a_reset_of_a_connection_that_is_gone_is_no_error() -> None:
    goes_on: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        writer.transport.abort()
        await asyncio.sleep(0)  # the turn of the loop in which it is closed
        assert sock.fileno() == -1
        try:
            sending = Sending(Answer(200), "reset", silent=True)
            goes_on.set_result(await Delivery(reader, writer).perform(sending))
        except ValueError as error:
            goes_on.set_exception(error)

    async with await asyncio.start_server(attend, "127.0.0.1", 0) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await goes_on is False
        writer.close()
