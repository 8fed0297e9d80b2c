"""An image from a base image and a bundle: one uncompressed layer, the same bytes for the same inputs.

The layer holds the bundle's model directory as /opt/model. Manifest and configuration are the base's, with
the layer appended; nothing in them depends on the time or the machine. Formats: OCI image specification 1.1,
and Docker's image manifest version 2, schema 2.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, Final

from edge_runner.listing import MODEL_PREFIX
from edge_runner.protocol import canonical_json
from edge_training import identity, tarstream
from edge_training.bundle import read_files
from edge_training.errors import ImageMissing
from edge_training.ports.image_registry import Blob, Manifest

BUILDER_VERSION: Final = "1"
"""Part of an image's identity: raise it whenever the same inputs give other bytes than before."""
MODEL_DIR: Final = "opt/model"

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEX_TYPES: Final = (OCI_INDEX, DOCKER_LIST)
MANIFEST_TYPES: Final = (OCI_MANIFEST, DOCKER_MANIFEST)
_LAYER_TYPES = {
    OCI_MANIFEST: "application/vnd.oci.image.layer.v1.tar",
    DOCKER_MANIFEST: "application/vnd.docker.image.rootfs.diff.tar",
}


def digest_and_size(chunks: Iterable[bytes]) -> tuple[str, int]:
    """Digest, as `sha256:...`, and size of a stream of bytes."""
    digest, size_bytes = sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size_bytes += len(chunk)
    return f"sha256:{digest.hexdigest()}", size_bytes


def bytes_blob(content: bytes) -> Blob:
    """Bytes in memory as a blob."""
    digest, size_bytes = digest_and_size([content])
    return Blob(digest, size_bytes, lambda: iter([content]))


def model_layer(bundle: Path) -> Blob:
    """The layer of a stored bundle; its bytes are made while they are read and never lie on disk."""
    digest, size_bytes = digest_and_size(layer_chunks(bundle))
    return Blob(digest, size_bytes, lambda: layer_chunks(bundle))


def layer_chunks(bundle: Path) -> Iterator[bytes]:
    """The layer's tar: every directory before its files, all of them root's and older than any clock."""
    known: set[str] = set()
    for member, content in read_files(bundle):
        if not member.name.startswith(MODEL_PREFIX):
            continue
        path = f"{MODEL_DIR}/{member.name.removeprefix(MODEL_PREFIX)}"
        for directory in _parents(path):
            if directory not in known:
                known.add(directory)
                yield tarstream.header(f"{directory}/", 0, tarfile.DIRTYPE)
        yield tarstream.header(path, member.size)
        yield from tarstream.chunks(content)
        yield tarstream.padding(member.size)
    yield tarstream.END


def choose_platform(index: Mapping[str, Any], architecture: str, system: str = "linux") -> str:
    """The digest of the image for one platform.

    Raises:
        ImageMissing: The index has none.
    """
    for entry in index["manifests"]:
        platform = entry.get("platform", {})
        if (platform.get("os"), platform.get("architecture")) == (system, architecture):
            return str(entry["digest"])
    raise ImageMissing(
        f"The serving image has no variant for {system}/{architecture}; choose another serving image."
    )


def labels_of(model_name: str, bundle_digest: str) -> dict[str, str]:
    """The labels that tell where an image comes from; all of them follow from its inputs."""
    return {
        "org.opencontainers.image.title": model_name,
        **identity.labels(
            model=model_name,
            bundle_digest=bundle_digest,
            builder_version=BUILDER_VERSION,
        ),
    }


def extend_config(config: Mapping[str, Any], layer: Blob, labels: Mapping[str, str]) -> bytes:
    """The base's configuration with layer and labels; an uncompressed layer's digest is its diff id."""
    runtime = dict(config.get("config") or {})
    runtime["Labels"] = {**(runtime.get("Labels") or {}), **labels}
    rootfs = {**config["rootfs"], "diff_ids": [*config["rootfs"]["diff_ids"], layer.digest]}
    history = [
        *config.get("history", []),
        {"created_by": f"{identity.LABEL_PREFIX}: model layer /{MODEL_DIR}"},
    ]
    return canonical_json({**config, "config": runtime, "rootfs": rootfs, "history": history})


def extend_manifest(base: Mapping[str, Any], media_type: str, config: Blob, layer: Blob) -> Manifest:
    """The base's manifest with the layer and the new configuration."""
    appended = {"mediaType": _LAYER_TYPES[media_type], "digest": layer.digest, "size": layer.size_bytes}
    content = canonical_json(
        {
            **base,
            "mediaType": media_type,
            "config": {**base["config"], "digest": config.digest, "size": config.size_bytes},
            "layers": [*base["layers"], appended],
        }
    )
    return Manifest(content, media_type, digest_and_size([content])[0])


def _parents(path: str) -> list[str]:
    """`opt`, `opt/model` and so on down to the file's directory: Docker makes absent parents unreadable."""
    return [parent.as_posix() for parent in reversed(PurePosixPath(path).parents) if parent.name]
