"""The room of blob storage: block blobs behind signatures, in one storage account.

Sources: the REST reference of Blob Storage, "Put Blob", "Put Block", "Put Block List", "Get Blob", "Get
Blob Properties", for the calls that `azureml/_file_utils/upload.py`, `file_utils.py` and azureml-mlflow's
`blob_artifact_util.py` make. The signature is the stand-in's own, over name, permissions and end: a client
passes it on as it got it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse
from tests.standins.azureml.refusals import Refused

LIFETIME_S = 3600
CHUNK = 2**20
BLOB = "/{container}/{name:path}"


@dataclass(frozen=True)
class Blobs:
    """Files of a folder as blobs of an account.

    Attributes:
        folder: Where they are kept.
        host: The account's host.
        key: What signatures are made with.
    """

    folder: Path
    host: str
    key: str

    def path(self, container: str, name: str) -> Path:
        """Where a blob is kept; a hash, for names may be longer than a file's."""
        return self.folder / hashlib.sha256(f"{container}/{name}".encode()).hexdigest()

    def signed(self, container: str, name: str, permissions: str, lifetime_s: int = LIFETIME_S) -> str:
        """The blob's URL with a signature that is valid from now on."""
        ends = str(int(time.time()) + lifetime_s)
        fields = {"sv": "2019-07-07", "sr": "b", "sp": permissions, "se": ends}
        signature = self._signature(container, name, fields)
        return f"https://{self.host}/{container}/{quote(name)}?{urlencode(fields | {'sig': signature})}"

    def require(self, container: str, name: str, query: Mapping[str, str], permission: str) -> None:
        """Refuse whoever has no signature for this."""
        signature = self._signature(container, name, query)
        if not hmac.compare_digest(signature, query.get("sig", "")) or float(query["se"]) < time.time():
            sentence = "Server failed to authenticate the request. Signature did not match."
            raise Refused(403, "AuthenticationFailed", sentence)
        if not set(permission) & set(query["sp"]):
            sentence = "This request is not authorized to perform this operation using this permission."
            raise Refused(403, "AuthorizationPermissionMismatch", sentence)

    def clear(self) -> None:
        """Forget every blob."""
        for path in self.folder.iterdir():
            path.unlink()

    def _signature(self, container: str, name: str, fields: Mapping[str, str]) -> str:
        signed = "\n".join([container, name, *(fields.get(field, "") for field in ("sv", "sr", "sp", "se"))])
        return base64.b64encode(hmac.digest(self.key.encode(), signed.encode(), "sha256")).decode()


def routes(blobs: Blobs) -> APIRouter:
    """The account's routes."""
    router = APIRouter()

    @router.put(BLOB, status_code=201)
    async def put(container: str, name: str, request: Request) -> Response:
        query = request.query_params
        blobs.require(container, name, query, "cw")
        path = blobs.path(container, name)
        if query.get("comp") == "block":
            digest = await received(request, block_path(path, query["blockid"]))
        elif query.get("comp") == "blocklist":
            digest = joined(path, await request.body())
        elif "comp" not in query and request.headers.get("x-ms-blob-type") == "BlockBlob":
            digest = await received(request, path)
        else:
            raise Refused(400, "InvalidQueryParameterValue", "This is no call on a block blob.")
        return Response(status_code=201, headers=described(path) | {"Content-MD5": digest})

    @router.head(BLOB)
    def properties(container: str, name: str, request: Request) -> Response:
        path = found(blobs, container, name, request)
        headers = described(path) | {"Content-Length": str(path.stat().st_size)}
        return Response(headers=headers | {"x-ms-blob-type": "BlockBlob", "Accept-Ranges": "bytes"})

    @router.get(BLOB)
    def get(container: str, name: str, request: Request) -> Response:
        path = found(blobs, container, name, request)
        asked = request.headers.get("x-ms-range") or request.headers.get("range")
        return ranged(path, asked, request.headers.get("x-ms-range-get-content-md5") == "true")

    return router


def found(blobs: Blobs, container: str, name: str, request: Request) -> Path:
    """The file of a blob that may be read."""
    blobs.require(container, name, request.query_params, "r")
    path = blobs.path(container, name)
    if not path.exists():
        raise Refused(404, "BlobNotFound", "The specified blob does not exist.")
    return path


async def received(request: Request, path: Path) -> str:
    """Write a request's body to a file; gives its MD5 sum, which has to be the announced one."""
    half = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    digest = hashlib.md5(usedforsecurity=False)
    with half.open("wb") as stream:
        async for chunk in request.stream():
            stream.write(chunk)
            digest.update(chunk)
    said = base64.b64encode(digest.digest()).decode()
    if request.headers.get("content-md5", said) != said:
        half.unlink()
        raise Refused(400, "Md5Mismatch", "The MD5 value specified in the request did not match.")
    half.replace(path)
    return said


def block_path(path: Path, block: str) -> Path:
    """Where a block lies until it is part of its blob."""
    return path.with_name(f"{path.name}-{hashlib.sha256(block.encode()).hexdigest()}")


def joined(path: Path, block_list: bytes) -> str:
    """Make a blob of its blocks; gives the list's MD5 sum."""
    blocks = [block_path(path, element.text or "") for element in ElementTree.fromstring(block_list)]
    if not all(block.exists() for block in blocks):
        raise Refused(400, "InvalidBlockList", "The specified block list is invalid.")
    half = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    with half.open("wb") as stream:
        for block in blocks:
            with block.open("rb") as part:
                shutil.copyfileobj(part, stream, CHUNK)
    half.replace(path)
    for block in set(blocks):
        block.unlink()
    return base64.b64encode(hashlib.md5(block_list, usedforsecurity=False).digest()).decode()


def described(path: Path) -> dict[str, str]:
    """The headers that say which blob it is."""
    state = path.stat() if path.exists() else None
    if state is None:
        return {"x-ms-version": "2019-07-07"}
    etag = f'"0x{state.st_mtime_ns:X}"'
    return {
        "ETag": etag,
        "Last-Modified": formatdate(state.st_mtime, usegmt=True),
        "x-ms-version": "2019-07-07",
    }


def ranged(path: Path, asked: str | None, with_md5: bool) -> Response:
    """A blob's bytes, or some of them."""
    size = path.stat().st_size
    if asked is None:
        headers = described(path) | {"Content-Length": str(size)}
        return StreamingResponse(chunks(path, 0, size), headers=headers)
    limits = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
    if limits is None or int(limits[1]) >= size:
        raise Refused(
            416, "InvalidRange", "The range specified is invalid.", {"Content-Range": f"bytes */{size}"}
        )
    start, end = int(limits[1]), min(int(limits[2] or size), size - 1)
    headers = described(path) | {
        "Content-Length": str(end - start + 1),
        "Content-Range": f"bytes {start}-{end}/{size}",
    }
    if with_md5:
        digest = hashlib.md5(b"".join(chunks(path, start, end - start + 1)), usedforsecurity=False)
        headers["Content-MD5"] = base64.b64encode(digest.digest()).decode()
    return StreamingResponse(chunks(path, start, end - start + 1), 206, headers)


def chunks(path: Path, start: int, length: int) -> Any:
    """Bytes of a file, piece by piece."""
    with path.open("rb") as stream:
        stream.seek(start)
        while length > 0 and (chunk := stream.read(min(CHUNK, length))):
            length -= len(chunk)
            yield chunk
