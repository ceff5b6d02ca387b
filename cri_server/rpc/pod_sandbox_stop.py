"""StopPodSandbox: kill the containers, end the sandbox, give its network back. Idempotent.

CRI: the state is NOTREADY as soon as the pod process is dead; when giving back fails, the next call resumes there.
"""

import asyncio

import structlog

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import StopFailed
from cri_server.rpc.container_stop import end_guest
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox
from cri_server.sandbox_teardown import release_node

log = structlog.get_logger()


async def stop_pod_sandbox(runtime: Runtime, request: cri.StopPodSandboxRequest) -> cri.StopPodSandboxResponse:
    sandbox = runtime.sandboxes.find(request.pod_sandbox_id)
    if sandbox is not None:
        sandbox.stopping = True
        async with sandbox.lock:
            await end_sandbox(runtime, sandbox)
    return cri.StopPodSandboxResponse()


async def end_sandbox(runtime: Runtime, sandbox: Sandbox) -> None:
    """The caller holds the sandbox's lock. Afterwards nothing of the node is in use by it."""
    sandbox.stopping = True
    if sandbox.process is not None and sandbox.process.alive:
        await _end_guests(runtime, sandbox)
        await sandbox.process.shutdown()
        log.info("pod sandbox is stopped", pod=sandbox.id)
    await release_node(runtime, sandbox)


async def _end_guests(runtime: Runtime, sandbox: Sandbox) -> None:
    """One by one they leave an exit code; whichever does not, dies with the pod process."""
    containers = runtime.containers.of_sandbox(sandbox.id)
    ends = await asyncio.gather(*(end_guest(runtime, each, 0) for each in containers), return_exceptions=True)
    for error in ends:
        if isinstance(error, StopFailed):
            log.warning("a container dies with its pod process", error=str(error))
        elif isinstance(error, BaseException):
            raise error
