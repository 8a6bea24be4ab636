"""Licence requests over HTTP: what goes along, where it may go, and what becomes of answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from drm import ClearKey, Widevine
from drm.contract import KeySystem, LicenseRequest
from netplay.core.messages import CloseKeys, KeysFailed, KeysReady, OpenKeys, RenewKeys
from netplay.io.keys.licensing import Licensing
from netplay.io.keys.service import LicenseService
from netplay.io.keys.store import KeyStore
from netplay.io.keys.systems import KeySystems
from netplay.io.net.network import Network
from netplay.io.net.transport import Request, TransferFailed
from netplay.segments import Protection

pytestmark = pytest.mark.anyio

KID, KEY = "0" * 31 + "1", bytes(range(16))
WAY = Protection("clearkey", scheme="cenc", default_kid=KID)
OPEN = OpenKeys(1, "", WAY, (KID,))
LICENSE = b'{"keys":[{"kty":"oct","kid":"AAAAAAAAAAAAAAAAAAAAAQ","k":"AAECAwQFBgcICQoLDA0ODw"}]}'


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def network(answer: Callable[[httpx.Request], httpx.Response], **more: object) -> Network:
    return Network(transport=httpx.MockTransport(answer), **more)  # type: ignore[arg-type]


async def test_nothing_meant_for_the_cdn_goes_to_a_licence_service() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, headers={"Set-Cookie": "cdn=1; Path=/"}, content=LICENSE)

    net = network(answer, headers={"Authorization": "CDN", "X-Token": "CDN"})
    async with net.stream(Request("https://a.example/video", "segment")) as response:
        await response.read()
    service = LicenseService(net)
    said = await service.ask(
        LicenseRequest("https://a.example/license", b"challenge", headers=(("X-Own", "1"),))
    )

    assert said.body == LICENSE
    request = asked[-1]
    assert (request.method, request.content) == ("POST", b"challenge")
    assert request.headers["x-own"] == "1"
    assert not {"authorization", "x-token", "cookie"} & set(request.headers)


async def test_headers_of_a_key_system_stay_with_the_server_that_it_named() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.host == "a.example":
            return httpx.Response(307, headers={"Location": "https://b.example/other"})
        return httpx.Response(200, content=LICENSE)

    service = LicenseService(network(answer))
    await service.ask(
        LicenseRequest("https://a.example/x", b"body", headers=(("Authorization", "own"),))
    )

    assert [request.headers.get("authorization") for request in asked] == ["own", None]
    assert [request.content for request in asked] == [b"body", b"body"]


@pytest.mark.parametrize(
    ("status", "location", "complaint"),
    [
        (307, "http://b.example/", "https"),
        (308, "ftp://b.example/", "ftp"),
        (302, "https://b.example/", "would drop"),
        (307, "https://a.example/again", "too often"),
    ],
)
async def test_redirects_that_would_give_something_away_are_not_followed(
    status: int, location: str, complaint: str
) -> None:
    service = LicenseService(
        network(lambda _: httpx.Response(status, headers={"Location": location}))
    )

    with pytest.raises(TransferFailed, match=complaint):
        await service.ask(LicenseRequest("https://a.example/", b"challenge"))


async def test_an_answer_without_end_is_cut_off() -> None:
    service = LicenseService(network(lambda _: httpx.Response(200, content=bytes(2 << 20))))

    with pytest.raises(TransferFailed, match="more than"):
        await service.ask(LicenseRequest("https://a.example/", b"challenge"))


class InTurn:
    """A task group whose tasks are run one after another, when they are waited for."""

    def __init__(self) -> None:
        self._begun: list[Callable[[], Awaitable[None]]] = []

    def start_soon(self, task: Callable[..., Awaitable[None]], *args: object, name: str) -> None:
        del name
        self._begun.append(partial(task, *args))

    async def done(self) -> None:
        while self._begun:
            await self._begun.pop(0)()


class Told:
    """What a Licensing told, and whether it still opened anything when it was closed."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.events: list[object] = []
        self.keys = KeyStore()
        self.systems = KeySystems(network(answer), [ClearKey(license_url="https://a.example/")])

    async def performed(self, *actions: OpenKeys | RenewKeys | CloseKeys) -> list[object]:
        tasks = InTurn()
        licensing = Licensing(
            self.systems,
            self.keys,
            emit=self.events.append,
            clock=lambda: 7,
            task_group=tasks,  # type: ignore[arg-type]  # all that it needs of one
            base_url=lambda _: "https://a.example/title.mpd",
        )
        for action in actions:
            licensing.perform(action)
            await tasks.done()
        self.opened = self.keys.find(KID, "cenc") is not None
        licensing.close()
        return self.events


async def test_a_licence_is_got_renewed_and_wiped() -> None:
    told = Told(lambda _: httpx.Response(200, content=LICENSE))

    events = await told.performed(OPEN, RenewKeys(1))

    assert events == [KeysReady(1, (KID,)), KeysReady(1, (KID,))]
    assert told.opened
    assert told.keys.find(KID, "cenc") is None


async def test_what_a_closed_licence_brings_is_not_told() -> None:
    told = Told(lambda _: httpx.Response(200, content=LICENSE))

    assert await told.performed(OPEN, CloseKeys(1), RenewKeys(1)) == [KeysReady(1, (KID,))]
    assert not told.opened


@pytest.mark.parametrize(
    ("answer", "denied", "says"),
    [
        (httpx.Response(403, content=b"not in your plan"), True, "not in your plan"),
        (httpx.Response(503, headers={"Retry-After": "3"}), False, "503"),
        (httpx.Response(200, content=b"no licence"), True, "no licence"),
    ],
)
async def test_what_a_service_answers_instead_is_told(
    answer: httpx.Response, denied: bool, says: str
) -> None:
    told = Told(lambda _: answer)

    (failed,) = await told.performed(OPEN)

    assert isinstance(failed, KeysFailed)
    assert (failed.denied, says in failed.detail) == (denied, True)
    assert failed.retry_after_us == (3_000_000 if answer.status_code == 503 else None)


async def test_a_broken_connection_may_be_better_next_time() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    (failed,) = await Told(answer).performed(OPEN)

    assert isinstance(failed, KeysFailed)
    assert not failed.denied


async def test_a_prepared_licence_is_used_once_and_asks_nobody() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, content=LICENSE)

    told = Told(answer)
    await told.systems.prepare(OPEN, "https://a.example/", lambda: 3)
    await told.systems.prepare(OPEN, "https://a.example/", lambda: 3)
    events = await told.performed(OPEN)

    assert events == [KeysReady(1, (KID,))]
    assert len(asked) == 1
    assert told.systems.take(OPEN, 7) is None


async def test_a_key_system_that_cannot_be_made_ready_does_not_keep_the_next_from_it(
    tmp_path: Path,
) -> None:
    ready: list[str] = []

    class Noted(ClearKey):
        def warm(self) -> None:
            ready.append(self.name)

    systems: list[KeySystem] = [
        Widevine(tmp_path / "no such file.wvd"),
        Widevine(b"no device"),
        Noted(),
    ]
    await KeySystems(network(lambda _: httpx.Response(404)), systems).warm()

    assert ready == ["clearkey"]


async def test_what_was_prepared_and_not_used_is_wiped() -> None:
    told = Told(lambda _: httpx.Response(200, content=LICENSE))
    await told.systems.prepare(OPEN, "", lambda: 0)

    ready = told.systems.take(OPEN, 0)
    assert ready is not None
    assert ready.keys.kids == {KID}
    await told.systems.prepare(OPEN, "", lambda: 0)
    await told.systems.aclose()
    assert told.systems.take(OPEN, 0) is None
