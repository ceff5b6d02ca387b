"""What a pod process runs for clients of the server: guests that it executes, and attachers to its containers."""

import asyncio
import itertools
from collections.abc import Awaitable
from functools import partial
from typing import Protocol

import structlog

from sandbox import control, exec_files
from sandbox.attachment import STALLED
from sandbox.errors import Garbled, NotSupported, PodProcessGone, SandboxError, Stalled
from sandbox.link import Link
from sandbox.mount_places import MountPlaces, apart
from sandbox.specs import GuestSpec
from sandbox.start_files import StartFiles
from sandbox.stream_ends import Streams
from sandbox.streamed_guest import AttachedGuest, ExecutedGuest

log = structlog.get_logger()

_MOST_CODES = 256


class Pod(Protocol):
    """The pod process, as far as it is asked here."""

    sandbox_id: str
    version: int

    @property
    def link(self) -> Link: ...


class PodProcessStreams:
    """Of one pod process. What runs ends with the connection to that."""

    def __init__(self, pod: Pod, places: MountPlaces) -> None:
        self._pod = pod
        self._places = places
        self._numbers = itertools.count(1)
        self._execs: dict[int, asyncio.Future[int]] = {}
        """What is executed, by the number that it was given, until it has ended."""
        self._attached: dict[int, tuple[str, asyncio.Future[int]]] = {}
        self._loaded: set[str] = set()
        """Compiled code that the pod process has."""
        self._errands: set[asyncio.Task[None]] = set()
        self._letting_go = False

    @property
    def executed(self) -> int:
        """How many guests run that this server has executed."""
        return len(self._execs)

    async def execute(self, spec: GuestSpec, streams: Streams) -> ExecutedGuest:
        """Run a guest beside that of the running container ``spec.container_id``. Returns when it runs; what it has of
        ``streams`` is closed here then. Raises StartFailure, GuestGone, NotSupported, PodProcessGone, and all of
        ``streams`` is closed."""
        number = next(self._numbers)
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        try:
            self._check_executes(spec.container_id)
            self._execs[number] = ended
            await self._execute(number, spec, streams)
        except BaseException:
            streams.close()
            if self._execs.pop(number, None) is not None:
                self._send_errand(self._pod.link.request("end_exec", exec=number))  # it may just be starting
            raise
        return ExecutedGuest(self, number, streams, ended)

    async def _execute(self, number: int, spec: GuestSpec, streams: Streams) -> None:
        files = StartFiles([], [])
        try:
            exec_files.open_spec(files, spec, self._pod.version >= control.TAKES_ENVIRONMENT_APART)
            if spec.program.compiled not in self._loaded:
                place = await apart(partial(exec_files.open_code, self._places, spec), exec_files.close_place)
                files.add("namespace", place.namespace)
                files.add("folder", place.folder)
            names = [*files.names, *streams.theirs]
            carried = (*files.descriptors, *streams.theirs.values())
            await self._pod.link.request(
                "exec", carried, streams.close_theirs, container=spec.container_id, exec=number, carried=names
            )
            self._loaded.add(spec.program.compiled)
        finally:
            files.close()
            streams.close_theirs()

    async def end_exec(self, number: int) -> None:
        """Kill what was executed under that number, if it has not ended."""
        await self._pod.link.request("end_exec", exec=number)

    async def attach(self, container_id: str, streams: Streams) -> AttachedGuest:
        """Watch a running container: what ``streams`` has of it is closed here. Raises GuestGone, InvalidSpec,
        NotSupported, PodProcessGone, and all of ``streams`` is closed."""
        number = next(self._numbers)
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        try:
            self._check_executes(container_id)
            self._attached[number] = container_id, ended
            carried, names = tuple(streams.theirs.values()), [*streams.theirs]
            await self._pod.link.request(
                "attach", carried, streams.close_theirs, container=container_id, attach=number, carried=names
            )
        except BaseException:
            streams.close()
            if self._attached.pop(number, None) is not None:
                self._send_errand(self._pod.link.request("detach", attach=number))
            raise
        return AttachedGuest(self, container_id, number, streams, ended)

    async def detach(self, number: int, ends_input: bool) -> None:
        """``ends_input``: who goes away could type, which counts as the end of that. Raises GuestGone."""
        container_id, _ = self._attached.pop(number, ("", None))
        await self._pod.link.request("detach", attach=number)
        if container_id and ends_input and not self._letting_go:
            await self._pod.link.request("end_input", container=container_id)

    async def resize(self, container_id: str, width: int, height: int) -> None:
        """Columns and rows of the container's terminal. Raises GuestGone."""
        await self._pod.link.request("resize", container=container_id, width=width, height=height)

    def let_go(self) -> None:
        """The server is about to end: that its clients' streams end is not their doing."""
        self._letting_go = True

    def process_event(self, message: control.Message) -> None:
        """Of an exec or an attachment. Raises Garbled."""
        match message["event"]:
            case "exec_ended":
                self._process_exec_end(_number(message, "exec"), _number(message, "exit_code") % _MOST_CODES)
            case "input_ended":
                self._process_input_end(_number(message, "attach"))
            case "detached":
                self._process_detached(_number(message, "attach"), message.get("reason") == STALLED)

    def lose(self) -> None:
        """The connection is lost: the pod process ends what was executed with it."""
        lost = [*self._execs.values(), *(ended for _, ended in self._attached.values())]
        self._execs.clear()
        self._attached.clear()
        for ended in lost:
            if not ended.done():
                ended.set_exception(PodProcessGone(f"pod process of {self._pod.sandbox_id} is gone: make the pod anew"))
                ended.exception()  # read, for there may be nobody who waits

    def _check_executes(self, container_id: str) -> None:
        if self._pod.version < control.EXECUTES:
            raise NotSupported(
                f"the pod of container {container_id} was made by an earlier wasmlet, which could neither execute nor "
                "attach: make the pod anew"
            )

    def _send_errand(self, request: Awaitable[control.Message]) -> None:
        task = asyncio.ensure_future(_quietly(request))
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    def _process_exec_end(self, number: int, exit_code: int) -> None:
        ended = self._execs.pop(number, None)
        if ended is not None:
            ended.set_result(exit_code)

    def _process_input_end(self, number: int) -> None:
        """Where this server is there to say so, an attacher has ended its input: else it has only gone."""
        found = self._attached.get(number)
        if found is not None and not self._letting_go:
            self._send_errand(self._pod.link.request("end_input", container=found[0]))

    def _process_detached(self, number: int, stalled: bool) -> None:
        container_id, ended = self._attached.pop(number, ("", None))
        if ended is None or ended.done():
            return
        if stalled:
            ended.set_exception(
                Stalled(f"who was attached to container {container_id} took no output for so long that it was let go")
            )
        else:
            ended.set_result(0)


def _number(message: control.Message, name: str) -> int:
    """Raises Garbled."""
    number = message.get(name)
    if type(number) is not int:
        raise Garbled(f"what it told has no {name}")
    return number


async def _quietly(request: Awaitable[control.Message]) -> None:
    try:
        await request
    except SandboxError as error:
        log.debug("a pod process was asked in vain", error=str(error))
