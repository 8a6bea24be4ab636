"""Small HLS media playlists, and what is read in them."""

from __future__ import annotations

from netplay.manifest.hls import MediaDocument, read_media
from netplay.segments import Entry

URL = "https://cdn.example/title/video/index.m3u8"


def playlist(*lines: str, target: int = 6, ended: bool = True) -> str:
    head = ["#EXTM3U", f"#EXT-X-TARGETDURATION:{target}"]
    return "\n".join([*head, *lines, *(["#EXT-X-ENDLIST"] if ended else []), ""])


def read(*lines: str, target: int = 6, ended: bool = True) -> MediaDocument:
    return read_media(playlist(*lines, target=target, ended=ended), URL)


def entries(*lines: str) -> list[Entry]:
    return [segment.entry for segment in read(*lines).index]


def segments(count: int, *, first: int = 0, seconds: str = "6") -> list[str]:
    return [
        line for n in range(first, first + count) for line in (f"#EXTINF:{seconds},", f"{n}.m4s")
    ]
