"""A pod process as the server holds it: what it can be asked, what it tells, and the certainty of its death."""

import asyncio
import os
import signal
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path

import structlog

from sandbox import control, process_numbers, start_files, start_version_1
from sandbox.cgroup.layout import Layout
from sandbox.container_log import open_log
from sandbox.errors import Garbled, PodProcessGone, SandboxError, StartFailure
from sandbox.link import Link
from sandbox.mount_places import MountPlaces, apart
from sandbox.pod_process_streams import PodProcessStreams
from sandbox.specs import Run
from sandbox.start_files import StartFiles

log = structlog.get_logger()

CONTROL_SOCKET = "control.sock"
_ANSWER_SECONDS = 30
_OPEN_SECONDS = 60.0
"""What it may take to find what a container's mounts are of: a server of files that is down answers never."""
_MOMENT = 0.1
"""Seconds."""
_RECONNECT_SECONDS = 0.05


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

    version = control.VERSION
    """The language it speaks."""

    def __init__(self, sandbox_id: str, folder: Path, places: MountPlaces, connection: socket.socket, pid: int) -> None:
        self.sandbox_id = sandbox_id
        self._places = places
        self._numbered = (0, 0), 0
        self.streams = PodProcessStreams(self, places)
        self._folder = folder
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self.pid = pid
        self._pidfd = os.pidfd_open(self.pid)
        self._loop.add_reader(self._pidfd, self._process_end)
        self._link = self._connect(connection)
        self._returning: asyncio.Task[None] | None = None
        self._reconnecting: asyncio.TimerHandle | None = None

    @classmethod
    async def meet(
        cls, sandbox_id: str, folder: Path, places: MountPlaces, pid: int, layout: Layout, namespace: int
    ) -> "PodProcess":
        """The one that was just forked, as process ``pid``, and has its place in the pod's cgroups and in ``namespace``
        from then on. Raises PodProcessGone when it does not answer, SandboxError when it cannot serve the pod."""
        with _gone_if_dead(sandbox_id):
            pod = cls(sandbox_id, folder, places, open_connection(folder), pid)
        async with pod._released_on_failure():
            await _in_time(pod._link.request("confine", (namespace,), layout=layout._asdict()), sandbox_id)
        return pod

    @classmethod
    async def connect(cls, sandbox_id: str, folder: Path, places: MountPlaces) -> "PodProcess":
        """The one that an earlier server left. Raises as ``meet``."""
        pod = await cls.find(sandbox_id, folder, places)
        async with pod._released_on_failure():
            pod.version = await _greet(pod._link, sandbox_id)
        return pod

    @classmethod
    async def find(cls, sandbox_id: str, folder: Path, places: MountPlaces) -> "PodProcess":
        """The process that holds the pod's socket, whether it can serve the pod or not. Raises PodProcessGone."""
        # An answer, even a refusal, proves that the pod process listens by itself: before, the peer was its maker.
        await _await_answer(open_connection(folder), sandbox_id)
        connection = open_connection(folder)
        with _gone_if_dead(sandbox_id):
            return cls(sandbox_id, folder, places, connection, _peer_pid(connection))

    @asynccontextmanager
    async def _released_on_failure(self) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            self.release()
            raise

    @property
    def alive(self) -> bool:
        return not self._ended.done()

    @property
    def link(self) -> Link:
        """The connection that there is now."""
        return self._link

    @property
    def netns_path(self) -> str:
        return f"/proc/{self.pid}/ns/net"

    async def start(self, container_id: str, spec_path: str) -> Run:
        """Start the guest that the record at ``spec_path`` describes; its Run is on disk. Raises StartFailure."""
        if self.version < control.HANDED_FILES:
            return await self._start_version_1(container_id, spec_path)
        files = await self._open_files(container_id, spec_path)
        try:
            carried = tuple(files.descriptors)
            answer = await self._link.request(
                "start", carried, files.close, container=container_id, carried=files.names
            )
        finally:
            files.close()
        return self.in_host(_run(answer))

    async def _open_files(self, container_id: str, spec_path: str) -> StartFiles:
        """The thread that nobody waits for any more ends when the kernel lets it."""
        async with self._failure_recorded(container_id, spec_path):
            try:
                async with asyncio.timeout(_OPEN_SECONDS):
                    is_apart = self.version >= control.TAKES_ENVIRONMENT_APART
                    files = partial(start_files.open_all, self._places, spec_path, self.netns_path, is_apart)
                    return await apart(files, StartFiles.close)
            except TimeoutError as error:
                raise StartFailure(
                    f"container {container_id} did not start within {_OPEN_SECONDS:.0f} s: "
                    "look for what its mounts wait for"
                ) from error

    async def _start_version_1(self, container_id: str, spec_path: str) -> Run:
        async with self._failure_recorded(container_id, spec_path):
            await asyncio.to_thread(start_version_1.rewrite, spec_path)
        answer = await self._link.request("start", container=container_id, spec=spec_path)
        return _run(answer)

    @asynccontextmanager
    async def _failure_recorded(self, container_id: str, spec_path: str) -> AsyncIterator[None]:
        """As the pod process does for what fails there."""
        try:
            yield
        except StartFailure as error:
            failed = await asyncio.to_thread(start_files.record_failure, spec_path, str(error))
            self.on_exit(container_id, failed)
            if await self._dies():  # and with it what was to be mounted of its own
                raise PodProcessGone(f"pod process of {self.sandbox_id} is gone: make the pod anew") from error
            raise

    async def _dies(self) -> bool:
        """A process that ends loses what it has a moment before its end is told."""
        await asyncio.wait((self._ended,), timeout=_MOMENT)
        return not self.alive

    def in_host(self, run: Run) -> Run:
        """With the host's number of the guest that runs: a pod process knows its own numbers only."""
        if self.version < control.HANDED_FILES or not run.pid or run.finished_at:
            return run
        guest = (run.pid, run.started_at)
        if self._numbered[0] != guest:  # a start is told twice: as an answer, and to all
            self._numbered = guest, process_numbers.in_host(self.pid, run.pid)
        return run._replace(pid=self._numbered[1])

    async def signal(self, container_id: str, number: int) -> None:
        """Nothing happens when the guest has exited."""
        await self._link.request("signal", container=container_id, number=number)

    async def reopen_log(self, container_id: str, path: str) -> None:
        """Go on in a new file at ``path`` (CRI: ReopenContainerLog; after an error there is no new file)."""
        if self.version < control.HANDED_FILES or not path:
            await self._link.request("reopen_log", container=container_id)
            return
        file, is_new = await asyncio.to_thread(_open_log, path)
        try:
            await self._link.request("reopen_log", (file,), container=container_id)
        except SandboxError:
            if is_new:  # else it may be the one that is still written to
                await asyncio.to_thread(_discard_unused, path)
            raise
        finally:
            os.close(file)

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
        if self._reconnecting is not None:
            self._reconnecting.cancel()
        self._link.close()
        if self.alive:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)

    def _connect(self, connection: socket.socket) -> Link:
        return Link(connection, f"pod process of {self.sandbox_id}", self._process_event, self._process_loss)

    def _process_event(self, message: control.Message) -> None:
        match message["event"]:
            case "started" | "ended":
                self._process_run(message)
            case "exec_ended" | "input_ended" | "detached":
                self.streams.process_event(message)

    def _process_run(self, message: control.Message) -> None:
        told = self.on_start if message["event"] == "started" else self.on_exit
        told(str(message.get("container")), self.in_host(_run(message)))

    def _process_loss(self) -> None:
        """Usually its death, which the pidfd tells. One that only cut us off, because we were slow, gets a new
        connection.
        """
        self.streams.lose()
        self._reconnecting = self._loop.call_later(_RECONNECT_SECONDS, self._reconnect)

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
        self.streams.lose()
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


async def _greet(link: Link, sandbox_id: str) -> int:
    """The version of the pod process."""
    version = (await _in_time(link.request("hello"), sandbox_id)).get("version")
    if type(version) is not int:
        raise Garbled(f"pod process of {sandbox_id} does not tell its version: its cgroup has to be killed")
    return version


async def _in_time(answer: Awaitable[control.Message], sandbox_id: str) -> control.Message:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await answer
    except TimeoutError as error:
        raise PodProcessGone(f"pod process of {sandbox_id} does not answer: its cgroup has to be killed") from error


def _open_log(path: str) -> tuple[int, bool]:
    """Its descriptor, and whether it was made for that. Raises SandboxError."""
    is_new = not os.path.lexists(path)
    return open_log(path), is_new


def _discard_unused(path: str) -> None:
    with suppress(OSError):
        if not os.stat(path).st_size:
            os.unlink(path)


@contextmanager
def _gone_if_dead(sandbox_id: str) -> Iterator[None]:
    try:
        yield
    except ProcessLookupError as error:
        raise PodProcessGone(f"pod process of {sandbox_id} is gone") from error


def _peer_pid(connection: socket.socket) -> int:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[0])
