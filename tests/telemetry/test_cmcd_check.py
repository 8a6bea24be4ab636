"""The validator takes the specification's own examples, and finds what is wrong with others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.telemetry.cmcd import check_event, check_headers, check_query, check_request

SID = 'sid="6e2fb550-c457-11e9-bb97-0800200c9a66"'

# In the form of the examples of CTA-5004 §4 and of CTA-5004-B.
GOOD_REQUESTS = [
    f"{SID}",
    f"br=3200,bs,d=4004,mtp=25400,ot=v,rtp=15000,{SID},tb=6000",
    f"b-c.d=1,{SID}".replace("b-c.d", "com.example-key"),
    f'nor="..%2F300kbps%2Fsegment35.m4v",{SID}',
    f'nrr="12323-48763",{SID}',
    f'cid="faec5fc2-ac30-11ea-bb37-0242ac130002",d=4004,ot=v,pr=1.08,sf=d,{SID},st=v,su',
    f"bl=(12000;v 9000;a),br=(5000;v),bsd=(1200 340),ot=v,{SID},sn=3,sta=p,v=2",
    'nor=("a.m4s" "b.mp4";r="0-99"),v=2',
]
BAD_REQUESTS = [
    ("", "empty"),
    ("bl=21350", "hundreds"),
    ("bs=?0", "false one"),
    ("br=-5", "negative"),
    ("br=3.5", "no integer"),
    ("br=(5)", "no integer"),
    ("br=5,v=2", "no list"),
    ("bl=(1;x),v=2", "object type"),
    ("bl=(100;v 200;v),v=2", "two things"),
    ("ot=zz", "cannot be zz"),
    ('ot="v"', "no token"),
    ("sid=abc", "no string"),
    (f'sid="{"x" * 65}"', "longer than 64"),
    (f'cid="{"x" * 65}"', "longer than 64"),
    ('cid=""', "empty"),
    ("su,br=5", "alphabetical"),
    ("br=5,br=6", "twice"),
    ("v=1", "left out of version 1"),
    ("v=3", "neither 1 nor 2"),
    ("sta=p", "not known to version 1"),
    ('nrr="0-1",v=2', "not known to version 2"),
    ("zz=1,v=2", "zz is not known"),
    ("pr=1.0", "real time"),
    ("d=4000,ot=i", "type i"),
    ('nor="../a.mp4"', "percent-encoded"),
    ('nor="http%3A%2F%2Fx%2Fa"', "not relative"),
    ('nrr="bytes=0-1"', "no range"),
    ("e=ps,sta=p,v=2", "events only"),
    ("Br=5", "no key"),
    ("br=5 ,", "nothing follows"),
    ("a-=1", "key of one's own"),
]


@pytest.mark.parametrize("text", GOOD_REQUESTS)
def test_what_the_specification_shows_is_right(text: str) -> None:
    assert check_request(text) == []


@pytest.mark.parametrize(("text", "told"), BAD_REQUESTS)
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    assert any(told in one for one in check_request(text)), check_request(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("e=ps,sta=p,ts=1,v=2", ""),
        ('e=rr,rc=404,ts=1,ttfb=20,url="http://a/b",v=2', ""),
        ("e=ps,ts=1,v=2", "lacks sta"),
        ("e=t,v=2", "lacks ts"),
        ("ts=1,v=2", "lacks e"),
        ("e=t,rc=200,ts=1,v=2", "for rr only"),
        ("e=pr,pr=1.0,ts=1,v=2", ""),
    ],
)
def test_events_have_rules_of_their_own(text: str, told: str) -> None:
    wrong = check_event(text)

    assert (wrong == []) if not told else any(told in one for one in wrong)


def test_headers_hold_the_keys_that_belong_there() -> None:
    good = {"CMCD-Request": "bl=21300,mtp=48100", "CMCD-Object": "br=3200,d=4004,ot=v"}

    assert check_headers(good) == []
    assert check_headers({"CMCD-Object": "bl=100"}) == ["bl is not of CMCD-Object"]
    assert check_headers({"CMCD-Objects": "br=1"})[0] == "there is no header CMCD-Objects"
    assert "not in order" in check_headers({"CMCD-Object": "d=4004,br=3200"})[0]
    assert check_headers({"CMCD-Session": "pr=2.0"}) == []
    assert check_headers({"CMCD-Session": "v=2", "CMCD-Status": "pr=2.0"}) == []
    assert check_headers({"CMCD-Session": "pr=2.0,v=2"}) == ["pr is not of CMCD-Session"]
    assert check_headers({"CMCD-Session": "sid=,"})[0].startswith("CMCD-Session: character 4")


def test_a_query_has_one_argument_percent_encoded() -> None:
    assert check_query("http://a/b?x=1&CMCD=br%3D3200%2Csid%3D%22a%22") == []
    assert check_query("http://a/b?CMCD=br=3200") == ["the argument is not percent-encoded"]
    assert check_query("http://a/b") == ["there are 0 CMCD arguments, not one"]


@given(text=st.text(max_size=100) | st.text(alphabet='bldrsv=",;()?-12 ', max_size=80))
def test_any_text_is_judged(text: str) -> None:
    for check in (check_request, check_event):
        assert all(isinstance(one, str) for one in check(text))
    check_headers({"CMCD-Object": text})
