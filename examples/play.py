"""Plays a title and says how it went: `python examples/play.py URL`."""

import sys

import anyio

import netplay


async def main(url: str) -> netplay.Summary:
    async with netplay.Player() as player:
        await player.open(url)
        await player.play()
        await player.wait_finished()
        return player.summary()


if __name__ == "__main__":
    print(anyio.run(main, sys.argv[1]))
