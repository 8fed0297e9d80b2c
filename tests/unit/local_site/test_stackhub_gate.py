"""An allowed request passes through the gate unchanged, a refused one never reaches the server."""

from __future__ import annotations

import asyncio
import http.client
import ssl
from contextlib import asynccontextmanager
from xml.etree import ElementTree

import aiohttp
from aiohttp import web
from tests.standins.certificates import certificates
from yarl import URL

from local_site.stackhub_gate import running_gate

CEILING = "2019-07-07"


@asynccontextmanager
async def gate_before(answer):
    """The gate in front of a server whose only handler is `answer`; yields a client and the gate's URL."""
    files = certificates()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server_certificate_file, files.server_key_file)
    runner = web.ServerRunner(web.Server(answer, auto_decompress=False))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    upstream = f"127.0.0.1:{runner.addresses[0][1]}"
    trusting = ssl.create_default_context(cafile=files.ca_file)
    async with (
        running_gate(
            [("127.0.0.1", 0)], upstream, files.server_certificate_file, files.server_key_file, CEILING
        ) as addresses,
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trusting), auto_decompress=False, trust_env=False
        ) as client,
    ):
        yield client, f"https://127.0.0.1:{addresses[0][1]}", runner
    await runner.cleanup()


async def test_target_host_headers_and_body_arrive_byte_for_byte():
    seen = {}

    async def answer(request):
        seen.update(target=request.raw_path, headers=dict(request.headers), body=await request.read())
        return web.Response(status=201, reason="Created", headers={"ETag": '"0x1"', "x-ms-request-id": "7"})

    target = "/account/box/a%20b%2Fc%C3%BC+%25?comp=block&blockid=AA%3D%3D&sig=a%2Bb%2F"
    sent = {
        "Host": "account.blob.example:1",
        "Content-Encoding": "gzip",
        "x-ms-meta-A": "ü".encode().decode("latin-1"),
    }
    body = bytes(range(256)) * 2000
    async with gate_before(answer) as (client, url, _):
        response = await client.put(URL(url + target, encoded=True), data=body, headers=sent)
    assert (response.status, response.reason, response.headers["ETag"]) == (201, "Created", '"0x1"')
    assert seen["target"] == target
    assert seen["body"] == body
    assert sent.items() <= seen["headers"].items()
    assert seen["headers"]["Content-Length"] == str(len(body))


async def test_no_header_is_invented_because_signatures_cover_them():
    seen = {}

    async def answer(request):
        seen.update(request.headers)
        return web.Response()

    async with gate_before(answer) as (client, url, _):
        skipped = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
        await client.put(url + "/account/box", params={"restype": "container"}, skip_auto_headers=skipped)
    assert set(seen) == {"Host", "Content-Length"}


async def test_compressed_and_chunked_answers_are_passed_on_as_they_are():
    async def answer(request):
        response = web.StreamResponse(headers={"Content-Encoding": "gzip"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for _ in range(3):
            await response.write(b"not really gzip")
        return response

    async with gate_before(answer) as (client, url, _):
        response = await client.get(url + "/account/box/b")
        assert await response.read() == b"not really gzip" * 3
        assert response.headers["Content-Encoding"] == "gzip"


async def test_answer_to_head_keeps_the_length_of_the_blob():
    async def answer(_):
        return web.Response(headers={"Content-Length": "123456"})

    async with gate_before(answer) as (client, url, _):
        response = await client.head(url + "/account/box/b")
    assert response.headers["Content-Length"] == "123456"


async def test_connections_are_kept_on_both_sides():
    upstream_connections = set()

    async def answer(request):
        upstream_connections.add(request.transport)
        return web.Response(text="x")

    def three_requests(port):
        trusting = ssl.create_default_context(cafile=certificates().ca_file)
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusting)
        connection.auto_open = 0
        connection.connect()
        for _ in range(3):
            connection.request("GET", "/account/box/b")
            assert connection.getresponse().read() == b"x"
        connection.close()

    async with gate_before(answer) as (_, url, _):
        await asyncio.to_thread(three_requests, URL(url).port)
    assert len(upstream_connections) == 1


async def test_refused_request_does_not_reach_the_server():
    reached = []

    async def answer(request):
        reached.append(request)
        return web.Response()

    async with gate_before(answer) as (client, url, _):
        response = await client.put(
            url + "/account/box/b", data=b"x" * 1_000_000, headers={"x-ms-version": "2019-12-12"}
        )
        body = await response.read()
    document = ElementTree.fromstring(body.decode("utf-8-sig"))
    assert (response.status, response.headers["x-ms-error-code"]) == (400, "InvalidHeaderValue")
    assert document.findtext("Code") == "InvalidHeaderValue"
    assert document.findtext("HeaderValue") == "2019-12-12"
    assert f"RequestId:{response.headers['x-ms-request-id']}" in str(document.findtext("Message"))
    assert reached == []


async def test_refusal_is_valid_xml_whatever_the_client_sent():
    async def answer(_):
        return web.Response()

    async with gate_before(answer) as (client, url, _):
        response = await client.get(url + "/account/box", headers={"x-ms-version": "<&>"})
        document = ElementTree.fromstring((await response.read()).decode("utf-8-sig"))
    assert document.findtext("HeaderValue") == "<&>"


async def test_health_needs_the_server_behind():
    async def answer(_):
        return web.Response()

    async with gate_before(answer) as (client, url, upstream):
        healthy = await client.get(url + "/gate/health")
        assert (healthy.status, (await healthy.json())["max_version"]) == (200, CEILING)
        await upstream.cleanup()
        assert (await client.get(url + "/gate/health")).status == 503
        busy = await client.get(url + "/account/box/b")
        assert (busy.status, busy.headers["x-ms-error-code"]) == (503, "ServerBusy")
