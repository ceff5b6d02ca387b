"""A slim process that forks guests, as a zygote and its pod processes do.

Its argument is a JSON object (see ``conftest.Host.run``); one JSON object a guest goes to descriptor 3.
"""

import array
import fcntl
import json
import os
import socket
import sys
import termios
import time
from pathlib import Path
from typing import Any

from sandbox import syscalls
from sandbox.errors import SandboxError
from sandbox.wasm import guest
from sandbox.wasm.engine import Engine

OUTCOMES = 3


def main() -> None:
    request = json.loads(sys.argv[1])
    try:
        engine = Engine(request["library"])
        loaded = engine.load(request["kind"], request["compiled"], request["entry"])
        if request["lacks_place"]:
            loaded.memory_limit = 0
        prepared = [guest.prepare(loaded, setup(request, engine)) for _ in range(request["times"])]
    except SandboxError as error:
        tell({"failure": str(error)})
        return
    for each in prepared:
        fork(request["levels"], each, request["listeners"])


def setup(request: dict[str, Any], engine: Engine) -> guest.WasiSetup:
    shim = [os.open(path, os.O_RDONLY) for path in request["shim"]]
    return guest.WasiSetup(
        argv=[os.fsencode(word) for word in request["argv"]],
        env=[(os.fsencode(name), os.fsencode(value)) for name, value in request["env"]],
        preopens=[tuple(preopen) for preopen in request["preopens"]],
        memory_limit=request["memory_limit"],
        denies_calls=request["denies_calls"],
        socket_shim=engine.socket_shim(request["shim"], *shim) if shim else None,
    )


def fork(levels: int, prepared: guest.Prepared, listeners: int) -> None:
    """The guest is the last of so many generations."""
    pid = syscalls.fork()
    if pid == 0 and levels > 1:
        fork(levels - 1, prepared, listeners)
        os._exit(0)
    elif pid == 0:
        become_guest(prepared, listeners)
    os.waitpid(pid, 0)


def become_guest(prepared: guest.Prepared, listeners: int) -> None:
    """``listeners``: how many sockets it is given, each with a client."""
    try:
        given = [socket.create_server(("127.0.0.1", 0)) for _ in range(listeners)]
        for each in given:
            start_client(each)
        outcome = guest.run(guest.instantiate(prepared, [each.fileno() for each in given]))
    except SandboxError as error:
        tell({"failure": str(error)})
        os._exit(128)
    tell({"exit_code": outcome.exit_code, "message": outcome.message})
    os._exit(outcome.exit_code)


def tell(answer: dict[str, Any]) -> None:
    os.write(OUTCOMES, json.dumps(answer).encode() + b"\n")


def start_client(listener: socket.socket) -> None:
    """A process that sends in two pieces, the second when something of the first has been read; it ends its side then,
    and stays until the other one is ended, too.
    """
    client = socket.create_connection(listener.getsockname())
    ends = [f":{port:04X}" for port in (client.getpeername()[1], client.getsockname()[1])]
    client.sendall(b"hello")
    if syscalls.fork() == 0:
        listener.close()
        while not is_sent(client) or unread(ends) == len(b"hello"):
            time.sleep(0.001)
        client.sendall(b" there")
        client.shutdown(socket.SHUT_WR)
        client.recv(1)
        os._exit(0)
    client.close()


def is_sent(client: socket.socket) -> bool:
    """Whether the other side has it, read or unread."""
    left = array.array("i", [0])
    fcntl.ioctl(client, termios.TIOCOUTQ, left)
    return left[0] == 0


def unread(ends: list[str]) -> int:
    """Bytes that the other side of a connection between these ports has and has not read; 0 where it is no more."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if [local[-5:], remote[-5:]] == ends:
            return int(queues.split(":")[1], 16)
    return 0


if __name__ == "__main__":
    main()
