"""What a blob store's refusals mean, and what to do about each."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs
from xml.etree import ElementTree

from edge_runner.blobs.access import StoreAccess
from edge_runner.blobs.http import Response
from edge_runner.protocol import StepError

PASSING_STATUSES = frozenset({408, 429})
SIGNATURE_CODES = frozenset({"AuthenticationFailed", "AuthorizationFailure"})


class PassingTrouble(Exception):
    """An answer that the next try may not get.

    Attributes:
        reason: Status and error code.
        retry_after_s: Pause that the store asked for, 0 if none.
    """

    def __init__(self, reason: str, retry_after_s: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


def verdict_for(access: StoreAccess, response: Response, blob: str | None) -> StepError | PassingTrouble:
    """Explain an answer other than 200.

    Args:
        access: The store that gave it.
        response: The answer.
        blob: Name of the blob that was asked for, None for a listing.
    """
    code = response.headers.get("x-ms-error-code") or _code_in(bytes(response.body))
    if response.status >= 500 or response.status in PASSING_STATUSES:
        return PassingTrouble(f"{response.status} {code}".strip(), retry_after_s(response))
    if blob is not None and (response.status == 412 or code == "BlobNotFound"):
        return _changed(access, blob)
    if blob is not None and response.status == 416:
        return corrupt(blob, "is shorter than the snapshot found it")
    return StepError("StoreRefused", _refusal(access, response, code))


def untrusted_certificate(access: StoreAccess) -> StepError:
    """The error for an endpoint whose certificate is of no trusted authority, or of another host."""
    return StepError(
        "StoreRefused",
        f"The certificate of {access.endpoint} cannot be trusted; put the certificate of the authority that "
        "signed it into ca_pem of the blob connection.",
    )


def retry_after_s(response: Response) -> float:
    """How long an answer asks to wait: so many seconds, or until a moment of the server's clock; 0 for not.

    Source: RFC 9110, section 10.2.3.
    """
    value = response.headers.get("retry-after", "")
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - server_time(response)).total_seconds())
    except ValueError:
        return 0.0


def server_time(response: Response) -> datetime:
    """The server's clock at the time of an answer; ours when the answer does not tell."""
    try:
        moment = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _changed(access: StoreAccess, blob: str) -> StepError:
    """The error for a blob that is gone or has another ETag; stores answer 412 for both, some 404."""
    return StepError(
        "DataChanged",
        f"The blob {blob!r} in {access.container} was replaced or deleted after the snapshot; clear the run "
        "from snapshot_data.",
    )


def corrupt(blob: str, finding: str) -> StepError:
    """The error for a blob that has not the bytes that the manifest or its checksum promise."""
    return StepError(
        "DataCorrupt",
        f"The blob {blob!r} {finding}; deliver it again with its checksum and clear the run from "
        "snapshot_data.",
    )


def _refusal(access: StoreAccess, response: Response, code: str) -> str:
    where = f"The blob store {access.endpoint} refuses the container {access.container}"
    if code == "ContainerNotFound":
        return f"{where}: it does not exist; correct `container` in the DAG file."
    if code == "ContainerBeingDeleted":
        return f"{where}: it is being deleted; create it again, deliver the data and clear the task."
    if response.status == 400 and code == "InvalidHeaderValue":
        return (
            f"The blob store {access.endpoint} refuses version {access.api_version} of the service; set "
            "api_version of the blob connection to one that it supports, such as 2019-02-02."
        )
    if response.status == 403:
        return f"{where}: {_reason_for_403(access, response, code)}"
    return f"{where}: {response.status} {code}; look the code up in the Blob service's list of error codes."


def _reason_for_403(access: StoreAccess, response: Response, code: str) -> str:
    fields = parse_qs(access.sas)
    now = server_time(response)
    if "se" in fields and now >= datetime.fromisoformat(fields["se"][0]):
        return (
            f"the signature expired at {fields['se'][0]}; clear the task, a new one is signed for each try."
        )
    if "st" in fields and now < datetime.fromisoformat(fields["st"][0]):
        return (
            f"the signature is valid from {fields['st'][0]} and the store's clock says "
            f"{now:%Y-%m-%dT%H:%M:%SZ}; correct the clock of the store or of the worker."
        )
    if code in SIGNATURE_CODES:
        return (
            f"the signature is wrong ({code}); put the account's present key into the blob connection, and "
            "check that the container's name is right and that the store supports version "
            f"{access.api_version}."
        )
    return (
        f"{code or 403}; the signature allows reading and listing, so check the account's own restrictions."
    )


def _code_in(body: bytes) -> str:
    try:
        return ElementTree.fromstring(body).findtext("Code") or ""
    except ElementTree.ParseError:
        return ""
