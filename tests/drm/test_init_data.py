"""Init data from every place that states it."""

from __future__ import annotations

import base64
import struct
import time
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drm.contract import InitData
from drm.errors import InitDataError
from drm.initdata import (
    CLEARKEY,
    FAIRPLAY_HLS,
    IDENTITY,
    from_default_kid,
    from_hls_key,
    from_pssh,
    uri_kid,
    with_what_pssh_says,
)
from drm.playready import read_playready_object
from drm.pssh import (
    COMMON,
    PLAYREADY,
    WIDEVINE,
    read_pssh,
    read_widevine_pssh,
    write_pssh,
    write_widevine_pssh,
)

KID, OTHER = "00112233445566778899aabbccddeeff", "0f" * 16
GUID = base64.b64encode(bytes.fromhex("33221100554477668899aabbccddeeff")).decode()
"""KID as PlayReady writes it: its first three fields are little-endian."""

WRM_4_0 = (
    '<WRMHEADER xmlns="http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader"'
    f' version="4.0.0.0"><DATA><PROTECTINFO><KEYLEN>16</KEYLEN></PROTECTINFO><KID>{GUID}</KID>'
    "<LA_URL>https://pr.example/rights.asmx?a=1&amp;b=2</LA_URL></DATA></WRMHEADER>"
)
WRM_4_1 = (
    '<WRMHEADER version="4.1.0.0"><DATA><PROTECTINFO>'
    f'<KID VALUE="{GUID}"/></PROTECTINFO></DATA></WRMHEADER>'
)
WRM_4_3 = (
    '<WRMHEADER version="4.3.0.0"><DATA><PROTECTINFO><KIDS>'
    f'<KID ALGID="AESCBC" VALUE="{GUID}"></KID>'
    f'<KID VALUE="{base64.b64encode(b"x" * 16).decode()}"/>'
    "</KIDS></PROTECTINFO></DATA></WRMHEADER>"
)


def playready_object(text: str) -> bytes:
    header = text.encode("utf-16-le")
    records = struct.pack("<HH", 3, 4) + b"skip" + struct.pack("<HH", 1, len(header)) + header
    return struct.pack("<IH", 6 + len(records), 2) + records


def test_a_box_of_version_1_lists_its_key_ids() -> None:
    box = write_pssh(COMMON, kids=(KID, OTHER))

    (read,) = read_pssh(box)

    assert (read.system, read.kids, read.data, read.box) == (COMMON, (KID, OTHER), b"", box)


def test_a_box_written_out_by_hand_is_read() -> None:
    # As the W3C's "cenc" Initialization Data Format lays out the common system's box.
    box = bytes.fromhex(
        "00000044 70737368 01000000 1077efecc0b24d02ace33c1e52e2fb4b 00000002"
        "30313233343536373839303132333435 4142434445464748494a4b4c4d4e4f50 00000000"
    )

    (read,) = from_pssh(box)

    assert read.system == CLEARKEY
    assert read.kids == ("30313233343536373839303132333435", "4142434445464748494a4b4c4d4e4f50")


def test_boxes_of_several_systems_become_init_data_for_each() -> None:
    widevine = write_pssh(WIDEVINE, write_widevine_pssh((KID,), content_id=b"film"))
    playready = write_pssh(PLAYREADY, playready_object(WRM_4_0))

    found = from_pssh(widevine + playready + write_pssh(WIDEVINE, write_widevine_pssh((OTHER,))))

    assert [one.system for one in found] == [WIDEVINE, PLAYREADY]
    assert found[0].kids == (KID, OTHER)
    assert found[0].content_id == b"film"
    assert found[1].kids == (KID,)
    assert found[1].license_url == "https://pr.example/rights.asmx?a=1&b=2"


@pytest.mark.parametrize("size", [0, 1])
def test_a_box_may_run_to_the_end_or_have_a_size_of_64_bits(size: int) -> None:
    box = write_pssh(WIDEVINE, b"data")
    large = struct.pack(">Q", len(box) + 8) if size else b""

    (read,) = read_pssh(struct.pack(">I", size) + b"pssh" + large + box[8:])

    assert read.data == b"data"


def test_widevine_data_says_more_than_key_ids() -> None:
    data = b"\x08\x01" + write_widevine_pssh((KID,), content_id=b"film")
    data += b"\x1a\x04acme" + b"\x38\x07" + b"\x48\xf3\xc6\x89\x9b\x06" + b"\x12\x02id"

    said = read_widevine_pssh(data)

    assert (said.kids, said.content_id, said.provider) == ((KID,), b"film", "acme")
    assert (said.scheme, said.crypto_period) == ("cbcs", 7)


@pytest.mark.parametrize("system", [WIDEVINE, PLAYREADY])
def test_data_that_is_not_understood_is_passed_on_unread(system: str) -> None:
    box = write_pssh(system, b"\xff\xff agreed with the server")

    (read,) = from_pssh(box)

    assert (read.kids, read.pssh) == ((), box)


@pytest.mark.parametrize(
    ("text", "kids"),
    [(WRM_4_0, (KID,)), (WRM_4_1, (KID,)), (WRM_4_3, (KID, (b"x" * 16).hex()))],
)
def test_playready_headers_of_every_version_give_key_ids_in_the_order_of_tenc(
    text: str, kids: tuple[str, ...]
) -> None:
    bare = text.encode("utf-16")

    assert read_playready_object(playready_object(text)).kids == kids
    assert read_playready_object(bare).kids == kids


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\0\0\0",
        playready_object(WRM_4_0)[:-9],
        playready_object("<WRMHEADER>"),
        playready_object("<!DOCTYPE x [<!ENTITY a 'aaaa'>]><WRMHEADER>&a;</WRMHEADER>"),
        playready_object("<WRMHEADER><KID>AAAA</KID></WRMHEADER>"),
        playready_object("<WRMHEADER><KID>***</KID></WRMHEADER>"),
        b"<\0\x00\xd8",
        bytes(1 << 17),
    ],
)
def test_a_broken_playready_object_is_told_as_such(broken: bytes) -> None:
    with pytest.raises(InitDataError, match="PlayReady"):
        read_playready_object(broken)


def test_a_default_kid_is_read_however_it_is_written() -> None:
    written = "{00112233-4455-6677-8899-AABBCCDDEEFF}"

    assert from_default_kid(written, system=COMMON.upper()) == InitData(CLEARKEY, (KID,))
    with pytest.raises(InitDataError, match="key id"):
        from_default_kid("not a key id")


def hls(**attributes: str) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in attributes.items()}


def test_an_hls_identity_key_is_its_absolute_uri() -> None:
    tag = hls(METHOD="AES-128", URI="../key.bin")

    init = from_hls_key(tag, base_url="https://a.example/film/v/main.m3u8")

    assert init == InitData(IDENTITY, key_uri="https://a.example/film/key.bin")
    assert uri_kid(init.key_uri) == uri_kid(init.key_uri) != uri_kid("https://a.example/other")
    assert len(uri_kid(init.key_uri)) == 32


@pytest.mark.parametrize("key_format", [f"urn:uuid:{WIDEVINE}", "com.widevine", WIDEVINE.upper()])
@pytest.mark.parametrize("boxed", [True, False])
def test_an_hls_widevine_key_brings_its_init_data_in_the_uri(key_format: str, boxed: bool) -> None:
    data = write_widevine_pssh((KID,))
    sent = base64.b64encode(write_pssh(WIDEVINE, data) if boxed else data).decode()
    uri = f"data:text/plain;base64,{sent}"
    tag = hls(METHOD="SAMPLE-AES", KEYFORMAT=key_format, URI=uri, KEYID=f"0x{OTHER}")

    init = from_hls_key(tag)

    assert init == InitData(WIDEVINE, (OTHER, KID), write_pssh(WIDEVINE, data))


def test_an_hls_playready_key_brings_an_object() -> None:
    sent = base64.b64encode(playready_object(WRM_4_1)).decode()
    tag = hls(
        METHOD="SAMPLE-AES",
        KEYFORMAT="com.microsoft.playready",
        URI=f"data:text/plain;charset=UTF-16;base64,{sent}",
    )

    init = from_hls_key(tag)

    assert init is not None
    assert (init.system, init.kids) == (PLAYREADY, (KID,))


def test_an_hls_fairplay_key_is_its_content_id() -> None:
    tag = hls(METHOD="SAMPLE-AES", KEYFORMAT=FAIRPLAY_HLS, URI="skd://film%2F1?x=1")

    init = from_hls_key(tag, base_url="https://a.example/")

    assert init == InitData(FAIRPLAY_HLS, key_uri="skd://film%2F1?x=1", content_id=b"film/1?x=1")


def test_an_hls_key_that_is_none_or_broken() -> None:
    assert from_hls_key(hls(METHOD="NONE")) is None
    for broken in (
        hls(METHOD="AES-128"),
        hls(URI="key.bin"),
        hls(METHOD="SAMPLE-AES", KEYFORMAT=WIDEVINE, URI="data:;base64,***"),
        hls(METHOD="SAMPLE-AES", KEYFORMAT="x-unknown", URI="data:,abc"),
        hls(METHOD="AES-128", URI="http://[broken"),
        hls(METHOD="AES-128", URI="a", KEYID="12"),
        hls(METHOD="AES-128", URI="a" * (1 << 21)),
    ):
        with pytest.raises(InitDataError):
            from_hls_key(broken, base_url="https://a.example/")


def test_init_data_shows_no_url_and_no_key_in_a_url() -> None:
    secret = base64.b64encode(b"\x5e" * 16).decode()
    init = InitData(
        IDENTITY, key_uri=f"data:;base64,{secret}", license_url="https://a.example/?token=t0ken"
    )

    assert secret not in f"{init!r}{init}"
    assert "t0ken" not in f"{init!r}{init}"


def test_init_data_for_any_system_is_completed_by_what_all_boxes_say() -> None:
    boxes = write_pssh(COMMON, kids=(KID,)) + write_pssh(PLAYREADY, playready_object(WRM_4_3))

    init = with_what_pssh_says(InitData("", pssh=boxes))

    assert init.kids == (KID, (b"x" * 16).hex())


@given(st.binary(max_size=4096))
@example(struct.pack(">I4sI16sI", 32, b"pssh", 1 << 24, bytes(16), 0xFFFFFFFF))
@example(struct.pack(">I4sI16sI", 32, b"pssh", 0, bytes(16), 0xFFFFFFFF))
@example(struct.pack(">I4sQ", 1, b"pssh", 0))
def test_arbitrary_bytes_as_pssh_give_init_data_or_an_error(data: bytes) -> None:
    for candidate in (data, write_pssh(WIDEVINE, data), write_pssh(PLAYREADY, data)):
        try:
            found = from_pssh(candidate)
        except InitDataError:
            continue
        assert all(len(kid) == 32 for init in found for kid in init.kids)


@given(
    st.binary(max_size=2048)
    | st.text(max_size=500).map(lambda text: text.encode("utf-16-le", "surrogatepass"))
)
@example(("<KID>" * 5000).encode("utf-16-le"))
def test_arbitrary_bytes_as_a_playready_object_give_a_header_or_an_error(data: bytes) -> None:
    wrapped = struct.pack("<IHHH", 10 + len(data), 1, 1, len(data) & 0xFFFF) + data
    for candidate in (data, wrapped, b"<\0" + data):
        try:
            header = read_playready_object(candidate)
        except InitDataError:
            continue
        assert all(len(kid) == 32 for kid in header.kids)


@given(
    st.dictionaries(st.sampled_from(("METHOD", "URI", "KEYFORMAT", "KEYID")), st.text(max_size=80)),
    st.text(max_size=20),
)
def test_arbitrary_hls_attributes_give_init_data_or_an_error(
    tag: dict[str, str], base_url: str
) -> None:
    try:
        init = from_hls_key(tag, base_url=base_url)
    except InitDataError:
        return
    assert init is None or isinstance(init, InitData)


@pytest.mark.parametrize(
    "bomb",
    [
        write_pssh(COMMON) * 30_000,
        struct.pack(">I4sI16sI", 1 << 20, b"pssh", 1 << 24, bytes(16), 65_534).ljust(
            1 << 20, b"\0"
        ),
        write_pssh(WIDEVINE, b"\x12\x00" * 500_000),
        write_pssh(WIDEVINE, b"\x0b" * 1_000_000),
        write_pssh(PLAYREADY, playready_object("<a>" * 10_000)),
    ],
    ids=["boxes", "kids", "fields", "groups", "tags"],
)
def test_init_data_made_to_be_work_is_done_with_soon(bomb: bytes) -> None:
    began_s = time.process_time()

    with suppress(InitDataError):
        from_pssh(bomb)

    assert time.process_time() - began_s < 2
