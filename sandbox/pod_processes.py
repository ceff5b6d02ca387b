"""The pod processes of one server: the zygote that forks them, and the way back to those that an earlier server
left.
"""

import asyncio
import os
import shutil
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import structlog

from sandbox import control
from sandbox.cgroup import tree as cgroup
from sandbox.cgroup.systemd_scope import start_scope
from sandbox.errors import PodProcessGone, SandboxError
from sandbox.mount_places import MountPlaces, apart
from sandbox.network_namespaces import NetworkNamespaces
from sandbox.pod_process_link import CONTROL_SOCKET, PodProcess
from sandbox.specs import PodSpec, ProgramSpec
from sandbox.zygote_link import ZygoteLink

log = structlog.get_logger()

Attach = Callable[[str], Awaitable[None]]
"""Of the path of a pod's network namespace."""


class PodProcesses:
    """``state``: the server's volatile folder; a pod's own is ``state/pods/<sandbox id>``."""

    def __init__(self, state: Path, most_programs: int, warm: Callable[[], list[ProgramSpec]]) -> None:
        self._pods = state / "pods"
        self._layout = cgroup.detect()
        self._places = MountPlaces(str(self._pods))
        self._zygote = ZygoteLink(most_programs, warm)
        self._networks = NetworkNamespaces()

    @property
    def zygote_pid(self) -> int | None:
        """None while there is none; the next pod starts one."""
        return self._zygote.pid

    @property
    def zygote_restarts(self) -> int:
        return self._zygote.restarts

    @property
    def socket_refusal(self) -> str:
        """Why no component can use sockets here; empty where all can."""
        return self._zygote.sockets.refusal

    async def open(self) -> None:
        self._pods.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._places.open()
        await self._zygote.open()
        self._networks.make_ahead()

    async def close(self) -> None:
        """End the zygote. Pods live on."""
        self._networks.close()
        await self._zygote.close()
        self._places.close()

    async def load(self, program: ProgramSpec) -> None:
        """Have a program's code ready for the pods to come; failure is logged only."""
        await self._zygote.load(program)

    async def load_shim(self, paths: list[str]) -> None:
        """The same for the socket shim. ``paths``: of its front and its back."""
        await self._zygote.load_shim(paths)

    def folder(self, sandbox_id: str) -> Path:
        """The pod's volatile folder."""
        return self._pods / sandbox_id

    async def run(self, spec: PodSpec, attach: Attach | None = None) -> PodProcess:
        """Fork the pod process and return when its namespaces and cgroup stand, and its network is attached. Nothing of
        the process is left when it raises."""
        self.folder(spec.sandbox_id).mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return await self._run(spec, attach)
        except BaseException:
            await asyncio.shield(self.destroy(spec.sandbox_id))
            raise

    async def adopt(self, sandbox_id: str) -> PodProcess | None:
        """The living pod process that an earlier server left, or None."""
        try:
            return await PodProcess.connect(sandbox_id, self.folder(sandbox_id), self._places)
        except PodProcessGone:
            return None

    async def destroy(self, sandbox_id: str) -> None:
        """Kill the pod process, whatever state it is in, and remove the pod's volatile folder. Idempotent."""
        await self._kill(sandbox_id)
        await asyncio.to_thread(shutil.rmtree, self.folder(sandbox_id), ignore_errors=True)

    def known(self) -> list[str]:
        """The sandbox ids that have a volatile folder."""
        return [folder.name for folder in self._pods.iterdir()] if self._pods.is_dir() else []

    async def _fork_surely(self, spec: PodSpec, network: tuple[int, ...]) -> int:
        """The pid of the pod process, whose namespaces stand."""
        try:
            return await self._fork(spec, network)
        except PodProcessGone:
            log.warning("zygote died while it forked a pod: trying once more", sandbox_id=spec.sandbox_id)
            await self._kill(spec.sandbox_id)
            return await self._fork(spec, network)

    async def _fork(self, spec: PodSpec, network: tuple[int, ...]) -> int:
        descriptor = os.open(self.folder(spec.sandbox_id), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with _listener(descriptor) as listener:
                return await self._zygote.fork(spec, listener.fileno(), descriptor, *network)
        finally:
            os.close(descriptor)

    async def _run(self, spec: PodSpec, attach: Attach | None) -> PodProcess:
        """In its network namespace, which the pod process has from then on. The next one is made behind the pod."""
        if spec.host_network:
            return await self._made(spec, (), None)
        taking = asyncio.create_task(self._networks.take())
        try:
            network = await asyncio.shield(taking)
            return await self._made(spec, (network,), attach and partial(attach, f"/proc/{os.getpid()}/fd/{network}"))
        finally:
            taking.add_done_callback(_close_made)
            self._networks.make_ahead()

    async def _made(
        self, spec: PodSpec, network: tuple[int, ...], attach: Callable[[], Awaitable[None]] | None
    ) -> PodProcess:
        """What takes its time is done at the same time; but interfaces take over what sysctls say of new ones."""
        attaching = [asyncio.ensure_future(attach())] if attach and not spec.sysctls else []
        placing = None if spec.cgroup_by_systemd else self._placing(spec)
        try:
            pid = await self._fork_surely(spec, network)
            placing = placing or await self._placed_by_systemd(spec, pid)
            if attach and not attaching:
                attaching = [asyncio.ensure_future(attach())]
            pod = await self._ready(spec, pid, placing)
            await asyncio.gather(*attaching)
            return pod
        except BaseException:
            # Cancelled, it would go on all the same, by a path that may be another pod's then.
            await asyncio.shield(asyncio.gather(*attaching, return_exceptions=True))
            raise
        finally:
            if placing is not None:
                placing.add_done_callback(_close_made)

    async def _placed_by_systemd(self, spec: PodSpec, pid: int) -> "asyncio.Task[int]":
        await start_scope(spec.cgroup, pid)
        return self._placing(spec)

    def _placing(self, spec: PodSpec) -> "asyncio.Task[int]":
        return asyncio.create_task(apart(lambda: self._make_place(spec), os.close))

    def _make_place(self, spec: PodSpec) -> int:
        """The pod's groups, and descriptor of a namespace with nothing else. Raises SandboxError."""
        cgroup.create_pod_group(self._layout, spec.cgroup)
        try:
            return self._places.for_pod([mount + spec.cgroup for mount in self._layout.mounts])
        except OSError as error:
            raise SandboxError(
                f"pod sandbox {spec.sandbox_id} cannot be confined: {error.filename or 'its mounts'}: {error.strerror}"
            ) from error

    async def _ready(self, spec: PodSpec, pid: int, placing: "asyncio.Task[int]") -> PodProcess:
        namespace = await asyncio.shield(placing)
        folder = self.folder(spec.sandbox_id)
        return await PodProcess.meet(spec.sandbox_id, folder, self._places, pid, self._layout, namespace)

    async def _kill(self, sandbox_id: str) -> None:
        """Also one that was forked but has not answered yet, or only to say that it cannot serve."""
        try:
            pod = await PodProcess.find(sandbox_id, self.folder(sandbox_id), self._places)
        except PodProcessGone:
            return
        await pod.shutdown()


def _close_made(placing: "asyncio.Task[int]") -> None:
    if not placing.cancelled() and placing.exception() is None:
        os.close(placing.result())


def _listener(folder: int) -> socket.socket:
    """The pod's socket. The server makes it, so that a pod process can be found from its first instant on."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    address = control.socket_address(folder, CONTROL_SOCKET)
    if os.path.lexists(address):
        os.unlink(address)
    os.fchmod(listener.fileno(), 0o600)  # before the name is there
    listener.bind(address)
    listener.listen()
    return listener
