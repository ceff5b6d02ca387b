"""CreateContainer: prepare a container in a ready sandbox, so that starting it cannot fail for what could be known now.

The log file is not made here. CRI: after a failed creation the kubelet would count it as a past attempt.
"""

import structlog

from cri_server import container_volumes, pod_events, process_status, stop_signal, trash
from cri_server.blocking import in_thread
from cri_server.container_plan import ContainerPlan, make_plan
from cri_server.container_rules import check_container
from cri_server.container_store import Container, ContainerRecord
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest, UnknownObject, WrongState
from cri_server.held_image import image_fields, program_fields
from cri_server.names import container_name
from cri_server.object_index import new_id
from cri_server.operations import start
from cri_server.resource_rules import check_resources
from cri_server.rpc.container_remove import remove_container
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox
from cri_server.undo import Undo
from sandbox import container_layer, run_record
from sandbox.records import write_record
from sandbox.specs import GuestSpec, Run

log = structlog.get_logger()


async def create_container(runtime: Runtime, request: cri.CreateContainerRequest) -> cri.CreateContainerResponse:
    sandbox = runtime.sandbox(request.pod_sandbox_id)
    check_ready(sandbox)
    check_container(request.config, sandbox.config, runtime.settings.security.privileged == "reject")
    _check_target(runtime, sandbox, request.config)
    container_id = new_id()
    structlog.contextvars.bind_contextvars(container=container_id)
    async with Undo() as undo:
        _reserve_name(runtime, sandbox, request.config, container_id, undo)
        await in_thread(check_resources, runtime, sandbox, request.config.metadata.name, request.config.linux.resources)
        plan = await make_plan(runtime, sandbox, request.config)
        _hold(runtime, plan, container_id, undo)
        async with sandbox.lock:  # the sandbox stays what it is until the container is seen
            check_ready(sandbox)
            await _make(runtime, plan, container_id, undo)
    log.info("container is created", name=request.config.metadata.name, image=plan.image.id)
    return cri.CreateContainerResponse(container_id=container_id)


async def take_back_container(runtime: Runtime, response: cri.CreateContainerResponse) -> None:
    """The client has gone away before it could learn of the container."""
    await remove_container(runtime, cri.RemoveContainerRequest(container_id=response.container_id))


def check_ready(sandbox: Sandbox) -> None:
    if not sandbox.accepts:
        raise WrongState(f"pod sandbox {sandbox.id} is not ready: containers need a new sandbox")


def _check_target(runtime: Runtime, sandbox: Sandbox, config: cri.ContainerConfig) -> None:
    """CRI: a target is a running container of the same pod."""
    options = config.linux.security_context.namespace_options
    if options.pid != cri.TARGET:
        return
    target = runtime.container(options.target_id)
    if target.record.sandbox_id != sandbox.id or target.state != cri.CONTAINER_RUNNING:
        raise InvalidRequest(
            f"target {options.target_id} of container {config.metadata.name} is not a running container "
            "of its pod: choose one"
        )


def _reserve_name(
    runtime: Runtime, sandbox: Sandbox, config: cri.ContainerConfig, container_id: str, undo: Undo
) -> None:
    name = container_name(config.metadata, sandbox.config.metadata)
    runtime.containers.names.reserve(name, container_id)
    undo.add(runtime.containers.names.release, name, container_id)


def _hold(runtime: Runtime, plan: ContainerPlan, container_id: str, undo: Undo) -> None:
    """What the container needs of its image stays while it exists, also when the image is removed."""
    if runtime.images.get(plan.image.id) is None:
        raise UnknownObject(
            f"image {plan.config.image.image} was removed while container {plan.config.metadata.name} was made"
        )
    undo.add(runtime.images.release, container_id)
    runtime.images.hold(container_id, plan.image, plan.command.program)
    container_volumes.hold(runtime, plan.volumes, container_id)


async def _make(runtime: Runtime, plan: ContainerPlan, container_id: str, undo: Undo) -> None:
    record = _new_record(runtime, plan, container_id)
    undo.add(_forget, runtime, record)
    guest = await in_thread(_write, runtime, plan, record)
    container = Container(record, guest, Run(), plan.sandbox.config.metadata)
    runtime.containers.add(container)
    pod_events.container_has(runtime, container, cri.CONTAINER_CREATED_EVENT)


def _new_record(runtime: Runtime, plan: ContainerPlan, container_id: str) -> ContainerRecord:
    image = plan.image
    return ContainerRecord(
        id=container_id,
        sandbox_id=plan.sandbox.id,
        created_at=runtime.clock.now(),
        config=plan.config.SerializeToString(),
        image=image_fields(image),
        image_name=image.repo_tags[0] if image.repo_tags else plan.config.image.image,
        image_ref=image.repo_digests[0] if image.repo_digests else image.id,
        program=program_fields(plan.command.program),
        stop_signal=stop_signal.chosen(plan.config, image.config.stop_signal),
        volumes=[[*volume.files.resource] for volume in plan.volumes],
    )


def _write(runtime: Runtime, plan: ContainerPlan, record: ContainerRecord) -> GuestSpec:
    """The record of the container comes last: it is the commit."""
    guest = plan.guest(runtime, record.id)
    container_layer.make(guest)
    process_status.write(runtime.paths.container(record.sandbox_id, record.id), guest)
    run_record.prepare(guest.run_path)
    write_record(runtime.paths.guest_record(record.sandbox_id, record.id), "guest", guest.to_json())
    record.save(runtime.paths.container_record(record.sandbox_id, record.id))
    return guest


async def _forget(runtime: Runtime, record: ContainerRecord) -> None:
    folder = runtime.paths.container(record.sandbox_id, record.id)
    grave = await in_thread(trash.throw_away, runtime.paths.trash, folder)
    start(runtime, in_thread(trash.delete, grave))
