r"""A licence service: ClearKey, HLS keys and Widevine's protocol, for tests, demos, harnesses.

Never for production. It decides as a real one does, by entitlements, devices and rules for
each key, and it fails on demand, so a player that gets on with it has met the worst.

    >>> import anyio, httpx
    >>> from netplay.edge.license.authority import Authority
    >>> from netplay.edge.license.faults import Fault
    >>> from netplay.edge.license.policy import (
    ...     DeviceModel, Entitlement, ProtectedTitle, ServicePolicy, Terms, licensed_keys,
    ... )
    >>> from netplay.edge.license.server import LicenseServer

    A film with a key for each of two rungs, and who may watch it on what:

    >>> laptop = DeviceModel(system_id=4711, name="laptop")
    >>> film = ProtectedTitle(
    ...     name="film", keys=licensed_keys("SD", "HD"), terms=Terms(license_duration_s=3600)
    ... )
    >>> policy = ServicePolicy(
    ...     titles=(film,),
    ...     entitlements=(Entitlement(token="let-me-in", titles=frozenset({"film"})),),
    ...     models=(laptop,),
    ... )

    Widevine needs a root of trust and a device. Both are made here, in memory; `device.wvd` is
    what pywidevine loads, and `authority.identity.root` whom it is to trust:

    >>> authority = Authority()
    >>> device = authority.device(laptop)

    The service runs in a process of its own, under asyncio or trio, and fails when told to:

    >>> async def twice() -> list[str]:
    ...     async with LicenseServer(policy, identity=authority.identity) as licenses:
    ...         await licenses.fail(Fault(kind="status", status=503))
    ...         async with httpx.AsyncClient(base_url=licenses.url) as http:
    ...             for _ in range(2):
    ...                 await http.post("widevine", content=b"\x08\x04")
    ...         return [f"{each.status} {each.outcome}" for each in await licenses.asked()]
    >>> anyio.run(twice)
    ['503 status', '200 granted']

Read in this order: `policy` (who may have what), `grants` (what one request is given),
`clearkey` and `widevine` (how it is said), `authority` and `attest` (who asks), `service`
(HTTP), `faults` (what goes wrong), `server` (all of it in a process of its own).
"""
