"""Gets, renews and closes the licences that the Session asks for, and tells what came of it.

A key system says what to ask in a worker thread, because its mathematics takes
milliseconds; the answers come over the network on the loop. Keys go to the KeyStore, the
Session hears of key ids and moments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never
from urllib.parse import urljoin

import anyio
from anyio.abc import TaskGroup

from drm.contract import Exchange, Keys, KeySystem
from drm.errors import DrmError, KeySystemError
from netplay.core.messages import (
    CloseKeys,
    Event,
    KeysFailed,
    KeysReady,
    OpenKeys,
    RenewKeys,
)
from netplay.io.keys.store import KeyStore
from netplay.io.keys.systems import KeySystems, init_data
from netplay.io.net.transport import TransferFailed

__all__ = ["Licensing"]


class _License:
    """One licence under way or held."""

    def __init__(self, system: KeySystem) -> None:
        self.system = system
        self.keys: Keys | None = None
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
        license_ = self._licenses[action.key_session] = _License(system)
        init = init_data(action, uri)
        ready = self._systems.take(action, self._clock())
        if ready is not None:
            self._got(action.key_session, license_, ready.keys, since_us=ready.at_us)
        else:
            await self._run(action.key_session, license_, lambda: system.open(init))

    async def _renew(self, action: RenewKeys) -> None:
        license_ = self._licenses.get(action.key_session)
        if license_ is None or license_.keys is None:
            return  # it was closed meanwhile
        system, keys = license_.system, license_.keys
        await self._run(action.key_session, license_, lambda: system.renew(keys))

    async def _run(
        self, key_session: int, license_: _License, begin: Callable[[], Exchange]
    ) -> None:
        try:
            with anyio.CancelScope() as license_.scope:
                keys = await self._systems.run(begin)
            if license_.scope.cancelled_caught:
                return
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
            self._got(key_session, license_, keys, since_us=self._clock())

    def _got(self, key_session: int, license_: _License, keys: Keys, *, since_us: int) -> None:
        if self._licenses.get(key_session) is not license_:
            license_.system.close(keys)
            return
        license_.keys = keys
        self._store.put(key_session, keys)
        policy = keys.policy
        ends_s = policy.ends_after_s(played_from_s=0)
        renew_s = policy.renewal_after_s if policy.can_renew else None
        self._emit(
            KeysReady(
                key_session,
                tuple(sorted(keys.kids)),
                tuple(sorted(keys.refused.items())),
                renew_at_us=None if renew_s is None else since_us + renew_s * 1_000_000,
                expires_at_us=None if ends_s is None else since_us + ends_s * 1_000_000,
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
