"""A blob store of nothing but a long listing, in a process of its own: pages made beforehand, over TLS.

`python -m benchmarks.listing.server CERTIFICATE KEY BLOBS` says its port on standard output, and ends
with its standard input.
"""

from __future__ import annotations

import hashlib
import ssl
import sys
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE_BLOBS = 5000
"""The most that List Blobs answers with at once."""
BLOB = (
    "<Blob><Name>{name}</Name><Properties><Creation-Time>Fri, 01 Feb 2013 10:00:00 GMT</Creation-Time>"
    "<Last-Modified>Fri, 01 Feb 2013 10:00:00 GMT</Last-Modified><Etag>0x{etag:015X}</Etag>"
    "<Content-Length>{size}</Content-Length><Content-Type>application/octet-stream</Content-Type>"
    "<Content-Encoding /><Content-Language /><Content-MD5>{md5}</Content-MD5><Cache-Control />"
    "<Content-Disposition /><BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus>"
    "<LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties><Metadata />"
    "</Blob>"
)
PAGE = (
    '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="box"><MaxResults>{most}'
    "</MaxResults><Blobs>{blobs}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
)


def name_of(number: int) -> str:
    """A blob's name, as Spark would give it."""
    return f"date=2013-02-01/hour={number % 24:02d}/part-{number:05d}-{number:032x}.c000.snappy.parquet"


def pages(blobs: int) -> list[bytes]:
    """The whole listing in order of names, the same at every call; a page's marker is its number."""
    names = sorted(map(name_of, range(blobs)))
    made = []
    for first in range(0, blobs, PAGE_BLOBS):
        entries = "".join(map(entry, names[first : first + PAGE_BLOBS]))
        marker = str(len(made) + 1) if first + PAGE_BLOBS < blobs else ""
        made.append(PAGE.format(most=PAGE_BLOBS, blobs=entries, marker=marker).encode())
    return made


def entry(name: str) -> str:
    """What the listing says of a blob."""
    digest = hashlib.md5(name.encode(), usedforsecurity=False).digest()
    number = int.from_bytes(digest[:7])
    return BLOB.format(name=name, etag=number, size=number % 2**27, md5=b64encode(digest).decode())


def main(certificate: str, key: str, blobs: str) -> None:
    """Serve until standard input ends."""
    listing = pages(int(blobs))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            (marker,) = parse_qs(urlsplit(self.path).query).get("marker", ["0"])
            page = listing[int(marker)]
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Say the port only."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
