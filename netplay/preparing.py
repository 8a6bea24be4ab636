"""Titles made ready before anybody plays them: manifest, licences, connections.

What a player prepares, on hover say, is there when the title is opened: the first frame
then waits for the first segment alone. What could not be prepared is asked for again when
it is needed, and only then says why it is not to be had.
"""

from __future__ import annotations

from typing import NamedTuple

import anyio
from anyio.abc import TaskGroup

from netplay.core.device import Device, Preferences
from netplay.core.jitter import Jitter
from netplay.core.licenses import Licenses
from netplay.core.messages import OpenKeys
from netplay.core.rules import SessionRules
from netplay.core.selection import Ladder
from netplay.core.title import Title
from netplay.io.clock import Clock
from netplay.io.fetch.load import load_manifest
from netplay.io.fetch.places import Places
from netplay.io.keys.systems import KeySystems
from netplay.io.net.network import Network
from netplay.timeline import Presentation

__all__ = ["Preparations"]

CONNECTIONS_AHEAD = 4
"""The manifest takes one of them; picture and sound then ask for two things each at once."""

LASTS_US = 120 * 1_000_000
"""How long a prepared manifest is good for. A guess: tokens in URLs last minutes."""

MOST = 8
"""Titles prepared at once; the oldest goes. A guess: the covers that are on a screen."""


class _Ready(NamedTuple):
    presentation: Presentation
    at_us: int


class Preparations:
    """Prepares titles for one player."""

    def __init__(
        self, network: Network, key_systems: KeySystems, rules: SessionRules | None, clock: Clock
    ) -> None:
        self._network = network
        self._key_systems = key_systems
        self._rules = rules or SessionRules()
        self._clock = clock
        self._ready: dict[str, _Ready] = {}

    async def prepare(self, url: str, device: Device, wants: Preferences) -> None:
        """Get a title's manifest, its licences, and a connection to its first hosts.

        Raises:
            ManifestError: The manifest did not come or cannot be read.
        """
        presentation = (await load_manifest(self._network, url)).presentation
        self._ready.pop(url, None)
        self._ready[url] = _Ready(presentation, self._clock.now_us())
        while len(self._ready) > MOST:
            del self._ready[next(iter(self._ready))]
        places, title = Places(presentation), Title(presentation, device, wants)
        ladders = _first_ladders(title)
        async with anyio.create_task_group() as tasks:
            for host in _first_hosts(ladders):
                tasks.start_soon(self._network.connect, host)
            for wanted in self._licences(title, ladders):
                base_url = places.key_base(wanted.representation)
                tasks.start_soon(self._key_systems.prepare, wanted, base_url, self._clock.now_us)

    async def presentation(self, url: str, tasks: TaskGroup) -> Presentation:
        """Return what a manifest says: as it was prepared, if that is fresh, or now.

        Args:
            tasks: Where connections are opened ahead.

        Raises:
            ManifestError: It did not come or cannot be read.
        """
        ready = self._ready.pop(url, None)
        if ready is not None and self._clock.now_us() - ready.at_us <= LASTS_US:
            return ready.presentation
        for _ in range(CONNECTIONS_AHEAD):
            # Most titles keep their first segments where their manifest is; a connection
            # opened while that is on its way saves a round trip, or three with TLS.
            tasks.start_soon(self._network.connect, url, name="netplay connect")
        return (await load_manifest(self._network, url)).presentation

    def _licences(self, title: Title, ladders: list[Ladder]) -> list[OpenKeys]:
        """Return the licences that a session would ask for first, as it would ask for them."""
        licenses = Licenses(title, self._rules, Jitter(0, 0))
        licenses.session_keys(title.presentation.session_protections, now_us=0)
        for ladder in ladders:
            for rep in ladder.representations:
                licenses.need(rep, (), now_us=0)
        return [action for action in licenses.plan(0) if isinstance(action, OpenKeys)]


def _first_ladders(title: Title) -> list[Ladder]:
    """Return what each track begins with."""
    start_us = title.presentation.start_us or 0
    found = (title.ladder(track, start_us)[1] for track in title.tracks())
    return [ladder for ladder in found if ladder is not None]


def _first_hosts(ladders: list[Ladder]) -> list[str]:
    """Return where the lowest rung of each is, best host only."""
    lowest = (rep for ladder in ladders for rep in ladder.representations[:1])
    return list(dict.fromkeys(place.url for rep in lowest for place in rep.locations[:1]))
