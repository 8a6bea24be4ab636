"""How `netplay play` opens protected titles: what its options say, as key systems.

Keys, tokens and devices come in here and go to the key systems; nothing here shows one,
and an error says which option is wrong, never what it holds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drm.contract import KeySystem, is_confidential
from netplay.cli.extras import has_extra
from netplay.errors import shown_url

__all__ = ["Unlocking"]

KEY = re.compile(r"([0-9A-Fa-f]{32}):([0-9A-Fa-f]{32})")
HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([\x20-\x7e\t]*)")
"""A field line (RFC 9110, clause 5.5), in ASCII."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocking:
    """What was said at the prompt; ids and keys as KID:KEY, headers as "Name: value".

    Attributes:
        keys: ClearKey's keys.
        key_file: More of them, a line each; "#" begins a comment.
        license_url: Where to ask; "": where the manifest says.
        license_headers: For that URL's origin alone; "@FILE" is a file with one a line.
        widevine_device: A .wvd file; None: no Widevine.
        service_certificate: A file with the Widevine service's; None: it is asked for.
        root_certificate: A file with the DrmCertificate to trust in place of Google's.
    """

    keys: Sequence[str] = field(default=(), repr=False)
    key_file: Path | None = None
    license_url: str = ""
    license_headers: Sequence[str] = field(default=(), repr=False)
    widevine_device: Path | None = None
    service_certificate: Path | None = None
    root_certificate: Path | None = None

    def systems(self) -> tuple[KeySystem, ...]:
        """Return the key systems, the preferred one first.

        Without any option these are ClearKey and HLS's keys by URI, which need nothing but
        what a manifest says, if the "drm" extra is there.

        Raises:
            ValueError: An option cannot work; the message names it.
        """
        self._check()
        if not has_extra("drm"):
            return ()
        from drm.clearkey import ClearKey
        from drm.identity import IdentityKey

        headers = self._headers()
        url = self.license_url
        here: list[KeySystem] = []
        clearkey_asks = self.widevine_device is None and url
        keys = self._keys()
        clearkey = ClearKey(
            keys,
            license_url=url if clearkey_asks else "",
            headers=headers if clearkey_asks else (),
        )
        if self.widevine_device is not None:
            from drm.widevine import Widevine

            here.append(
                Widevine(
                    _bytes(self.widevine_device),
                    license_url=url,
                    headers=headers,
                    service_certificate=_bytes(self.service_certificate),
                    root_certificate=_bytes(self.root_certificate),
                )
            )
        # Keys that were given are not asked for.
        here.insert(0 if keys else len(here), clearkey)
        return (*here, IdentityKey())

    def _check(self) -> None:
        if self.license_headers and not self.license_url:
            raise ValueError("--license-header needs --license-url, whose server it is for")
        if self.license_url and not is_confidential(self.license_url):
            shown = shown_url(self.license_url)
            raise ValueError(f"--license-url {shown}: keys travel over https only")
        for option, path in (
            ("--service-certificate", self.service_certificate),
            ("--widevine-root", self.root_certificate),
        ):
            if path is not None and self.widevine_device is None:
                raise ValueError(f"{option} needs --widevine-device")

    def _keys(self) -> dict[str, bytes]:
        given = [("--key", place, text) for place, text in enumerate(self.keys, 1)]
        if self.key_file is not None:
            name = f"--key-file {self.key_file}, line"
            given += [(name, place, text) for place, text in _lines(self.key_file)]
        found: dict[str, bytes] = {}
        for option, place, text in given:
            matched = KEY.fullmatch(text.strip().replace("-", ""))
            if matched is None:
                raise ValueError(f"{option} {place}: not KID:KEY, of 32 hexadecimal digits each")
            found[matched[1].lower()] = bytes.fromhex(matched[2])
        return found

    def _headers(self) -> Headers:
        found: list[tuple[str, str]] = []
        for place, text in enumerate(self.license_headers, 1):
            lines = [text]
            if text.startswith("@"):
                lines = [line for _, line in _lines(Path(text[1:]))]
            for line in lines:
                matched = HEADER.fullmatch(line.strip())
                if matched is None:
                    raise ValueError(f"--license-header {place}: not 'Name: value'")
                found.append((matched[1], matched[2]))
        return tuple(found)


def _lines(path: Path) -> list[tuple[int, str]]:
    """Return a file's lines that say something, and their numbers.

    Raises:
        ValueError: It cannot be read.
    """
    try:
        text = path.read_text(encoding="ascii")
    except UnicodeError:
        text = None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    if text is None:  # said outside the handler: the decoder's error holds the file
        raise ValueError(f"{path}: not ASCII text")
    stated = ((place, line.strip()) for place, line in enumerate(text.splitlines(), 1))
    return [(place, line) for place, line in stated if line and not line.startswith("#")]


def _bytes(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
