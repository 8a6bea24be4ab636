"""What must hold of everything a Session does, whatever it is told: checked as it goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core_titles import Movie

from netplay.core.messages import (
    Action,
    Cancel,
    Event,
    Evict,
    Fail,
    Feed,
    Fetch,
    Fetched,
    FetchFailed,
    Finish,
    Flush,
    Opened,
    Paused,
    Play,
    Resolve,
    Resolved,
    ResolveFailed,
    Resumed,
    Sought,
)
from netplay.timeline import Unresolved


@dataclass
class Watch:
    """Keeps account of every id and generation, and objects at once."""

    movie: Movie
    live: dict[int, Fetch | Resolve] = field(default_factory=dict)
    held: dict[int, Fetch] = field(default_factory=dict)
    newest_id: int = 0
    resolved: set[tuple[str, str]] = field(default_factory=set)
    generations: dict[str, int] = field(default_factory=dict)
    fed_to_us: dict[str, int] = field(default_factory=dict)
    fed: dict[str, set[int]] = field(default_factory=dict)
    paused: bool = False
    failed: bool = False
    finished: bool = False

    def saw(self, event: Event, actions: Sequence[Action]) -> None:
        """Take in an event and its actions; AssertionError if anything is not as it must be."""
        assert not (self.failed and actions), f"after Fail came {actions}"
        self._event(event)
        for action in actions:
            self._action(action)

    def _event(self, event: Event) -> None:
        match event:
            case Opened():
                self.paused = event.paused
            case Paused():
                self.paused = True
            case Resumed():
                self.paused = False
            case Sought():
                self.finished = False
            case Fetched() | FetchFailed():
                self._fetch_ended(event)
            case Resolved() | ResolveFailed():
                self._resolve_ended(event)
            case _:
                pass

    def _fetch_ended(self, event: Fetched | FetchFailed) -> None:
        fetch = self.live.get(event.fetch_id)
        if isinstance(fetch, Fetch):
            del self.live[event.fetch_id]
            if isinstance(event, Fetched):
                self.held[event.fetch_id] = fetch

    def _resolve_ended(self, event: Resolved | ResolveFailed) -> None:
        resolve = self.live.get(event.resolve_id)
        if isinstance(resolve, Resolve):
            del self.live[event.resolve_id]
            if isinstance(event, Resolved):
                self.resolved |= {(resolve.representation, host) for host in (resolve.host, "")}

    def _action(self, action: Action) -> None:
        assert not self.failed, f"after Fail came {action}"
        match action:
            case Fetch():
                self._fetch(action)
            case Resolve(resolve_id=resolve_id):
                self._begins(resolve_id, action)
            case Cancel():
                self._cancel(action)
            case Evict(fetch_ids=ids):
                for fetch_id in ids:
                    gone = self.held.pop(fetch_id, None)
                    assert gone is not None, f"{action} of what is not held"
                    assert not gone.init
            case Feed():
                self._feed(action)
            case Flush(track=track, generation=generation):
                assert generation > self.generations.get(track, 0), f"{action} is no new generation"
                self.generations[track] = generation
                self.fed[track] = set()
                self.fed_to_us[track] = -1
            case Play():
                assert not self.paused, "it played although the viewer had paused"
                assert not self.finished, "it played beyond the end"
            case Finish():
                assert not self.finished, "it finished twice"
                self.finished = True
            case Fail():
                assert not self.live, f"it failed and left {self.live} under way"
                self.failed = True
            case _:
                pass

    def _begins(self, request_id: int, action: Fetch | Resolve) -> None:
        assert request_id > self.newest_id, f"{action} uses an id again"
        assert not self.finished, f"{action} after the end"
        rep = self.movie.representation(action.representation)
        assert action.host in {location.host for location in rep.locations}, action
        self.newest_id = request_id
        self.live[request_id] = action

    def _fetch(self, action: Fetch) -> None:
        others = [
            other
            for other in self.live.values()
            if isinstance(other, Fetch) and other.track == action.track and not other.init
        ]
        assert action.init or not others, f"{action} beside {others}"
        rep = self.movie.representation(action.representation)
        if isinstance(rep.index, Unresolved):
            needed = (rep.id, action.host if rep.index.per_host else "")
            assert needed in self.resolved, f"{action} by a playlist that was never read"
        segment = self.movie.segment(action.representation, action.host, action.number)
        assert not segment.entry.gap, f"{action} of a segment that does not exist"
        assert not action.init or segment.entry.init is not None
        self._begins(action.fetch_id, action)

    def _cancel(self, action: Cancel) -> None:
        ids = [i for i in (action.fetch_id, action.resolve_id) if i is not None]
        assert len(ids) == 1, action
        gone = self.live.pop(ids[0], None)
        assert gone is not None, f"{action} of what is not under way"
        assert isinstance(gone, Fetch) == (action.fetch_id is not None), action

    def _feed(self, action: Feed) -> None:
        fetch = self.live.get(action.fetch_id) or self.held.get(action.fetch_id)
        assert isinstance(fetch, Fetch), f"{action} of what is neither held nor under way"
        assert not fetch.init
        assert fetch.track == action.track
        assert action.generation == self.generations.setdefault(action.track, 0), action
        fed = self.fed.setdefault(action.track, set())
        assert action.fetch_id not in fed, f"{action} twice in a generation"
        segment = self.movie.segment(fetch.representation, fetch.host, fetch.number)
        # Of segments cut elsewhere (another language) only the rest is fed.
        begins_us = max(segment.start_us, action.from_us)
        assert begins_us >= self.fed_to_us.get(action.track, -1), f"{action} out of order"
        fed.add(action.fetch_id)
        self.fed_to_us[action.track] = begins_us
