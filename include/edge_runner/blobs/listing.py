"""The answers of List Blobs: what one says of a blob, and how one follows another to the end of a listing.

Source: List Blobs of the Blob service's REST API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple, cast
from urllib.parse import unquote
from xml.etree import ElementTree

from edge_runner.blobs.errors import PassingTrouble
from edge_runner.protocol import StepError

ROOT = "EnumerationResults"
PIECE_BYTES = 64 * 1024
FOLDER_MARK = "hdi_isfolder"
"""Metadata by which Hadoop's driver and hierarchical namespaces mark a blob that only stands for a folder."""


class ListedBlob(NamedTuple):
    """One entry of a listing; a tuple, because there are many.

    Attributes:
        name: Blob name within the container.
        size: Length in bytes.
        etag: Entity tag without quotes.
        md5: Base64 Content-MD5, or None when the blob was written without one.
        last_modified: HTTP date on the store's clock; left as text, because only a wait needs it.
        is_folder: Whether it only stands for a folder.
    """

    name: str
    size: int
    etag: str
    md5: str | None
    last_modified: str
    is_folder: bool = False


class Page(NamedTuple):
    """One answer of List Blobs, with the server's time when it was made."""

    blobs: list[ListedBlob]
    next_marker: str
    server_time: datetime


def follow(ask: Callable[[str], Page], container: str) -> Iterator[Page]:
    """Ask for page after page.

    Args:
        ask: Gives the page that a marker stands for, the first for an empty one.
        container: Name of the container that is listed.

    Raises:
        StepError: kind `StoreUnavailable`, when a marker comes back: the listing would never end.
    """
    marker, seen = "", set[str]()
    while True:
        page = ask(marker)
        yield page
        marker = page.next_marker
        if not marker:
            return
        if marker in seen:
            raise StepError(
                "StoreUnavailable",
                f"The listing of the container {container} goes round in circles: the store gives a marker "
                "that it gave before; the task is retried, so if this goes on, look at the store or a "
                "proxy before it.",
            )
        seen.add(marker)


def parse_listing(document: bytes | bytearray) -> tuple[list[ListedBlob], str]:
    """Read a List Blobs document, a piece at a time: the tree of all of it would have ten times its size.

    Returns:
        The blobs and the marker of the next page, empty at the end.

    Raises:
        PassingTrouble: The document is cut off or no such document.
    """
    parser: ElementTree.XMLPullParser[ElementTree.Element] = ElementTree.XMLPullParser(["end"])
    blobs: list[ListedBlob] = []
    element = ElementTree.Element("")
    try:
        for start in range(0, len(document), PIECE_BYTES):
            parser.feed(document[start : start + PIECE_BYTES])
            for element in _ended(parser):
                if element.tag == "Blob" and len(element):  # metadata may have that name too, and no children
                    blobs.append(_listed_blob(element))
                    element.clear()
        parser.close()
    except (ElementTree.ParseError, ValueError) as error:
        raise PassingTrouble(f"a listing that is cut off or damaged: {error}", 0.0) from error
    if element.tag != ROOT:
        raise PassingTrouble("an answer that is no listing; a proxy may stand before the store", 0.0)
    return blobs, element.findtext("NextMarker") or ""


def _ended(parser: ElementTree.XMLPullParser[ElementTree.Element]) -> Iterator[ElementTree.Element]:
    """The elements that have been read to their end."""
    for _, element in cast(Iterator[tuple[str, ElementTree.Element]], parser.read_events()):
        yield element


def _listed_blob(element: ElementTree.Element) -> ListedBlob:
    properties, metadata = _child(element, "Properties"), element.find("Metadata")
    name_element = _child(element, "Name")
    name = name_element.text or ""
    if name_element.get("Encoded") == "true":
        name = unquote(name)
    return ListedBlob(
        name,
        int(_text(properties, "Content-Length")),
        _text(properties, "Etag").strip('"'),
        properties.findtext("Content-MD5") or None,
        _text(properties, "Last-Modified"),
        metadata is not None and metadata.findtext(FOLDER_MARK) == "true",
    )


def _child(element: ElementTree.Element, tag: str) -> ElementTree.Element:
    child = element.find(tag)
    if child is None:
        raise ValueError(f"a blob has no {tag}")
    return child


def _text(element: ElementTree.Element, tag: str) -> str:
    text = element.findtext(tag)
    if text is None:
        raise ValueError(f"a blob has no {tag}")
    return text
