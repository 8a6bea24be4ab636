"""The playback service: what a device asks first, and the manifest made for it.

    GET /playback/TITLE?families=h264&max_height=720&hdcp=1.4&audio=sv,en&text=sv&region=eu
    GET /playback/TITLE/manifest.mpd?…    and every other manifest of the title, likewise

The first answers with JSON: where the manifests are, who gives licences, which OCAs serve
this viewer, best first. The manifests hold only what the device may play. Nothing is kept
between the two: the query says all there is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from netplay.codecs import family
from netplay.edge.exchange import Answer, Request, said
from netplay.edge.manifests import documents
from netplay.edge.origin import CONTENT_TYPES, LICENSE
from netplay.edge.pathways import Pathways
from netplay.edge.steered import SteeringAt
from netplay.edge.title import TITLE_FILE, Title, Track

__all__ = ["HDCP", "PLAYBACK_PATH", "Device", "Playback"]

PLAYBACK_PATH: Final = "/playback/"

HDCP: Final = ("none", "1.0", "1.1", "1.2", "1.3", "1.4", "2.0", "2.1", "2.2", "2.3")
"""Protections of a display's cable, weakest first."""

FAMILIES: Final = ("av1", "h264", "hevc", "vp9")


class UnplayableError(ValueError):
    """The question makes no sense, or nothing is left for the device."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What a device can play and its viewer wants; None or "": no wish.

    Attributes:
        families: Video codecs it decodes.
        max_height: Lines of the largest picture it takes.
        hdcp: The protection of its display; see `HDCP`.
        audio: Languages, most wanted first; those the title lacks are passed over.
        text: Likewise; () is no subtitles.
        region: Where the viewer is, as `Pathway.distances_ms` names it.
    """

    families: tuple[str, ...] = FAMILIES
    max_height: int | None = None
    hdcp: str = "none"
    audio: tuple[str, ...] | None = None
    text: tuple[str, ...] | None = None
    region: str = ""

    def __post_init__(self) -> None:
        if self.hdcp not in HDCP:
            raise ValueError(f"hdcp is one of {', '.join(HDCP)}, not {self.hdcp!r}")
        strangers = [name for name in self.families if name not in FAMILIES]
        if strangers:
            raise ValueError(f"families are {', '.join(FAMILIES)}, not {strangers[0]!r}")
        if self.max_height is not None and self.max_height < 1:
            raise ValueError(f"max_height is positive, not {self.max_height}")

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Device":
        """Read a device from the parameters of a request; others are passed over.

        Raises:
            ValueError: One of them makes no sense.
        """
        height = query.get("max_height")
        if height is not None and not (height.isascii() and height.isdecimal()):
            raise ValueError(f"max_height is a number, not {height!r}")
        families = _listed(query.get("families"))
        return cls(
            families=FAMILIES if families is None else families,
            max_height=None if height is None else int(height[:9]),
            hdcp=query.get("hdcp", "none"),
            audio=_listed(query.get("audio")),
            text=_listed(query.get("text")),
            region=query.get("region", ""),
        )


def _listed(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(dict.fromkeys(filter(None, text.split(","))))


class Playback:
    """Answers devices that are about to play.

    Args:
        root: Holds one folder a title.
        pathways: The OCAs, ranked as the steering service ranks them.
        license_url: Root of the licence service; "" for titles in the clear.
        steering_url: Of the steering manifest; "" lets manifests name none.
        hdcp_above: (lines, protection that taller pictures of a protected title need).
    """

    def __init__(
        self,
        root: Path,
        pathways: Pathways,
        *,
        license_url: str = "",
        steering_url: str = "",
        hdcp_above: Sequence[tuple[int, str]] = ((576, "1.0"), (1080, "2.2")),
    ) -> None:
        self._root = root.resolve()
        self._pathways = pathways
        self._license_url = license_url
        self._steering_url = steering_url
        self._hdcp_above = tuple(hdcp_above)

    async def __call__(self, request: Request) -> Answer:
        """Return the answer to a request."""
        name, _, path = request.path.removeprefix(PLAYBACK_PATH).partition("/")
        if request.method not in ("GET", "HEAD"):
            return said(405, "GET or HEAD\n")
        if not request.path.startswith(PLAYBACK_PATH) or not self._has(name):
            return said(404, f"no {request.path} here\n")
        try:
            device = Device.of(request.query)
            title = self.offered(Title.load(self._root / name), device)
        except UnplayableError as error:
            return said(error.status, f"{error}\n")
        except ValueError as error:
            return said(400, f"{error}\n")
        written = self._documents(name, title, device)
        if not path:
            return _fresh(json.dumps(self._told(name, title, device, request)), ".json")
        if path not in written:
            return said(404, f"no {request.path} here\n")
        return _fresh(written[path], Path(path).suffix)

    def offered(self, title: Title, device: Device) -> Title:
        """Return a title with only what a device may play.

        Raises:
            UnplayableError: That is nothing.
        """
        video = [track for track in title.of("video") if self._may_show(title, track, device)]
        if title.of("video") and not video:
            raise UnplayableError(403, "no rung of this title is for this device")
        audio = _chosen(title.of("audio"), device.audio) or title.of("audio")[:1]
        text = _chosen(title.of("text"), device.text)
        return replace(title, tracks=(*video, *audio, *text))

    def _may_show(self, title: Title, track: Track, device: Device) -> bool:
        if device.max_height is not None and track.height > device.max_height:
            return False
        if family(track.codecs) not in device.families:
            return False
        if title.protection is None or track.id not in title.protection.kids:
            return True
        needed = max(
            (HDCP.index(hdcp) for lines, hdcp in self._hdcp_above if track.height > lines),
            default=0,
        )
        return HDCP.index(device.hdcp) >= needed

    def _documents(self, name: str, title: Title, device: Device) -> dict[str, str]:
        ranked = [p for p in self._pathways.ranked(device.region) if not p.clone_of]
        # Were all that manifests can name withdrawn, players still need one to make clones of.
        ranked = ranked or [p for p in self._pathways.known if not p.clone_of]
        steering = None
        if self._steering_url:
            region = f"?{urlencode({'region': device.region})}" if device.region else ""
            steering = SteeringAt(self._steering_url + region, ranked[0].name)
        hosts = [(pathway.name, f"{pathway.url}{quote(name)}/") for pathway in ranked]
        written = documents(title, hosts, steering=steering)
        if self._license_url:
            written = {k: v.replace(LICENSE, self._license_url) for k, v in written.items()}
        # Media playlists are the same on every OCA, and fetched from there.
        return {path: text for path, text in written.items() if "/" not in path}

    def _told(self, name: str, title: Title, device: Device, request: Request) -> dict[str, object]:
        query = f"?{urlencode(request.query)}" if request.query else ""
        below = f"{PLAYBACK_PATH}{quote(name)}/"
        written = self._documents(name, title, device)
        return {
            "title": name,
            "duration_s": float(title.duration_s),
            "manifests": {path: f"{below}{path}{query}" for path in sorted(written)},
            "license_url": self._license_url if title.protection else "",
            "steering_url": self._steering_url,
            "hosts": [
                {"name": pathway.name, "url": f"{pathway.url}{quote(name)}/"}
                for pathway in self._pathways.ranked(device.region)
            ],
            "video": [[track.width, track.height, track.codecs] for track in title.of("video")],
            "audio": [track.language for track in title.of("audio")],
            "text": [track.language for track in title.of("text")],
        }

    def _has(self, name: str) -> bool:
        if not name or name[0] == "." or set(name) & set("\\:\0") or len(name) > 255:
            return False
        file = self._root / name / TITLE_FILE
        return file.is_file() and file.resolve().is_relative_to(self._root)


def _chosen(tracks: tuple[Track, ...], wanted: tuple[str, ...] | None) -> tuple[Track, ...]:
    """Return the tracks of the languages wanted, in that order; all where nobody chose."""
    if wanted is None:
        return tracks
    return tuple(track for language in wanted for track in tracks if track.language == language)


def _fresh(text: str, suffix: str) -> Answer:
    answer = said(200, text, CONTENT_TYPES[suffix])
    return Answer(200, {**answer.headers, "Cache-Control": "no-store"}, answer.body)
