"""RemoveContainer: kill it if it runs, then forget it and its writable layer. Idempotent. Logs are the kubelet's."""

import structlog

from cri_server import pod_events, trash
from cri_server.blocking import in_thread
from cri_server.container_store import Container
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.operations import start
from cri_server.rpc.container_stop import end_guest
from cri_server.runtime import Runtime

log = structlog.get_logger()


async def remove_container(runtime: Runtime, request: cri.RemoveContainerRequest) -> cri.RemoveContainerResponse:
    container = runtime.containers.find(request.container_id)
    if container is not None:
        container.removing = True  # whoever waits to start it is too late
        try:
            async with container.lock:
                if runtime.containers.get(container.id) is not None:  # else another call was faster
                    await _remove(runtime, container)
        finally:
            container.removing = False
    return cri.RemoveContainerResponse()


async def _remove(runtime: Runtime, container: Container) -> None:
    await end_guest(runtime, container, 0)
    folder = runtime.paths.container(container.record.sandbox_id, container.id)
    grave = await in_thread(trash.throw_away, runtime.paths.trash, folder)
    runtime.containers.remove(container)
    pod_events.container_has(runtime, container, cri.CONTAINER_DELETED_EVENT)
    runtime.images.release(container.id)
    start(runtime, in_thread(trash.delete, grave))
    log.info("container is removed", container=container.id)
