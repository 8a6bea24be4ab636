"""Every fault as it arrives: which bytes came over a real socket, and how the connection ended."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from netplay.edge.faults import Fault, FaultScript, Injector
from netplay.edge.httpd import WebServer
from netplay.edge.origin import Origin

pytestmark = pytest.mark.anyio

SMALL = bytes(range(256)) * 4
LARGE = bytes(range(256)) * 8192
"""More than any socket buffer, so that it goes out in many pieces and by sendfile."""
PATHS = {"/small.m4s": SMALL, "/large.m4s": LARGE}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    for path, data in PATHS.items():
        (root / path[1:]).write_bytes(data)
    return root


Start = Callable[..., WebServer]


@pytest.fixture
async def start(root: Path) -> AsyncIterator[Callable[..., Any]]:
    """Return a function that starts a server with these faults."""
    async with contextlib.AsyncExitStack() as stack:

        async def started(*faults: Fault, **options: Any) -> WebServer:
            injector = Injector(FaultScript(faults), clock=time.monotonic)
            server = WebServer(Origin(root), name="oca-1", injector=injector, **options)
            return await stack.enter_async_context(server)

        yield started


@dataclass
class Came:
    """What a raw client saw.

    Attributes:
        ended: "closed", "reset", or "open" where a time limit ended the reading.
    """

    data: bytes
    ended: str

    @property
    def head(self) -> str:
        return self.data.partition(b"\r\n\r\n")[0].decode()

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        return int(self.head.split(" ")[1])

    def header(self, name: str) -> str:
        lines = dict(line.split(": ", 1) for line in self.head.split("\r\n")[1:])
        return lines[name]


async def ask(
    server: WebServer,
    path: str = "/small.m4s",
    *headers: str,
    open_s: float = 5,
    method: str = "GET",
    tls: ssl.SSLContext | None = None,
    keep: bool = False,
) -> Came:
    """Return everything that a connection brings until it ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=tls)
    lines = [f"{method} {path} HTTP/1.1", "Host: oca", *headers]
    lines += [] if keep else ["Connection: close"]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    data, ended = b"", "open"
    try:
        async with asyncio.timeout(open_s):
            while part := await reader.read(65536):
                data += part
        ended = "closed"
    except TimeoutError:
        pass
    except ConnectionResetError:
        ended = "reset"
    finally:
        writer.close()
    return Came(data, ended)


@pytest.mark.parametrize("path", PATHS)
async def test_without_faults_it_is_all_there(start: Any, path: str) -> None:
    came = await ask(await start(), path)

    assert (came.status, came.body, came.ended) == (200, PATHS[path], "closed")


async def test_refused_is_refused_by_the_kernel_and_ends_on_time(start: Any) -> None:
    server = await start(Fault(kind="refuse", host="oca-1", until_s=0.2))

    with pytest.raises(ConnectionRefusedError):
        await ask(server)
    async with asyncio.timeout(5):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                came = await ask(server)
                break
            await asyncio.sleep(0.01)

    assert came.body == SMALL


async def test_a_refusal_cuts_the_connections_that_are_open(start: Any) -> None:
    server = await start(Fault(kind="refuse", from_s=0.2))
    hanging = await ask(server, keep=True)

    assert (hanging.body, hanging.ended) == (SMALL, "reset")
    with pytest.raises(ConnectionRefusedError):
        await ask(server)


async def test_a_refusal_of_another_host_is_not_ours(start: Any) -> None:
    server = await start(Fault(kind="refuse", host="oca-2"))

    assert (await ask(server)).body == SMALL


async def test_servers_that_share_their_faults_refuse_each_for_itself(root: Path) -> None:
    injector = Injector(clock=time.monotonic)
    async with contextlib.AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(
                WebServer(Origin(root), name=f"oca-{number}", injector=injector)
            )
            for number in (1, 2)
        ]
        refused = []
        for host in ("oca-1", "oca-2"):
            injector.start(FaultScript((Fault(kind="refuse", host=host),)))
            for _ in range(20):  # turns of the loop, in which one stops and the other listens
                await asyncio.sleep(0)
            for server in servers:
                try:
                    assert (await ask(server)).body == SMALL
                except ConnectionRefusedError:
                    refused.append(server.name)

    assert refused == ["oca-1", "oca-2"]
    assert injector.watchers == []


async def test_a_reset_in_place_of_the_head(start: Any) -> None:
    came = await ask(await start(Fault(kind="reset")))

    assert (came.data, came.ended) == (b"", "reset")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("at_byte", [0, 1, 1000])
async def test_a_reset_at_a_byte_comes_after_exactly_those_before_it(
    start: Any, path: str, at_byte: int
) -> None:
    came = await ask(await start(Fault(kind="reset", at_byte=at_byte)), path)

    assert (came.body, came.ended) == (PATHS[path][:at_byte], "reset")
    assert came.header("Content-Length") == str(len(PATHS[path]))


async def test_a_reset_far_into_a_large_body(start: Any) -> None:
    came = await ask(await start(Fault(kind="reset", at_byte=2_000_000)), "/large.m4s")

    assert (came.body, came.ended) == (LARGE[:2_000_000], "reset")


@pytest.mark.parametrize("at_byte", [None, 0, 300])
async def test_silence_leaves_the_connection_open(start: Any, at_byte: int | None) -> None:
    came = await ask(await start(Fault(kind="hang", at_byte=at_byte)), open_s=0.2)

    assert came.ended == "open"
    assert came.body == SMALL[: at_byte or 0]
    assert bool(came.data) == (at_byte is not None)


async def test_a_drip_keeps_its_rate_from_its_byte_on(start: Any) -> None:
    server = await start(Fault(kind="drip", at_byte=624, bytes_per_s=1000))
    began_s = time.monotonic()

    early = await ask(server, open_s=0.15)
    whole = await ask(server)
    took_s = time.monotonic() - began_s - 0.15

    assert whole.body == SMALL
    assert 0.35 <= took_s <= 2
    assert 624 <= len(early.body) <= 624 + 250
    assert early.body == SMALL[: len(early.body)]


async def test_a_delay_comes_before_the_head(start: Any) -> None:
    server = await start(Fault(kind="delay", delay_s=0.2))

    nothing = await ask(server, open_s=0.1)
    came = await ask(server)

    assert nothing.data == b""
    assert came.body == SMALL


@pytest.mark.parametrize("status", [404, 410, 429, 500, 503])
async def test_a_status_replaces_the_answer(start: Any, status: int) -> None:
    came = await ask(await start(Fault(kind="status", status=status, retry_after_s=3)))

    assert (came.status, came.ended) == (status, "closed")
    assert came.header("Retry-After") == "3"
    assert came.body != SMALL


async def test_a_redirect_names_its_location(start: Any) -> None:
    came = await ask(await start(Fault(kind="redirect", location="http://other/x", status=307)))

    assert (came.status, came.header("Location")) == (307, "http://other/x")


@pytest.mark.parametrize("path", PATHS)
async def test_truncated_is_closed_before_the_length_it_announced(start: Any, path: str) -> None:
    came = await ask(await start(Fault(kind="truncate", at_byte=700)), path, keep=True)

    assert (came.body, came.ended) == (PATHS[path][:700], "closed")
    assert came.header("Content-Length") == str(len(PATHS[path]))
    assert "Connection" not in came.head


async def test_truncated_with_the_length_that_is_sent_goes_on(start: Any) -> None:
    came = await ask(await start(Fault(kind="truncate", at_byte=700, length="sent")))

    assert (came.body, came.header("Content-Length")) == (SMALL[:700], "700")


@pytest.mark.parametrize(("length", "announced"), [("true", 1024), ("sent", 1034)])
async def test_lengthened_has_more_behind_it(start: Any, length: Any, announced: int) -> None:
    came = await ask(await start(Fault(kind="lengthen", count=10, length=length)))

    assert came.body[:1024] == SMALL
    assert len(came.body) == 1034
    assert came.header("Content-Length") == str(announced)


@pytest.mark.parametrize("path", PATHS)
async def test_corrupted_keeps_length_tag_and_digest(start: Any, path: str) -> None:
    server = await start(Fault(kind="corrupt", at_byte=500, count=3, after=1))

    right, wrong = await ask(server, path), await ask(server, path)

    data = PATHS[path]
    assert right.body == data
    assert wrong.body != data
    assert wrong.body[:500] + wrong.body[503:] == data[:500] + data[503:]
    for name in ("Content-Length", "ETag", "Content-Digest", "Repr-Digest"):
        assert wrong.header(name) == right.header(name)


@pytest.mark.parametrize(
    ("how", "status", "said", "sent"),
    [
        ("shifted", 206, "bytes 105-114/1024", SMALL[105:115]),
        ("lied", 206, "bytes 100-109/1024", SMALL[105:115]),
        ("whole", 200, None, SMALL),
    ],
)
async def test_a_wrong_range(
    start: Any, how: Any, status: int, said: str | None, sent: bytes
) -> None:
    server = await start(Fault(kind="wrong_range", range=how, count=5))

    came = await ask(server, "/small.m4s", "Range: bytes=100-109")

    assert (came.status, came.body) == (status, sent)
    assert came.header("Content-Length") == str(len(sent))
    assert said is None or came.header("Content-Range") == said
    assert ("Content-Range" in came.head) == (said is not None)


async def test_a_clock_may_be_wrong(start: Any) -> None:
    came = await ask(await start(Fault(kind="clock_skew", skew_s=-3600)))

    behind_s = time.time() - parsedate_to_datetime(came.header("Date")).timestamp()
    assert 3595 <= behind_s <= 3605


async def test_a_fault_of_one_path_leaves_the_other(start: Any) -> None:
    server = await start(Fault(kind="status", status=500, path="/sm*"))

    assert (await ask(server)).status == 500
    assert (await ask(server, "/large.m4s")).body == LARGE


async def test_a_connection_goes_on_after_a_fault_that_does_not_end_it(start: Any) -> None:
    server = await start(Fault(kind="status", status=503, times=1))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)

    statuses = []
    for _ in range(2):
        writer.write(b"GET /small.m4s HTTP/1.1\r\nHost: oca\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
        statuses.append((head.split(" ")[1], len(await reader.readexactly(length))))
    writer.close()

    assert statuses == [("503", 24), ("200", 1024)]


@pytest.mark.parametrize("kind", ["truncate", "reset", "corrupt"])
async def test_a_head_has_no_body_to_spoil(start: Any, kind: Any) -> None:
    came = await ask(await start(Fault(kind=kind, at_byte=3)), method="HEAD")

    assert (came.status, came.body, came.ended) == (200, b"", "closed")
    assert came.header("Content-Length") == "1024"


async def test_tls_is_slow_where_it_is_told_to_be(start: Any, tls: Any) -> None:
    serving, trusting = tls
    server = await start(Fault(kind="slow_tls", delay_s=0.25, until_s=0.2), tls=serving)
    began_s = time.monotonic()

    slow = await ask(server, "/large.m4s", tls=trusting)
    slow_s = time.monotonic() - began_s
    quick = await ask(server, "/large.m4s", tls=trusting)

    assert slow.body == quick.body == LARGE
    assert slow_s >= 0.25


async def test_a_reset_over_tls_is_one_too(start: Any, tls: Any) -> None:
    serving, trusting = tls

    came = await ask(await start(Fault(kind="reset", at_byte=9), tls=serving), tls=trusting)

    assert (came.body, came.ended) == (SMALL[:9], "reset")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server and of clients that trust it."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "oca")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    home = tmp_path_factory.mktemp("tls")
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (home / "cert.pem").write_bytes(pem)
    (home / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(home / "cert.pem", home / "key.pem")
    return serving, ssl.create_default_context(cadata=pem.decode())
