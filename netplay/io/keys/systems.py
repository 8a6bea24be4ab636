"""The key systems of one player, and how their exchanges get to the network and back.

A key system says what to ask in a worker thread, because its mathematics takes
milliseconds; the answers come over the network on the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urljoin

import anyio
import anyio.to_thread

from drm.contract import (
    Exchange,
    InitData,
    Keys,
    KeySystem,
    LicenseAnswer,
    LicenseRequest,
    is_confidential,
)
from drm.errors import DrmError
from drm.initdata import IDENTITY
from netplay.core.device import Device
from netplay.core.messages import OpenKeys
from netplay.io.keys.service import LicenseService
from netplay.io.net.network import Network
from netplay.io.net.transport import TransferFailed
from netplay.io.show.sink import Sink

__all__ = ["KeySystems", "PreparedKeys", "init_data"]

_MAY_NOT_SHOW = "the sink may not be given protected pictures; it has no `protected = True`"


class PreparedKeys(NamedTuple):
    """A licence that was got before anybody asked, and when."""

    keys: Keys
    at_us: int


class _Question(NamedTuple):
    """What a licence is asked with: where two are equal, so are the licences."""

    system: str
    pssh: bytes
    license_url: str
    key_uri: str
    kids: frozenset[str]


class KeySystems:
    """What can open encrypted media: shared by the titles of one player, one after another.

    Attributes:
        systems: The preferred one first.
        service: Carries their requests.
        forbidden: Why no key may be had at all; "" where they may.

    Args:
        sink: Where the frames will go; None: it may be given protected ones.
    """

    def __init__(
        self, network: Network, systems: Sequence[KeySystem] = (), *, sink: Sink | None = None
    ) -> None:
        self.systems = tuple(systems)
        self.service = LicenseService(network)
        allowed = sink is None or getattr(sink, "protected", False)
        self.forbidden = "" if allowed else _MAY_NOT_SHOW
        self._prepared: dict[_Question, PreparedKeys] = {}

    def of_device(self, device: Device) -> Device:
        """Return a device with these key systems, unless it names its own."""
        if device.key_systems or not self.systems:
            return device
        asking = (it for it in self.systems if it.asks_by_kid)
        return replace(device, key_systems=_ids(self.systems), keys_by_id=_ids(asking))

    def of(self, system: str) -> KeySystem | None:
        """Return the one that opens a system; None if there is none."""
        return next((it for it in self.systems if system in it.systems), None)

    async def warm(self) -> None:
        """Have every system ready: a connection to its service, and all that it imports."""
        for system in self.systems:
            if system.asks_at:
                await self.service.connect(system.asks_at)
            try:
                await anyio.to_thread.run_sync(system.warm)
            except DrmError:
                continue  # the first licence that needs it says so

    async def run(self, begin: Callable[[], Exchange]) -> Keys:
        """Bring a key system's requests to the network and the answers back, to the end.

        Raises:
            DrmError: The key system could do nothing with what it was told.
            TransferFailed: An answer did not come.
        """
        exchange = await anyio.to_thread.run_sync(begin)
        answers: tuple[LicenseAnswer, ...] | None = None
        try:
            while True:
                step = await anyio.to_thread.run_sync(_advance, exchange, answers)
                if not isinstance(step, tuple):
                    return step
                answers = await self._ask(step)
        finally:
            exchange.close()

    async def prepare(self, wanted: OpenKeys, base_url: str, clock: Callable[[], int]) -> None:
        """Get a licence before anybody needs it; that it is not to be had is no matter now."""
        way = wanted.protection
        system = self.of(way.system)
        question = _question(wanted)
        if system is None or self.forbidden or question in self._prepared:
            return
        init = init_data(wanted, urljoin(base_url, way.key_uri) if way.key_uri else "")
        try:
            keys = await self.run(lambda: system.open(init))
        except (DrmError, TransferFailed):
            return  # whoever needs it asks again, and hears why
        self._prepared[question] = PreparedKeys(keys, clock())

    def take(self, wanted: OpenKeys, now_us: int) -> PreparedKeys | None:
        """Return a licence that was prepared and still lasts; it is not kept any longer."""
        question = _question(wanted)
        ready = self._prepared.pop(question, None)
        if ready is None:
            return None
        lasts_s = ready.keys.policy.ends_after_s(played_from_s=0)
        if lasts_s is None or now_us < ready.at_us + lasts_s * 1_000_000:
            return ready
        self._close(question.system, ready.keys)
        return None

    async def aclose(self) -> None:
        """Close the connections, and wipe what was prepared and not used."""
        while self._prepared:
            question, ready = self._prepared.popitem()
            self._close(question.system, ready.keys)
        await self.service.aclose()

    def _close(self, name: str, keys: Keys) -> None:
        system = self.of(name)
        assert system is not None, "it was prepared by one"
        system.close(keys)

    async def _ask(self, requests: tuple[LicenseRequest, ...]) -> tuple[LicenseAnswer, ...]:
        answers: dict[int, LicenseAnswer] = {}
        failures: list[TransferFailed] = []

        async def ask(place: int, request: LicenseRequest) -> None:
            try:
                answers[place] = await self.service.ask(request)
            except TransferFailed as error:
                failures.append(error)

        async with anyio.create_task_group() as tasks:
            for place, request in enumerate(requests):
                tasks.start_soon(ask, place, request)
        if failures:
            raise failures[0]
        return tuple(answers[place] for place in range(len(requests)))


def _question(wanted: OpenKeys) -> _Question:
    way = wanted.protection
    # With init data the service knows which keys are meant.
    kids = frozenset(() if way.pssh else wanted.kids)
    return _Question(way.system, way.pssh, way.license_url, way.key_uri, kids)


def init_data(wanted: OpenKeys, key_uri: str) -> InitData:
    """Return what a key system is told of a licence that is wanted."""
    way = wanted.protection
    license_url = way.license_url
    if way.system != IDENTITY and is_confidential(key_uri):
        # HLS: what is behind the URI of a key is the key system's own affair, such as where
        # its licence service is.
        license_url = license_url or key_uri
    return InitData(
        system=way.system,
        kids=wanted.kids,
        pssh=way.pssh,
        license_url=license_url,
        key_uri=key_uri,
    )


def _ids(systems: Iterable[KeySystem]) -> tuple[str, ...]:
    """Return what they open, as `Protection.system` names it."""
    return tuple(dict.fromkeys(one for it in systems for one in sorted(it.systems)))


def _advance(
    exchange: Exchange, answers: tuple[LicenseAnswer, ...] | None
) -> tuple[LicenseRequest, ...] | Keys:
    """Take an exchange one step on; in a worker thread."""
    try:
        return next(exchange) if answers is None else exchange.send(answers)
    except StopIteration as stop:
        keys: Keys = stop.value
        return keys
