"""CMSD headers become values, or an error of their own."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.telemetry.cmsd import Cmsd, CmsdDynamic, CmsdError, CmsdHosts, CmsdStatic, read_cmsd

# In the form of the examples of CTA-5006.
STATIC = 'ot=v,sf=h,st=v,d=5000,br=2000,n="OriginProviderA",at=1642598400000,su,com.example-x=7'
DYNAMIC = (
    '"CDNB-3ak1";etp=96;rtt=8,"CDNB-w35k";etp=76;rtt=32,'
    '"CDNA-987.343";etp=48;rtt=30;mb=5000;rd=20;du'
)


def test_what_an_origin_says_is_read() -> None:
    assert read_cmsd({"cmsd-static": STATIC}) == Cmsd(
        CmsdStatic(
            available_utc_us=1_642_598_400_000_000,
            bitrate_bps=2_000_000,
            duration_us=5_000_000,
            server="OriginProviderA",
            object_type="v",
            format="h",
            stream="v",
            startup=True,
            others={"com.example-x": 7},
        )
    )


def test_the_last_server_is_the_nearest() -> None:
    cmsd = read_cmsd({"cmsd-dynamic": DYNAMIC})

    assert [one.server for one in cmsd.path] == ["CDNB-3ak1", "CDNB-w35k", "CDNA-987.343"]
    assert cmsd.nearest == CmsdDynamic(
        "CDNA-987.343",
        throughput_bps=48_000,
        max_bitrate_bps=5_000_000,
        response_delay_us=20_000,
        rtt_us=30_000,
        duress=True,
    )
    assert cmsd.duress
    assert cmsd.max_bitrate_bps == 5_000_000


def test_a_response_without_the_headers_says_nothing() -> None:
    cmsd = read_cmsd({"content-type": "video/mp4"})

    assert cmsd == Cmsd()
    assert (cmsd.nearest, cmsd.max_bitrate_bps, cmsd.duress) == (None, None, False)


def test_values_of_a_wrong_type_are_left_out() -> None:
    cmsd = read_cmsd(
        {"cmsd-static": 'br="x",d=-5,ot="v",n=(1 2)', "cmsd-dynamic": '"a";etp=1.5;mb=x;du=?0,(1)'}
    )

    assert cmsd == Cmsd(CmsdStatic(), (CmsdDynamic("a"),))


@pytest.mark.parametrize("header", ["CMSD-Static", "CMSD-Dynamic"])
@pytest.mark.parametrize("text", ["a=", "x" * 5000, "é"])
def test_what_is_no_cmsd_is_named(header: str, text: str) -> None:
    with pytest.raises(CmsdError) as caught:
        read_cmsd({header.lower(): text})

    assert caught.value.header == header


@given(static=st.text(max_size=80), dynamic=st.text(alphabet='ab"(); =,1.-?', max_size=80))
def test_any_headers_are_read_or_refused(static: str, dynamic: str) -> None:
    headers = {"cmsd-static": static, "cmsd-dynamic": dynamic}

    with contextlib.suppress(CmsdError):
        assert isinstance(read_cmsd(headers), Cmsd)


def test_what_each_host_said_last_is_kept_and_no_more_than_that() -> None:
    hosts = CmsdHosts()

    for number in range(100):
        hosts.note(f"oca-{number}", {"cmsd-dynamic": f'"s";etp={number}'})
    hosts.note("oca-99", {"content-type": "video/mp4"})
    unread = hosts.note("oca-99", {"cmsd-dynamic": '"s'})

    assert hosts.of("oca-99").path == (CmsdDynamic("s", throughput_bps=99_000),)
    assert hosts.of("oca-0") == hosts.of("nobody") == Cmsd()
    assert (unread, hosts.refused) == (None, 1)
