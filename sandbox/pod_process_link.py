"""A pod process as the server holds it: what it can be asked, what it tells, and the certainty of its death."""

import asyncio
import os
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from sandbox import control
from sandbox.errors import Garbled, PodProcessGone, SandboxError
from sandbox.link import Link
from sandbox.specs import Run

log = structlog.get_logger()

CONTROL_SOCKET = "control.sock"
_ANSWER_SECONDS = 30


def _ignore_run(container_id: str, run: Run) -> None:
    """Nobody has asked to be told yet."""


def _ignore() -> None:
    """Nobody has asked to be told yet."""


class PodProcess:
    """Lives while the pod sandbox is READY. Whoever holds it sets the callbacks, which run in the event loop."""

    on_start: Callable[[str, Run], None] = staticmethod(_ignore_run)
    """Container id and its Run, which is on disk; also for starts that another server asked for."""
    on_exit: Callable[[str, Run], None] = staticmethod(_ignore_run)
    """Container id and its final Run, which is on disk."""
    on_return: Callable[[], None] = staticmethod(_ignore)
    """The connection was lost and is there again. What was told meanwhile is on disk only."""
    on_end: Callable[[], None] = staticmethod(_ignore)
    """The pod process and all its guests are dead. Called once."""

    def __init__(self, sandbox_id: str, folder: Path, connection: socket.socket, pid: int) -> None:
        self.sandbox_id = sandbox_id
        self._folder = folder
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self.pid = pid
        self._pidfd = os.pidfd_open(self.pid)
        self._loop.add_reader(self._pidfd, self._process_end)
        self._link = self._connect(connection)
        self._returning: asyncio.Task[None] | None = None

    @classmethod
    async def meet(cls, sandbox_id: str, folder: Path, pid: int) -> "PodProcess":
        """The one that was just forked, as process ``pid``. Raises PodProcessGone when it does not answer, SandboxError
        when it answers that it cannot serve the pod."""
        with _gone_if_dead(sandbox_id):
            pod = cls(sandbox_id, folder, open_connection(folder), pid)
        return await pod._greeted()

    @classmethod
    async def connect(cls, sandbox_id: str, folder: Path) -> "PodProcess":
        """The one that an earlier server left. Raises as ``meet``."""
        return await (await cls.find(sandbox_id, folder))._greeted()

    @classmethod
    async def find(cls, sandbox_id: str, folder: Path) -> "PodProcess":
        """The process that holds the pod's socket, whether it can serve the pod or not. Raises PodProcessGone."""
        # An answer, even a refusal, proves that the pod process listens by itself: before, the peer was its maker.
        await _await_answer(open_connection(folder), sandbox_id)
        connection = open_connection(folder)
        with _gone_if_dead(sandbox_id):
            return cls(sandbox_id, folder, connection, _peer_pid(connection))

    async def _greeted(self) -> "PodProcess":
        try:
            await _greet(self._link, self.sandbox_id)
        except BaseException:
            self.release()
            raise
        return self

    @property
    def alive(self) -> bool:
        return not self._ended.done()

    @property
    def netns_path(self) -> str:
        return f"/proc/{self.pid}/ns/net"

    async def enter_cgroup(self) -> None:
        """The pod's group stands (systemd made it): move into it."""
        await self._link.request("enter_cgroup")

    async def start(self, container_id: str, spec_path: str) -> Run:
        """Start the guest that the record at ``spec_path`` describes; its Run is on disk. Raises StartFailure."""
        answer = await self._link.request("start", container=container_id, spec=spec_path)
        return _run(answer)

    async def signal(self, container_id: str, number: int) -> None:
        """Nothing happens when the guest has exited."""
        await self._link.request("signal", container=container_id, number=number)

    async def reopen_log(self, container_id: str) -> None:
        await self._link.request("reopen_log", container=container_id)

    async def limit_memory(self, container_id: str, size: int) -> None:
        """Each memory of the running guest may grow to ``size`` bytes; 0: no limit. Raises GuestGone, NotSupported."""
        await self._link.request("limit_memory", container=container_id, size=size)

    async def shutdown(self) -> None:
        """Kill the pod process and its guests and return when the kernel has buried them all. Idempotent."""
        if self.alive:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        await asyncio.shield(self._ended)

    def release(self) -> None:
        """Let the pod live on without this server."""
        self._link.close()
        if self.alive:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)

    def _connect(self, connection: socket.socket) -> Link:
        return Link(connection, f"pod process of {self.sandbox_id}", self._process_event, self._process_loss)

    def _process_event(self, message: control.Message) -> None:
        told = self.on_start if message["event"] == "started" else self.on_exit
        told(str(message.get("container")), _run(message))

    def _process_loss(self) -> None:
        """Usually its death, which the pidfd tells. One that only cut us off, because we were slow, gets a new
        connection.
        """
        self._loop.call_later(0.05, self._reconnect)

    def _reconnect(self) -> None:
        if not self.alive:
            return
        try:
            self._link = self._connect(open_connection(self._folder))
        except PodProcessGone:
            self._process_loss()
        else:
            self._returning = self._loop.create_task(self._return())

    async def _return(self) -> None:
        """An answer proves that it has accepted us: from then on nothing is told past us."""
        try:
            await self._link.request("hello")
        except SandboxError:
            return  # lost again, or about to die
        self.on_return()

    def _process_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._ended.set_result(None)
        self._link.close()
        self.on_end()


def _run(message: control.Message) -> Run:
    """Raises Garbled."""
    try:
        return Run.from_json(message["run"])
    except (KeyError, TypeError, ValueError) as error:
        raise Garbled(f"what it told of a container is no run of one: {error}") from error


def open_connection(folder: Path) -> socket.socket:
    """A blocking connection to the socket in ``folder``. Raises PodProcessGone."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            connection.connect(control.socket_address(descriptor, CONTROL_SOCKET))
        finally:
            os.close(descriptor)
    except OSError as error:
        connection.close()
        raise PodProcessGone(f"pod process of {folder.name} is gone: {error.strerror}") from error
    return connection


async def _await_answer(connection: socket.socket, sandbox_id: str) -> None:
    link = Link(connection, f"pod process of {sandbox_id}", lambda event: None, lambda: None)
    try:
        await _greet(link, sandbox_id)
    except PodProcessGone:
        raise
    except SandboxError:
        log.debug("pod process refuses to serve", sandbox_id=sandbox_id)
    finally:
        link.close()


async def _greet(link: Link, sandbox_id: str) -> None:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await link.request("hello")
    except TimeoutError as error:
        raise PodProcessGone(f"pod process of {sandbox_id} does not answer: its cgroup has to be killed") from error


@contextmanager
def _gone_if_dead(sandbox_id: str) -> Iterator[None]:
    try:
        yield
    except ProcessLookupError as error:
        raise PodProcessGone(f"pod process of {sandbox_id} is gone") from error


def _peer_pid(connection: socket.socket) -> int:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[0])
