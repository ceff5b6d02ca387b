"""StartContainer: have the pod process fork the guest. Returns when the guest runs, its log file open and its start
recorded.

A start that fails leaves the container EXITED, 128 ``StartError``, and is an error of the RPC as well.
"""

import structlog

from cri_server import pod_watch
from cri_server.blocking import in_thread
from cri_server.container_store import Container
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import WrongState
from cri_server.http_components import http_components
from cri_server.rpc.container_create import check_ready
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox, running_process
from cri_server.socket_shim import socket_shim
from image_store.errors import ImageStoreError
from sandbox.errors import PodProcessGone, SandboxError, StartFailure
from sandbox.records import write_record
from sandbox.specs import Run

START_ERROR = "StartError"
START_EXIT_CODE = 128

log = structlog.get_logger()


async def start_container(runtime: Runtime, request: cri.StartContainerRequest) -> cri.StartContainerResponse:
    container = runtime.container(request.container_id)
    sandbox = runtime.sandbox(container.record.sandbox_id)
    async with container.lock:
        _check(runtime, container, sandbox)
        await _prepare(runtime, container, sandbox)
        check_ready(sandbox)
        await _start(runtime, container, sandbox)
    log.info("container is started", container=container.id, pid=container.run.pid)
    return cri.StartContainerResponse()


def _check(runtime: Runtime, container: Container, sandbox: Sandbox) -> None:
    if container.removing or runtime.containers.get(container.id) is None:
        raise WrongState(f"container {container.id} is being removed: create another one")
    if container.state != cri.CONTAINER_CREATED:
        state = cri.ContainerState.Name(container.state)
        raise WrongState(f"container {container.id} is {state}: only a created one can be started, and only once")
    check_ready(sandbox)


async def _prepare(runtime: Runtime, container: Container, sandbox: Sandbox) -> None:
    """Compiled code of the engine in use. Raises StartFailure, with the failure recorded."""
    try:
        await _refresh_program(runtime, container, sandbox)
    except (SandboxError, ImageStoreError) as error:
        now = runtime.clock.now()
        failed = Run(0, now, now, START_EXIT_CODE, START_ERROR, str(error))
        pod_watch.record_end(runtime, container, failed)
        raise


async def _refresh_program(runtime: Runtime, container: Container, sandbox: Sandbox) -> None:
    """An upgrade of wasmtime between create and start leaves the code that create had found behind."""
    program = container.guest.program
    compiled = await runtime.images.compiled(container.record.program["digest"])
    if compiled is None:
        raise StartFailure(
            f"program of container {container.id} cannot be compiled for this engine: pull the image again"
        )
    fresh = container.guest._replace(program=program._replace(compiled=str(compiled)))
    if fresh.socket_shim:
        version = running_process(sandbox).version
        shim = await socket_shim(runtime, len(fresh.listen), fresh.asks_host, version)
        fresh = fresh._replace(socket_shim=shim)
    if fresh.http:
        fresh = fresh._replace(http_components=await http_components(runtime))
    if fresh != container.guest:
        container.guest = fresh
        path = runtime.paths.guest_record(container.record.sandbox_id, container.id)
        await in_thread(write_record, path, "guest", container.guest.to_json())


async def _start(runtime: Runtime, container: Container, sandbox: Sandbox) -> None:
    assert sandbox.process is not None, "a ready sandbox has a pod process"
    try:
        spec = runtime.paths.guest_record(sandbox.id, container.id)
        pod_watch.follow(runtime, container, await sandbox.process.start(container.id, spec))
    except (StartFailure, PodProcessGone):
        pod_watch.follow_record(runtime, container)  # if the pod process is dead, its end settles the rest
        raise
