"""Image references: `host[:port]/repository[:tag][@sha256:digest]`, always with a host."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_training.errors import BadRequest

_REFERENCE = re.compile(
    r"(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?)"
    r"/(?P<repository>[a-z0-9]+(?:(?:[._]|__|-+|/)[a-z0-9]+)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_ILLEGAL_IN_TAG = re.compile(r"[^A-Za-z0-9._-]")
_TAG_LENGTH = 128


@dataclass(frozen=True)
class ImageReference:
    """An image's place and, by tag or digest, its identity."""

    host: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, reference: str) -> ImageReference:
        """Take a reference apart.

        Raises:
            BadRequest: It is none.
        """
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise BadRequest(
                f"{reference!r} is no image reference; write host/repository@sha256:... or host/name:tag."
            )
        return cls(**match.groupdict())

    @property
    def version(self) -> str:
        """What follows the repository: the digest, else the tag, else Docker's default."""
        return self.digest or self.tag or "latest"

    def at(self, digest: str) -> str:
        """The reference of one exact image of this repository."""
        return f"{self.host}/{self.repository}@{digest}"


def legal_tag(text: str) -> str:
    """The nearest legal tag: other characters become `-`, and it never begins with a dot or a dash."""
    return _ILLEGAL_IN_TAG.sub("-", text).lstrip(".-")[:_TAG_LENGTH]
