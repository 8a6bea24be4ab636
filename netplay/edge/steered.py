"""Where a manifest sends players to ask which host to prefer, in the words of HLS and of DASH.

`m3u8` has the tag; `mpegdash` has no ContentSteering, so its element is written here.

Source: draft-pantos-hls-rfc8216bis, clause 4.4.6.6; ETSI TS 103 998, clause 5.
"""

from dataclasses import dataclass
from typing import Any

from m3u8 import ContentSteering
from mpegdash import nodes

__all__ = ["SteeredMPD", "SteeringAt", "steering_tag"]


@dataclass(frozen=True, slots=True)
class SteeringAt:
    """A steering service, as manifests name it.

    Attributes:
        url: Of the steering manifest.
        first: The pathway to begin with; "": the player's choice.
        before_start: DASH: ask before the first segment, and not beside it.
    """

    url: str
    first: str = ""
    before_start: bool = False


def steering_tag(at: SteeringAt | None) -> Any:
    """Return the EXT-X-CONTENT-STEERING of a multivariant playlist; None without a service."""
    return None if at is None else ContentSteering("", at.url, at.first or None)


class SteeredMPD(nodes.MPEGDASH):  # type: ignore[misc]
    """An MPD with a ContentSteering behind its BaseURLs, where `steering` is one."""

    steering: SteeringAt | None = None

    def write(self, xmlnode: Any) -> None:
        """Write it into an XML node."""
        super().write(xmlnode)
        if self.steering is None:
            return
        document = xmlnode.ownerDocument
        element = document.createElement("ContentSteering")
        if self.steering.first:
            element.setAttribute("defaultServiceLocation", self.steering.first)
        element.setAttribute("queryBeforeStart", "true" if self.steering.before_start else "false")
        element.appendChild(document.createTextNode(self.steering.url))
        following = [node for node in xmlnode.childNodes if node.nodeName != "BaseURL"]
        xmlnode.insertBefore(element, following[0] if following else None)
