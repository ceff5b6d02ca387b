"""RunPodSandbox: make a pod sandbox and start it. READY, with its network complete, or nothing is left of it.

The order is what recovery relies on: the record in phase "creating" stands before the pod process, cgroup and network,
and names all that is needed to take them back; phase "ready" is the commit.
"""

import os

import structlog

from cri_server import etc_files, log_directory, pod_events, pod_watch, trash
from cri_server.blocking import in_thread
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.names import sandbox_name
from cri_server.object_index import new_id
from cri_server.operations import start
from cri_server.pod_request import pod_request
from cri_server.rpc.pod_sandbox_remove import remove_pod_sandbox
from cri_server.runtime import Runtime
from cri_server.sandbox_rules import check_sandbox, dotted
from cri_server.sandbox_store import CREATING, READY, Sandbox, SandboxRecord, has_host_network
from cri_server.sandbox_teardown import release_cgroup, release_network
from cri_server.undo import Undo
from sandbox.boot import boot_id
from sandbox.cgroup.tree import pod_group
from sandbox.errors import PodProcessGone
from sandbox.pod_process_link import PodProcess
from sandbox.specs import PodSpec

log = structlog.get_logger()


async def run_pod_sandbox(runtime: Runtime, request: cri.RunPodSandboxRequest) -> cri.RunPodSandboxResponse:
    check_sandbox(request, runtime.settings.security.privileged == "reject")
    record = _new_record(runtime, request)
    structlog.contextvars.bind_contextvars(pod=record.id)
    async with Undo() as undo:
        _reserve_name(runtime, request.config, record.id, undo)
        await _begin(runtime, record, undo)
        process = await _start_process(runtime, record, request.config, undo)
        await in_thread(_finish, runtime, record, request.config)
        _show(runtime, record, process)
    log.info("pod sandbox is ready", name=request.config.metadata.name, namespace=request.config.metadata.namespace)
    return cri.RunPodSandboxResponse(pod_sandbox_id=record.id)


async def take_back_pod_sandbox(runtime: Runtime, response: cri.RunPodSandboxResponse) -> None:
    """The client has gone away before it could learn of the sandbox."""
    await remove_pod_sandbox(runtime, cri.RemovePodSandboxRequest(pod_sandbox_id=response.pod_sandbox_id))


def _new_record(runtime: Runtime, request: cri.RunPodSandboxRequest) -> SandboxRecord:
    sandbox_id = new_id()
    return SandboxRecord(
        id=sandbox_id,
        phase=CREATING,
        boot_id=boot_id(),
        created_at=runtime.clock.now(),
        config=request.config.SerializeToString(),
        runtime_handler=request.runtime_handler,
        host_network=has_host_network(request.config),
        cgroup=pod_group(request.config.linux.cgroup_parent, sandbox_id, runtime.cgroup_driver),
        cgroup_by_systemd=runtime.cgroup_driver == "systemd",
        ips=[],
        network_state=None,
    )


def _reserve_name(runtime: Runtime, config: cri.PodSandboxConfig, sandbox_id: str, undo: Undo) -> None:
    name = sandbox_name(config.metadata)
    runtime.sandboxes.names.reserve(name, sandbox_id)
    undo.add(runtime.sandboxes.names.release, name, sandbox_id)


async def _begin(runtime: Runtime, record: SandboxRecord, undo: Undo) -> None:
    undo.add(_forget, runtime, record, undo)
    await in_thread(_write_first_record, runtime, record)


def _write_first_record(runtime: Runtime, record: SandboxRecord) -> None:
    os.makedirs(runtime.paths.containers(record.id), 0o700)
    record.save(runtime.paths.sandbox_record(record.id))


async def _forget(runtime: Runtime, record: SandboxRecord, undo: Undo) -> None:
    """The record of what could not be undone stays: the next start of the server undoes it."""
    if not undo.is_complete:
        return
    grave = await in_thread(trash.throw_away, runtime.paths.trash, runtime.paths.pod(record.id))
    start(runtime, in_thread(trash.delete, grave))


async def _start_process(
    runtime: Runtime, record: SandboxRecord, config: cri.PodSandboxConfig, undo: Undo
) -> PodProcess:
    async def attach(netns_path: str) -> None:
        attachment = await runtime.network.attach(record.id, netns_path, pod_request(config))
        record.ips, record.network_state = attachment.ips, attachment.state

    undo.add(release_cgroup, runtime, record)
    undo.add(release_network, runtime, record)
    process = await runtime.pods.run(_pod_spec(record, config), None if record.host_network else attach)
    undo.add(runtime.pods.destroy, record.id)
    return process


def _pod_spec(record: SandboxRecord, config: cri.PodSandboxConfig) -> PodSpec:
    return PodSpec(
        sandbox_id=record.id,
        hostname="" if record.host_network else etc_files.hostname(config),
        host_network=record.host_network,
        host_ipc=config.linux.security_context.namespace_options.ipc == cri.NODE,
        cgroup=record.cgroup,
        cgroup_by_systemd=record.cgroup_by_systemd,
        sysctls={dotted(name): value for name, value in config.linux.sysctls.items()},
    )


def _finish(runtime: Runtime, record: SandboxRecord, config: cri.PodSandboxConfig) -> None:
    log_directory.make(config.log_directory)
    etc_files.write(str(runtime.pods.folder(record.id)), config, record.ips, record.host_network)
    record.phase = READY
    record.save(runtime.paths.sandbox_record(record.id))


def _show(runtime: Runtime, record: SandboxRecord, process: PodProcess) -> None:
    """From here on clients see it. Nothing waits in between: it lives and is watched, or it is taken back."""
    if not process.alive:
        raise PodProcessGone(
            f"pod process of sandbox {record.id} died while the sandbox was made: look for its end in the kernel log"
        )
    sandbox = Sandbox(record, process)
    pod_watch.watch(runtime, sandbox)
    runtime.sandboxes.add(sandbox)
    pod_events.sandbox_has(runtime, sandbox, cri.CONTAINER_CREATED_EVENT, cri.CONTAINER_STARTED_EVENT)
