"""The relay passes every byte, at the link's rate, and every end as it was."""

import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from netplay.edge.link import LinkSpec
from netplay.edge.relay import Relay, RelayProcess

pytestmark = pytest.mark.anyio

Serve = Callable[[SocketStream], Awaitable[None]]

FAST = LinkSpec.constant(1_000_000, rtt_s=0)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def everything(stream: SocketStream) -> bytes:
    """Return what comes until the other side is done."""
    received = bytearray()
    while True:
        try:
            received += await stream.receive()
        except anyio.EndOfStream:
            return bytes(received)


async def echo_when_done(stream: SocketStream) -> None:
    """Wait for the client's half-close, and only then answer with all it said."""
    async with stream:
        await stream.send(await everything(stream))
        await stream.send_eof()


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[tuple[str, int]]:
    """Run a server for the block and give its address."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        try:
            yield "127.0.0.1", listener.extra(SocketAttribute.local_port)
        finally:
            tasks.cancel_scope.cancel()


def sending(data: bytes) -> Serve:
    """Return a server that sends data to whoever connects, at the first byte it hears."""

    async def serve(stream: SocketStream) -> None:
        async with stream:
            await stream.receive(1)
            await stream.send(data)
            await stream.send_eof()

    return serve


def noise(size: int) -> bytes:
    return hashlib.shake_128(b"noise").digest(size)


async def test_both_directions_pass_byte_for_byte_and_half_closes_too() -> None:
    said = noise(1_000_000)
    async with (
        serving(echo_when_done) as address,
        Relay(FAST, {"oca-1": address}) as relay,
        await anyio.connect_tcp("127.0.0.1", relay.ports["oca-1"]) as viewer,
        anyio.create_task_group() as tasks,
    ):

        async def speak() -> None:
            await viewer.send(said)
            await viewer.send_eof()

        tasks.start_soon(speak)
        heard = await everything(viewer)

    assert heard == said


async def test_a_round_trip_is_waited_for_by_a_new_connection_and_by_every_request() -> None:
    async def echo(stream: SocketStream) -> None:
        async with stream:
            async for data in stream:
                await stream.send(data)

    link = LinkSpec.constant(1_000_000, rtt_s=0.04)
    async with (
        serving(echo) as address,
        Relay(link, {"oca-1": address}) as relay,
        await anyio.connect_tcp("127.0.0.1", relay.ports["oca-1"]) as viewer,
    ):
        moments_s = [anyio.current_time()]
        for _ in range(2):
            await viewer.send(b"ping")
            assert await viewer.receive() == b"ping"
            moments_s.append(anyio.current_time())

    first_s, second_s = moments_s[1] - moments_s[0], moments_s[2] - moments_s[1]
    # No less, ever; how much more depends on how busy the machine is.
    assert 0.08 <= first_s < 0.3
    assert 0.04 <= second_s < 0.2


@pytest.mark.slow
@pytest.mark.parametrize(("kbps", "size"), [(5_000, 300_000), (100_000, 5_000_000)])
async def test_bytes_come_at_the_rate_of_the_link(kbps: int, size: int) -> None:
    data = noise(size)
    async with (
        serving(sending(data)) as address,
        Relay(LinkSpec.constant(kbps, rtt_s=0), {"oca-1": address}) as relay,
        await anyio.connect_tcp("127.0.0.1", relay.ports["oca-1"]) as viewer,
    ):
        asked_s = anyio.current_time()
        await viewer.send(b"?")
        heard = await everything(viewer)
        took_s = anyio.current_time() - asked_s

    assert heard == data
    exact_s = size * 8 / kbps / 1000
    assert exact_s * 0.99 <= took_s < exact_s * 1.5


@pytest.mark.slow
async def test_all_servers_share_one_link_alike() -> None:
    data = noise(200_000)
    took_s: list[float] = []
    async with serving(sending(data)) as address:
        upstreams = {"oca-1": address, "oca-2": address}
        async with Relay(LinkSpec.constant(8_000, rtt_s=0), upstreams) as relay:
            started_s = anyio.current_time()

            async def view(name: str) -> None:
                async with await anyio.connect_tcp("127.0.0.1", relay.ports[name]) as viewer:
                    await viewer.send(b"?")
                    assert await everything(viewer) == data
                took_s.append(anyio.current_time() - started_s)

            async with anyio.create_task_group() as viewers:
                for name in upstreams:
                    viewers.start_soon(view, name)

    assert all(0.35 < moment_s < 0.8 for moment_s in took_s)


@pytest.mark.slow
async def test_the_rate_follows_the_trace() -> None:
    link = LinkSpec(trace=((0.2, 8_000), (0.2, 0), (10, 8_000)), rtt_s=0)
    async with (
        serving(sending(noise(300_000))) as address,
        Relay(link, {"oca-1": address}) as relay,
        await anyio.connect_tcp("127.0.0.1", relay.ports["oca-1"]) as viewer,
    ):
        asked_s = anyio.current_time()
        await viewer.send(b"?")
        arrivals = [(anyio.current_time() - asked_s, len(data)) async for data in viewer]

    before = sum(size for at_s, size in arrivals if at_s < 0.3)
    assert before == pytest.approx(200_000, rel=0.1)
    assert arrivals[-1][0] == pytest.approx(0.5, abs=0.15)


@pytest.mark.slow
async def test_another_shape_speeds_up_what_is_on_its_way() -> None:
    data = noise(500_000)
    async with (
        serving(sending(data)) as address,
        Relay(LinkSpec.constant(100, rtt_s=0), {"oca-1": address}) as relay,
        await anyio.connect_tcp("127.0.0.1", relay.ports["oca-1"]) as viewer,
    ):
        await viewer.send(b"?")
        first = await viewer.receive(1)
        await relay.shape(FAST)
        with anyio.fail_after(5):
            rest = await everything(viewer)

    assert first + rest == data


async def test_a_viewer_that_does_not_read_stops_its_server() -> None:
    sent_bytes = 0

    async def flood(stream: SocketStream) -> None:
        nonlocal sent_bytes
        async with stream:
            stream.extra(SocketAttribute.raw_socket).setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024
            )
            for _ in range(1000):
                await stream.send(bytes(64 * 1024))
                sent_bytes += 64 * 1024

    async with (
        serving(flood) as address,
        Relay(FAST, {"oca-1": address}) as relay,
        await anyio.connect_tcp("127.0.0.1", relay.ports["oca-1"]),
    ):
        # Until the server has stood still for a while, however fast this machine is.
        seen = -1
        while seen != sent_bytes:
            seen = sent_bytes
            await anyio.sleep(0.1)

    assert 0 < sent_bytes < 8 * 1024 * 1024


async def test_a_server_that_is_not_there_resets_the_viewer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = ("127.0.0.1", gone.getsockname()[1])
    async with (
        Relay(FAST, {"oca-1": address}) as relay,
        await anyio.connect_tcp("127.0.0.1", relay.ports["oca-1"]) as viewer,
    ):
        with anyio.fail_after(2), pytest.raises(anyio.BrokenResourceError):
            await viewer.receive()


async def test_a_reset_reaches_the_other_side() -> None:
    reset = anyio.Event()

    async def serve(stream: SocketStream) -> None:
        async with stream:
            try:
                await everything(stream)
            except anyio.BrokenResourceError:
                reset.set()

    async with serving(serve) as address, Relay(FAST, {"oca-1": address}) as relay:
        with socket.create_connection(("127.0.0.1", relay.ports["oca-1"])) as viewer:
            viewer.sendall(b"hello")
            viewer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        with anyio.fail_after(2):
            await reset.wait()


@pytest.mark.slow
async def test_a_viewer_that_leaves_frees_the_link_for_the_others() -> None:
    data = noise(100_000)
    link = LinkSpec.constant(2_000, rtt_s=0)
    async with serving(sending(data)) as address, Relay(link, {"oca-1": address}) as relay:
        port = relay.ports["oca-1"]
        for _ in range(5):
            async with await anyio.connect_tcp("127.0.0.1", port) as impatient:
                await impatient.send(b"?")
                await impatient.receive(1)
        async with await anyio.connect_tcp("127.0.0.1", port) as viewer:
            asked_s = anyio.current_time()
            await viewer.send(b"?")
            heard = await everything(viewer)
            took_s = anyio.current_time() - asked_s

    assert heard == data
    assert took_s < 0.4 * 1.5


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with Relay(FAST, {"oca-1": ("127.0.0.1", 1)}):
            raise KeyError("mine")


@pytest.mark.slow
async def test_a_relay_in_its_own_process_does_the_same() -> None:
    said = noise(300_000)
    link = LinkSpec.constant(100, rtt_s=0.01)
    async with serving(echo_when_done) as address, RelayProcess(link, {"oca-1": address}) as relay:
        await relay.shape(LinkSpec.constant(1_000_000, rtt_s=0.01))
        async with await anyio.connect_tcp("127.0.0.1", relay.ports["oca-1"]) as viewer:
            await viewer.send(said)
            await viewer.send_eof()
            heard = await everything(viewer)

    assert heard == said
    assert relay.url("oca-1") == f"http://127.0.0.1:{relay.ports['oca-1']}/"
