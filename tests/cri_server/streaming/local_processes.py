"""Processes of the host in place of a pod's: what streams are joined to, with real pipes and real terminals."""

import asyncio
import fcntl
import os
import pty
import signal
import socket
import struct
import termios
from collections.abc import Sequence
from contextlib import suppress

from cri_server.streaming.target import Ends, PortTarget, ProcessTarget


class LocalProcess:
    """Leader of a session of its own."""

    def __init__(self, process: asyncio.subprocess.Process, ends: Ends) -> None:
        self.process = process
        self.ends = ends
        self.has_ended = False
        self.sizes: list[tuple[int, int]] = []

    async def wait(self) -> int:
        code = await self.process.wait()
        return code if code >= 0 else 128 - code

    def resize(self, width: int, height: int) -> None:
        self.sizes.append((width, height))
        with suppress(OSError):
            fcntl.ioctl(self.ends.stdout, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    async def end(self) -> None:
        self.has_ended = True
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()


async def start_with_pipes(command: Sequence[str], stdin: bool, stdout: bool, stderr: bool) -> LocalProcess:
    ours, theirs = [-1, -1, -1], [asyncio.subprocess.DEVNULL] * 3
    for number, is_wanted in enumerate((stdin, stdout, stderr)):
        if is_wanted:
            reading, writing = os.pipe2(os.O_CLOEXEC)
            ours[number], theirs[number] = (writing, reading) if number == 0 else (reading, writing)
            os.set_blocking(ours[number], False)
    process = await _start(command, theirs, start_new_session=True)
    for descriptor in theirs:
        if descriptor >= 0:
            os.close(descriptor)
    return LocalProcess(process, Ends(*ours))


async def start_with_terminal(command: Sequence[str]) -> LocalProcess:
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    process = await _start(["setsid", "--ctty", *command], [theirs] * 3, start_new_session=False)
    os.close(theirs)
    return LocalProcess(process, Ends(ours, os.dup(ours)))


async def _start(command: Sequence[str], streams: Sequence[int], start_new_session: bool) -> asyncio.subprocess.Process:
    stdin, stdout, stderr = streams
    return await asyncio.create_subprocess_exec(
        *command, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=start_new_session
    )


class LocalTarget:
    """``process``: what was started for the client, once it was."""

    def __init__(self, *command: str) -> None:
        self.command = command
        self.process: LocalProcess | None = None

    def target(
        self, kind: str = "exec", stdin: bool = False, stdout: bool = True, stderr: bool = True, tty: bool = False
    ) -> ProcessTarget:
        stderr = stderr and not tty

        async def start() -> LocalProcess:
            if tty:
                self.process = await start_with_terminal(self.command)
            else:
                self.process = await start_with_pipes(self.command, stdin, stdout, stderr)
            return self.process

        return ProcessTarget(kind, stdin, stdout, stderr, tty, start)


async def dial_locally(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    except OSError:
        connection.close()
        raise
    return connection


def port_target(*ports: int) -> PortTarget:
    return PortTarget("sandbox", ports, dial_locally)
