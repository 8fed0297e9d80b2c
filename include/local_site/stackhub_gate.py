"""The gate in front of the local blob server: it refuses what the blob service of an Azure Stack Hub refuses.

Azurite answers requests that a Stack Hub does not know. Code that only ever met Azurite would fail on its
first day at a site, so the local site puts this TLS reverse proxy in between. It passes allowed requests on
byte for byte (target, Host header and body), because signatures cover them; that is why URLs in the style of
a real site (`https://account.blob.region.domain/container`) and of an emulator
(`https://127.0.0.1/account/container`) both work.

What is refused is in `stackhub_limits`. Azurite runs with the same certificate and key as the gate, and that
certificate is the only one the gate trusts: a SAS that allows https only is refused by Azurite when the last
hop is plain HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import ssl
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from local_site.stackhub_limits import VERSION_PATTERN, Refusal, error_document, find_refusal

HEALTH_PATH = "/gate/health"
HOP_BY_HOP_HEADERS = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "expect"}
)
CLIENT_DEFAULT_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
# Azurite closes idle connections after 5 s; closing earlier avoids sending a request into a closing one.
UPSTREAM_KEEPALIVE_S = 2.0
UPSTREAM_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=300)

log = logging.getLogger("stackhub_gate")


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
