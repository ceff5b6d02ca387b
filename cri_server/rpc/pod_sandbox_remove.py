"""RemovePodSandbox: stop it if need be, remove its containers, then itself. Idempotent. Logs stay: they are the
kubelet's."""

import structlog

from cri_server import pod_events, trash
from cri_server.blocking import in_thread
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.operations import start
from cri_server.rpc.pod_sandbox_stop import end_sandbox
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox

log = structlog.get_logger()


async def remove_pod_sandbox(runtime: Runtime, request: cri.RemovePodSandboxRequest) -> cri.RemovePodSandboxResponse:
    sandbox = runtime.sandboxes.find(request.pod_sandbox_id)
    if sandbox is not None:
        sandbox.stopping = True
        async with sandbox.lock:
            if runtime.sandboxes.get(sandbox.id) is not None:  # else another call was faster
                await end_sandbox(runtime, sandbox)
                await _remove(runtime, sandbox)
    return cri.RemovePodSandboxResponse()


async def _remove(runtime: Runtime, sandbox: Sandbox) -> None:
    """The rename of the sandbox's folder is the commit, also for its containers, which are below it."""
    containers = runtime.containers.of_sandbox(sandbox.id)
    grave = await in_thread(trash.throw_away, runtime.paths.trash, runtime.paths.pod(sandbox.id))
    for container in containers:
        container.removing = True
        runtime.containers.remove(container)
        pod_events.container_has(runtime, container, cri.CONTAINER_DELETED_EVENT)
        runtime.images.release(container.id)
    runtime.sandboxes.remove(sandbox)
    pod_events.sandbox_has(runtime, sandbox, cri.CONTAINER_DELETED_EVENT)
    start(runtime, in_thread(trash.delete, grave))
    log.info("pod sandbox is removed", pod=sandbox.id)
