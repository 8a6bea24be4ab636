"""Does the simulator do what the player does? Both play a title over the same traces.

The player is real: HTTP through a relay that shapes loopback by a trace, and decoding. For
each decision it made, the simulator is put into its state one decision earlier and goes on
from there (one-step agreement). Besides, the simulator plays the whole title by itself, from
the moment at which the player had its manifest, and what was shown is compared. Aims, each of
the median of the runs of a trace: 95 % of decisions equal, played bitrate within 2 %, stalls
within 0.3 s a minute.

What the traces are is up to us, but for one thing. On some, a few milliseconds decide between
two rungs, or between one and two rounds of waiting for a host: neither the player nor the
simulator plays them twice alike, and no comparison of what was played means anything (14 of
21 that were tried with `hybrid` left the simulator apart from itself, by up to 25 %, when it
began up to 30 ms later or answers came up to 4 ms later). How far it is from itself, with
answers up to 8 ms later, is printed.

Playback is in real time: three traces of a minute, five runs each, take about 17 minutes.
On a busy machine the player is held up by others: what shows that is printed beside.

    .venv/bin/python benchmarks/sim_vs_player.py [--runs 5] [--seconds 60] [--json FILE]
"""

from __future__ import annotations

import math
import random
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
from figures import arguments, median, write_json
from player_runs import Playing, Run, compare, measured, play, play_alone

from netplay.core.rules import SessionRules
from netplay.edge.cache import cached_title
from netplay.edge.link import LinkSpec
from netplay.edge.title import Rung, TitleSpec
from netplay.lab.agreement import Step
from netplay.lab.traces import read_traces
from netplay.telemetry import Summary

AGREED, BITRATE, STALLED_S = 0.95, 0.02, 0.3

RUNGS = (
    Rung(90, 160, 150),
    Rung(144, 256, 300),
    Rung(180, 320, 550),
    Rung(270, 480, 1000),
    Rung(360, 640, 1800),
    Rung(432, 768, 2800),
)
"""Small pictures, so that decoding is not what is measured."""

RULES = SessionRules(target_us=10_000_000, max_buffer_us=12_000_000)
"""A third of the usual buffer: the link is then felt within a minute."""

RTT_S = 0.04

LATER_US = (2_000, 4_000, 8_000)

Pieces = tuple[tuple[float, float], ...]


def steps_down() -> Pieces:
    """Steady, and twice as little for a while."""
    return ((20, 2600), (20, 900), (20, 3200))


def sawtooth() -> Pieces:
    """Rising for twelve seconds and falling back at once, again and again."""
    return tuple((1, 900 + 250 * second) for second in range(12))


def cellular(seed: int = 9) -> Pieces:
    """Like 3G from a bus: a rate that wanders, and a tunnel."""
    chance = random.Random(seed)
    level, pieces = 0.0, []
    for second in range(60):
        level = 0.8 * level + chance.gauss(0, 0.35)
        kbps = 0.0 if 24 <= second < 36 else 1100 * math.exp(level)
        pieces.append((1.0, round(kbps, 1)))
    return tuple(pieces)


TRACES = {"steps": steps_down, "sawtooth": sawtooth, "cellular": cellular}


@dataclass(frozen=True)
class Compared:
    """One run of the player, and what the simulator made of it.

    Attributes:
        later: The simulator's playback again, with answers that come later.
    """

    playing: Playing
    run: Run
    steps: list[Step]
    simulated: Summary
    later: list[Summary]

    @property
    def agreed(self) -> float:
        """Share of decisions that are equal."""
        return sum(step.agrees for step in self.steps) / len(self.steps)

    @property
    def bitrate(self) -> float:
        """By what share the simulator's played bitrate is above the player's."""
        theirs, ours = self.run.summary.bitrate_bps, self.simulated.bitrate_bps
        assert theirs is not None
        assert ours is not None
        return ours / theirs - 1

    @property
    def stalled_s(self) -> float:
        """By how much the simulator stalls longer, in seconds a minute of the title."""
        theirs, ours = self.run.summary, self.simulated
        return (ours.stalled_us - theirs.stalled_us) / 1e6 * 60e6 / theirs.shown_us

    @property
    def unsteady(self) -> float:
        """By what share the simulator's own played bitrate is apart from itself."""
        rates = [one.bitrate_bps or 0.0 for one in (self.simulated, *self.later)]
        return max(rates) / min(rates) - 1

    @property
    def unsteady_s(self) -> float:
        """By how much its own stalls are apart, in seconds."""
        stalled_us = [one.stalled_us for one in (self.simulated, *self.later)]
        return (max(stalled_us) - min(stalled_us)) / 1e6

    def early_ms(self) -> list[float]:
        """How much sooner the simulator decided, where it decided the same."""
        return [step.early_us / 1e3 for step in self.steps if step.agrees and step.early_us]

    def told(self) -> dict[str, object]:
        """Return it for JSON."""
        theirs, ours = self.run.summary, self.simulated
        return {
            "decisions": len(self.steps),
            "agreed": self.agreed,
            "bitrate_off": self.bitrate,
            "stalled_off_s_per_minute": self.stalled_s,
            "player": {"bitrate_bps": theirs.bitrate_bps, "stalled_us": theirs.stalled_us},
            "simulator": {"bitrate_bps": ours.bitrate_bps, "stalled_us": ours.stalled_us},
            "early_ms": self.early_ms(),
            "load": self.run.load,
            "think_ms": self.playing.think_us / 1e3,
            "late_ms": self.run.late_ms,
            "frames_dropped": theirs.frames_dropped,
            "decode_lags": self.run.lags,
        }


def show(number: int, one: Compared) -> None:
    theirs, ours = one.run.summary, one.simulated
    early_ms = one.early_ms() or [0.0]
    print(
        f"  run {number}: {one.agreed:6.1%} of {len(one.steps)} decisions; "
        f"{(theirs.bitrate_bps or 0) / 1e3:.0f} and {(ours.bitrate_bps or 0) / 1e3:.0f} kb/s "
        f"({one.bitrate:+.1%}); stalls {theirs.stalled_us / 1e6:.2f} and "
        f"{ours.stalled_us / 1e6:.2f} s ({one.stalled_s:+.2f} s a minute); "
        f"early by {median(early_ms):.0f} ms, at most {max(early_ms, key=abs):.0f}"
    )
    print(
        f"         load {one.run.load:.1f}, answers {one.playing.think_us / 1e3:.0f} ms beyond the "
        f"round trip, loop late by {one.run.late_ms:.0f} ms (99th of 100), "
        f"{theirs.frames_dropped} frames dropped, {one.run.lags} times behind"
    )
    for step in one.steps:
        if not step.agrees:
            theirs_is, ours_is = step.player, step.simulated
            said = (
                f"{ours_is.number} of {ours_is.representation} at {ours_is.at_us / 1e6:.3f} s "
                f"({ours_is.reason})"
                if ours_is
                else "nothing"
            )
            print(
                f"         from {step.from_us / 1e6:.3f} s: player {theirs_is.number} of "
                f"{theirs_is.representation} at {theirs_is.at_us / 1e6:.3f} s "
                f"({theirs_is.reason}); simulator {said}"
            )


def verdict(name: str, done: list[Compared]) -> dict[str, object]:
    agreed = median([one.agreed for one in done])
    bitrate = median([abs(one.bitrate) for one in done])
    stalled_s = median([abs(one.stalled_s) for one in done])
    unsteady = max(one.unsteady for one in done)
    unsteady_s = max(one.unsteady_s for one in done)
    met = agreed >= AGREED and bitrate <= BITRATE and stalled_s <= STALLED_S
    print(
        f"{name}: median of {len(done)}: {agreed:.1%} of decisions (aim {AGREED:.0%}), bitrate "
        f"off by {bitrate:.1%} (aim {BITRATE:.0%}), stalls off by {stalled_s:.2f} s a minute "
        f"(aim {STALLED_S}): {'met' if met else 'missed'}; "
        f"the simulator is within {unsteady:.1%} and {unsteady_s:.2f} s of itself"
    )
    return {
        "agreed": agreed,
        "bitrate_off": bitrate,
        "stalled_off_s_per_minute": stalled_s,
        "met": met,
        "unsteady": unsteady,
        "unsteady_s": unsteady_s,
        "runs": [one.told() for one in done],
    }


async def once(wanted: Playing, link: LinkSpec) -> Compared:
    playing = await measured(wanted)  # each time: a machine is not equally busy for long
    run = await play(playing, link)
    later = [
        play_alone(replace(playing, think_us=playing.think_us + more_us), run, link)
        for more_us in LATER_US
    ]
    found, summary = compare(playing, run, link), play_alone(playing, run, link)
    return Compared(playing, run, found, summary, later)


def links(data: Path | None) -> dict[str, LinkSpec]:
    """Return the links to play over: our own, or three of a set in a file."""
    if data is None:
        return {name: LinkSpec(trace=made(), rtt_s=RTT_S) for name, made in TRACES.items()}
    taken = [trace for _, trace in zip(range(3), read_traces(data), strict=False)]
    return {
        one.name: LinkSpec(
            trace=tuple((us / 1e6, bps / 1e3) for us, bps, _ in one.pieces),
            rtt_s=one.pieces[0][2] / 1e6,
        )
        for one in taken
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60, help="length of the title")
    parser.add_argument("--controller", default="hybrid")
    parser.add_argument("--traces", type=Path, help="a file of traces, to take the first three")
    parser.add_argument("--only", choices=sorted(TRACES), help="one of our own traces")
    asked = parser.parse_args()
    spec = TitleSpec(duration_s=asked.seconds, rungs=RUNGS, audio_kbps=64, text_languages=())
    folder = cached_title(spec)
    playing = Playing(folder=folder, controller=asked.controller, rules=RULES)
    figures: dict[str, object] = {}
    began_s = time.monotonic()
    wanted = {
        name: link for name, link in links(asked.traces).items() if asked.only in (None, name)
    }
    for place, (name, link) in enumerate(wanted.items()):
        print(name)
        done: list[Compared] = []
        for number in range(1, asked.runs + 1):
            if sys.stderr.isatty():
                played, spent_s = place * asked.runs + number - 1, time.monotonic() - began_s
                said = f"{played} of {len(wanted) * asked.runs} played in {spent_s:.0f} s"
                print(f"  {said}", end="\r", file=sys.stderr)
            done.append(anyio.run(once, playing, link))
            show(number, done[-1])
        figures[name] = verdict(name, done)
    write_json(asked.json, {"sim_vs_player": figures})


if __name__ == "__main__":
    main()
