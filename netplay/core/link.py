"""What the link carried, whichever requests it was for.

Audio beside video shares the link, so neither transfer alone tells how fast it is. The
meter adds up the bytes of all transfers and the time in which at least one of them was
receiving; each transfer that ends closes a sample.
"""

from __future__ import annotations

from dataclasses import dataclass

from abr.contract import Sample

__all__ = ["LinkMeter"]


@dataclass(slots=True)
class _Transfer:
    asked_us: int
    first_byte_us: int | None = None
    last_byte_us: int = 0
    bytes: int = 0
    sampled_bytes: int = 0


class LinkMeter:
    """Measures the link over all transfers under way."""

    def __init__(self) -> None:
        self._transfers: dict[int, _Transfer] = {}
        self._bytes = 0
        self._busy_us = 0
        self._busy_since_us: int | None = None
        self._busy_until_us = 0
        self._ttfbs_us: list[int] = []

    def begun(self, transfer_id: int, at_us: int) -> None:
        """A request was sent."""
        self._transfers[transfer_id] = _Transfer(at_us)

    def received(
        self, transfer_id: int, *, total: int, first_byte_us: int | None, last_byte_us: int
    ) -> None:
        """So many bytes have come in all; the first and the last at these moments."""
        transfer = self._transfers.get(transfer_id)
        if transfer is None or first_byte_us is None:
            return
        if transfer.first_byte_us is None:
            transfer.first_byte_us = first_byte_us
            self._ttfbs_us.append(max(0, first_byte_us - transfer.asked_us))
            if self._busy_since_us is None:
                # Time already counted is not counted again.
                self._busy_since_us = max(first_byte_us, self._busy_until_us)
        if total > transfer.bytes:
            self._bytes += total - transfer.bytes
            transfer.bytes = total
        transfer.last_byte_us = max(transfer.last_byte_us, last_byte_us)

    def ended(
        self,
        transfer_id: int,
        *,
        rung: int | None = None,
        duration_us: int = 0,
        cached: bool = False,
    ) -> Sample | None:
        """A transfer is over, one way or another; return what the link did since the last sample.

        None if nothing was received meanwhile.
        """
        transfer = self._transfers.pop(transfer_id, None)
        if transfer is None or transfer.first_byte_us is None or self._busy_since_us is None:
            return None
        self._close_stretch(transfer.last_byte_us)
        if cached:
            # A cache on the way says nothing of the link; what others brought still does.
            self._bytes -= transfer.bytes - transfer.sampled_bytes
            if not self._transfers:
                self._busy_us, self._ttfbs_us = 0, []
        if self._bytes <= 0:
            return None
        requests = max(1, len(self._ttfbs_us))
        sample = Sample(
            bytes=self._bytes,
            busy_s=self._busy_us / 1e6,
            ttfb_s=sum(self._ttfbs_us) / requests / 1e6,
            requests=requests,
            rung=rung,
            duration_s=duration_us / 1e6,
        )
        self._bytes, self._busy_us, self._ttfbs_us = 0, 0, []
        for other in self._transfers.values():
            other.sampled_bytes = other.bytes
        return sample

    def _close_stretch(self, at_us: int) -> None:
        """Count the busy time up to a moment, and go on counting if others still receive."""
        assert self._busy_since_us is not None
        until_us = max(self._busy_since_us, at_us)
        self._busy_us += until_us - self._busy_since_us
        self._busy_until_us = until_us
        receiving = any(t.first_byte_us is not None for t in self._transfers.values())
        self._busy_since_us = until_us if receiving else None
