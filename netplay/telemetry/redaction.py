"""Strings without their secrets: what a log may hold of a URL.

Tokens travel in query strings, user names and `data:` URLs. Each is replaced by a
digest under a salt that is in no log. Equal secrets get equal digests, so ids that were
equal, or different, stay so, and a Session fed from the log decides as the first did.
What a path holds is written as it is.
"""

from __future__ import annotations

import re
import secrets
from hashlib import blake2b

__all__ = ["Redaction"]

# A secret ends before punctuation, so that a URL has the same digest whether it stands alone
# or in a sentence that the Session made around it. "?…" is a query already left out.
_END = r"""[^\s"'<>]*[^\s"'<>).,;:!…]"""
_SECRET = re.compile(rf"(?P<before>\?){_END}|(?P<user>//)[^/\s?#@]*@|(?P<data>data:)[^\s,]*,{_END}")


class Redaction:
    """Replaces the secret parts of strings by salted digests.

    A string made from a Representation's id (its id and a segment's number, say) has the
    id replaced as it was replaced on its own, so the parts stay recognisable.
    """

    def __init__(self, salt: bytes | None = None) -> None:
        self._salt = secrets.token_bytes(16) if salt is None else salt
        self._ids: dict[str, str] = {}
        self._mention: re.Pattern[str] | None = None

    def __call__(self, text: str) -> str:
        """Return a string as it may be written."""
        if "?" not in text and "@" not in text and "data:" not in text:
            return text
        known = self._ids.get(text)
        if known is not None:
            return known
        if self._mention is None:
            return self._without_secrets(text)
        # Odd pieces are ids, even ones what lies between them.
        pieces = self._mention.split(text)
        pieces[1::2] = [self._ids[one] for one in pieces[1::2]]
        pieces[0::2] = [self._without_secrets(one) for one in pieces[0::2]]
        return "".join(pieces)

    def identity(self, text: str) -> str:
        """Return the id of a Representation, which other strings may repeat."""
        written = self._without_secrets(text)
        if written != text and text not in self._ids:
            self._ids[text] = written
            # Longest first: one id may begin with another.
            longest_first = sorted(self._ids, key=len, reverse=True)
            self._mention = re.compile(f"({'|'.join(map(re.escape, longest_first))})")
        return written

    def pieces(self, pieces: tuple[str, ...]) -> tuple[str, ...]:
        """Return the pieces of one URL: literals, and placeholders between them."""
        written: list[str] = []
        in_query = False
        for place, piece in enumerate(pieces):
            if place % 2:
                written.append(piece)
            elif in_query:
                written.append(self._digest(piece) if piece else piece)
            else:
                path, question, query = piece.partition("?")
                in_query = bool(question)
                written.append(self(path) + question + (self._digest(query) if query else ""))
        return tuple(written)

    def variables(self, pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """Return (name, value) of variables: a value may be a token, so none is written."""
        return tuple((name, self._digest(value)) for name, value in pairs)

    def _without_secrets(self, text: str) -> str:
        return _SECRET.sub(self._replacement, text)

    def _replacement(self, found: re.Match[str]) -> str:
        secret = found[0]
        if found["user"]:
            return f"//{self._digest(secret)}@"
        return (found["before"] or found["data"]) + self._digest(secret)

    def _digest(self, secret: str) -> str:
        data = secret.encode(errors="surrogatepass")
        return f"~{blake2b(data, digest_size=8, key=self._salt).hexdigest()}"
