import asyncio
import socket
import struct
from typing import cast

from cri_server.streaming.connection import Connection

RESET = struct.pack("ii", 1, 0)
"""As ``SO_LINGER``: what is closed is reset."""


def test_nothing_is_written_when_there_is_nothing() -> None:
    connection_is_there: list[Connection] = []

    class Transport:
        def __init__(self) -> None:
            self.written: list[list[bytes]] = []

        def writelines(self, pieces: list[bytes]) -> None:
            self.written.append(pieces)

    async def scenario() -> None:
        connection = Connection(connection_is_there.append)
        transport = Transport()
        connection._transport = cast(asyncio.Transport, transport)
        connection.write(b"")
        connection.write(b"head", memoryview(b""), b"body")
        connection.write()
        assert transport.written == [[b"head", b"body"]]

    asyncio.run(scenario())


def test_a_client_that_has_reset_while_nothing_was_read_from_it() -> None:
    async def scenario() -> None:
        begun: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        server = await asyncio.get_running_loop().create_server(lambda: Connection(begun.set_result), "127.0.0.1", 0)
        client = socket.create_connection(server.sockets[0].getsockname())
        connection = await begun
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()
        await connection.close(10)
        assert connection.gone.done()
        server.close()
        await server.wait_closed()

    asyncio.run(scenario())
