"""StopContainer: the stop signal, then the timeout, then SIGKILL. Returns when the exit is recorded. Idempotent.

Calls for one container may overlap: the signal is sent once, and each call waits for its own timeout, so the shortest
one decides.
"""

import asyncio
import signal

import structlog

from cri_server import stop_signal
from cri_server.container_store import Container
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import StopFailed
from cri_server.runtime import Runtime
from sandbox.errors import PodProcessGone

_SECONDS_FOR_KILL = 20
"""A killed process that waits for a device may take its time."""

log = structlog.get_logger()


async def stop_container(runtime: Runtime, request: cri.StopContainerRequest) -> cri.StopContainerResponse:
    container = runtime.containers.find(request.container_id)
    if container is not None:
        async with container.lock:
            pass  # a start that is under way comes to its end first
        await end_guest(runtime, container, max(0, request.timeout))
    return cri.StopContainerResponse()


async def end_guest(runtime: Runtime, container: Container, timeout: float) -> None:
    """``timeout`` in seconds. Nothing happens to a container that does not run. Raises StopFailed."""
    if container.state != cri.CONTAINER_RUNNING:
        return
    if timeout > 0 and await _ends_gently(runtime, container, timeout):
        return
    await _signal(runtime, container, signal.SIGKILL)
    if not await _exits(container, _SECONDS_FOR_KILL):
        raise StopFailed(
            f"container {container.id} still runs {_SECONDS_FOR_KILL} s after its kill (process {container.run.pid}): "
            "look in the kernel log for what holds it and stop it again"
        )


async def _ends_gently(runtime: Runtime, container: Container, timeout: float) -> bool:
    if not container.signalled:
        container.signalled = True
        log.info("stopping container", container=container.id, signal=container.record.stop_signal, timeout=timeout)
        await _signal(runtime, container, stop_signal.number(container.record.stop_signal))
    return await _exits(container, timeout)


async def _signal(runtime: Runtime, container: Container, number: int) -> None:
    sandbox = runtime.sandboxes.get(container.record.sandbox_id)
    if sandbox is None or sandbox.process is None:
        return  # the exit is being recorded
    try:
        await asyncio.wait_for(sandbox.process.signal(container.id, number), _SECONDS_FOR_KILL)
    except PodProcessGone:
        log.debug("pod process is gone, and with it the guest", container=container.id)
    except TimeoutError:
        raise StopFailed(f"pod process of container {container.id} does not answer: stop the sandbox") from None


async def _exits(container: Container, seconds: float) -> bool:
    try:
        await asyncio.wait_for(container.exited.wait(), seconds)
    except TimeoutError:
        return False
    return True
