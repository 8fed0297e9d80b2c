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
BEHIND_RULES = "AuthorizationFailure"
"""Azure's word for an address that the account's rules keep out, and Azurite's for a wrong signature."""
SIGNATURE_CODES = frozenset({"AuthenticationFailed", BEHIND_RULES})
REASONS = {
    "ContainerNotFound": "it does not exist; correct `container` in the DAG file",
    "ContainerBeingDeleted": "it is being deleted; create it again, deliver the data and clear the task",
    "ResourceNotFound": "it has no such place; check the account in the host of the blob connection",
    "AccountIsDisabled": "the account is disabled; enable it, or correct the blob connection",
    "AuthorizationPermissionMismatch": "the signature does not allow this; put one with sp=rl into the blob "
    "connection",
    "AuthorizationResourceTypeMismatch": "the signature is not for containers and blobs; put one with srt=co "
    "into the blob connection",
    "AuthorizationServiceMismatch": "the signature is not for the blob service; put one with ss=b into the "
    "blob connection",
    "AuthorizationSourceIPMismatch": "the signature is for other addresses (sip); sign one without "
    "sip, or for the address that the VM's requests come from",
    "AuthorizationProtocolMismatch": "the signature does not allow https; put one with spr=https into the "
    "blob connection",
    "KeyBasedAuthenticationNotPermitted": "the account accepts no signature by key; allow shared key access, "
    "or put a user delegation signature into the blob connection",
}
"""What is wrong, and what to do about it, by the service's error code."""


class PassingTrouble(Exception):
    """An answer that the next try may not get.

    Attributes:
        reason: Status and error code.
        retry_after_s: Pause that the store asked for, 0 if none.
        has_helped: Whether it has brought a part of what was asked for.
    """

    def __init__(self, reason: str, retry_after_s: float, *, has_helped: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.has_helped = has_helped


class SignatureRefused(Exception):
    """An answer that another signature may not get.

    Attributes:
        sas: The one that was refused.
        verdict: The error when there is no other one.
        ended: Whether its time is over.
    """

    def __init__(self, sas: str, verdict: StepError, ended: bool) -> None:
        super().__init__(str(verdict))
        self.sas = sas
        self.verdict = verdict
        self.ended = ended


def verdict_for(
    access: StoreAccess, response: Response, blob: str | None, sas: str
) -> StepError | PassingTrouble | SignatureRefused:
    """Explain an answer other than that which was asked for.

    Args:
        access: The store that gave it.
        response: The answer.
        blob: Name of the blob that was asked for, None for a listing.
        sas: The signature of the request.
    """
    code = response.headers.get("x-ms-error-code") or _code_in(response.content)
    if response.status >= 500 or response.status in PASSING_STATUSES:
        return PassingTrouble(f"{response.status} {code}".strip(), retry_after_s(response))
    if blob is not None and (response.status == 412 or code == "BlobNotFound"):
        return changed(access, blob)
    if blob is not None and response.status == 416:
        return corrupt(blob, "is shorter than the snapshot found it")
    if response.status == 403 and (refused := _refused_signature(access, response, code, sas)):
        return refused
    return StepError("StoreRefused", _refusal(access, response, code))


def unavailable(access: StoreAccess, finding: str) -> StepError:
    """The error for a store that does not answer.

    Args:
        access: The store.
        finding: What follows its name in the sentence, as far as `check`.
    """
    proxy = f", and the proxy {access.proxy}, whose answers are in the forwarder's log on the VM"
    return StepError(
        "StoreUnavailable",
        f"The blob store {access.endpoint} {finding} check the host in the site's blob connection, the store "
        f"and its network{proxy if access.proxy else ''}.",
    )


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
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (_in_utc(parsedate_to_datetime(value)) - server_time(response)).total_seconds())
    except ValueError:
        return 0.0


def server_time(response: Response) -> datetime:
    """The server's clock at the time of an answer; ours when the answer does not tell."""
    try:
        return _in_utc(parsedate_to_datetime(response.headers.get("date", "")))
    except ValueError:
        return datetime.now(UTC)


def _in_utc(moment: datetime) -> datetime:
    """A moment with its zone; of one that names none it is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def changed(access: StoreAccess, blob: str) -> StepError:
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
    if response.status == 400 and code == "InvalidHeaderValue":
        return (
            f"The blob store {access.endpoint} refuses version {access.api_version} of the service; set "
            "api_version of the blob connection to one that it supports, such as 2019-02-02."
        )
    unknown = f"{response.status} {code}; look the code up in the Blob service's list of error codes"
    return f"{_where(access)}: {REASONS.get(code, unknown)}."


def _where(access: StoreAccess) -> str:
    return f"The blob store {access.endpoint} refuses the container {access.container}"


def _refused_signature(
    access: StoreAccess, response: Response, code: str, sas: str
) -> SignatureRefused | None:
    """What is wrong with the signature itself; None when it is something else."""
    fields = {name: values[0] for name, values in parse_qs(sas).items()}
    now = server_time(response)
    end, start = (
        _in_utc(datetime.fromisoformat(fields[name])) if name in fields else now for name in ("se", "st")
    )
    clocks = f"the store's clock says {_stamp(now)}, the VM's {_stamp(datetime.now(UTC))}"
    if "se" in fields and now >= end:
        return SignatureRefused(sas, _ended(access, fields["se"], clocks), ended=True)
    if now < start:
        reason = (
            f"the signature is valid from {fields['st']} and {clocks}; correct the clock that is wrong, the "
            "store's or the worker's"
        )
        return SignatureRefused(sas, StepError("StoreRefused", f"{_where(access)}: {reason}."), ended=False)
    if code not in SIGNATURE_CODES:
        return None
    if access.signature.was_accepted:
        reason = (
            "the account's key was changed; put the present one into the blob connection and clear the task"
        )
    else:
        reason = (
            "the signature is wrong; put the account's present key into the blob connection, and check that "
            f"the container's name is right and that the store supports version {fields.get('sv', '')}"
        )
    if code == BEHIND_RULES:
        reason += "; or the account's network rules do not let the VM in"
    verdict = StepError("StoreRefused", f"{_where(access)}: {reason} ({code}).")
    return SignatureRefused(sas, verdict, ended=False)


def _ended(access: StoreAccess, end: str, clocks: str) -> StepError:
    """The error for a signature that is over: nobody has brought a new one, or the clocks differ."""
    if access.signature.was_accepted:
        return StepError(
            "AccessExpired",
            f"{_where(access)}: the signature ended at {end}, and no worker or triggerer has delivered a new "
            "one; the next try brings one and goes on with what is staged already.",
        )
    return StepError(
        "StoreRefused",
        f"{_where(access)}: the signature expired at {end} and {clocks}; correct the clock that is wrong, "
        "the store's or that of the worker which has signed it, and clear the task.",
    )


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _code_in(body: bytes) -> str:
    try:
        return ElementTree.fromstring(body).findtext("Code") or ""
    except ElementTree.ParseError:
        return ""
