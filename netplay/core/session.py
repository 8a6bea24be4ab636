"""The session: decides everything, waits for nothing.

One way in, one way out: `handle` takes an event and the time, and returns every action
that follows. It only routes. What is held is the Buffers', what is asked for the
Requests', what comes next the Scheduler's, whether the playhead moves the Playback's.
"""

from __future__ import annotations

from itertools import chain
from typing import assert_never

from abr.contract import Controller
from netplay.core.decoding import Decoding
from netplay.core.device import Device, Preferences
from netplay.core.endurance import Endurance
from netplay.core.failover import Failover
from netplay.core.feeder import Feeder
from netplay.core.jitter import Jitter
from netplay.core.lane import Lane
from netplay.core.licenses import Licenses, Locked
from netplay.core.messages import (
    Action,
    Connect,
    Decoded,
    DecodeFailed,
    DecodeLagged,
    DeviceChanged,
    ErrorName,
    Event,
    Evict,
    Fail,
    Fetch,
    Fetched,
    FetchFailed,
    Hold,
    KeysFailed,
    KeysReady,
    NetworkChanged,
    Opened,
    Paused,
    Play,
    Progressed,
    ProtectionFound,
    RateSet,
    Rendered,
    Resolved,
    ResolveFailed,
    Resumed,
    Sought,
    Tick,
    Track,
    TracksChosen,
)
from netplay.core.patience import Patience
from netplay.core.playback import Playback
from netplay.core.reporting import blank_status, make_status
from netplay.core.requests import Requests
from netplay.core.rules import SessionRules
from netplay.core.scheduler import Scheduler
from netplay.core.seeking import Seeker
from netplay.core.selection import EMPTY, NO_END
from netplay.core.status import Status
from netplay.core.switching import Switcher
from netplay.core.title import Title
from netplay.core.transfers import Transfer, Transfers

__all__ = ["Session"]

# Planning, feeding and playing follow from one another within a few rounds.
_ROUNDS = 100
_SET_OFF_OR_REST = (Play, Hold)


class Session:
    """Decides everything, waits for nothing.

    Args:
        controller: Picks the rungs; an `abr.contract.Controller`.
        rules: Every number it decides by.
        seed: Of the jitter of retries; the same seed and events give the same actions.
    """

    def __init__(
        self, controller: Controller, *, rules: SessionRules | None = None, seed: int = 0
    ) -> None:
        self.controller = controller
        self.rules = rules or SessionRules()
        self.seed = seed
        self.next_wakeup_us: int | None = None
        self._now_us: int | None = None
        self._opened = False
        self._failed = False
        # Something changed that others go by; and when time alone will change something.
        self._stirred = False
        self._due_us: int | None = None

    def handle(self, event: Event, now_us: int) -> list[Action]:
        """Take in one event and return every action that follows from it.

        Args:
            now_us: The driver's monotonic clock; never less than before.

        Raises:
            ValueError: Time went back, the first event is not Opened, or Opened came twice.
        """
        if self._now_us is not None and now_us < self._now_us:
            raise ValueError(f"time went back from {self._now_us} to {now_us} µs")
        if (type(event) is Opened) == self._opened:
            raise ValueError("a session begins with Opened, once")
        early = self.next_wakeup_us is None or now_us < self.next_wakeup_us
        ticked = type(event) is Tick
        self._now_us = now_us
        if self._failed or (ticked and early):
            return []
        # Word of how far a download has come, and a look at it, as a rule change nothing
        # that anybody else goes by.
        self._stirred = not (ticked or type(event) is Progressed)
        actions = self._route(event, now_us)
        if actions or self._stirred or self._is_unsettled(now_us):
            self._reconsider(actions, now_us)
            actions += self._settle(now_us, ticked=ticked)
            self._due_us = _soonest(
                self._playback.wakeup_us(now_us),
                self._scheduler.wakeup_us(now_us),
                self._licenses.wakeup_us(),
                self._endurance.ends_at_us(),
            )
        else:
            actions = self._evict(now_us)
        self.next_wakeup_us = self._wakeup_us(now_us)
        return actions

    def status(self, now_us: int | None = None) -> Status:
        """Return what it is doing: at a moment, or when it was last told anything."""
        if not self._opened or self._now_us is None:
            return blank_status()
        return make_status(
            self._title,
            self._lanes,
            self._playback,
            self._requests.transfers,
            choice=self._scheduler.choice,
            failed=self._failed,
            now_us=self._now_us if now_us is None else max(now_us, self._now_us),
        )

    # Routing.

    def _open(self, event: Opened, now_us: int) -> list[Action]:
        self._opened = True
        title = self._title = Title(event.presentation, event.device, event.preferences)
        start_us = event.start_us
        if start_us is None:
            start_us = event.presentation.start_us or 0
        if start_us < 0:  # counted from the end
            start_us += title.duration_us() or 0
        start_us = title.within(start_us)
        self._lanes: dict[Track, Lane] = {}
        transfers = Transfers(self.rules.first_look_us if self.rules.abandons else None)
        failover = Failover(self.rules, Jitter(self.seed, self.rules.jitter))
        self._requests = Requests(title, self._lanes, transfers, failover)
        self._playback = Playback(
            self.rules,
            title,
            self._lanes,
            transfers,
            position_us=start_us,
            paused=event.paused,
            now_us=now_us,
        )
        self._feeder = Feeder(title, self._lanes, self.rules)
        self._patience = Patience(title, self._lanes, self._playback, self._requests, self.rules)
        self._licenses = Licenses(title, self.rules, Jitter(~self.seed, self.rules.jitter))
        self._licenses.session_keys(event.presentation.session_protections, now_us)
        self._endurance = Endurance(
            self._lanes, self._playback, self._requests, self._licenses, self.rules
        )
        self._scheduler = Scheduler(
            title,
            self._lanes,
            self._playback,
            self._requests,
            self._patience,
            self._licenses,
            self.controller,
            self.rules,
        )
        self._switcher = Switcher(title, self._lanes, self._playback, self._requests, self.rules)
        self._switcher.open_lanes(start_us)
        self._seeker = Seeker(title, self._lanes, self._playback, self._requests)
        self._decoding = Decoding(title, self._lanes, self._playback, self._requests, self.rules)
        self._connected = False
        if not any(lane.gates for lane in self._lanes.values()):
            return self._nothing_playable()
        return [Hold(start_us, "start", "to begin with")] if start_us else []

    def _route(self, event: Event, now_us: int) -> list[Action]:  # noqa: C901  # a table
        match event:
            case Opened():
                return self._open(event, now_us)
            case Tick():
                return self._patience.leave_overdue(now_us) + self._scheduler.watch_all(now_us)
            case Progressed() | Fetched():
                return self._received(event, now_us)
            case FetchFailed():
                return self._fetch_failed(event, now_us)
            case Resolved() | ResolveFailed():
                return self._resolved(event, now_us)
            case Decoded() | Rendered() | DecodeFailed() | DecodeLagged():
                return self._decoding.take(event, now_us)
            case ProtectionFound():
                return self._lock(self._licenses.found(event, now_us))
            case KeysReady():
                return self._lock(self._licenses.ready(event, now_us))
            case KeysFailed():
                return self._lock(self._licenses.failed(event, now_us))
            case Sought():
                return self._seeker.seek(event, now_us)
            case Paused():
                return self._playback.pause(now_us)
            case Resumed():
                return self._playback.resume(now_us)
            case RateSet(rate=rate):
                return self._playback.set_rate(rate, now_us)
            case TracksChosen(preferences=wants):
                return self._choose(self._title.device, wants, now_us)
            case DeviceChanged(device=device) | NetworkChanged(device=device):
                return self._choose(device, self._title.wants, now_us)
            case _:
                assert_never(event)

    def _choose(self, device: Device, wants: Preferences, now_us: int) -> list[Action]:
        actions = self._switcher.choose(device, wants, now_us)
        if not any(lane.gates for lane in self._lanes.values()):
            return actions + self._nothing_playable()
        return actions

    def _received(self, event: Progressed | Fetched, now_us: int) -> list[Action]:
        transfer = self._requests.transfers.get(event.fetch_id)
        if transfer is None or transfer.is_index:
            return []
        self._requests.transfers.progressed(transfer, event)
        lane = self._lanes[transfer.track]
        span = lane.buffer.of_fetch(event.fetch_id)
        if span is not None and self._feeder.received(lane, span, event):
            self._stirred = True
        if isinstance(event, Progressed):
            return self._scheduler.watch(transfer, now_us)
        self._requests.delivered(transfer)
        self._requests.transfers.end(transfer, cached=event.cached)
        if transfer.is_segment:
            lane.fetched += 1
        return []

    def _fetch_failed(self, event: FetchFailed, now_us: int) -> list[Action]:
        transfer = self._requests.transfers.get(event.fetch_id)
        if transfer is None or transfer.is_index:
            return []
        self._requests.transfers.end(transfer)
        return self._failed_request(transfer, event, now_us)

    def _failed_request(
        self, transfer: Transfer, event: FetchFailed | ResolveFailed, now_us: int
    ) -> list[Action]:
        return self._requests.failed(
            transfer,
            now_us,
            failure=event.failure,
            detail=event.detail,
            status=event.status,
            retry_after_us=event.retry_after_us,
        )

    def _resolved(self, event: Resolved | ResolveFailed, now_us: int) -> list[Action]:
        transfer = self._requests.transfers.get(event.resolve_id)
        if transfer is None or not transfer.is_index:
            return []
        self._requests.transfers.end(transfer)
        if isinstance(event, ResolveFailed):
            return self._failed_request(transfer, event, now_us)
        if not event.index and event.index.ended:
            return self._requests.failed(transfer, now_us, failure="document", detail=EMPTY)
        if not event.index.ended:
            what = f"playlist of {transfer.resource[0]}"
            return self._fail(Fail("ManifestError", what, (), NO_END))
        self._requests.delivered(transfer)
        self._requests.transfers.heard_us = now_us
        self._title.resolved(transfer.resource[0], transfer.host, event.index)
        return []

    def _lock(self, locked: list[Locked]) -> list[Action]:
        return [action for one in locked for action in self._requests.locked(one)]

    # What follows.

    def _is_unsettled(self, now_us: int) -> bool:
        """Whether there may be something to do although nothing changed but the time."""
        if self._playback.waiting is not None or self._scheduler.restless or self._feeder.restless:
            return True
        return self._due_us is not None and now_us >= self._due_us

    def _settle(self, now_us: int, *, ticked: bool) -> list[Action]:
        actions: list[Action] = []
        rounds = 0
        while not self._failed:
            rounds += 1
            assert rounds <= _ROUNDS, "the session did not settle"
            position_us = self._playback.position_us(now_us)
            asked = self._licenses.plan(now_us) + self._scheduler.plan(position_us, now_us)
            fed = self._feeder.feed(position_us, waiting=self._playback.waiting is not None)
            moved = self._playback.check(now_us, ticked=ticked)
            failure = self._endurance.verdict(now_us)
            if failure is not None:
                moved += self._fail(failure)
            self._reconsider(moved, now_us)
            actions += asked + fed + moved
            # What is fed is nobody else's business, and what is asked for only other lanes'.
            if not moved and (not asked or self._is_plain(asked)):
                return actions + self._connect() + self._evict(now_us)
        return actions

    def _is_plain(self, asked: list[Action]) -> bool:
        """Whether requests change nothing for anybody but the lane that made them."""
        return len(self._lanes) == 1 and all(isinstance(action, Fetch) for action in asked)

    def _reconsider(self, actions: list[Action], now_us: int) -> None:
        """Let what was put off be asked again: the buffer drains otherwise from here on."""
        for action in actions:
            if type(action) in _SET_OFF_OR_REST:
                self._scheduler.ask_again(now_us)
                return

    def _fail(self, failure: Fail) -> list[Action]:
        self._failed = True
        transfers = self._requests.transfers
        cancels = [self._requests.cancel(one, "playback failed") for one in transfers]
        return [*chain.from_iterable(cancels), failure]

    def _nothing_playable(self) -> list[Action]:
        selection = self._title.selection(0)
        error: ErrorName = "LicenseError" if selection.protected else "DecodeError"
        if any(why == EMPTY for _, why in selection.refusals):
            error = "ManifestError"
        what = "every Representation"
        return self._fail(Fail(error, what, selection.refusals, "nothing playable"))

    def _connect(self) -> list[Action]:
        """Once playing, have a connection to the next host ready before it is needed."""
        video = self._lanes.get("video")
        if self._connected or not self._playback.started or not video or not video.representation:
            return []
        self._connected = True
        rep = self._title.representation(video.representation)
        hosts = list(dict.fromkeys(location.host for location in rep.locations))
        if len(hosts) < 2:
            return []
        return [Connect(hosts[1], rep.id, "in case the first host fails")]

    def _evict(self, now_us: int) -> list[Action]:
        position_us = self._playback.position_us(now_us)
        gone: list[int] = []
        for lane in self._lanes.values():
            for span in lane.buffer.evict_before(
                position_us, self.rules.back_us, self.rules.back_bytes
            ):
                if span.fetch_id is not None:
                    lane.fed_ids.discard(span.fetch_id)
                    gone.append(span.fetch_id)
        return [Evict(tuple(gone), "behind the playhead")] if gone else []

    def _wakeup_us(self, now_us: int) -> int | None:
        if self._failed or self._playback.finished:
            return None
        wakeup_us = _soonest(self._due_us, self._scheduler.looks_at_us(now_us))
        return None if wakeup_us is None else max(now_us, wakeup_us)


def _soonest(*moments_us: int | None) -> int | None:
    soonest_us: int | None = None
    for moment_us in moments_us:
        if moment_us is not None and (soonest_us is None or moment_us < soonest_us):
            soonest_us = moment_us
    return soonest_us
