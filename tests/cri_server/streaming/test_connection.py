import asyncio
import socket
import struct

from cri_server.streaming.connection import Connection

RESET = struct.pack("ii", 1, 0)
"""As ``SO_LINGER``: what is closed is reset."""


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
