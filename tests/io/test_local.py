"""Files and data answer as a server would."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netplay.io.net.network import Network
from netplay.io.net.transport import Request, TransferFailed
from netplay.segments import ByteRange

pytestmark = pytest.mark.anyio

CONTENT = bytes(range(256)) * 4000


async def read(
    network: Network, url: str, byte_range: ByteRange | None = None
) -> tuple[int, bytes, dict[str, str]]:
    """Return status, body and headers of what is at a URL."""
    request = Request(url, "segment", byte_range)
    async with network, network.stream(request, local=True) as response:
        whole = b""
        while data := await response.read():
            whole += data
        return response.status, whole, response.headers


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a b%41.bin"
    path.write_bytes(CONTENT)
    return path


async def test_a_file_is_read_whole(file: Path) -> None:
    status, body, headers = await read(Network(), file.as_uri())

    assert (status, body) == (200, CONTENT)
    assert headers["content-length"] == str(1_024_000)


@pytest.mark.parametrize(
    ("part", "start", "end"),
    [
        (ByteRange(10, 20), 10, 30),
        (ByteRange(1_023_999), 1_023_999, 1_024_000),
        (ByteRange(1_000_000, 999_999), 1_000_000, 1_024_000),
        (ByteRange(0, 600_000), 0, 600_000),
    ],
)
async def test_a_part_of_a_file_is_read(file: Path, part: ByteRange, start: int, end: int) -> None:
    status, body, headers = await read(Network(), file.as_uri(), part)

    assert (status, body) == (206, CONTENT[start:end])
    assert headers["content-range"] == f"bytes {start}-{end - 1}/1024000"


async def test_a_part_behind_the_end_is_not_satisfiable(file: Path) -> None:
    status, body, _ = await read(Network(), file.as_uri(), ByteRange(1_024_000, 5))

    assert (status, body) == (416, b"")


async def test_a_missing_file_is_a_404(tmp_path: Path) -> None:
    with pytest.raises(TransferFailed) as caught:
        await read(Network(), (tmp_path / "none").as_uri())

    assert (caught.value.failure, caught.value.status) == ("status", 404)


async def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    for path in (pipe, tmp_path, Path("/dev/zero")):
        with pytest.raises(TransferFailed) as caught:
            await read(Network(), path.as_uri())
        assert caught.value.status == 403


async def test_a_file_of_another_machine_is_not_read() -> None:
    with pytest.raises(TransferFailed) as caught:
        await read(Network(), "file://server/share/a")

    assert caught.value.failure == "scheme"


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("data:,a%20b", b"a b"),
        ("data:text/plain;base64,aGk=", b"hi"),
        ("data:application/octet-stream;charset=x;base64,AAEC", b"\0\1\2"),
        ("data:,", b""),
    ],
)
async def test_data_is_decoded(url: str, body: bytes) -> None:
    assert (await read(Network(), url))[:2] == (200, body)


async def test_a_part_of_data_is_cut_out() -> None:
    assert (await read(Network(), "data:,0123456789", ByteRange(3, 4)))[:2] == (206, b"3456")


@pytest.mark.parametrize("url", ["data:text/plain", "data:;base64,a", "data:;base64,é"])
async def test_data_that_is_none_is_a_typed_failure(url: str) -> None:
    with pytest.raises(TransferFailed) as caught:
        await read(Network(), url)

    assert caught.value.failure == "document"
