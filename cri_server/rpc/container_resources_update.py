"""UpdateContainerResources: other limits for a container, also while its guest runs (in-place resize of Kubernetes).

CRI: transactional. What is in force, the records and the status change together or not at all. A created container is
started with the new limits.
"""

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from cri_server.blocking import in_thread
from cri_server.container_limits import cgroup_limits, linear_memory, merged, touched
from cri_server.container_rules import check_oom_score
from cri_server.container_store import Container, ContainerRecord
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest, WrongState
from cri_server.resource_rules import check_resources
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox, running_process
from cri_server.undo import Undo
from sandbox.cgroup import oom_score, tree
from sandbox.cgroup.limits import Limits
from sandbox.errors import GuestGone, PodProcessGone
from sandbox.records import write_record
from sandbox.specs import GuestSpec

if TYPE_CHECKING:
    from sandbox.pod_process_link import PodProcess

log = structlog.get_logger()


async def update_container_resources(
    runtime: Runtime, request: cri.UpdateContainerResourcesRequest
) -> cri.UpdateContainerResourcesResponse:
    container = runtime.container(request.container_id)
    if request.HasField("windows"):
        raise InvalidRequest(f"container {container.id} is given resources for Windows: this node runs Linux")
    sandbox = runtime.sandbox(container.record.sandbox_id)
    async with container.lock:
        await _update(runtime, sandbox, container, request.linux)
    log.info("container has other resources", container=container.id)
    return cri.UpdateContainerResourcesResponse()


async def _update(
    runtime: Runtime, sandbox: Sandbox, container: Container, change: cri.LinuxContainerResources
) -> None:
    _check_state(runtime, container)
    resources = merged(container.config.linux.resources, change)
    check_oom_score(container.id, resources)
    await in_thread(check_resources, runtime, sandbox, container.id, resources)
    config, guest = _changed(container, resources)
    record = replace(container.record, config=config.SerializeToString())
    async with Undo() as undo:
        if container.state == cri.CONTAINER_RUNNING:
            await _apply(runtime, sandbox, container, touched(change, resources), guest, undo)
        undo.add(in_thread, _write, runtime, container.record, container.guest)
        await in_thread(_write, runtime, record, guest)
    container.change(record, config, guest)


def _check_state(runtime: Runtime, container: Container) -> None:
    if container.removing or runtime.containers.get(container.id) is None:
        raise WrongState(f"container {container.id} is being removed: its resources do not matter any more")
    if container.state == cri.CONTAINER_EXITED:
        raise WrongState(f"container {container.id} has exited: its resources do not matter any more")


def _changed(container: Container, resources: cri.LinuxContainerResources) -> tuple[cri.ContainerConfig, GuestSpec]:
    config = cri.ContainerConfig()
    config.CopyFrom(container.config)
    config.linux.resources.CopyFrom(resources)
    guest = container.guest._replace(
        limits=cgroup_limits(resources),
        oom_score_adj=resources.oom_score_adj,
        memory_limit=linear_memory(resources),
    )
    return config, guest


async def _apply(
    runtime: Runtime,
    sandbox: Sandbox,
    container: Container,
    changed: Limits,
    guest: GuestSpec,
    undo: Undo,
) -> None:
    """To the running guest. Its own memory is limited last, so that there is something to grow into, and also if the
    record says that it is: a server that died in an update may have left another limit.
    """
    layout, group = runtime.cgroup_layout, f"{sandbox.record.cgroup}/{container.id}"
    before = await in_thread(tree.update, layout, group, changed)
    undo.add(in_thread, tree.put_back, layout, group, before)
    if guest.oom_score_adj != container.guest.oom_score_adj:
        scores = await in_thread(oom_score.update, layout, group, guest.oom_score_adj)
        undo.add(in_thread, oom_score.put_back, scores)
    if changed.memory_limit:
        process = running_process(sandbox)
        undo.add(_put_back_memory, process, container)
        await process.limit_memory(container.id, guest.memory_limit)


async def _put_back_memory(process: "PodProcess", container: Container) -> None:
    with suppress(GuestGone, PodProcessGone):
        await process.limit_memory(container.id, container.guest.memory_limit)


def _write(runtime: Runtime, record: ContainerRecord, guest: GuestSpec) -> None:
    write_record(runtime.paths.guest_record(record.sandbox_id, record.id), "guest", guest.to_json())
    record.save(runtime.paths.container_record(record.sandbox_id, record.id))
