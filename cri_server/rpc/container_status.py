"""ContainerStatus: one container, from memory. NOT_FOUND for an unknown one, which the kubelet relies on."""

from cri_server import info, runtime_spec
from cri_server.container_store import Container
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox


async def container_status(
    runtime: Runtime, request: cri.ContainerStatusRequest
) -> cri.ContainerStatusResponse | bytes:
    container = runtime.container(request.container_id)
    if not request.verbose:
        return container.status_field
    sandbox = runtime.sandbox(container.record.sandbox_id)
    details = {info.INFO: info.encoded(_info(container, sandbox))}
    return cri.ContainerStatusResponse(status=container.status, info=details)


def _info(container: Container, sandbox: Sandbox) -> dict[str, object]:
    running = container.state == cri.CONTAINER_RUNNING
    return {
        "sandboxID": container.record.sandbox_id,
        "pid": container.run.pid if running else 0,
        "removing": container.removing,
        "snapshotKey": container.id,
        "snapshotter": "overlay" if container.guest.lower else "directory",
        "runtimeType": info.RUNTIME_TYPE,
        "runtimeOptions": None,
        "config": info.container_config_fields(container.config),
        "runtimeSpec": runtime_spec.of_container(container.guest, sandbox),
    }
