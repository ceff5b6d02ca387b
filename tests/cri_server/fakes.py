"""Stand-ins for pod processes, images and the network, so that the order and the undoing of operations can be seen.

They misbehave on demand: ``fail`` holds what raises when it is reached, ``pause`` what waits until it is released.
"""

import asyncio
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from image_store.digests import digest_of
from image_store.image import Image, ImageConfig, Program
from image_store.image_files import ImageFiles
from image_store.resources import Resource
from image_store.store import Usage
from sandbox import control, run_record
from sandbox.errors import PodProcessGone, StartFailure
from sandbox.network.provider import NO_REQUEST, Attachment, PodRequest
from sandbox.pod_processes import Attach
from sandbox.records import read_record
from sandbox.specs import GuestSpec, PodSpec, ProgramSpec, Run


class Gate:
    """What a test lets happen at a named place."""

    def __init__(self) -> None:
        self.fail: dict[str, Exception] = {}
        self.pause: dict[str, asyncio.Event] = {}
        self.reached: dict[str, asyncio.Event] = {}
        self.log: list[str] = []

    def hold(self, place: str) -> None:
        self.pause[place] = asyncio.Event()
        self.reached[place] = asyncio.Event()

    def release(self, place: str) -> None:
        self.pause.pop(place).set()

    async def pass_(self, place: str) -> None:
        self.log.append(place)
        if place in self.pause:
            pause = self.pause[place]
            self.reached[place].set()
            await pause.wait()
        if place in self.fail:
            raise self.fail[place]


GROUP = {
    "cgroup.subtree_control": "cpuset cpu memory pids hugetlb",
    "cgroup.procs": "",
    "cpu.weight": "100",
    "cpu.max": "max 100000",
    "cpuset.cpus": "",
    "cpuset.cpus.effective": "0-3",
    "cpuset.mems": "",
    "cpuset.mems.effective": "0",
    "memory.current": "1048576",
    "memory.max": "max",
    "memory.swap.max": "max",
    "memory.oom.group": "0",
    "pids.max": "max",
    "hugetlb.2MB.max": "max",
}
"""Files of a group of cgroup v2, for a folder that stands for one."""


def make_group(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, content in GROUP.items():
        (folder / name).write_text(content + "\n")


def _ignore(*_: Any) -> None:
    pass


class FakePodProcess:
    """Guests ignore every signal in ``deaf`` and end by all others. ``group``: folder that stands for the pod's."""

    number = 4343
    """Of each guest; 0 as of one that is gone when it is looked for."""
    version = control.VERSION

    def __init__(self, sandbox_id: str, gate: Gate, group: Path) -> None:
        self.sandbox_id = sandbox_id
        self.group = group
        self.pid = 4242
        self.netns_path = "/proc/4242/ns/net"
        self.alive = True
        self.deaf: set[int] = set()
        self.signals: list[int] = []
        self.guests: dict[str, tuple[GuestSpec, Run]] = {}
        self.reopened: list[str] = []
        self.memory_limits: dict[str, int] = {}
        self.streams = SimpleNamespace(executed=0)
        self.on_start: Callable[[str, Run], None] = _ignore
        self.on_exit: Callable[[str, Run], None] = _ignore
        self.on_return: Callable[[], None] = _ignore
        self.on_end: Callable[[], None] = _ignore
        self._gate = gate

    async def start(self, container_id: str, spec_path: str) -> Run:
        spec = GuestSpec.from_json(read_record(spec_path, "guest"))
        try:
            await self._gate.pass_("start")
        except StartFailure as error:
            now = time.time_ns()
            run_record.write_ended(spec.run_path, Run(0, now, now, 128, "StartError", str(error)))
            raise
        if not self.alive:
            raise PodProcessGone("pod process is gone")
        make_group(self.group / container_id)
        run = Run(pid=self.number, started_at=time.time_ns())
        run_record.write_started(spec.run_path, run)
        self.guests[container_id] = (spec, run)
        return run

    def in_host(self, run: Run) -> Run:
        return run

    async def signal(self, container_id: str, number: int) -> None:
        await self._gate.pass_("signal")
        self.signals.append(number)
        if container_id in self.guests and number not in self.deaf:
            self.exit(container_id, 128 + number)

    async def reopen_log(self, container_id: str, path: str) -> None:
        await self._gate.pass_("reopen_log")
        self.reopened.append(container_id)

    async def limit_memory(self, container_id: str, size: int) -> None:
        await self._gate.pass_("limit_memory")
        self.memory_limits[container_id] = size

    async def shutdown(self) -> None:
        await self._gate.pass_("shutdown")
        self.die()

    def exit(self, container_id: str, code: int) -> None:
        """The guest ends by itself."""
        spec, run = self.guests.pop(container_id)
        shutil.rmtree(self.group / container_id)
        ended = run._replace(finished_at=time.time_ns(), exit_code=code, reason="Error" if code else "Completed")
        run_record.write_ended(spec.run_path, ended)
        self.on_exit(container_id, ended)

    def die(self) -> None:
        """The pod process ends, and with it, unrecorded, its guests."""
        if self.alive:
            self.alive = False
            self.guests.clear()
            shutil.rmtree(self.group, ignore_errors=True)  # a reboot may have taken it
            self.on_end()


class FakePods:
    def __init__(self, state: Path, gate: Gate) -> None:
        self._pods = state / "pods"
        self.cgroups = state / "cgroups"
        self._gate = gate
        self.processes: dict[str, FakePodProcess] = {}
        self.loaded: list[ProgramSpec] = []
        self.zygote_pid = 4141
        self.socket_refusal = ""

    def folder(self, sandbox_id: str) -> Path:
        return self._pods / sandbox_id

    def known(self) -> list[str]:
        return [folder.name for folder in self._pods.iterdir()]

    async def load(self, program: ProgramSpec) -> None:
        self.loaded.append(program)

    async def run(self, spec: PodSpec, attach: Attach | None) -> FakePodProcess:
        self.folder(spec.sandbox_id).mkdir(parents=True)
        group = Path(f"{self.cgroups}{spec.cgroup}")
        make_group(group)
        process = self.processes[spec.sandbox_id] = FakePodProcess(spec.sandbox_id, self._gate, group)
        try:
            await self._gate.pass_("run")
            if attach is not None:
                await attach("/proc/1/ns/net")
        except BaseException:
            await self.destroy(spec.sandbox_id)
            raise
        return process

    async def adopt(self, sandbox_id: str) -> FakePodProcess | None:
        process = self.processes.get(sandbox_id)
        return process if process is not None and process.alive else None

    async def destroy(self, sandbox_id: str) -> None:
        process = self.processes.get(sandbox_id)
        if process is not None:
            process.die()
        if self.folder(sandbox_id).is_dir():
            for path in self.folder(sandbox_id).iterdir():
                path.unlink()
            self.folder(sandbox_id).rmdir()


class FakeNetwork:
    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.attached: dict[str, str] = {}
        self.requests: list[PodRequest] = []
        self.swept: set[str] | None = None
        self.cidr = ""
        self.state = (True, "", "")

    async def open(self) -> None:
        """Always is."""

    async def close(self) -> None:
        """Never is."""

    async def attach(self, sandbox_id: str, netns_path: str, request: PodRequest = NO_REQUEST) -> Attachment:
        self.requests.append(request)
        await self._gate.pass_("attach")
        address = f"10.0.0.{len(self.attached) + 2}"
        self.attached[sandbox_id] = address
        return Attachment([address], {"address": address})

    async def detach(self, sandbox_id: str, attachment_state: dict[str, Any]) -> None:
        await self._gate.pass_("detach")
        self.attached.pop(sandbox_id, None)

    def restore(self, sandbox_id: str, state: dict[str, Any]) -> None:
        self.attached[sandbox_id] = state["address"]

    async def sweep(self, live: set[str]) -> None:
        self.swept = live

    async def set_pod_cidr(self, cidr: str) -> None:
        await self._gate.pass_("set_pod_cidr")
        self.cidr = cidr

    def condition(self) -> tuple[bool, str, str]:
        return self.state


ARTIFACT = Image(
    id="sha256:" + "a" * 64,
    repo_tags=("registry.test/hello:1",),
    repo_digests=("registry.test/hello@sha256:" + "d" * 64,),
    size=1234,
    config=ImageConfig(),
    raw_config=b'{"architecture":"wasm"}',
    annotations={},
    rootfs=None,
    pinned=False,
    chain_id="",
)
PROGRAM = Program(
    kind="module",
    digest="sha256:" + "b" * 64,
    source=Path("/images/hello.wasm"),
    compiled=Path("/images/compiled/hello"),
    name="hello.wasm",
    entry="_start",
    unmet_imports=(),
    has_command_entry=True,
)


class FakeImages:
    def __init__(self, root: Path, gate: Gate) -> None:
        self._root = root
        self._gate = gate
        self.present: dict[str, Image] = {ARTIFACT.id: ARTIFACT}
        self.found: Program = PROGRAM
        self.current: Path | None = PROGRAM.compiled
        self.held: dict[str, tuple[Image, Program]] = {}
        self.volumes: dict[str, ImageFiles] = {}
        self.held_files: dict[str, tuple[Resource, ...]] = {}
        self.collected = 0
        self.pulled: list[tuple[str, Any]] = []

    def get(self, reference: str) -> Image | None:
        for image in self.present.values():
            if reference in (image.id, *image.repo_tags, *image.repo_digests):
                return image
        return None

    def images(self) -> tuple[Image, ...]:
        return tuple(self.present.values())

    async def pull(self, reference: str, credentials: Any = None) -> Image:
        self.pulled.append((reference, credentials))
        await self._gate.pass_("pull")
        return ARTIFACT

    async def remove(self, reference: str) -> None:
        image = self.get(reference)
        if image is not None:
            del self.present[image.id]

    async def program(self, image: Image, command: str, search_path: str) -> Program:
        await self._gate.pass_("program")
        return self.found

    async def runtime_module(self, text: bytes, subject: str, holder: str) -> Path:
        return self._root / "runtime" / digest_of(text)

    async def compiled(self, program_digest: str) -> Path | None:
        await self._gate.pass_("compiled")
        return self.current

    def hold(self, holder: str, image: Image, program: Program) -> None:
        self.held[holder] = (image, program)

    def files(self, image: Image) -> ImageFiles | None:
        return self.volumes.get(image.id)

    def hold_files(self, holder: str, *resources: Resource) -> None:
        self.held_files[holder] = resources

    def release(self, holder: str) -> None:
        self.held.pop(holder, None)
        self.held_files.pop(holder, None)

    async def collect_garbage(self) -> None:
        self.collected += 1

    def recently_used_programs(self, limit: int) -> list[Program]:
        return [PROGRAM][:limit]

    def usage(self) -> Usage:
        return Usage(self._root, 1000, 10, time.time_ns())


KILL = int(signal.SIGKILL)
TERM = int(signal.SIGTERM)
