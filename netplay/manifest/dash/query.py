"""Query parameters that the manifest wants on segment requests (§I, urlparam:2014 and later).

A UrlQueryInfo (2014, 2016) or RequestParam (2025) makes a query out of the manifest's own
query and of one it states. Each deeper level adds to the levels above it.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from netplay.manifest.dash.document import Node

__all__ = ["query_below", "with_query"]

_PLACEHOLDER = re.compile(r"\$querypart\$|\$query:([^$]+)\$")
MAX_QUERY = 16_384


def query_below(query: str, level: Node) -> str:
    """Return the query that segment requests carry inside an element."""
    infos = [
        info
        for kind in ("EssentialProperty", "SupplementalProperty")
        for descriptor in level.children(kind)
        if descriptor.get("schemeIdUri").startswith("urn:mpeg:dash:urlparam:")
        for name in ("urlqueryinfo", "exturlqueryinfo")
        for info in descriptor.foreign(name)
    ]
    for info in (*infos, *level.children("RequestParam")):
        asked = info.get("includeInRequests", "segment").split()
        if "segment" not in asked:
            continue
        added = _made(info)
        query = "&".join(part for part in (query, added) if part)
    if len(query) > MAX_QUERY:
        raise level.error(f"asks for a query of more than {MAX_QUERY} characters")
    return query


def _made(info: Node) -> str:
    sources = []
    if info.flag("useMPDUrlQuery"):
        sources.append(urlsplit(info.document.url).query)
    sources.append(info.get("queryString"))
    whole = "&".join(source for source in sources if source)
    given = dict(part.partition("=")[::2] for part in whole.split("&") if part)

    def fill(match: re.Match[str]) -> str:
        if match[1] is None:
            return whole
        return f"{match[1]}={given[match[1]]}" if match[1] in given else ""

    filled = _PLACEHOLDER.sub(fill, info.get("queryTemplate")[:MAX_QUERY])
    return "&".join(part for part in filled.split("&") if part)


def with_query(reference: str, query: str) -> str:
    """Return a reference with the query added to its own."""
    if not query:
        return reference
    return f"{reference}{'&' if '?' in reference else '?'}{query}"
