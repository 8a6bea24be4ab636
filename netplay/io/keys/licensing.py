"""Gets, renews and closes the licences that the Session asks for, and tells what came of it.

A key system says what to ask in a worker thread, because its mathematics takes
milliseconds; the answers come over the network on the loop. Keys go to the KeyStore, the
Session hears of key ids and moments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never
from urllib.parse import urljoin

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from drm.contract import Exchange, InitData, Keys, KeySystem, LicenseAnswer, LicenseRequest
from drm.errors import DrmError, KeySystemError
from netplay.core.messages import (
    CloseKeys,
    Event,
    KeysFailed,
    KeysReady,
    OpenKeys,
    RenewKeys,
)
from netplay.io.keys.service import LicenseService
from netplay.io.keys.store import KeyStore
from netplay.io.net.network import Network
from netplay.io.net.transport import TransferFailed
from netplay.segments import Protection

__all__ = ["KeySystems", "Licensing"]


class KeySystems:
    """What can open encrypted media: shared by the titles of one player, one after another.

    Attributes:
        systems: The preferred one first.
        service: Carries their requests.
        forbidden: Why no key may be had at all; "" where they may.
        prepared: Licences that were got before anybody asked, by how they would be asked
            for; taken out as they are used.
    """

    def __init__(
        self, network: Network, systems: Sequence[KeySystem] = (), *, forbidden: str = ""
    ) -> None:
        self.systems = tuple(systems)
        self.service = LicenseService(network)
        self.forbidden = forbidden
        self.prepared: dict[Protection, Keys] = {}

    @property
    def ids(self) -> tuple[str, ...]:
        """The systems opened, as `Protection.system` names them."""
        return tuple(dict.fromkeys(one for it in self.systems for one in sorted(it.systems)))

    @property
    def ids_by_kid(self) -> tuple[str, ...]:
        """Those of them that ask by key id and need no init data."""
        asking = (it for it in self.systems if it.asks_by_kid)
        return tuple(dict.fromkeys(one for it in asking for one in sorted(it.systems)))

    def of(self, system: str) -> KeySystem | None:
        """Return the one that opens a system; None if there is none."""
        return next((it for it in self.systems if system in it.systems), None)

    async def warm(self) -> None:
        """Have every system import and prepare what it needs, in a worker thread."""
        for system in self.systems:
            await anyio.to_thread.run_sync(system.warm)

    async def aclose(self) -> None:
        """Close the connections, and wipe what was prepared and not used."""
        for way, keys in self.prepared.items():
            system = self.of(way.system)
            assert system is not None
            system.close(keys)
        self.prepared.clear()
        await self.service.aclose()


class _License:
    """One licence under way or held."""

    def __init__(self, system: KeySystem, key_uri: str) -> None:
        self.system = system
        self.key_uri = key_uri
        self.keys: Keys | None = None
        self.began_us = 0
        self.scope = anyio.CancelScope()


class Licensing:
    """Performs OpenKeys, RenewKeys and CloseKeys; every outcome is an event."""

    def __init__(
        self,
        systems: KeySystems,
        store: KeyStore,
        *,
        emit: Callable[[Event], None],
        clock: Callable[[], int],
        task_group: TaskGroup,
        base_url: Callable[[str], str],
    ) -> None:
        """Make it for one session.

        Args:
            systems: What can open media.
            store: Is given the keys.
            emit: Takes each event as it happens; never called from within `perform`.
            clock: The driver's monotonic clock.
            task_group: Where the tasks live.
            base_url: What a Representation's relative key URIs are relative to; "" asks
                for the manifest.
        """
        self._systems = systems
        self._store = store
        self._emit = emit
        self._clock = clock
        self._tasks = task_group
        self._base_url = base_url
        self._licenses: dict[int, _License] = {}

    def perform(self, action: OpenKeys | RenewKeys | CloseKeys) -> None:
        """Begin what an action asks for; returns at once, before any event."""
        match action:
            case OpenKeys():
                self._tasks.start_soon(self._open, action, name="licence")
            case RenewKeys():
                self._tasks.start_soon(self._renew, action, name="licence renewal")
            case CloseKeys():
                self._close(action.key_session)
            case _:
                assert_never(action)

    def close(self) -> None:
        """Stop asking, and wipe every key that is held."""
        for key_session in tuple(self._licenses):
            self._close(key_session)

    # How.

    async def _open(self, action: OpenKeys) -> None:
        way = action.protection
        system = self._systems.of(way.system)
        if self._systems.forbidden or system is None:
            why = self._systems.forbidden or f"no key system opens {way.system!r}"
            self._emit(KeysFailed(action.key_session, why, denied=True))
            return
        uri = urljoin(self._base_url(action.representation), way.key_uri) if way.key_uri else ""
        license_ = self._licenses[action.key_session] = _License(system, uri)
        init = InitData(
            system=way.system,
            kids=action.kids,
            pssh=way.pssh,
            license_url=way.license_url,
            key_uri=uri,
        )
        ready = self._systems.prepared.pop(way, None)
        with license_.scope:
            if ready is not None:
                self._got(action.key_session, license_, ready)
            else:
                await self._run(action.key_session, license_, lambda: system.open(init))

    async def _renew(self, action: RenewKeys) -> None:
        license_ = self._licenses.get(action.key_session)
        if license_ is None or license_.keys is None:
            return  # it was closed meanwhile
        system, keys = license_.system, license_.keys
        with license_.scope:
            await self._run(action.key_session, license_, lambda: system.renew(keys))

    async def _run(
        self, key_session: int, license_: _License, begin: Callable[[], Exchange]
    ) -> None:
        try:
            keys = await self._exchange(await anyio.to_thread.run_sync(begin))
        except TransferFailed as error:
            self._failed(key_session, error.detail, retry_after_us=error.retry_after_us)
        except KeySystemError as error:
            after_s = error.retry_after_s
            self._failed(
                key_session,
                str(error),
                denied=not error.retriable,
                retry_after_us=None if after_s is None else round(after_s * 1e6),
            )
        except DrmError as error:
            self._failed(key_session, str(error), denied=True)
        else:
            self._got(key_session, license_, keys)

    async def _exchange(self, exchange: Exchange) -> Keys:
        """Bring a key system's requests to the network and the answers back, to the end."""
        answers: tuple[LicenseAnswer, ...] | None = None
        try:
            while True:
                step = await anyio.to_thread.run_sync(_advance, exchange, answers)
                if not isinstance(step, tuple):
                    return step
                answers = await self._ask(step)
        finally:
            exchange.close()

    async def _ask(self, requests: tuple[LicenseRequest, ...]) -> tuple[LicenseAnswer, ...]:
        if len(requests) == 1:
            return (await self._systems.service.ask(requests[0]),)
        answers: dict[int, LicenseAnswer] = {}
        failures: list[TransferFailed] = []

        async def ask(place: int, request: LicenseRequest) -> None:
            try:
                answers[place] = await self._systems.service.ask(request)
            except TransferFailed as error:
                failures.append(error)

        async with anyio.create_task_group() as tasks:
            for place, request in enumerate(requests):
                tasks.start_soon(ask, place, request)
        if failures:
            raise failures[0]
        return tuple(answers[place] for place in range(len(requests)))

    def _got(self, key_session: int, license_: _License, keys: Keys) -> None:
        if self._licenses.get(key_session) is not license_:
            license_.system.close(keys)
            return
        license_.keys = keys
        now_us = self._clock()
        self._store.put(key_session, keys, key_uri=license_.key_uri)
        policy = keys.policy
        ends_s = policy.ends_after_s(played_from_s=0)
        renew_s = policy.renewal_after_s if policy.can_renew else None
        self._emit(
            KeysReady(
                key_session,
                tuple(sorted(keys.kids)),
                tuple(sorted(keys.refused.items())),
                renew_at_us=None if renew_s is None else now_us + renew_s * 1_000_000,
                expires_at_us=None if ends_s is None else now_us + ends_s * 1_000_000,
            )
        )

    def _failed(
        self,
        key_session: int,
        detail: str,
        *,
        denied: bool = False,
        retry_after_us: int | None = None,
    ) -> None:
        if key_session in self._licenses:
            self._emit(KeysFailed(key_session, detail, denied, retry_after_us))

    def _close(self, key_session: int) -> None:
        license_ = self._licenses.pop(key_session, None)
        if license_ is None:
            return
        license_.scope.cancel()
        self._store.drop(key_session)
        if license_.keys is not None:
            license_.system.close(license_.keys)


def _advance(
    exchange: Exchange, answers: tuple[LicenseAnswer, ...] | None
) -> tuple[LicenseRequest, ...] | Keys:
    """Take an exchange one step on; in a worker thread."""
    try:
        return next(exchange) if answers is None else exchange.send(answers)
    except StopIteration as stop:
        keys: Keys = stop.value
        return keys
