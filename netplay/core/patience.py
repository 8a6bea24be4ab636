"""How long a silent transfer is waited for.

A host that falls silent is left while enough is held for the next one to do better. But
where nothing has come from anybody since, it may be the link: each further leaving then
takes twice the patience, for every leaving begins a segment anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netplay.core.lane import Lane
from netplay.core.messages import Action, Track
from netplay.core.playback import Playback
from netplay.core.requests import Requests
from netplay.core.rules import SessionRules
from netplay.core.title import Title
from netplay.core.transfers import Transfer

__all__ = ["Patience"]


class Patience:
    """Decides when a silent transfer is left for another host."""

    def __init__(
        self,
        title: Title,
        lanes: Mapping[Track, Lane],
        playback: Playback,
        requests: Requests,
        rules: SessionRules,
    ) -> None:
        self._title = title
        self._lanes = lanes
        self._playback = playback
        self._requests = requests
        self._rules = rules
        # Leavings since anything came from anywhere, and what had come by then.
        self._leavings = 0
        self._heard_us = 0

    def ends_us(self, transfer: Transfer, now_us: int) -> int:
        """Return when a transfer is left unless it gives a sign of life before."""
        silent_us = self._silence_ends_us(transfer, now_us)
        check_us = self._drip_check_us(transfer)
        if check_us is None or silent_us <= check_us:
            return silent_us
        if now_us < check_us:
            return check_us
        return now_us if self._drips(transfer, now_us) else silent_us

    def _silence_ends_us(self, transfer: Transfer, now_us: int) -> int:
        rules = self._rules
        rep = self._title.representation(transfer.resource[0])
        if not self._requests.failover.another(transfer.host, rep.locations, now_us):
            return transfer.heard_us + rules.patience_us
        # Half of what is held is left for the next host to do better.
        lane = self._lanes[transfer.track]
        position_us = self._playback.position_us(transfer.heard_us)
        ahead_us = max(0, lane.edge_us(position_us) - position_us)
        doublings = self._leavings if self._nothing_came() else 0
        patience_us = max(ahead_us // 2, rules.impatience_us) << min(doublings, 8)
        return transfer.heard_us + min(patience_us, rules.patience_us)

    def _drip_check_us(self, transfer: Transfer) -> int | None:
        """Return from when on a transfer that the viewer waits for must not merely drip."""
        if self._playback.waiting is None or not transfer.size_bytes or not transfer.bytes:
            return None
        since_us = max(transfer.asked_us, self._playback.waiting_since_us)
        return since_us + self._rules.patience_us

    def _drips(self, transfer: Transfer, now_us: int) -> bool:
        """Whether the rest of a transfer would take longer than silence is suffered."""
        rest_bytes = transfer.size_bytes - transfer.bytes
        elapsed_us = now_us - transfer.asked_us
        return rest_bytes * elapsed_us > transfer.bytes * self._rules.patience_us

    def leave_overdue(self, now_us: int) -> list[Action]:
        """Leave every transfer that has been silent for too long."""
        overdue = [t for t in self._requests.transfers if now_us >= self.ends_us(t, now_us)]
        return self.leave(overdue, now_us) if overdue else []

    def suspects(self, transfer: Transfer, now_us: int) -> bool:
        """Whether a slow transfer is rather a silent host, and another could be asked."""
        rep = self._title.representation(transfer.resource[0])
        silent = now_us - transfer.heard_us >= self._rules.impatience_us
        return silent and self._requests.failover.another(transfer.host, rep.locations, now_us)

    def leave(self, silent: Sequence[Transfer], now_us: int) -> list[Action]:
        """Leave transfers, and hold their silence against their hosts."""
        self._leavings = self._leavings + 1 if self._nothing_came() else 1
        self._heard_us = self._requests.transfers.heard_us
        actions: list[Action] = []
        for transfer in silent:
            silent_us = now_us - transfer.heard_us
            detail = f"silent for {silent_us / 1e6:.1f} s"
            if silent_us < self._rules.impatience_us:
                detail = f"{transfer.bytes} bytes in {(now_us - transfer.asked_us) / 1e6:.1f} s"
            actions += self._requests.cancel(transfer, detail)
            actions += self._requests.failed(transfer, now_us, failure="timeout", detail=detail)
        return actions

    def _nothing_came(self) -> bool:
        return self._leavings > 0 and self._requests.transfers.heard_us == self._heard_us
