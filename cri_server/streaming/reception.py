"""Waiting for a client's request, within a time, and sending it away."""

import asyncio
from typing import Any

import structlog

from cri_server.streaming.connection import Connection
from cri_server.streaming.errors import ClientGone, RequestRefused
from cri_server.streaming.http_handshake import HttpHandshake, Request

_SECONDS_FOR_A_REQUEST = 10.0
_SECONDS_TO_READ_A_REFUSAL = 1.0

log = structlog.get_logger()


async def receive_request(connection: Connection, handshake: HttpHandshake) -> Request:
    """Raises RequestRefused, ClientGone."""
    received: asyncio.Future[Request] = asyncio.get_running_loop().create_future()

    def receive(data: bytes) -> None:
        if received.done():
            return handshake.keep(data)
        try:
            request = handshake.receive(data)
        except RequestRefused as refusal:
            return received.set_exception(refusal)
        if request is not None:
            received.set_result(request)
        return None

    connection.receive_with(receive)
    awaited: list[asyncio.Future[Any]] = [received, connection.gone]
    await asyncio.wait(awaited, timeout=_SECONDS_FOR_A_REQUEST, return_when=asyncio.FIRST_COMPLETED)
    if received.done():
        return received.result()
    received.cancel()
    if connection.gone.done():
        raise ClientGone("the client has closed its connection before it asked for anything")
    raise RequestRefused(408, "no request came in time")


async def refuse(connection: Connection, handshake: HttpHandshake, refusal: RequestRefused) -> None:
    log.debug("a client of a stream was refused", status=refusal.status, reason=str(refusal))
    connection.write(handshake.refuse(refusal))
    await connection.close(_SECONDS_TO_READ_A_REFUSAL)
