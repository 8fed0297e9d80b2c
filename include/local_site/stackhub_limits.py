"""What the blob service of an Azure Stack Hub refuses, as pure functions over a request's query and headers.

| request | answer |
|---|---|
| `x-ms-version` above the ceiling | 400 InvalidHeaderValue |
| `api-version` above the ceiling | 400 InvalidQueryParameterValue |
| SAS `sv` above the ceiling | 403 AuthenticationFailed |
| tiers (`comp=tier`, `x-ms-access-tier`) | 400 BlobAccessTierNotSupportedForAccountType |
| `comp` or `include` values of later features | 400 InvalidQueryParameterValue |
| query parameters of later features | 400 UnsupportedQueryParameter |
| headers of later features | 400 UnsupportedHeader |
| bearer tokens (no AAD on the data plane) | 400 InvalidAuthenticationInfo |

Sources: the missing features are those of "Azure Stack Hub storage: Differences and considerations". The
answer to a new `x-ms-version` was seen on a Stack Hub (issue 11831 of Azure/azure-sdk-for-java). The answer
to tiers is that of a general purpose v1 account, the only kind on a Stack Hub (pull request 792 of
Azure/azure-storage-azcopy). No document says how a Stack Hub words the others: they are the codes that
"Common REST API error codes" defines for such requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from xml.sax.saxutils import escape

VERSION_PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}")

MISSING_COMP_VALUES = frozenset(
    {"tags", "batch", "blobs", "undelete", "query", "expiry", "seal", "immutabilitypolicies", "legalhold"}
)
MISSING_INCLUDE_VALUES = frozenset(
    {"tags", "versions", "deleted", "deletedwithversions", "immutabilitypolicy", "legalhold", "permissions"}
)
MISSING_QUERY_PARAMETERS = frozenset({"versionid", "deletetype"})
MISSING_HEADERS = frozenset(
    {
        "x-ms-tags",
        "x-ms-if-tags",
        "x-ms-source-if-tags",
        "x-ms-copy-source-tag-option",
        "x-ms-rehydrate-priority",
        "x-ms-encryption-scope",
        "x-ms-encryption-key",
        "x-ms-encryption-key-sha256",
        "x-ms-encryption-algorithm",
        "x-ms-immutability-policy-until-date",
        "x-ms-immutability-policy-mode",
        "x-ms-legal-hold",
        "x-ms-expiry-option",
        "x-ms-expiry-time",
    }
)


@dataclass(frozen=True)
class Refusal:
    """The answer to a request that a Stack Hub would refuse.

    Attributes:
        status: HTTP status.
        code: Value of `x-ms-error-code` and of `<Code>`.
        message: Text of `<Message>`, in the words of the service.
        details: Further elements of the error document, in order.
    """

    status: int
    code: str
    message: str
    details: Mapping[str, str] = field(default_factory=dict)


def find_refusal(
    query: Iterable[tuple[str, str]], headers: Mapping[str, str], max_version: str
) -> Refusal | None:
    """Decide whether a Stack Hub whose newest service version is `max_version` refuses a request.

    Args:
        query: Decoded query parameters in order.
        headers: Request headers; names in lower case.
        max_version: The ceiling, e.g. `2019-07-07`.
    """
    parameters = {name.lower(): value for name, value in query}
    return (
        _refused_version(parameters, headers, max_version)
        or _refused_feature_in_query(parameters)
        or _refused_feature_in_headers(headers)
    )


def _refused_version(
    parameters: Mapping[str, str], headers: Mapping[str, str], max_version: str
) -> Refusal | None:
    if _is_above(headers.get("x-ms-version"), max_version):
        return _invalid_header_value("x-ms-version", headers["x-ms-version"])
    if _is_above(parameters.get("api-version"), max_version):
        return _invalid_parameter_value("api-version", parameters["api-version"])
    if "sig" in parameters and _is_above(parameters.get("sv"), max_version):
        return Refusal(
            403,
            "AuthenticationFailed",
            "Server failed to authenticate the request. Make sure the value of Authorization header is "
            "formed correctly including the signature.",
            {"AuthenticationErrorDetail": f"The signed version {parameters['sv']} is not supported."},
        )
    return None


def _is_above(version: str | None, max_version: str) -> bool:
    return version is not None and (VERSION_PATTERN.fullmatch(version) is None or version > max_version)


def _refused_feature_in_query(parameters: Mapping[str, str]) -> Refusal | None:
    comp = parameters.get("comp", "").lower()
    if comp == "tier":
        return _tier_not_supported()
    if comp in MISSING_COMP_VALUES:
        return _invalid_parameter_value("comp", parameters["comp"])
    for value in parameters.get("include", "").split(","):
        if value.strip().lower() in MISSING_INCLUDE_VALUES:
            return _invalid_parameter_value("include", value)
    for name in sorted(MISSING_QUERY_PARAMETERS & parameters.keys()):
        message = "One of the query parameters specified in the request URI is not supported."
        return Refusal(400, "UnsupportedQueryParameter", message, {"QueryParameterName": name})
    return None


def _refused_feature_in_headers(headers: Mapping[str, str]) -> Refusal | None:
    if "x-ms-access-tier" in headers:
        return _tier_not_supported()
    for name in sorted(MISSING_HEADERS & headers.keys()):
        message = "One of the HTTP headers specified in the request is not supported."
        return Refusal(400, "UnsupportedHeader", message, {"HeaderName": name})
    if headers.get("authorization", "").lower().startswith("bearer "):
        message = (
            "The authentication information was not provided in the correct format. "
            "Verify the value of Authorization header."
        )
        return Refusal(400, "InvalidAuthenticationInfo", message)
    return None


def _tier_not_supported() -> Refusal:
    message = "Blob access tier is not supported on this storage account type."
    return Refusal(400, "BlobAccessTierNotSupportedForAccountType", message)


def _invalid_header_value(name: str, value: str) -> Refusal:
    message = "The value for one of the HTTP headers is not in the correct format."
    return Refusal(400, "InvalidHeaderValue", message, {"HeaderName": name, "HeaderValue": value})


def _invalid_parameter_value(name: str, value: str) -> Refusal:
    message = "Value for one of the query parameters specified in the request URI is invalid."
    details = {"QueryParameterName": name, "QueryParameterValue": value, "Reason": ""}
    return Refusal(400, "InvalidQueryParameterValue", message, details)


def error_document(refusal: Refusal, request_id: str, now: datetime) -> bytes:
    """Render a refusal as the service's XML error document, with the byte order mark it sends."""
    message = f"{refusal.message}\nRequestId:{request_id}\nTime:{now:%Y-%m-%dT%H:%M:%S.%f}0Z"
    elements = {"Code": refusal.code, "Message": message, **refusal.details}
    body = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in elements.items())
    return f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error>{body}</Error>'.encode()
