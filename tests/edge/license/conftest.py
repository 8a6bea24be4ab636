"""One authority and its devices for all tests of this room; RSA keys take their time."""

from dataclasses import replace

import pytest

from drm.policy import Hdcp, SecurityLevel
from netplay.edge.license.authority import Authority, SyntheticDevice
from netplay.edge.license.policy import (
    DeviceModel,
    Entitlement,
    ProtectedTitle,
    ServicePolicy,
    Terms,
    licensed_keys,
)

from .clients import LAPTOP, TOKEN, Counter, WidevineClient

TELEVISION = DeviceModel(system_id=4712, name="television", level=SecurityLevel.HW_SECURE_ALL)


def film() -> ProtectedTitle:
    """Return a title with a key for everybody, one that needs HDCP and one for televisions."""
    audio, hd, uhd = licensed_keys("AUDIO", "HD", "UHD")
    hd = replace(hd, hdcp=Hdcp.V1)
    uhd = replace(uhd, hdcp=Hdcp.V2_2, level=SecurityLevel.HW_SECURE_ALL)
    return ProtectedTitle(name="film", keys=(audio, hd, uhd), terms=Terms(license_duration_s=3600))


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def stranger() -> Authority:
    """Return a root that nobody here trusts."""
    return Authority()


@pytest.fixture(scope="session")
def laptop(authority: Authority) -> SyntheticDevice:
    return authority.device(LAPTOP)


@pytest.fixture(scope="session")
def sister(authority: Authority) -> SyntheticDevice:
    """Return another laptop."""
    return authority.device(LAPTOP)


@pytest.fixture(scope="session")
def expired(authority: Authority) -> SyntheticDevice:
    """Return a laptop whose certificate was good for a second in 1970."""
    return authority.device(LAPTOP, expires_s=1)


@pytest.fixture(scope="session")
def toaster(authority: Authority) -> SyntheticDevice:
    """Return a genuine device of a model that the service does not know."""
    model = DeviceModel(system_id=9, name="toaster", level=SecurityLevel.HW_SECURE_ALL)
    return authority.device(model)


@pytest.fixture(scope="session")
def strangers_laptop(stranger: Authority) -> SyntheticDevice:
    """Return a laptop of a root that nobody here trusts."""
    return stranger.device(LAPTOP)


@pytest.fixture(scope="session")
def television(authority: Authority) -> SyntheticDevice:
    return authority.device(TELEVISION, hdcp=Hdcp.V2_3)


@pytest.fixture
def policy() -> ServicePolicy:
    """Return a service with one film, and one that TOKEN does not open."""
    return ServicePolicy(
        titles=(film(), ProtectedTitle(name="series", keys=licensed_keys("SD"))),
        entitlements=(Entitlement(token=TOKEN, titles=frozenset({"film"})),),
        models=(LAPTOP, TELEVISION),
    )


@pytest.fixture
def client(authority: Authority, laptop: SyntheticDevice) -> WidevineClient:
    return WidevineClient(laptop, authority.identity.root)


@pytest.fixture
def counter(authority: Authority, policy: ServicePolicy) -> Counter:
    return Counter(authority, policy)
