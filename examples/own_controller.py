"""An ABR controller of one's own, complete: `python examples/own_controller.py URL`.

It climbs a rung with every five seconds of buffer, whatever the link does.
"""

import sys

import anyio

import abr
import netplay


class Steps:
    """One rung for every five seconds held."""

    def choose(self, view: abr.View) -> abr.Choice:
        """Climb with the buffer."""
        rung = min(int(view.buffered_s / 5), len(view.rungs) - 1)
        return abr.Choice(rung, reason=f"{view.buffered_s:.0f} s held")

    def observe(self, sample: abr.Sample) -> None:
        """What the link does is of no interest."""
        del sample

    def abandon(self, view: abr.View, progress: abr.Progress) -> abr.Abandonment:
        """Never leave a segment half way."""
        del view, progress
        return abr.Keep()


async def main(url: str) -> netplay.Summary:
    async with netplay.Player(controller=Steps()) as player:
        await player.open(url)
        await player.play()
        await player.wait_finished()
        return player.summary()


if __name__ == "__main__":
    print(anyio.run(main, sys.argv[1]))
