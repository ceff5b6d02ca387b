"""PodSandboxStatus: one sandbox, from memory. NOT_FOUND for an unknown one, which the kubelet relies on."""

from cri_server import info, runtime_spec, wire
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox

_CONTAINERS_STATUSES = cri.PodSandboxStatusResponse.CONTAINERS_STATUSES_FIELD_NUMBER


async def pod_sandbox_status(runtime: Runtime, request: cri.PodSandboxStatusRequest) -> bytes:
    """With its containers as they are at ``timestamp``: CRI's sign that container events are offered."""
    sandbox = runtime.sandbox(request.pod_sandbox_id)
    rest = cri.PodSandboxStatusResponse(timestamp=runtime.clock.now())
    if request.verbose:
        rest.info[info.INFO] = info.encoded(_info(sandbox))
    containers = runtime.containers.newest_first(sandbox.id)
    statuses = [wire.moved(container.status_field, _CONTAINERS_STATUSES) for container in containers]
    return wire.joined([sandbox.status_field, *statuses, rest.SerializeToString()])


def _info(sandbox: Sandbox) -> dict[str, object]:
    return {
        "pid": sandbox.process.pid if sandbox.process is not None and sandbox.ready else 0,
        "processStatus": "running" if sandbox.ready else "deleted",
        "netNamespaceClosed": not sandbox.ready,
        "runtimeHandler": sandbox.record.runtime_handler,
        "runtimeType": info.RUNTIME_TYPE,
        "runtimeOptions": None,
        "runtimeSpec": runtime_spec.of_sandbox(sandbox),
        "config": info.message_fields(sandbox.config),
        "cgroup": sandbox.record.cgroup,
        "network": sandbox.record.network_state,
        "cniResult": info.cni_result(sandbox.record.network_state),
    }
