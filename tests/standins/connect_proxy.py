"""A proxy of an organisation: it opens tunnels to the places on its list, and refuses as proxies refuse."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class ConnectProxy:
    """The proxy.

    Attributes:
        allows: `host:port` of each place that a tunnel may lead to.
        needs_password: Whether it asks for one; nobody has it.
        leads_to: Where the tunnel to a place really ends, if not there.
        address: Where it listens, `host:port`.
        asked: The request lines that it got.
    """

    allows: Sequence[str]
    needs_password: bool = False
    leads_to: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except (asyncio.IncompleteReadError, OSError):  # it was killed before it had asked
            writer.close()
            return
        line = head.partition("\r\n")[0]
        self.asked.append(line)
        ends, status = await self._open(line)
        writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
        if ends is None:
            await writer.drain()
            writer.close()
            return
        await asyncio.gather(relay(reader, ends[1]), relay(ends[0], writer))

    async def _open(self, line: str) -> tuple[tuple | None, str]:
        method, place, _ = line.split(" ")
        if method != "CONNECT":
            return None, "405 Method Not Allowed"
        if self.needs_password:
            return None, "407 Proxy Authentication Required"
        if place not in self.allows:
            return None, "403 Filtered"
        host, _, port = self.leads_to.get(place, place).rpartition(":")
        try:
            return await asyncio.open_connection(host, int(port)), "200 Connection established"
        except OSError:
            return None, "502 Bad Gateway"


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until either end closes."""
    with suppress(OSError):
        while chunk := await reader.read(2**16):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@contextmanager
def connect_proxy(
    allows: Sequence[str],
    needs_password: bool = False,
    host: str = "127.0.0.1",
    leads_to: Mapping[str, str] | None = None,
    port: int = 0,
) -> Iterator[ConnectProxy]:
    """Run the proxy in a thread of its own, on a port of its own unless told which."""
    proxy = ConnectProxy(allows, needs_password, leads_to or {})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    started = asyncio.run_coroutine_threadsafe(asyncio.start_server(proxy.serve, host, port), loop)
    proxy.address = f"{host}:{started.result().sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(ended(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def ended() -> None:
    """End everything else that runs in this loop."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
