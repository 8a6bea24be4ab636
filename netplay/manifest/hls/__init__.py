"""HLS playlists (RFC 8216bis) become a Presentation.

    reading       one playlist being read: lines, attribute lists, warnings, EXT-X-DEFINE
    header        a media playlist as a whole
    entries       its segments, from the tags between their URIs
    placing       where they lie, next to an earlier reading
    keys          EXT-X-KEY, EXT-X-SESSION-KEY
    dateranges    EXT-X-DATERANGE
    media         a media playlist
    variants      the tags of a multivariant playlist, as they stand
    redundancy    which of them are the same content at another place
    ladder        variants become sets
    renditions    EXT-X-MEDIA becomes sets
    multivariant  a playlist of either kind becomes a Presentation

What HLS says and the model has no field for stays readable: each EXT-X-STREAM-INF and
EXT-X-MEDIA is a supplemental Descriptor whose value `split_attributes` reads.
"""

from netplay.manifest.hls.ladder import LAYOUT_SCHEME, VARIANT_SCHEME
from netplay.manifest.hls.media import MediaDocument, read_media, read_media_playlist
from netplay.manifest.hls.multivariant import live_of, read_hls
from netplay.manifest.hls.reading import split_attributes
from netplay.manifest.hls.renditions import CAPTIONS_SCHEME, RENDITION_SCHEME

__all__ = [
    "CAPTIONS_SCHEME",
    "LAYOUT_SCHEME",
    "RENDITION_SCHEME",
    "VARIANT_SCHEME",
    "MediaDocument",
    "live_of",
    "read_hls",
    "read_media",
    "read_media_playlist",
    "split_attributes",
]
