"""The only way out of the storage network: forwards TCP connections to exactly one address, the site's blob
store, straight or through a proxy.

Travels as text (`python3 -c`) and runs in a container of its own with one leg in the internal network and one
outside. TLS stays end to end between the job and the blob store: a proxy is asked for a tunnel (CONNECT, RFC
9110, section 9.3.6), and only for the one to the store.
"""

import asyncio
import sys

CHUNK_BYTES = 2**17
PROXY_LIMIT_S = 30

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until either end closes."""
    try:
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass  # one end hung up: closing the other end tells it so
    finally:
        writer.close()


async def dial(store: str, proxy: str) -> Ends:
    """Connect to the store.

    Args:
        store: `host:port`.
        proxy: `host:port` of the proxy to go through; empty for none.

    Raises:
        OSError: Nobody answers, or the proxy refuses; the text says which.
    """
    if not proxy:
        return await asyncio.open_connection(*address(store))
    ends = await asyncio.open_connection(*address(proxy))
    try:
        async with asyncio.timeout(PROXY_LIMIT_S):
            status = await status_of_tunnel(*ends, store)
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        status = f"nothing that a proxy says ({type(error).__name__})"
    if not status.partition(" ")[2].startswith("2"):
        ends[1].close()
        raise OSError(f"the proxy {proxy} says {status}")
    return ends


async def status_of_tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, store: str) -> str:
    """Ask for a tunnel; gives the status line of the answer."""
    writer.write(f"CONNECT {store} HTTP/1.1\r\nHost: {store}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    return head.partition(b"\r\n")[0].decode(errors="replace")


def address(text: str) -> tuple[str, int]:
    """Host and port of `host:port`; an IPv6 address stands in brackets."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


async def main(listen_port: int, store: str, proxy: str) -> None:
    """Serve until the container is stopped."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            store_reader, store_writer = await dial(store, proxy)
        except OSError as error:
            print(f"The blob store {store} does not answer: {error}", flush=True)
            writer.close()
            return
        await asyncio.gather(copy(reader, store_writer), copy(store_reader, writer))

    server = await asyncio.start_server(forward, "0.0.0.0", listen_port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
