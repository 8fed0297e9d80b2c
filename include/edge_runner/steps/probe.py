"""Says what a site's blob store supports: one table, for whoever sets up a site or wonders what it can do.

It asks with the access that a pipeline's steps have, so it finds what they would find; it changes nothing.
"""

from __future__ import annotations

import http.client
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from edge_runner.blobs.access import StoreAccess
from edge_runner.blobs.asking import Asker, TimedResponse
from edge_runner.blobs.http import HttpClient
from edge_runner.blobs.listing import ListedBlob
from edge_runner.blobs.store import BlobStore
from edge_runner.protocol import Dirs, StepError

READ_BYTES = 4096
MOST_SKEW_S = 240.0
"""A signature begins 5 minutes before it is made; so much may clocks differ, with a minute to spare."""
ROUNDS = 5
ONE_BLOB = {"restype": "container", "comp": "list", "maxresults": "1"}
VERSIONS = (
    "2017-11-09",
    "2018-11-09",
    "2019-02-02",
    "2019-07-07",
    "2019-12-12",
    "2020-10-02",
    "2021-12-02",
    "2023-11-03",
    "2024-11-04",
    "2026-10-06",
)
"""Service versions that brought something, and the newest one that we know."""
MISSING_HERE = {"versions": "versioning", "deleted": "soft delete", "tags": "tags"}
"""What a Stack Hub lacks and a listing can ask for (`include`), by what it is."""


@dataclass(frozen=True)
class Finding:
    """One row of the table.

    Attributes:
        what: What was looked at.
        found: What was found.
        ok: Whether it is as the pipeline needs it; None where it needs neither.
    """

    what: str
    found: str
    ok: bool | None = None


Ask = Callable[..., TimedResponse]
"""Asks the container, as `Asker` does."""


def run(request: Mapping[str, Any], secrets: Mapping[str, str], dirs: Dirs) -> dict[str, Any]:
    """Look at the store.

    Returns:
        `findings`, and `newest_version` that the store accepts; all of them in the log as a table.

    Raises:
        StepError: kind `StoreRefused` or `StoreUnavailable`, when the pipeline could not work with the store.
    """
    access = StoreAccess.of(request, secrets, dirs)
    with closing(HttpClient(access.ca_pem)) as http_client:
        ask = Asker(access, http_client)
        newest, findings = versions(ask, access.api_version)
        trusted = "the connection's ca_pem" if access.ca_pem else "the system's authorities"
        findings = [Finding("certificate", f"trusted by {trusted}", ok=True), *findings]
        try:
            blobs = listed(access, request["prefix"])
        except StepError as error:
            print(table(findings), flush=True)
            raise StepError(error.kind, f"{error.message} It accepts versions up to {newest}.") from None
        findings += [
            *listing(blobs),
            *reading(ask, blobs),
            anonymous(ask),
            *features(ask),
            *clocks_and_pace([ask(query=ONE_BLOB) for _ in range(ROUNDS)]),
        ]
    print(table(findings), flush=True)
    require_usable(access, findings)
    return {"findings": [asdict(finding) for finding in findings], "newest_version": newest}


def versions(ask: Ask, spoken: str) -> tuple[str, list[Finding]]:
    """The newest version that the store accepts, empty for none, and what to say of versions."""
    accepted = [
        version
        for version in sorted({*VERSIONS, spoken})
        if ask(query=ONE_BLOB, headers={"x-ms-version": version}).status != http.client.BAD_REQUEST
    ]
    newest = accepted[-1] if accepted else ""
    newer = [version for version in accepted if version > spoken]
    return newest, [
        Finding(
            "api_version",
            f"{spoken} {'is accepted' if spoken in accepted else 'is refused'}",
            spoken in accepted,
        ),
        Finding("newer versions", f"up to {newest} are accepted" if newer else "none is accepted"),
    ]


def listed(access: StoreAccess, prefix: str) -> list[ListedBlob]:
    """The first page of blobs, as the pipeline lists them."""
    with closing(BlobStore(access)) as store:
        return next(iter(store.list_pages(prefix))).blobs


def listing(blobs: Sequence[ListedBlob]) -> list[Finding]:
    """What a page of blobs tells."""
    with_md5 = sum(blob.md5 is not None for blob in blobs)
    return [
        Finding("list", f"{len(blobs)} blobs on the first page", ok=True),
        Finding("Content-MD5", f"{with_md5} of {len(blobs)} blobs have it"),
    ]


def reading(ask: Ask, blobs: Iterable[ListedBlob]) -> list[Finding]:
    """Whether a blob, a part of it, and only a certain version of it can be read."""
    candidates = [blob for blob in blobs if blob.size > 1]
    if not candidates:
        return [Finding("read", "there is no blob to try it with")]
    blob = min(candidates, key=lambda one: one.size)
    path, end = "/" + quote(blob.name), min(blob.size, READ_BYTES) - 1
    part = ask(path, headers={"Range": f"bytes=1-{end}", "If-Match": f'"{blob.etag}"'})
    other = ask(path, headers={"Range": f"bytes=1-{end}", "If-Match": '"0x0"'})
    received = part.response.received
    return [
        Finding("read", part.code, part.status in (http.client.OK, http.client.PARTIAL_CONTENT)),
        Finding(
            "range read",
            f"{received} of {end} bytes asked for",
            (part.status, received) == (http.client.PARTIAL_CONTENT, end),
        ),
        Finding("If-Match", other.code, other.status == http.client.PRECONDITION_FAILED),
    ]


def anonymous(ask: Ask) -> Finding:
    """Whether everybody may list the container."""
    answer = ask(query=ONE_BLOB, signed=False)
    return Finding("without a signature", answer.code, answer.status != http.client.OK)


def features(ask: Ask) -> list[Finding]:
    """What public Azure has and a Stack Hub has not; the pipeline uses none of it."""
    return [
        Finding(name, "can be listed" if answer.status == http.client.OK else f"not here ({answer.code})")
        for include, name in MISSING_HERE.items()
        for answer in [ask(query=ONE_BLOB | {"include": include})]
    ]


def clocks_and_pace(answers: Sequence[TimedResponse]) -> list[Finding]:
    """How far the store's clock is from the VM's, and how long a question takes."""
    ahead_s = statistics.median(
        (parsedate_to_datetime(answer.response.headers["date"]) - answer.asked_at).total_seconds()
        for answer in answers
    )
    took_ms = statistics.median(answer.took_s for answer in answers) * 1000
    side = "ahead of" if ahead_s > 0 else "behind"
    return [
        Finding("clock", f"the store's is {abs(ahead_s):.0f} s {side} the VM's", abs(ahead_s) <= MOST_SKEW_S),
        Finding("round trip", f"{took_ms:.1f} ms"),
    ]


def table(findings: Sequence[Finding]) -> str:
    """The findings as people read them."""
    words = {True: "ok", False: "NO", None: ""}
    width = max(len(finding.what) for finding in findings)
    return "\n".join(f"{one.what:<{width}}  {words[one.ok]:<2}  {one.found}" for one in findings)


def require_usable(access: StoreAccess, findings: Iterable[Finding]) -> None:
    """Refuse a store that the pipeline could not work with.

    Raises:
        StepError: kind `StoreRefused`.
    """
    wrong = [f"{finding.what} ({finding.found})" for finding in findings if finding.ok is False]
    if wrong:
        raise StepError(
            "StoreRefused",
            f"The blob store {access.endpoint} is not as the pipeline needs it: {'; '.join(wrong)}; the "
            "table in the log has all findings, docs/connections.md what to do about each.",
        )
