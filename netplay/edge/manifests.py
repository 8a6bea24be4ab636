"""Every manifest of a title, written for the hosts it is to be fetched from.

Where servers and links listen is known only when they run, so manifests are made on
request. Those written into the title's folder name no host: they work from a disk and from
any static server.
"""

from collections.abc import Sequence

from netplay.edge.dash import mpd_documents
from netplay.edge.hls import playlist_documents
from netplay.edge.steered import SteeringAt
from netplay.edge.title import Host, Title

__all__ = ["documents"]


def documents(
    title: Title, hosts: Sequence[Host] = (), *, steering: SteeringAt | None = None
) -> dict[str, str]:
    """Return every manifest by its path in the title's folder.

    Args:
        title: What was packaged.
        hosts: (name, URL of the title's folder there, ending in a slash), in order of
            preference; empty for relative URLs.
        steering: The service that players ask for another order.
    """
    return mpd_documents(title, hosts, steering) | playlist_documents(title, hosts, steering)
