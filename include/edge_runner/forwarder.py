"""The only way out of the storage network: forwards TCP connections to exactly one address, the site's blob
store.

Travels as text (`python3 -c`) and runs in a container of its own with one leg in the internal network and one
outside. TLS stays end to end between the job and the blob store.
"""

import asyncio
import sys

CHUNK_BYTES = 2**17


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


async def main(listen_port: int, host: str, port: int) -> None:
    """Serve until the container is stopped."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            store_reader, store_writer = await asyncio.open_connection(host, port)
        except OSError as error:
            print(f"The blob store {host}:{port} does not answer: {error}", flush=True)
            writer.close()
            return
        await asyncio.gather(copy(reader, store_writer), copy(store_reader, writer))

    server = await asyncio.start_server(forward, "0.0.0.0", listen_port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
