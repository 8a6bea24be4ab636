"""The session: decides everything, waits for nothing.

One way in, one way out: `handle` takes an event and the time, and returns every action
that follows. It only routes. What is held is the Buffers', what is asked for the
Requests', what comes next the Scheduler's, whether the playhead moves the Playback's.
"""

from __future__ import annotations

from typing import assert_never

from abr.contract import Controller
from netplay.core.decoding import Decoding
from netplay.core.device import Device, Preferences
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
    Fetched,
    FetchFailed,
    Flush,
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
from netplay.core.selection import EMPTY, NO_END
from netplay.core.status import Status
from netplay.core.switching import Switcher
from netplay.core.title import Title
from netplay.core.transfers import Transfers

__all__ = ["Session"]

# Planning, feeding and playing follow from one another within a few rounds.
_ROUNDS = 100


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

    def handle(self, event: Event, now_us: int) -> list[Action]:
        """Take in one event and return every action that follows from it.

        Args:
            now_us: The driver's monotonic clock; never less than before.

        Raises:
            ValueError: Time went back, the first event is not Opened, or Opened came twice.
        """
        if self._now_us is not None and now_us < self._now_us:
            raise ValueError(f"time went back from {self._now_us} to {now_us} µs")
        if isinstance(event, Opened) == self._opened:
            raise ValueError("a session begins with Opened, once")
        early = self.next_wakeup_us is None or now_us < self.next_wakeup_us
        self._now_us = now_us
        if self._failed or (isinstance(event, Tick) and early):
            return []
        actions = self._route(event, now_us)
        self._reconsider(actions, now_us)
        actions += self._settle(now_us, ticked=isinstance(event, Tick))
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
        start_us = self._within(start_us)
        self._lanes: dict[Track, Lane] = {}
        transfers = Transfers()
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
                return self._seek(event, now_us)
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
        if span is not None:
            reached = self._feeder.received(lane, span, event)
            if reached is not span:
                lane.buffer.put(reached)
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
            return self._requests.failed(
                transfer,
                now_us,
                failure=event.failure,
                detail=event.detail,
                status=event.status,
                retry_after_us=event.retry_after_us,
            )
        if not event.index and event.index.ended:
            return self._requests.failed(transfer, now_us, failure="document", detail=EMPTY)
        if not event.index.ended:
            return self._fail("ManifestError", f"playlist of {transfer.resource[0]}", (), NO_END)
        self._requests.delivered(transfer)
        self._requests.transfers.heard_us = now_us
        self._title.resolved(transfer.resource[0], transfer.host, event.index)
        return []

    def _lock(self, locked: list[Locked]) -> list[Action]:
        return [action for one in locked for action in self._requests.locked(one)]

    def _seek(self, event: Sought, now_us: int) -> list[Action]:
        target_us = self._within(event.position_us)
        video = self._lanes.get("video")
        if event.keyframe and video is not None:
            target_us = self._keyframe_before(video, target_us)
        actions = self._playback.seek(target_us, now_us)
        for lane in self._lanes.values():
            lane.restart(target_us)
            actions.append(Flush(lane.track, lane.generation, None, reason="the viewer sought"))
            transfer = self._requests.transfers.segment_of(lane.track)
            span = lane.buffer.of_fetch(transfer.transfer_id) if transfer else None
            planned_us = lane.planned_us(target_us)
            if transfer and span and not target_us < span.end_us <= planned_us:
                actions += self._requests.cancel(transfer, "the viewer sought elsewhere")
            if planned_us <= target_us:
                lane.representation = ""
        return actions

    # What follows.

    def _settle(self, now_us: int, *, ticked: bool) -> list[Action]:
        actions: list[Action] = []
        rounds = 0
        while not self._failed:
            rounds += 1
            assert rounds <= _ROUNDS, "the session did not settle"
            step = self._licenses.plan(now_us) + self._scheduler.plan(now_us)
            position_us = self._playback.position_us(now_us)
            step += self._feeder.feed(position_us, waiting=self._playback.waiting is not None)
            step += self._playback.check(now_us, ticked=ticked)
            step += self._give_up(now_us)
            self._reconsider(step, now_us)
            actions += step
            if not step:
                return actions + self._connect() + self._evict(now_us)
        return actions

    def _reconsider(self, actions: list[Action], now_us: int) -> None:
        """Let what was put off be asked again: the buffer drains otherwise from here on."""
        if any(isinstance(action, Play | Hold) for action in actions):
            self._scheduler.ask_again(now_us)

    def _give_up(self, now_us: int) -> list[Action]:
        """Fail if what the playhead needs next will not come."""
        position_us = self._playback.position_us(now_us)
        for lane in self._lanes.values():
            if lane.missing is not None and position_us >= lane.missing.at_us - self.rules.edge_us:
                gone = lane.missing
                return self._fail(gone.error, gone.segment, gone.attempts, "nobody has it")
        ended = self._licenses.expired(
            [lane.representation for lane in self._lanes.values()], now_us
        )
        if ended:
            return self._fail("LicenseError", "the licence", (), ended)
        deadline_us = self._gives_up_at_us()
        if deadline_us is None or now_us < deadline_us:
            return []
        attempts = self._requests.failover.all_attempts()
        what = f"anything from {position_us / 1e6:.3f} s on"
        if not attempts:  # it arrived, and nobody complained; such as a picture that is none
            return self._fail("DecodeError", what, (), "no frame came of what had arrived")
        return self._fail("DeliveryError", what, attempts, "nothing arrived for too long")

    def _gives_up_at_us(self) -> int | None:
        if self._playback.waiting is None or self._playback.finished:
            return None
        began_us, heard_us = self._playback.waiting_since_us, self._requests.transfers.heard_us
        limit_us = self.rules.give_up_us if self._playback.started else self.rules.give_up_start_us
        if self._requests.failover.all_attempts():
            # A host that drips is heard for ever; nobody waits that long.
            heard_us = min(heard_us, began_us + 2 * limit_us)
        elif list(self._requests.transfers) or self._licenses.pending:
            return None  # it is on its way; that it is silent would be noticed
        return max(began_us, heard_us) + limit_us

    def _fail(
        self, error: ErrorName, what: str, attempts: tuple[tuple[str, str], ...], reason: str
    ) -> list[Action]:
        actions: list[Action] = []
        for transfer in self._requests.transfers:
            actions += self._requests.cancel(transfer, "playback failed")
        self._failed = True
        return [*actions, Fail(error, what, attempts, reason)]

    def _nothing_playable(self) -> list[Action]:
        selection = self._title.selection(0)
        error: ErrorName = "LicenseError" if selection.protected else "DecodeError"
        if any(why == EMPTY for _, why in selection.refusals):
            error = "ManifestError"
        return self._fail(error, "every Representation", selection.refusals, "nothing playable")

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
        moments = (
            self._playback.wakeup_us(now_us),
            self._scheduler.wakeup_us(now_us),
            self._licenses.wakeup_us(),
            self._gives_up_at_us(),
        )
        due = [moment for moment in moments if moment is not None]
        return max(now_us, min(due)) if due else None

    # Where things are.

    def _within(self, position_us: int) -> int:
        """Return the nearest position that can be played."""
        duration_us = self._title.duration_us()
        if duration_us is not None:
            position_us = min(position_us, duration_us - 1)
        return max(0, position_us)

    def _keyframe_before(self, video: Lane, position_us: int) -> int:
        span = video.buffer.at(position_us)
        if span is not None and not span.is_gap:
            return span.segment_start_us
        _, ladder = self._title.ladder("video", position_us)
        for rep in ladder.representations if ladder else ():
            index = self._title.index(rep)
            segment = index.at(position_us) if index else None
            if segment is not None:
                return segment.start_us
        return position_us
