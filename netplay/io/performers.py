"""Who does what the Session decides: fetches, gets licences, decodes and shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import anyio
from anyio.abc import TaskGroup

from netplay import errors
from netplay.core.messages import (
    Action,
    Cancel,
    CloseKeys,
    Connect,
    Event,
    Evict,
    Fail,
    Feed,
    Fetch,
    Finish,
    Flush,
    Hold,
    OpenKeys,
    Play,
    Removed,
    RenewKeys,
    Resolve,
)
from netplay.errors import Attempt, NetplayError
from netplay.io.clock import Clock
from netplay.io.fetch.fetcher import Fetcher
from netplay.io.keys.licensing import Licensing
from netplay.io.keys.store import KeyStore
from netplay.io.keys.systems import KeySystems
from netplay.io.net.network import Network
from netplay.io.show.render import Renderer, RenderSettings
from netplay.io.show.sink import Sink
from netplay.timeline import Presentation

__all__ = ["Performers"]


class Performers:
    """Performs every action of one Session, until closed.

    Args:
        emit: Takes each event as it happens; never called from within `perform`.
        task_group: Where the tasks live.
    """

    def __init__(
        self,
        presentation: Presentation,
        *,
        emit: Callable[[Event], None],
        task_group: TaskGroup,
        network: Network,
        sink: Sink,
        clock: Clock,
        settings: RenderSettings,
        key_systems: KeySystems | None,
    ) -> None:
        keys = KeyStore()
        self._fetcher = Fetcher(
            network,
            presentation,
            emit=emit,
            clock=clock.now_us,
            task_group=task_group,
            keys=keys,
        )
        self._licensing = Licensing(
            key_systems or KeySystems(network),
            keys,
            emit=emit,
            clock=clock.now_us,
            task_group=task_group,
            base_url=self._fetcher.key_base,
        )
        self._renderer = Renderer(
            sink,
            emit,
            clock=clock,
            task_group=task_group,
            source=self._fetcher.source,
            settings=settings,
            keys=keys,
        )

    def perform(self, action: Action) -> None:
        """Do it, or begin to; returns at once.

        Raises:
            NetplayError: The action says that playback cannot go on.
        """
        match action:
            case Fetch() | Resolve() | Cancel() | Connect() | Evict():
                self._fetcher.perform(action)
            case OpenKeys() | RenewKeys() | CloseKeys():
                self._licensing.perform(action)
            case Feed() | Flush() | Play() | Hold() | Finish():
                self._renderer.perform(action)
            case Removed():
                pass  # said for the taps alone
            case Fail():
                raise _error(action)
            case _:
                assert_never(action)

    def report(self) -> None:
        """Tell how far each fetch has come."""
        self._fetcher.report()

    async def aclose(self) -> None:
        """End everything under way, wipe the keys, free the decoders, close the sink."""
        with anyio.CancelScope(shield=True):
            await self._fetcher.aclose()
            try:
                await self._renderer.aclose()
            finally:
                self._licensing.close()


def _error(fail: Fail) -> NetplayError:
    """Return the error that a Fail stands for."""
    attempts: tuple[Attempt, ...] = fail.attempts
    told = "; ".join(f"{who}: {what}" for who, what in attempts) or fail.reason
    match fail.error:
        case "DeliveryError":
            return errors.DeliveryError(fail.what, attempts)
        case "DecodeError":
            return errors.DecodeError(fail.what, told)
        case "MediaError":
            return errors.MediaError(fail.what, told)
        case "LicenseError":
            # One refusal is mostly of every rung: its words are said once.
            reasons = "; ".join(dict.fromkeys(what for _, what in attempts)) or fail.reason
            return errors.LicenseError(f"{fail.what}: {reasons}")
        case "ManifestError":
            return errors.ManifestError(fail.what, fail.reason, attempts)
        case _:
            assert_never(fail.error)
