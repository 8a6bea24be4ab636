"""How long the viewer is kept waiting before playback fails.

What nobody has ends it when the playhead comes there, a licence at its own moment;
silence, or hosts that drip, end it after a while.
"""

from __future__ import annotations

from collections.abc import Mapping

from netplay.core.lane import Lane
from netplay.core.licenses import Licenses
from netplay.core.messages import Fail, Track
from netplay.core.playback import Playback
from netplay.core.requests import Requests
from netplay.core.rules import SessionRules

__all__ = ["Endurance"]


class Endurance:
    """Decides when to give up."""

    def __init__(
        self,
        lanes: Mapping[Track, Lane],
        playback: Playback,
        requests: Requests,
        licenses: Licenses,
        rules: SessionRules,
    ) -> None:
        self._lanes = lanes
        self._playback = playback
        self._requests = requests
        self._licenses = licenses
        self._rules = rules

    def verdict(self, now_us: int) -> Fail | None:
        """Return what to fail with if what the playhead needs next will not come."""
        for lane in self._lanes.values():
            gone = lane.missing
            if gone is None:
                continue
            if self._playback.position_us(now_us) >= gone.at_us - self._rules.edge_us:
                return Fail(gone.error, gone.segment, gone.attempts, "nobody has it")
        ended = self._licenses.expired((it.representation for it in self._lanes.values()), now_us)
        if ended:
            return Fail("LicenseError", "the licence", (), ended)
        deadline_us = self.ends_at_us()
        if deadline_us is None or now_us < deadline_us:
            return None
        attempts = self._requests.failover.all_attempts()
        what = f"anything from {self._playback.position_us(now_us) / 1e6:.3f} s on"
        if not attempts:  # it arrived, and nobody complained; such as a picture that is none
            return Fail("DecodeError", what, (), "no frame came of what had arrived")
        return Fail("DeliveryError", what, attempts, "nothing arrived for too long")

    def ends_at_us(self) -> int | None:
        """Return when the wait has been long enough, as things are; None: it goes on."""
        if self._playback.waiting is None or self._playback.finished:
            return None
        began_us, heard_us = self._playback.waiting_since_us, self._requests.transfers.heard_us
        rules = self._rules
        limit_us = rules.give_up_us if self._playback.started else rules.give_up_start_us
        if self._requests.failover.all_attempts():
            # A host that drips is heard for ever; nobody waits that long.
            heard_us = min(heard_us, began_us + 2 * limit_us)
        elif list(self._requests.transfers) or self._licenses.pending:
            return None  # it is on its way; that it is silent would be noticed
        return max(began_us, heard_us) + limit_us
