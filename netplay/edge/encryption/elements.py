"""A title's protection as MPDs write it: ContentProtection elements.

Source: ISO/IEC 23009-1:2022, clause 5.8.4.1; ISO/IEC 23001-7:2023, clause 11; DASH-IF
"Content Protection and Security" for `laurl`, which `mpegdash` does not write by itself.
"""

from typing import Any, Final

from mpegdash import nodes

from netplay.edge.encryption.signals import Signals, SystemSignal, for_key

__all__ = ["content_protections"]

MP4_PROTECTION: Final = "urn:mpeg:dash:mp4protection:2011"
DASHIF: Final = "https://dashif.org/CPS"
CLEARKEY: Final = "e2719d58-a985-b3c9-781a-b030af78d30e"


def content_protections(signals: Signals | None, track: str) -> list[Any] | None:
    """Return the elements of a track; None where it is in the clear."""
    kids = signals.kids.get(track, ()) if signals else ()
    if signals is None or not kids:
        return None
    common = nodes.ContentProtection()
    common.scheme_id_uri, common.value = MP4_PROTECTION, signals.scheme
    kid = kids[0]
    common.cenc_default_kid = "-".join((kid[:8], kid[8:12], kid[12:16], kid[16:20], kid[20:]))
    return [common] + [_element(it, kid) for it in signals.systems if it.system != "identity"]


class _Element(nodes.ContentProtection):  # type: ignore[misc]
    """A ContentProtection with a licence URL."""

    license_url = ""

    def write(self, xmlnode: Any) -> None:
        super().write(xmlnode)
        if self.license_url:
            document = xmlnode.ownerDocument
            child = document.createElement("dashif:laurl")
            child.setAttribute("xmlns:dashif", DASHIF)
            child.appendChild(document.createTextNode(self.license_url))
            xmlnode.appendChild(child)


def _element(signal: SystemSignal, kid: str) -> _Element:
    element = _Element()
    uuid = CLEARKEY if signal.system == "clearkey" else signal.system
    element.scheme_id_uri = f"urn:uuid:{uuid}"
    element.license_url = for_key(signal.license_url, kid)
    if signal.pssh:
        element.pssh = [nodes.PSSH()]
        element.pssh[0].pssh = signal.pssh
    return element
