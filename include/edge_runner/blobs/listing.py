"""List Blobs documents: what a page of a container's listing says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from urllib.parse import unquote
from xml.etree import ElementTree


@dataclass(frozen=True, slots=True)
class ListedBlob:
    """One entry of a listing; `etag` without quotes, `md5` in Base64 or None."""

    name: str
    size: int
    etag: str
    md5: str | None
    last_modified: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of List Blobs, with the server's time when it was made."""

    blobs: list[ListedBlob]
    next_marker: str
    server_time: datetime


def parse_listing(document: bytes) -> tuple[list[ListedBlob], str]:
    """Read a List Blobs document.

    Returns:
        The blobs and the marker of the next page, empty at the end.

    Raises:
        xml.etree.ElementTree.ParseError: The document is cut off or no XML.
    """
    blobs: list[ListedBlob] = []
    next_marker = ""
    for _, element in ElementTree.iterparse(BytesIO(document)):
        if element.tag == "Blob":
            blobs.append(_listed_blob(element))
            element.clear()
        elif element.tag == "NextMarker":
            next_marker = element.text or ""
    return blobs, next_marker


def _listed_blob(element: ElementTree.Element) -> ListedBlob:
    name_element = element.find("Name")
    name = _text(element, "Name")
    if name_element is not None and name_element.get("Encoded") == "true":
        name = unquote(name)
    return ListedBlob(
        name=name,
        size=int(_text(element, "Properties/Content-Length")),
        etag=_text(element, "Properties/Etag").strip('"'),
        md5=element.findtext("Properties/Content-MD5") or None,
        last_modified=parsedate_to_datetime(_text(element, "Properties/Last-Modified")),
    )


def _text(element: ElementTree.Element, path: str) -> str:
    text = element.findtext(path)
    if text is None:
        raise ElementTree.ParseError(f"a listed blob has no {path}")
    return text
