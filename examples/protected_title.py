"""Plays a protected title: `python examples/protected_title.py URL [LICENCE-URL]`.

With ClearKey, which needs nothing of its own. Widevine is the same with a device of yours:

    drm.Widevine("device.wvd", license_url=..., headers=(("Authorization", "Bearer ..."),))
"""

import sys

import anyio

import drm
import netplay


async def main(url: str, license_url: str = "") -> netplay.Summary:
    system = drm.ClearKey(license_url=license_url)  # "": where the manifest says
    async with netplay.Player(key_systems=[system]) as player:
        await player.prepare(url)  # on hover, say: the licence is there before it is needed
        await player.open(url)
        await player.play()
        await player.wait_finished()
        return player.summary()


if __name__ == "__main__":
    try:
        print(anyio.run(main, sys.argv[1], "".join(sys.argv[2:])))
    except netplay.LicenseError as error:
        sys.exit(f"no licence: {error}")
