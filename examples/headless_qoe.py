"""A QoE harness: plays a title as fast as it decodes and prints its summary as JSON.

python examples/headless_qoe.py URL [CONTROLLER]

Every position, order and duration is that of real playback; only the waiting between
frames is left out. The link is as slow as it is, so on a slow one this waits for it.
"""

import json
import sys

import anyio

import netplay


async def main(url: str, controller: str = "hybrid") -> dict[str, object]:
    clock = netplay.SkippingClock()
    async with netplay.Player(controller=controller, clock=clock, hwaccel="none") as player:
        try:
            await player.open(url)
            await player.play()
            await player.wait_finished()
        except netplay.NetplayError as error:
            return {"error": str(error), "code": error.code}
        return player.summary().to_json()


if __name__ == "__main__":
    chosen = sys.argv[2] if len(sys.argv) > 2 else "hybrid"
    print(json.dumps(anyio.run(main, sys.argv[1], chosen), indent=2))
