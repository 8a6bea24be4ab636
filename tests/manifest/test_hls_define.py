"""EXT-X-DEFINE: where values come from, what they replace, and how much they may bring in."""

from __future__ import annotations

import pytest

from netplay.errors import ManifestError
from netplay.manifest.hls import read_hls, read_media, read_media_playlist
from netplay.timeline import Unresolved

URL = "https://cdn.example/title/main.m3u8?token=a%26b&empty="
HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n"


def uris(text: str, variables: dict[str, str] | None = None) -> list[str]:
    index = read_media_playlist(HEAD + text, URL, variables=variables)
    return [segment.entry.uri for segment in index]


def test_a_value_replaces_references_in_uris_and_quoted_attributes() -> None:
    index = read_media_playlist(
        HEAD + '#EXT-X-DEFINE:NAME="dir",VALUE="hd"\n'
        '#EXT-X-DEFINE:NAME="file",VALUE="{$dir}/init"\n'
        '#EXT-X-MAP:URI="{$file}.mp4"\n#EXTINF:6,{$dir}\n{$dir}/{$dir}-1.m4s\n',
        URL,
    )

    (segment,) = index
    assert segment.entry.uri == "hd/hd-1.m4s"
    assert segment.entry.init is not None
    assert segment.entry.init.uri == "hd/init.mp4"
    assert segment.entry.title == "{$dir}"


def test_a_value_may_come_from_the_query_of_the_playlist() -> None:
    assert uris('#EXT-X-DEFINE:QUERYPARAM="token"\n#EXTINF:6,\na?t={$token}\n') == ["a?t=a&b"]


def test_a_value_may_be_imported_from_the_multivariant_playlist() -> None:
    presentation = read_hls(
        '#EXTM3U\n#EXT-X-DEFINE:NAME="auth",VALUE="secret"\n'
        "#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8?{$auth}\n",
        URL,
    )
    (rep,) = presentation.periods[0].representations
    assert isinstance(rep.index, Unresolved)

    index = read_media_playlist(
        HEAD + '#EXT-X-DEFINE:IMPORT="auth"\n#EXTINF:6,\na.ts?{$auth}\n',
        rep.locations[0].url,
        unresolved=rep.index,
    )

    assert rep.locations[0].url == "https://cdn.example/title/v.m3u8?secret"
    assert index[0].entry.uri == "a.ts?secret"


def test_an_import_that_the_multivariant_playlist_does_not_define_is_refused() -> None:
    with pytest.raises(ManifestError, match="line 3: #EXT-X-DEFINE: the multivariant playlist"):
        uris('#EXT-X-DEFINE:IMPORT="auth"\n', variables={"other": "x"})


@pytest.mark.parametrize("source", ["IMPORT", "QUERYPARAM"])
def test_a_value_that_only_another_document_knows_stays_as_written(source: str) -> None:
    document = read_media(
        HEAD + f'#EXT-X-DEFINE:{source}="auth"\n#EXTINF:6,\na.ts?{{$auth}}\n',
        "file:///tmp/v.m3u8",
    )

    assert document.index[0].entry.uri == "a.ts?{$auth}"
    assert len(document.warnings) == 1


def test_of_two_values_for_one_name_the_later_holds() -> None:
    text = '#EXT-X-DEFINE:NAME="n",VALUE="1"\n#EXT-X-DEFINE:NAME="n",VALUE="2"\n#EXTINF:6,\n{$n}\n'

    document = read_media(HEAD + text, URL)

    assert document.index[0].entry.uri == "2"
    assert "defined twice" in document.warnings[0]


@pytest.mark.parametrize(
    "text",
    [
        "#EXTINF:6,\n{$nothing}\n",
        '#EXT-X-KEY:METHOD=AES-128,URI="{$nothing}"\n',
        '#EXT-X-DEFINE:VALUE="x"\n',
        '#EXT-X-DEFINE:NAME="x"\n',
        '#EXT-X-DEFINE:NAME="x",VALUE="{$x}"\n',
    ],
)
def test_an_undefined_variable_or_a_broken_definition_is_refused(text: str) -> None:
    with pytest.raises(ManifestError, match=r"line [34]: "):
        uris(text)


def test_values_made_of_values_cannot_fill_the_memory() -> None:
    lines = ['#EXT-X-DEFINE:NAME="v0",VALUE="' + "x" * 1000 + '"']
    lines += [f'#EXT-X-DEFINE:NAME="v{n}",VALUE="{{$v{n - 1}}}{{$v{n - 1}}}"' for n in range(1, 64)]

    with pytest.raises(ManifestError, match="variables bring in more than"):
        uris("\n".join(lines))
