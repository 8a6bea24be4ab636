"""Fetches and resolves what the Session asks for, and tells it what comes of it.

Each action is a task. Bytes go through an intake into a Source while they arrive, so the
decoding side works on a segment that is still on its way. The Session hears of bytes and
media times only; the bytes stay here until it says to forget them.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import assert_never
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from netplay.core.messages import (
    Cancel,
    Connect,
    Event,
    Evict,
    Failure,
    Fetch,
    FetchFailed,
    Resolve,
    Resolved,
    ResolveFailed,
)
from netplay.errors import MediaError, shown_url
from netplay.io.fetch.intake import Init
from netplay.io.fetch.intakes import Intakes
from netplay.io.fetch.places import Places
from netplay.io.fetch.resolve import fetch_index
from netplay.io.fetch.tracks import needed_stream
from netplay.io.fetch.transfer import InitKey, Transfer
from netplay.io.keys.store import KeyStore
from netplay.io.net.network import Network
from netplay.io.net.ranges import check_answer
from netplay.io.net.transport import Request, TransferFailed
from netplay.io.source import Source
from netplay.timeline import Presentation

__all__ = ["Fetcher"]

TELL_US = 100_000
"""Between two Progressed of one fetch, but for its first ones and those asked for."""

MOST_FAILED = 16
"""Failed fetches whose bytes are kept, so that another can go on where one broke off. A
guess: there is one at a time for each lane."""


class Fetcher:
    """Performs Fetch, Resolve, Cancel, Connect and Evict; every outcome is an event."""

    def __init__(
        self,
        network: Network,
        presentation: Presentation,
        *,
        emit: Callable[[Event], None],
        clock: Callable[[], int],
        task_group: TaskGroup,
        utc_clock: Callable[[], int] | None = None,
        keys: KeyStore | None = None,
    ) -> None:
        """Make a fetcher for one session.

        Args:
            network: Moves the bytes.
            presentation: Says what the actions mean.
            emit: Takes each event as it happens; called on the loop, never from within
                `perform`.
            clock: The driver's monotonic clock.
            task_group: Where the tasks live.
            utc_clock: Unix time in microseconds; None is the system's.
            keys: Open segments that are encrypted as a whole.
        """
        self._network = network
        self._presentation = presentation
        self._emit = emit
        self._clock = clock
        self._utc_clock = utc_clock or (lambda: time.time_ns() // 1000)
        self._tasks = task_group
        self._local = urlsplit(presentation.url).scheme.lower() == "file"
        self._places = Places(presentation)
        self._intakes = Intakes(self._places, keys if keys is not None else KeyStore(), emit)
        self._transfers: dict[int, Transfer] = {}
        self._failed: OrderedDict[int, None] = OrderedDict()
        self._resolves: dict[int, anyio.CancelScope] = {}
        self._inits: dict[InitKey, tuple[int, Init]] = {}

    def perform(self, action: Fetch | Resolve | Cancel | Connect | Evict) -> None:
        """Begin what an action asks for; returns at once, before any event."""
        match action:
            case Fetch():
                name = f"{action.representation}/{'init' if action.init else action.number}"
                needs = needed_stream(self._places.representation(action.representation))
                transfer = Transfer(action, Source(name, needs=needs), needs=needs)
                assert action.fetch_id not in self._transfers, f"fetch {action.fetch_id} again"
                self._transfers[action.fetch_id] = transfer
                self._tasks.start_soon(self._fetch, transfer, name=f"fetch {name}")
            case Resolve():
                scope = self._resolves[action.resolve_id] = anyio.CancelScope()
                self._tasks.start_soon(
                    self._resolve, action, scope, name=f"resolve {action.representation}"
                )
            case Cancel():
                self._cancel(action)
            case Connect():
                location = self._places.location(action.representation, action.host)
                self._tasks.start_soon(self._network.connect, location.url)
            case Evict():
                for fetch_id in action.fetch_ids:
                    self._forget(fetch_id)
            case other:
                assert_never(other)

    def key_base(self, representation: str) -> str:
        """Return what the URIs of keys are relative to; "" asks for the manifest."""
        return self._places.key_base(representation)

    def source(self, fetch_id: int) -> Source:
        """Return the packets of a media fetch, which may still be arriving.

        A fetch that was cancelled or evicted gives a Source that is lost.
        """
        transfer = self._transfers.get(fetch_id)
        if transfer is not None:
            return transfer.source
        gone = Source(f"fetch {fetch_id}")
        gone.lose("it was forgotten")
        return gone

    def report(self) -> None:
        """Tell how far each fetch has come of which more has come since it was last told."""
        for transfer in list(self._transfers.values()):
            if not transfer.over and transfer.received_bytes > max(transfer.told_bytes, 0):
                self._tell(transfer)

    async def aclose(self) -> None:
        """Stop everything under way; nothing is told of it."""
        for transfer in self._transfers.values():
            if not transfer.over:
                transfer.over = True
                transfer.source.lose("playback ended")
            transfer.scope.cancel()
        for scope in self._resolves.values():
            scope.cancel()
        self._transfers.clear()
        self._failed.clear()
        self._inits.clear()
        self._resolves.clear()
        await anyio.lowlevel.checkpoint()

    # Fetching.

    async def _fetch(self, transfer: Transfer) -> None:
        with transfer.scope:
            try:
                request, init = self._places.request(transfer.action)
                if init is not None:
                    transfer.init_key = (transfer.action.representation, init)
                self._begin(transfer)
                await self._receive(transfer, request)
                await self._complete(transfer)
            except TransferFailed as error:
                self._fail(
                    transfer,
                    error.failure,
                    error.detail,
                    status=error.status,
                    retry_after_us=error.retry_after_us,
                )
            except MediaError as error:
                self._fail(transfer, "media", f"{shown_url(request.url)}: {error.detail}")
        if transfer.broken is not None:
            detail = f"{shown_url(request.url)}: {transfer.broken.detail}"
            self._fail(transfer, "media", detail)

    def _begin(self, transfer: Transfer) -> None:
        """Give a fetch the bytes it resumes, and an intake if it can have one already."""
        action = transfer.action
        if action.resumes is not None:
            earlier = self._transfers.get(action.resumes)
            before = b"".join(earlier.raw)[: action.first_byte] if earlier is not None else b""
            if len(before) < action.first_byte:
                raise TransferFailed("range", f"{transfer.source.name}: its beginning is gone")
            transfer.raw.append(before)
            transfer.held.append(before)
        if not action.init:
            self._open(transfer)

    def _open(self, transfer: Transfer) -> None:
        """Give a media fetch its intake, unless the init segment is still to come.

        Raises:
            MediaError: What was held for it is not what it should be.
        """
        init: Init | None = None
        if transfer.init_key is not None:
            known = self._inits.get(transfer.init_key)
            if known is None:
                return
            _, init = known
        transfer.open(self._intakes.of(transfer, init))

    async def _receive(self, transfer: Transfer, request: Request) -> None:
        limit_s = self._network.timeouts.segment_s
        limits = self._network.limits
        most = limits.init_bytes if transfer.action.init else limits.segment_bytes
        with anyio.move_on_after(limit_s) as deadline:
            async with self._network.stream(request, local=self._local) as response:
                answer = check_answer(
                    response, request.byte_range, most_bytes=most, utc_us=self._utc_clock()
                )
                transfer.local = response.local
                transfer.total_bytes = answer.total_bytes
                transfer.first_byte_at_us = transfer.received_us = self._clock()
                self._tell(transfer)
                expected = most if answer.total_bytes is None else answer.total_bytes
                while data := await response.read():
                    surplus = transfer.received_bytes + len(data) - expected
                    if surplus > 0 and not answer.cut:
                        raise TransferFailed(
                            "long", f"{shown_url(response.url)}: more than {expected} bytes"
                        )
                    self._received(transfer, data[:-surplus] if surplus > 0 else data)
                    if answer.cut and surplus >= 0:
                        break
                if answer.total_bytes is not None and transfer.received_bytes < answer.total_bytes:
                    raise TransferFailed(
                        "short",
                        f"{shown_url(response.url)}: "
                        f"{transfer.received_bytes} of {answer.total_bytes} bytes",
                    )
        if deadline.cancelled_caught:
            raise TransferFailed(
                "timeout", f"{shown_url(request.url)}: not complete within {limit_s:g} s"
            )

    def _received(self, transfer: Transfer, data: bytes) -> None:
        """Count bytes, read them, and tell if there is something worth telling."""
        now_us = self._clock()
        transfer.received_bytes += len(data)
        transfer.received_us = now_us
        transfer.raw.append(data)
        transfer.take(data)
        intake = transfer.intake
        if intake is None or intake.from_us is None:
            return
        if not transfer.told_media or now_us - transfer.told_us >= TELL_US:
            self._tell(transfer)

    async def _complete(self, transfer: Transfer) -> None:
        """Read what has come to its end; where the init segment is late, once that is here."""
        if transfer.action.init:
            await self._keep_init(transfer)
            return
        if transfer.intake is None:
            self._tell(transfer)
            await transfer.opened.wait()
        intake = transfer.intake
        assert intake is not None
        await intake.finish()
        self._succeed(transfer)

    async def _keep_init(self, transfer: Transfer) -> None:
        """Read an init segment, and go on with the media that waited for it."""
        init = await self._intakes.init(transfer)
        key = transfer.init_key
        assert key is not None
        self._inits[key] = (transfer.action.fetch_id, init)
        self._succeed(transfer)
        for waiting in list(self._transfers.values()):
            if waiting.init_key != key or waiting.opened.is_set() or waiting.over:
                continue
            if waiting.action.init:
                continue
            try:
                self._open(waiting)
            except MediaError as error:
                waiting.broken = error
                waiting.scope.cancel()
            else:
                if waiting.told_bytes >= 0:  # its header has come
                    self._tell(waiting)

    # Telling.

    def _tell(self, transfer: Transfer) -> None:
        if transfer.over:
            return
        progressed = transfer.progressed()
        transfer.told_bytes = transfer.received_bytes
        transfer.told_us = transfer.received_us
        transfer.told_media = progressed.media_from_us is not None
        self._emit(progressed)

    def _succeed(self, transfer: Transfer) -> None:
        if transfer.over:
            return
        transfer.over = True
        transfer.raw.clear()
        self.report()  # what the others brought meanwhile is part of what the link did
        self._emit(transfer.fetched())

    def _fail(
        self,
        transfer: Transfer,
        failure: Failure,
        detail: str,
        *,
        status: int | None = None,
        retry_after_us: int | None = None,
    ) -> None:
        if transfer.over:
            return
        transfer.over = True
        transfer.held.clear()
        self.report()
        transfer.source.lose(detail)
        self._failed[transfer.action.fetch_id] = None
        while len(self._failed) > MOST_FAILED:
            self._transfers.pop(self._failed.popitem(last=False)[0], None)
        self._emit(
            FetchFailed(
                fetch_id=transfer.action.fetch_id,
                failure=failure,
                detail=detail,
                bytes=transfer.received_bytes,
                status=status,
                retry_after_us=retry_after_us,
            )
        )

    # Everything else.

    def _cancel(self, action: Cancel) -> None:
        if action.fetch_id is not None:
            self._forget(action.fetch_id)
        if action.resolve_id is not None:
            scope = self._resolves.pop(action.resolve_id, None)
            if scope is not None:
                scope.cancel()

    def _forget(self, fetch_id: int) -> None:
        transfer = self._transfers.pop(fetch_id, None)
        self._failed.pop(fetch_id, None)
        if transfer is None:
            return
        if not transfer.over:
            transfer.over = True
            transfer.source.lose("it was cancelled")
            transfer.scope.cancel()
        if transfer.action.init:
            key = transfer.init_key
            if key is not None and self._inits.get(key, (None, None))[0] == fetch_id:
                del self._inits[key]

    async def _resolve(self, action: Resolve, scope: anyio.CancelScope) -> None:
        rep = self._places.representation(action.representation)
        event: Event
        with scope:
            try:
                found = await fetch_index(
                    self._network,
                    self._presentation,
                    rep,
                    self._places.declared(rep.id, action.host),
                    about=action,
                    clock=self._clock,
                    utc_clock=self._utc_clock,
                    local=self._local,
                )
            except TransferFailed as error:
                event = ResolveFailed(
                    resolve_id=action.resolve_id,
                    failure=error.failure,
                    detail=error.detail,
                    status=error.status,
                    retry_after_us=error.retry_after_us,
                )
            else:
                self._places.resolved(rep.id, action.host, found.index, found.location)
                event = Resolved(
                    resolve_id=action.resolve_id,
                    index=found.index,
                    bytes=found.bytes,
                    first_byte_at_us=found.first_byte_at_us,
                )
        # Not there any more: it was cancelled, and nothing answers it.
        if self._resolves.pop(action.resolve_id, None) is not None:
            self._emit(event)
