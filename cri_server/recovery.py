"""What a new server finds on disk and in the kernel, brought in order before anyone is served.

    sandbox record      its pod process     becomes
    "creating"          -                   undone: nobody was told of it
    "ready"             lives               READY, its containers follow its runs
    "ready"             is dead, or of      NOTREADY; runs without an end are EXITED 255 Unknown;
                        another boot        cgroup and network are given back
    torn or foreign     -                   set aside, its pod process killed
    none                -                   removed

A container without its record was never acknowledged, and is removed; one whose record is torn is set aside and killed.
What cannot be brought in order now is logged and left to the next start: it is no reason not to serve the rest.
"""

import os
import signal
from contextlib import suppress

import structlog

from cri_server import pod_watch, trash
from cri_server.blocking import in_thread
from cri_server.container_store import Container, ContainerRecord
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import NameReserved
from cri_server.held_image import image_of, program_of, resources_of
from cri_server.names import sandbox_name
from cri_server.operations import start
from cri_server.runtime import Runtime
from cri_server.sandbox_store import READY, Sandbox, SandboxRecord
from cri_server.sandbox_teardown import release_cgroup, release_network, release_node
from image_store.errors import ImageStoreError
from sandbox import run_record
from sandbox.boot import boot_id
from sandbox.errors import PodProcessGone, SandboxError
from sandbox.pod_process_link import PodProcess
from sandbox.records import TornRecord, read_record, set_aside
from sandbox.specs import GuestSpec, Run

log = structlog.get_logger()


async def recover(runtime: Runtime) -> None:
    for sandbox_id in sorted(os.listdir(runtime.paths.pods)):
        with structlog.contextvars.bound_contextvars(pod=sandbox_id):
            await _recover_sandbox(runtime, sandbox_id)
    await _remove_strays(runtime)
    await runtime.network.sweep({sandbox.id for sandbox in runtime.sandboxes.all() if sandbox.ready})
    await _collect_garbage(runtime)
    start(runtime, in_thread(trash.empty, runtime.paths.trash))
    _report(runtime)


async def _recover_sandbox(runtime: Runtime, sandbox_id: str) -> None:
    try:
        await _recover_or_remove(runtime, sandbox_id)
    except (OSError, SandboxError) as error:
        log.error("a pod sandbox cannot be brought in order: the next start tries again", error=str(error))


async def _recover_or_remove(runtime: Runtime, sandbox_id: str) -> None:
    try:
        record = _read_sandbox(runtime, sandbox_id)
    except FileNotFoundError:
        await _throw_away(runtime, runtime.paths.pod(sandbox_id))
    except (TornRecord, NameReserved) as error:
        await _set_sandbox_aside(runtime, sandbox_id, error)
    else:
        await (_adopt(runtime, record) if record.phase == READY else _undo(runtime, record))


def _read_sandbox(runtime: Runtime, sandbox_id: str) -> SandboxRecord:
    """Its record; the name of one that was finished is reserved. Raises FileNotFoundError, TornRecord, NameReserved."""
    path = runtime.paths.sandbox_record(sandbox_id)
    record = SandboxRecord.load(path)
    if record.id != sandbox_id:
        raise TornRecord(f"{path} belongs to another sandbox, {record.id}")
    if record.phase == READY:
        metadata = cri.PodSandboxConfig.FromString(record.config).metadata
        runtime.sandboxes.names.reserve(sandbox_name(metadata), record.id)
    return record


async def _undo(runtime: Runtime, record: SandboxRecord) -> None:
    log.info("undoing a pod sandbox that was being made when the last server died")
    await runtime.pods.destroy(record.id)
    await release_cgroup(runtime, record)
    await release_network(runtime, record)
    await _throw_away(runtime, runtime.paths.pod(record.id))


async def _throw_away(runtime: Runtime, folder: str) -> None:
    await in_thread(trash.throw_away, runtime.paths.trash, folder)


async def _set_sandbox_aside(runtime: Runtime, sandbox_id: str, error: Exception) -> None:
    """Without its record nothing can be told of it, so nothing of it may go on."""
    await runtime.pods.destroy(sandbox_id)
    aside = await in_thread(set_aside, runtime.paths.pod(sandbox_id), runtime.paths.set_aside)
    log.error("a pod sandbox was set aside: its record cannot be read", error=str(error), folder=aside)


async def _adopt(runtime: Runtime, record: SandboxRecord) -> None:
    process = await _living_process(runtime, record)
    sandbox = Sandbox(record, process)
    runtime.clock.observe(record.created_at)
    pod_watch.watch(runtime, sandbox)  # before the runs are read: what happens in between is told
    for container_id in _container_ids(runtime, record.id):
        await _recover_container(runtime, sandbox, container_id)
    runtime.sandboxes.add(sandbox)
    if sandbox.ready:
        runtime.network.restore(record.id, record.network_state or {})
    else:
        await _bury(runtime, sandbox)


async def _living_process(runtime: Runtime, record: SandboxRecord) -> PodProcess | None:
    if record.boot_id != boot_id():
        return None
    try:
        return await runtime.pods.adopt(record.id)
    except SandboxError as error:
        log.error("a pod process refuses to go on", error=str(error))
        return None


async def _bury(runtime: Runtime, sandbox: Sandbox) -> None:
    """Stop and remove try again where this fails."""
    for container in runtime.containers.of_sandbox(sandbox.id):
        pod_watch.settle_lost_run(runtime, container)
    sandbox.refresh()
    try:
        await release_node(runtime, sandbox)
    except (OSError, SandboxError) as error:
        log.warning("what a dead pod sandbox held is not all given back", error=str(error))


def _container_ids(runtime: Runtime, sandbox_id: str) -> list[str]:
    try:
        return sorted(os.listdir(runtime.paths.containers(sandbox_id)))
    except FileNotFoundError:
        return []


async def _recover_container(runtime: Runtime, sandbox: Sandbox, container_id: str) -> None:
    try:
        record = _read_container(runtime, sandbox, container_id)
        guest = _read_guest(runtime.paths.guest_record(sandbox.id, container_id))
        _add_container(runtime, sandbox, record, guest)
    except FileNotFoundError:
        await _throw_away(runtime, runtime.paths.container(sandbox.id, container_id))
    except (TornRecord, NameReserved) as error:
        await _set_container_aside(runtime, sandbox, container_id, error)


def _read_container(runtime: Runtime, sandbox: Sandbox, container_id: str) -> ContainerRecord:
    path = runtime.paths.container_record(sandbox.id, container_id)
    record = ContainerRecord.load(path)
    if (record.id, record.sandbox_id) != (container_id, sandbox.id):
        raise TornRecord(f"{path} belongs to another container, {record.id} of sandbox {record.sandbox_id}")
    return record


def _read_guest(path: str) -> GuestSpec:
    try:
        return GuestSpec.from_json(read_record(path, "guest"))
    except (KeyError, TypeError) as error:
        raise TornRecord(f"{path} lacks what a guest record has: {error}") from error


async def _set_container_aside(runtime: Runtime, sandbox: Sandbox, container_id: str, error: Exception) -> None:
    if sandbox.process is not None and sandbox.process.alive:
        with suppress(PodProcessGone):  # and the guest with it
            await sandbox.process.signal(container_id, signal.SIGKILL)
    folder = runtime.paths.container(sandbox.id, container_id)
    aside = await in_thread(set_aside, folder, runtime.paths.set_aside)
    log.error("a container was set aside: its record cannot be read", error=str(error), folder=aside)


def _add_container(runtime: Runtime, sandbox: Sandbox, record: ContainerRecord, guest: GuestSpec) -> None:
    """The run is read and the container added without waiting in between: no exit gets lost."""
    run = _read_run(runtime.paths.run(sandbox.id, record.id))
    if sandbox.process is not None:
        run = sandbox.process.in_host(run)
    container = Container(record, guest, run, sandbox.config.metadata)
    runtime.clock.observe(record.created_at)  # not the times of the run: a pod process cannot set the server's clock
    runtime.containers.names.reserve(container.name, container.id)
    runtime.images.hold(container.id, image_of(record.image), program_of(record.program))
    runtime.images.hold_files(container.id, *resources_of(record.volumes))
    runtime.containers.add(container)


def _read_run(path: str) -> Run:
    try:
        return run_record.read(path)
    except FileNotFoundError:
        run_record.prepare(path)
        return Run()


async def _remove_strays(runtime: Runtime) -> None:
    """Pod processes and volatile folders that no record accounts for."""
    for sandbox_id in runtime.pods.known():
        sandbox = runtime.sandboxes.get(sandbox_id)
        if sandbox is None:
            log.warning("removing a pod process without a record", pod=sandbox_id)
            await runtime.pods.destroy(sandbox_id)


async def _collect_garbage(runtime: Runtime) -> None:
    try:
        await runtime.images.collect_garbage()
    except (OSError, ImageStoreError) as error:
        log.error("garbage of images cannot be collected", error=str(error))


def _report(runtime: Runtime) -> None:
    sandboxes = runtime.sandboxes.all()
    log.info(
        "recovered",
        ready=sum(sandbox.ready for sandbox in sandboxes),
        not_ready=sum(not sandbox.ready for sandbox in sandboxes),
        running=sum(container.state == cri.CONTAINER_RUNNING for container in runtime.containers.all()),
        containers=len(runtime.containers.all()),
    )
