"""Every number the core decides by, in one place, as data.

A fidelity profile (another player's behaviour, for comparison) is another value of
SessionRules, never a branch in the core.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SessionRules"]

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """When to fetch, start, stall, leave a host and give up.

    Attributes:
        target_us: Media to hold ahead of the playhead. 30 s as hls.js has it
            (maxBufferLength); Media3 holds 50 s, dash.js 18 to 30 s.
        max_buffer_us: A segment is fetched only if it fits under this.
        max_buffer_bytes: The same in bytes, all lanes together. Media3 allows 125 MiB of video.
        back_us: Media kept behind the playhead, so that a short seek back fetches nothing.
        back_bytes: The same in bytes.
        start_us: Begin to play with this much, or earlier when what is still on its way is
            foreseen to arrive in time. Media3 starts at 1 s.
        rebuffer_us: Go on after a stall with this much. Media3 waits for 2 s.
        foresight: Share of the measured rate that is believed when foreseeing. The safety
            margin of the default controller, for the same reason.
        lane_lead_us: One lane may be ahead of the slowest other by so much when it asks for
            another segment: audio does not crowd out the picture.
        edge_us: Two edges closer than this are one: encoders cut audio and video, and
            different rungs, a frame or so apart.
        switch_lead_us: A track switch takes effect so far ahead of the playhead, so that the
            new track has time to arrive while the old one is still heard. A guess; the
            time to fetch one audio segment on a link of 1 Mb/s and 200 ms settles it.
        progressive_us: With less than this decoded ahead, a segment goes to the decoder while
            it is still arriving; with more, once it is complete, so that leaving it half way
            costs nothing.
        impatience_us: Shortest silence after which a transfer is left, when another host
            could take over.
        patience_us: Longest silence suffered from any host. hls.js waits 10 s for a first byte.
        backoff_us: How long a host is left alone after its first failure in a row; doubled by
            each further one.
        backoff_waiting_us: At most so long while the viewer waits: nothing is lost by asking.
            A guess; it bounds what an outage costs beyond itself.
        backoff_cap_us: And at most so long otherwise. hls.js sends a pathway away for 300 s;
            Shaka 60 s.
        probe_us: With less than this ahead, a host that failed is asked only when no other is
            left: finding out whether it is well again must not cost a stall.
        jitter: Every back-off is stretched or shrunk by up to this share.
        give_up_us: Playback fails after a stall this long in which nothing arrived at all.
        give_up_start_us: The same before anything was shown.
        key_tries: A licence that is not to be had is asked for so often before what it opens
            is given up; renewing goes on until it expires. hls.js tries thrice.
        key_backoff_us: Before a licence is asked for again, doubled each time up to
        key_backoff_cap_us.
        key_sessions: Licences held at once; the oldest that nothing needs is closed above
            that. A guess: keys that change with every segment of 2 s need 15 of them.
        abandons: The controller is asked whether to leave a download half way.
        first_look_us: But not before it has lasted so long; 0: as soon as something comes.
        asks_anew: A download was left: the controller is asked again what to fetch, as by
            Sabre; else it gets the rung it left for.
        measures_left: What came of a download that was left tells of the link too.
        first_rung: Of the first segment, whatever the controller says; None: what it says.
        nap_us: A full lane looks for room again only after whole naps of this length, as
            Pensieve's environment does; 0: at the very moment when there is room.
        lag_share: A rung is left when so large a share of its frames comes too late, and
        lag_ban_us: is not taken again for so long. Shaka: 15 %, 30 s.
    """

    target_us: int = 30_000_000
    max_buffer_us: int = 36_000_000
    max_buffer_bytes: int = 128 * MIB
    back_us: int = 20_000_000
    back_bytes: int = 64 * MIB
    start_us: int = 1_000_000
    rebuffer_us: int = 2_000_000
    foresight: float = 0.7
    lane_lead_us: int = 4_000_000
    edge_us: int = 30_000
    switch_lead_us: int = 1_000_000
    progressive_us: int = 1_000_000
    impatience_us: int = 2_000_000
    patience_us: int = 10_000_000
    backoff_us: int = 1_000_000
    backoff_waiting_us: int = 2_000_000
    backoff_cap_us: int = 60_000_000
    probe_us: int = 10_000_000
    jitter: float = 0.2
    give_up_us: int = 60_000_000
    give_up_start_us: int = 20_000_000
    key_tries: int = 3
    key_backoff_us: int = 500_000
    key_backoff_cap_us: int = 30_000_000
    key_sessions: int = 32
    abandons: bool = True
    first_look_us: int = 0
    asks_anew: bool = False
    measures_left: bool = True
    first_rung: int | None = None
    nap_us: int = 0
    lag_share: float = 0.15
    lag_ban_us: int = 30_000_000

    def __post_init__(self) -> None:
        """Refuse rules that could never play."""
        for name in ("target_us", "max_buffer_us", "max_buffer_bytes", "backoff_us"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if self.nap_us < 0 or self.first_look_us < 0 or (self.first_rung or 0) < 0:
            raise ValueError("naps and looks are not in the past, and rungs are counted from 0")
        if not 0 < self.foresight <= 1 or not 0 <= self.jitter < 1:
            raise ValueError("foresight is in (0, 1], jitter in [0, 1)")
