"""The origin answers ranges exactly, and nothing outside its folder."""

import asyncio
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.edge.exchange import FilePart, Request, size_of
from netplay.edge.origin import Origin
from netplay.edge.resource import NotSatisfiableError, asked_range
from netplay.edge.title import Title

VIDEO = "video-108p-240k/00002.m4s"


class Direct(httpx.AsyncBaseTransport):
    """Asks an origin without a socket."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = dict(request.headers)
        # As the server does, and not as httpx would tidy it up.
        path = unquote(request.url.raw_path.decode())
        answer = await self._origin(Request(request.method, path, headers=headers))
        parts = [p.read() if isinstance(p, FilePart) else p for p in answer.body]
        body = b"" if request.method == "HEAD" else b"".join(parts)
        length = {"Content-Length": str(size_of(answer.body))}
        return httpx.Response(answer.status, headers={**answer.headers, **length}, content=body)


def answers(
    root: Path, *asked: tuple[str, str, dict[str, str]], origin: Origin | None = None
) -> list[httpx.Response]:
    """Return an origin's answers to (method, path, headers), asked one after another."""
    served = origin or Origin(root)

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=Direct(served), base_url="http://oca") as client:
            return [
                await client.request(method, path, headers=headers)
                for method, path, headers in asked
            ]

    return asyncio.run(ask())


def get(folder: Path, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return answers(folder.parent, ("GET", f"/{folder.name}/{path}", headers or {}))[0]


def test_a_file_comes_whole_with_its_length_type_and_validators(folder: Path) -> None:
    response = get(folder, VIDEO)

    assert response.status_code == 200
    assert response.content == (folder / VIDEO).read_bytes()
    assert response.headers["content-length"] == str(len(response.content))
    assert response.headers["content-type"] == "video/iso.segment"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["etag"].startswith('"')
    assert response.headers["last-modified"].endswith("GMT")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("manifest.mpd", "application/dash+xml"),
        ("master.m3u8", "application/vnd.apple.mpegurl"),
        ("video-36p-60k/init.mp4", "video/mp4"),
        ("ts/video-36p-60k/00001.ts", "video/mp2t"),
        ("ts/audio-sv/00001.aac", "audio/aac"),
        ("text-en/all.vtt", "text/vtt; charset=utf-8"),
    ],
)
def test_every_kind_of_file_has_its_content_type(folder: Path, path: str, kind: str) -> None:
    assert get(folder, path).headers["content-type"] == kind


def test_head_says_what_get_would_without_a_body(folder: Path) -> None:
    path = f"/{folder.name}/{VIDEO}"
    head, whole = answers(folder.parent, ("HEAD", path, {}), ("GET", path, {}))

    assert head.content == b""
    # A digest of the content is of what is sent, and that is nothing.
    assert head.headers.items() == whole.headers.items() - {
        ("content-digest", whole.headers["content-digest"])
    }
    assert head.headers["repr-digest"] == whole.headers["content-digest"]


@given(first=st.integers(0, 40_000), length=st.integers(1, 40_000))
def test_a_range_is_those_bytes_or_not_satisfiable(folder: Path, first: int, length: int) -> None:
    data = (folder / VIDEO).read_bytes()

    response = get(folder, VIDEO, {"Range": f"bytes={first}-{first + length - 1}"})

    if first >= len(data):
        assert response.status_code == 416
        assert response.headers["content-range"] == f"bytes */{len(data)}"
    else:
        part = data[first : first + length]
        assert response.status_code == 206
        assert response.content == part
        last = first + len(part) - 1
        assert response.headers["content-range"] == f"bytes {first}-{last}/{len(data)}"


@given(count=st.integers(1, 60_000))
def test_a_suffix_range_is_the_last_bytes(folder: Path, count: int) -> None:
    data = (folder / VIDEO).read_bytes()

    response = get(folder, VIDEO, {"Range": f"bytes=-{count}"})

    assert (response.status_code, response.content) == (206, data[-count:])


def test_digests_are_of_the_whole_and_of_what_is_sent(folder: Path) -> None:
    data = (folder / VIDEO).read_bytes()

    part = get(folder, VIDEO, {"Range": "bytes=100-199"})
    beyond = get(folder, VIDEO, {"Range": f"bytes={len(data)}-"})

    assert part.headers["repr-digest"] == digest(data)
    assert part.headers["content-digest"] == digest(data[100:200])
    assert "content-digest" not in beyond.headers


def digest(data: bytes) -> str:
    return f"sha-256=:{b64encode(sha256(data).digest()).decode()}:"


def test_pages_of_other_origins_may_read_all_of_it(folder: Path) -> None:
    path = f"/{folder.name}/{VIDEO}"

    before, whole, part, none = answers(
        folder.parent,
        ("OPTIONS", path, {"Origin": "http://page", "Access-Control-Request-Headers": "range"}),
        ("GET", path, {"Origin": "http://page"}),
        ("GET", path, {"Range": "bytes=0-9"}),
        ("GET", "/none", {}),
    )

    assert before.status_code == 204
    assert before.headers["access-control-allow-headers"] == "*"
    assert "GET" in before.headers["access-control-allow-methods"]
    for response in (before, whole, part, none):
        assert response.headers["access-control-allow-origin"] == "*"
    assert whole.headers["access-control-expose-headers"] == "*"


@pytest.mark.parametrize(
    "header", ["bytes=5-2", "bytes=a-b", "bytes=1-2,4-5", "lines=1-2", "bytes", "bytes=-", ""]
)
def test_what_is_no_single_range_is_answered_whole(folder: Path, header: str) -> None:
    assert get(folder, VIDEO, {"Range": header}).status_code == 200


@given(header=st.text(max_size=80), size=st.integers(0, 10**6))
def test_any_range_header_gives_bytes_that_are_there(header: str, size: int) -> None:
    for said in (header, f"bytes={header}"):
        try:
            part = asked_range(said, size)
        except NotSatisfiableError:
            continue
        assert part is None or 0 <= part.start < part.stop <= size


def test_a_range_of_something_that_has_changed_comes_whole(folder: Path) -> None:
    path = f"/{folder.name}/{VIDEO}"
    (head,) = answers(folder.parent, ("HEAD", path, {}))
    etag, modified = head.headers["etag"], head.headers["last-modified"]
    part = {"Range": "bytes=0-9"}

    statuses = [
        get(folder, VIDEO, part | {"If-Range": said}).status_code
        for said in (etag, modified, '"other"', "Thu, 01 Jan 1970 00:00:00 GMT")
    ]

    assert statuses == [206, 206, 200, 200]
    assert get(folder, VIDEO, {"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/%2e%2e/secret",
        "/title/..%2f..%2fsecret",
        "/title/%5c..%5csecret",
        "//secret",
        "/.hidden",
        "/link/secret",
        "/title",
        "/title/",
        "/title/nothing.mpd",
        "/title/a%00b",
    ],
)
def test_nothing_outside_a_title_is_served(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "title").mkdir(parents=True)
    (root / ".hidden").write_text("secret")
    (root / "link").symlink_to(tmp_path)

    (response,) = answers(root, ("GET", path, {}))

    assert response.status_code == 404


def test_a_post_is_not_allowed(folder: Path) -> None:
    (response,) = answers(folder.parent, ("POST", f"/{folder.name}/{VIDEO}", {}))

    assert response.status_code == 405


def test_manifests_name_the_hosts_that_were_announced(folder: Path) -> None:
    origin = Origin(folder.parent)
    names = ("manifest.mpd", "master.m3u8")
    asked: list[tuple[str, str, dict[str, str]]] = [
        ("GET", f"/{folder.name}/{name}", {}) for name in names
    ]

    plain = answers(folder.parent, *asked, origin=origin)
    origin.announce([("oca-1", "http://one/"), ("oca-2", "http://two/")], titles=[folder.name])
    named = answers(folder.parent, *asked, origin=origin)

    assert [response.text for response in plain] == [(folder / name).read_text() for name in names]
    base = f'<BaseURL serviceLocation="oca-2">http://two/{folder.name}/</BaseURL>'
    assert base in named[0].text
    assert f"http://two/{folder.name}/video-36p-60k/media.m3u8" in named[1].text
    assert 'PATHWAY-ID="oca-2"' in named[1].text
    assert plain[0].headers["etag"] != named[0].headers["etag"]
    assert named[0].headers["content-length"] == str(len(named[0].content))


def test_manifests_name_the_steering_service_that_was_announced(folder: Path) -> None:
    origin = Origin(folder.parent)
    origin.announce([("oca-1", "http://one/")], steering_url="http://steer/steering")

    mpd, master = answers(
        folder.parent,
        ("GET", f"/{folder.name}/manifest.mpd", {}),
        ("GET", f"/{folder.name}/master.m3u8", {}),
        origin=origin,
    )

    assert ">http://steer/steering</ContentSteering>" in mpd.text
    assert 'SERVER-URI="http://steer/steering",PATHWAY-ID="oca-1"' in master.text


def test_requests_are_counted_by_path(folder: Path, title: Title) -> None:
    origin = Origin(folder.parent)
    path = f"/{folder.name}/{VIDEO}"

    answers(folder.parent, *[("GET", path, {})] * 2, ("GET", "/none", {}), origin=origin)

    assert origin.requests == {path: 2, "/none": 1}
