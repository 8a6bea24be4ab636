"""Plays a title from a program without an event loop: `python examples/blocking.py URL`."""

import sys

from netplay.blocking import Player
from netplay.telemetry import Summary


def main(url: str) -> Summary:
    with Player() as player:
        player.open(url)
        player.play()
        while not player.wait_finished(timeout_s=1.0):
            status = player.status()
            print(f"{status.position_us / 1e6:6.1f} s  buffer {status.ahead_us / 1e6:4.1f} s")
    return player.summary()


if __name__ == "__main__":
    print(main(sys.argv[1]))
