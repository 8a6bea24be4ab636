"""A licence service as a program: `python -m netplay.edge.license.serve`.

It prints {"port": …} when it listens, and ends when its standard input does. Its policy,
its Widevine identity and its faults come as lines on standard input and never as arguments,
which every process of the machine can read.
"""

import asyncio
from typing import Any

from netplay.edge.license.faults import Fault
from netplay.edge.license.policy import ServicePolicy
from netplay.edge.license.service import LicenseService
from netplay.edge.license.wording import policy_from_json
from netplay.edge.listen import listen

__all__ = ["main"]


async def _serve() -> None:
    service = LicenseService(ServicePolicy())

    async def answer(message: dict[str, Any]) -> dict[str, Any]:
        if "policy" in message:
            service.policy = policy_from_json(message["policy"])
        if "identity" in message:
            # Brings pywidevine with it, which a ClearKey service is spared.
            from netplay.edge.license.authority import ServiceIdentity

            service.serve_widevine(ServiceIdentity.from_json(message["identity"]))
        if "heal" in message:
            service.faults.clear()
        service.faults.add(*(Fault(**each) for each in message.get("faults", ())))
        if "asked" in message:
            return {"asked": [asked.to_json() for asked in service.journal]}
        return {}

    await listen(service.app, answer)


def main() -> None:
    """Run a licence service until standard input ends."""
    asyncio.run(_serve())


if __name__ == "__main__":
    main()
