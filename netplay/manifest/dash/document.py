"""Text becomes elements that can be asked for what DASH keeps in them.

A Node is an XML element that knows its document: it finds children by their DASH name
whatever prefix or namespace year the author chose, reads attributes as what the schema
says they are, and names its line when it is wrong. Lines are looked up only then, so
that a sound document pays nothing for them.

An attribute that cannot be read is worth a warning and its default, as in every player;
a document that is not XML, or would not fit, is a ManifestError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

# No entity is ever expanded here (see _refuse_entities), and expat resolves no external one.
from xml.etree import ElementTree
from xml.parsers import expat

from netplay.errors import ManifestError
from netplay.manifest.dash.values import read_date_time_us, read_duration_us, read_integer
from netplay.manifest.text import after_prolog
from netplay.segments import SegmentIndex

if TYPE_CHECKING:
    from netplay.manifest.dash.unroll import Unrolled


__all__ = ["Document", "Node", "read_document"]

MAX_TAGS = 4_000_000
"""Start and end tags in one document: a week of 2 s segments on six timelines, unmerged, is
1.8 million."""

MAX_ATTRIBUTES = 8_000_000
MAX_WARNINGS = 100
MAX_DEPTH = 100
"""Levels of elements inside one event; the DASH schema itself needs about a dozen."""

XLINK = "{http://www.w3.org/1999/xlink}"

_T = TypeVar("_T")


@dataclass(slots=True)
class Document:
    """One manifest being read: where it came from, and what had to be left out or repaired.

    Attributes:
        unrolled: SegmentTimelines that have been read, so that Representations share them.
        indexes: Indexes that have been made, for the same reason.
    """

    url: str
    text: str
    namespace: str = ""
    root: ElementTree.Element = field(default_factory=lambda: ElementTree.Element("MPD"))
    warnings: list[str] = field(default_factory=list)
    unrolled: dict[tuple[object, ...], Unrolled] = field(default_factory=dict)
    indexes: dict[tuple[object, ...], SegmentIndex] = field(default_factory=dict)

    def warn(self, sentence: str) -> None:
        """Note what was left out or repaired, once, and only so many."""
        if len(self.warnings) < MAX_WARNINGS and sentence not in self.warnings:
            self.warnings.append(sentence)

    def line_of(self, element: ElementTree.Element) -> int | None:
        """Return the line on which an element starts."""
        wanted = next((n for n, other in enumerate(self.root.iter()) if other is element), None)
        seen, lines = 0, []
        parser = expat.ParserCreate()

        def started(_name: str, _attributes: object) -> None:
            nonlocal seen
            if seen == wanted:
                lines.append(parser.CurrentLineNumber)
            seen += 1

        parser.StartElementHandler = started
        parser.Parse(self.text, True)
        return lines[0] if lines else None


@dataclass(frozen=True, slots=True)
class Node:
    """An element of the manifest."""

    element: ElementTree.Element
    document: Document

    @property
    def name(self) -> str:
        """The element's name without its namespace."""
        return self.element.tag.rpartition("}")[2]

    @property
    def text(self) -> str:
        """The text directly inside, without white space around it."""
        return (self.element.text or "").strip()

    def children(self, name: str) -> list[Node]:
        """Return the DASH children with a name, in order."""
        found = self.element.findall(self.document.namespace + name)
        return [Node(element, self.document) for element in found]

    def child(self, name: str) -> Node | None:
        """Return the first DASH child with a name."""
        found = self.element.find(self.document.namespace + name)
        return None if found is None else Node(found, self.document)

    def foreign(self, name: str) -> Iterator[Node]:
        """Yield the children with a name in any namespace, ignoring case."""
        for element in self.element:
            if isinstance(element.tag, str) and element.tag.rpartition("}")[2].lower() == name:
                yield Node(element, self.document)

    def get(self, name: str, default: str = "") -> str:
        """Return an attribute without white space around it."""
        return self.element.get(name, default).strip()

    def foreign_attribute(self, name: str) -> str:
        """Return an attribute by its name in any namespace, ignoring case; "" if absent."""
        for key, value in self.element.attrib.items():
            if key.rpartition("}")[2].lower() == name:
                return value.strip()
        return ""

    def has(self, name: str) -> bool:
        """Whether the attribute is there at all."""
        return name in self.element.attrib

    def read(self, name: str, reader: Callable[[str], _T]) -> _T | None:
        """Return an attribute through a reader; None, with a warning, if it cannot be read."""
        text = self.element.get(name)
        if text is None:
            return None
        try:
            return reader(text.strip())
        except ValueError:
            self.warn(f"{name}={text[:40]!r} was ignored: it cannot be read")
            return None

    def integer(self, name: str) -> int | None:
        """Return a whole number."""
        return self.read(name, read_integer)

    def duration_us(self, name: str) -> int | None:
        """Return an xsd:duration in microseconds."""
        return self.read(name, read_duration_us)

    def date_time_us(self, name: str) -> int | None:
        """Return an xsd:dateTime as Unix time in microseconds."""
        return self.read(name, read_date_time_us)

    def flag(self, name: str) -> bool:
        """Return an xsd:boolean, false if absent."""
        return self.get(name) in ("true", "1")

    def warn(self, sentence: str) -> None:
        """Note something about this element."""
        self.document.warn(f"{self.shown}: {sentence}")

    def error(self, detail: str, kind: type[ManifestError] = ManifestError) -> ManifestError:
        """Return an error that names this element and its line."""
        line = self.document.line_of(self.element)
        where = f"line {line}: " if line is not None else ""
        return kind(self.document.url, f"{where}{self.shown}: {detail}")

    @property
    def shown(self) -> str:
        """The element as a person would point at it."""
        name = self.get("id")
        return f"{self.name} {name[:60]!r}" if name else self.name

    def markup(self) -> str:
        """Return everything inside as text: XML as XML, plain text as it is."""
        if len(self.element) == 0:
            return self.text
        if _depth_exceeds(self.element, MAX_DEPTH):
            raise self.error(f"is nested more than {MAX_DEPTH} levels deep")
        inner = (ElementTree.tostring(child, encoding="unicode") for child in self.element)
        return ((self.element.text or "") + "".join(inner)).strip()


def read_document(text: str, url: str) -> Node:
    """Return the MPD element of a manifest.

    Raises:
        ManifestError: It is not XML, too large, or its root is not an MPD.
    """
    document = Document(url, text)
    if text.count("<") > MAX_TAGS or text.count("=") > MAX_ATTRIBUTES:
        raise ManifestError(url, f"more than {MAX_TAGS} tags or {MAX_ATTRIBUTES} attributes")
    _refuse_entities(document)
    document.root = _parsed(document)
    namespace, brace, name = document.root.tag.rpartition("}")
    document.namespace = namespace + brace
    if name != "MPD":
        raise ManifestError(url, f"the root element is {name!r}, not MPD")
    return Node(document.root, document)


def _refuse_entities(document: Document) -> None:
    """Refuse a document type that could declare entities; no manifest needs one."""
    if document.text.startswith("<!DOCTYPE", after_prolog(document.text)):
        raise ManifestError(document.url, "a document type declaration is not accepted")


def _parsed(document: Document) -> ElementTree.Element:
    """Parse the text; two mistakes that players forgive are repaired first."""
    try:
        # Entities were refused before, so that nothing can expand.
        return ElementTree.fromstring(document.text)  # noqa: S314
    except ElementTree.ParseError as error:
        fault = error
    repaired = _BARE_AMPERSAND.sub("&amp;", document.text)
    if repaired != document.text:
        document.warn("ampersands that are not escaped were accepted")
    repaired = _with_prefixes_declared(document, repaired)
    if repaired == document.text:
        raise ManifestError(document.url, f"not well-formed XML: {fault}") from fault
    document.text = repaired
    try:
        return ElementTree.fromstring(repaired)  # noqa: S314
    except ElementTree.ParseError as error:
        raise ManifestError(document.url, f"not well-formed XML: {error}") from error


_BARE_AMPERSAND = re.compile(r"&(?!#?\w{1,10};)")


def _with_prefixes_declared(document: Document, text: str) -> str:
    """Return a text in which every namespace prefix is declared."""
    used = set(re.findall(r"[<\s]([A-Za-z_][\w.-]{0,60}):[A-Za-z_]", text))
    strays = sorted(used - set(re.findall(r"xmlns:([\w.-]+)\s*=", text)) - {"xml", "xmlns"})[:50]
    if not strays:
        return text
    declared = "".join(f' xmlns:{prefix}="urn:undeclared:{prefix}"' for prefix in strays)
    document.warn(f"undeclared namespace prefixes were accepted: {', '.join(strays)}")
    return re.sub(r"(<(?:[\w.-]{1,60}:)?MPD)\b", lambda tag: tag[1] + declared, text, count=1)


def _depth_exceeds(element: ElementTree.Element, limit: int) -> bool:
    level = [element]
    for _ in range(limit):
        level = [child for parent in level for child in parent]
        if not level:
            return False
    return True
