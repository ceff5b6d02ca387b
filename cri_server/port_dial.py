"""Connections to a pod's ports, made where the pod is: what listens on its loopback alone is reached, too."""

import asyncio
import os
import socket
from functools import partial

from cri_server.errors import PortNotReached
from cri_server.sandbox_store import Sandbox, running_process
from sandbox.network.inside import sockets_inside
from sandbox.network.own_thread import in_own_thread

_SECONDS = 10.0
_LOOPBACKS = ("127.0.0.1", "::1")


async def dial(sandbox: Sandbox, port: int) -> socket.socket:
    """A connected, non-blocking TCP socket: to 127.0.0.1, else ::1, else the pod's own address. Raises PodProcessGone,
    SandboxError, PortNotReached."""
    addresses = [*_LOOPBACKS, *sandbox.record.ips]
    families = [_family(address) for address in addresses]
    made = await in_own_thread(partial(sockets_inside, running_process(sandbox).netns_path, families))
    try:
        return await _first_connected(made, addresses, port)
    finally:
        for each in made:
            if each is not None:
                each.close()


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


async def _first_connected(made: list[socket.socket | None], addresses: list[str], port: int) -> socket.socket:
    first: OSError | None = None
    for place, address in enumerate(addresses):
        connection = made[place]
        if connection is None:
            continue
        try:
            async with asyncio.timeout(_SECONDS):
                await asyncio.get_running_loop().sock_connect(connection, (address, port))
        except OSError as error:  # a timeout is one
            first = first or error
        else:
            made[place] = None
            return connection
    raise PortNotReached(f"{_reason(first)}: see that something listens on port {port} of the pod")


def _reason(error: OSError | None) -> str:
    if error is None:
        return "no socket can be made in the pod"
    if isinstance(error, TimeoutError):
        return f"no answer within {_SECONDS:g} s"
    return os.strerror(error.errno or 0).lower()
