"""The gate in front of the local blob server: it refuses what the blob service of an Azure Stack Hub refuses.

Azurite answers requests that a Stack Hub does not know. Code that only ever met Azurite would fail on its
first day at a site, so the local site puts this TLS reverse proxy in between. It passes allowed requests on
byte for byte (target, Host header and body), because signatures cover them; that is why URLs in the style of
a real site (`https://account.blob.region.domain/container`) and of an emulator
(`https://127.0.0.1/account/container`) both work.

What is refused, with the status and code of the service:

| request | answer | source |
|---|---|---|
| `x-ms-version` above the ceiling | 400 InvalidHeaderValue | seen on a Stack Hub: Azure/azure-sdk-for-java issue 11831 |
| `api-version` above the ceiling | 400 InvalidQueryParameterValue | Common REST API error codes |
| SAS `sv` above the ceiling | 403 AuthenticationFailed | Common REST API error codes |
| tiers (`comp=tier`, `x-ms-access-tier`) | 400 BlobAccessTierNotSupportedForAccountType | answer of a general purpose v1 account, the only kind on Stack Hub: Azure/azure-storage-azcopy pull request 792 |
| `comp` or `include` values of later features | 400 InvalidQueryParameterValue | Common REST API error codes |
| query parameters of later features | 400 UnsupportedQueryParameter | Common REST API error codes |
| headers of later features | 400 UnsupportedHeader | Common REST API error codes |
| bearer tokens (no AAD on the data plane) | 400 InvalidAuthenticationInfo | Common REST API error codes |

Which features are missing: "Azure Stack Hub storage: Differences and considerations" (azure-stack-acs-differences).
Azurite runs with the same certificate and key as the gate, and that certificate is the only one the gate
trusts: a SAS that allows https only is refused by Azurite when the last hop is plain HTTP.
"""  # noqa: E501  (the rows of a table cannot be broken)

from __future__ import annotations

import argparse
import asyncio
import logging
import re
import signal
import ssl
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

HEALTH_PATH = "/gate/health"
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
HOP_BY_HOP_HEADERS = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "expect"}
)
CLIENT_DEFAULT_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
# Azurite closes idle connections after 5 s; closing earlier avoids sending a request into a closing one.
UPSTREAM_KEEPALIVE_S = 2.0
UPSTREAM_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=300)

log = logging.getLogger("stackhub_gate")


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


class Gate:
    """Answers one request after the other: refuses it, or passes it on to the blob server."""

    def __init__(self, session: aiohttp.ClientSession, upstream: str, max_version: str) -> None:
        """Remember the way to the blob server.

        Args:
            session: Client whose connector trusts the blob server.
            upstream: `host:port` of the blob server.
            max_version: Newest service version that is let through.
        """
        self._session = session
        self._upstream = f"https://{upstream}"
        self._max_version = max_version

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        target = request.raw_path
        if target == HEALTH_PATH:
            return await self._health()
        _, _, raw_query = target.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        refusal = find_refusal(parse_qsl(raw_query, keep_blank_values=True), headers, self._max_version)
        if refusal is not None:
            return _refuse(request, refusal)
        try:
            return await self._forward(request)
        except aiohttp.ClientConnectorError as error:
            log.warning("%s does not answer: %s", self._upstream, error)
            return _refuse(
                request, Refusal(503, "ServerBusy", "The server is currently unable to receive requests.")
            )

    async def _health(self) -> web.Response:
        try:
            async with self._session.head(self._upstream, allow_redirects=False):
                return web.json_response({"status": "ok", "max_version": self._max_version})
        except aiohttp.ClientError as error:
            return web.json_response({"status": "no blob server", "reason": str(error)}, status=503)

    async def _forward(self, request: web.BaseRequest) -> web.StreamResponse:
        async with self._session.request(
            request.method,
            URL(self._upstream + request.raw_path, encoded=True),
            headers=_end_to_end(request.headers),
            data=request.content.iter_any() if request.body_exists else None,
            allow_redirects=False,
            skip_auto_headers=CLIENT_DEFAULT_HEADERS,
        ) as upstream:
            response = web.StreamResponse(
                status=upstream.status, reason=upstream.reason, headers=_end_to_end(upstream.headers)
            )
            await response.prepare(request)
            async for chunk in upstream.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response


def _refuse(request: web.BaseRequest, refusal: Refusal) -> web.Response:
    log.info("refused %s %s: %d %s", request.method, request.path, refusal.status, refusal.code)
    request_id = str(uuid.uuid4())
    headers = {"x-ms-error-code": refusal.code, "x-ms-request-id": request_id}
    body = b"" if request.method == "HEAD" else error_document(refusal, request_id, datetime.now(UTC))
    return web.Response(
        status=refusal.status,
        reason=refusal.message,
        body=body,
        headers=headers,
        content_type="application/xml",
    )


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP_HEADERS
    )


def trust_only(cert_file: Path) -> ssl.SSLContext:
    """Return a client context that accepts exactly the certificates in `cert_file`, whoever issued them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=cert_file)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


@asynccontextmanager
async def running_gate(
    listen: Iterable[tuple[str, int]], upstream: str, cert_file: Path, key_file: Path, max_version: str
) -> AsyncIterator[list[tuple[str, int]]]:
    """Serve the gate for the time of the context.

    Args:
        listen: Addresses to listen on; port 0 takes a free one.
        upstream: `host:port` of an Azurite that uses the same certificate.
        cert_file: Certificate chain in PEM.
        key_file: Private key in PEM.
        max_version: Newest service version that is let through.

    Yields:
        The addresses it listens on.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    connector = aiohttp.TCPConnector(
        limit=0, ssl=trust_only(cert_file), keepalive_timeout=UPSTREAM_KEEPALIVE_S, use_dns_cache=False
    )
    session = aiohttp.ClientSession(
        connector=connector, timeout=UPSTREAM_TIMEOUT, auto_decompress=False, trust_env=False
    )
    async with session:
        gate = Gate(session, upstream, max_version)
        runner = web.ServerRunner(web.Server(gate.answer, access_log=None, auto_decompress=False))
        await runner.setup()
        try:
            for host, port in listen:
                await web.TCPSite(runner, host, port, ssl_context=context).start()
            yield [(address[0], address[1]) for address in runner.addresses]
        finally:
            await runner.cleanup()


async def serve_until_stopped(arguments: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT arrives."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopped.set)
    async with running_gate(
        arguments.listen, arguments.upstream, arguments.cert, arguments.key, arguments.max_version
    ) as addresses:
        log.info("listening on %s, newest version %s", addresses, arguments.max_version)
        await stopped.wait()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _version(text: str) -> str:
    if VERSION_PATTERN.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no service version such as 2019-07-07")
    return text


def main() -> None:
    """Run the gate from the command line."""
    parser = argparse.ArgumentParser(
        prog="local_site.stackhub_gate", description="Stack Hub's limits for Azurite"
    )
    parser.add_argument("--listen", type=_address, action="append", required=True, metavar="HOST:PORT")
    parser.add_argument(
        "--upstream", required=True, metavar="HOST:PORT", help="Azurite, with the same certificate"
    )
    parser.add_argument("--cert", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--max-version", type=_version, default="2019-07-07")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    asyncio.run(serve_until_stopped(parser.parse_args()))


if __name__ == "__main__":
    main()
