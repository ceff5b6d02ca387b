"""A pod process with guests of its own, without any server."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox import container_layer, records, run_record, syscalls
from sandbox.cgroup import tree as cgroup
from sandbox.pod_process_link import PodProcess
from sandbox.pod_processes import PodProcesses
from sandbox.specs import GuestSpec, PodSpec, ProgramSpec, Run
from tests.guests.compiled import compiled_guest
from tests.prerequisites import require_root

_MS_REMOUNT = 32


@pytest.fixture
def node(tmp_path: Path) -> Iterator["Node"]:
    require_root()
    node = Node(tmp_path)
    yield node
    node.clean_up()


class Node:
    """Folders and cgroups of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._disk = folder / "disk"
        self.layout = cgroup.detect()
        self.cgroup_parent = f"/wasmlet-test-{secrets.token_hex(4)}"

    def clean_up(self) -> None:
        cgroup.remove(self.layout, self.cgroup_parent)
        if self._disk.is_mount():
            syscalls.unmount(str(self._disk), syscalls.MNT_DETACH)

    def small_disk(self, size: int) -> Path:
        """A disk that is soon full."""
        self._disk.mkdir()
        syscalls.mount("tmpfs", str(self._disk), "tmpfs", 0, f"size={size}")
        return self._disk

    def grow_disk(self, size: int) -> None:
        syscalls.mount("tmpfs", str(self._disk), "tmpfs", _MS_REMOUNT, f"size={size}")

    @asynccontextmanager
    async def processes(self) -> AsyncIterator[PodProcesses]:
        processes = PodProcesses(self.folder / "state", 16, list)
        await processes.open()
        try:
            yield processes
        finally:
            for sandbox_id in processes.known():
                await processes.destroy(sandbox_id)
            await made_ahead(processes)
            await processes.close()

    def pod_spec(self, **changes: Any) -> PodSpec:
        sandbox_id = secrets.token_hex(32)
        spec = PodSpec(
            sandbox_id=sandbox_id,
            hostname="pod",
            host_network=False,
            host_ipc=False,
            cgroup=f"{self.cgroup_parent}/{sandbox_id}",
            cgroup_by_systemd=False,
            sysctls={},
        )
        return spec._replace(**changes)

    def guest_spec(self, pod: PodSpec, guest: str, /, *arguments: str, **changes: Any) -> GuestSpec:
        container_id = secrets.token_hex(32)
        folder = self.folder / container_id
        kind, compiled = compiled_guest(guest)
        spec = GuestSpec(
            container_id=container_id,
            argv=[guest, *arguments],
            env=["PATH=/bin"],
            working_dir="/",
            program=ProgramSpec(kind, str(compiled), "_start"),
            lower="",
            layer=str(folder / "layer"),
            readonly_root=False,
            mounts=[],
            uid=0,
            gid=0,
            groups=[0],
            pod_cgroup=pod.cgroup,
            limits={},
            oom_score_adj=0,
            memory_limit=0,
            log_path=str(folder / "0.log"),
            stdin=False,
            stdin_once=False,
            tty=False,
            run_path=str(folder / "run"),
        )
        spec = spec._replace(**changes)
        container_layer.make(spec)
        run_record.prepare(spec.run_path)
        return spec

    def write(self, spec: GuestSpec) -> str:
        path = str(Path(spec.run_path).parent / "guest.record")
        records.write_record(path, "guest", spec.to_json())
        return path


async def made_ahead(processes: PodProcesses) -> None:
    """Once the next pod's network namespace is: this process opens nothing by itself any more."""
    if processes._networks.making is not None:
        await asyncio.wait([processes._networks.making])


class Exits:
    """What a pod process tells of its guests."""

    def __init__(self, pod: PodProcess) -> None:
        self._runs: asyncio.Queue[tuple[str, Run]] = asyncio.Queue()
        pod.on_exit = lambda container_id, run: self._runs.put_nowait((container_id, run))

    async def next(self) -> Run:
        async with asyncio.timeout(240):
            return (await self._runs.get())[1]


def log_lines(spec: GuestSpec) -> list[tuple[str, str, str]]:
    """Stream, tag and content of each record."""
    lines = Path(spec.log_path).read_text(errors="surrogateescape").splitlines()
    return [tuple(line.split(" ", 3)[1:]) for line in lines]  # type: ignore[misc]
