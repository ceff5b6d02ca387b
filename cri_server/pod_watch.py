"""The server follows what pod processes tell: starts, exits, and their own end."""

from functools import partial

import structlog

from cri_server import pod_events
from cri_server.container_store import Container
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox
from sandbox import run_record
from sandbox.errors import SandboxError
from sandbox.specs import Run

LOST_EXIT_CODE = 255
LOST_REASON = "Unknown"

log = structlog.get_logger()


def watch(runtime: Runtime, sandbox: Sandbox) -> None:
    """From now on the sandbox and its containers follow their pod process."""
    if sandbox.process is not None:
        sandbox.process.on_start = partial(_process_run, runtime, sandbox)
        sandbox.process.on_exit = partial(_process_run, runtime, sandbox)
        sandbox.process.on_return = partial(_process_return, runtime, sandbox)
        sandbox.process.on_end = partial(_process_end, runtime, sandbox)


def _process_run(runtime: Runtime, sandbox: Sandbox, container_id: str, run: Run) -> None:
    """A pod process, even one taken over, is heard of its own containers alone."""
    structlog.contextvars.clear_contextvars()  # this comes on nobody's behalf, least of all that of who made the pod
    container = runtime.containers.get(container_id)
    if container is None or container.record.sandbox_id != sandbox.id:
        return  # it is being removed
    follow(runtime, container, run)
    if run.finished_at:
        log.info(
            "container has exited",
            container=container_id,
            pod=container.record.sandbox_id,
            exit_code=run.exit_code,
            reason=run.reason,
        )


def follow(runtime: Runtime, container: Container, run: Run) -> None:
    """Its run has come this far."""
    before = container.state
    container.follow(run)
    pod_events.container_has_moved(runtime, container, before)


def _process_return(runtime: Runtime, sandbox: Sandbox) -> None:
    structlog.contextvars.clear_contextvars()
    log.warning("pod process was not to be reached for a moment", pod=sandbox.id)
    for container in runtime.containers.of_sandbox(sandbox.id):
        follow_record(runtime, container)


def _process_end(runtime: Runtime, sandbox: Sandbox) -> None:
    """The guests are dead, too. What of it was expected, StopPodSandbox has recorded before."""
    structlog.contextvars.clear_contextvars()
    for container in runtime.containers.of_sandbox(sandbox.id):
        settle_lost_run(runtime, container)
    sandbox.refresh()
    pod_events.sandbox_has(runtime, sandbox, cri.CONTAINER_STOPPED_EVENT)
    if not sandbox.stopping:
        log.warning("pod process has died: its sandbox is not ready any more", pod=sandbox.id)


def settle_lost_run(runtime: Runtime, container: Container) -> None:
    """Of a container whose pod process is gone: what it recorded is the truth; a run without an end is EXITED 255."""
    follow_record(runtime, container)
    if container.state == cri.CONTAINER_RUNNING:
        message = "the pod process ended before the container did: its exit code is not known"
        lost = container.run._replace(
            finished_at=max(runtime.clock.now(), container.run.started_at),
            exit_code=LOST_EXIT_CODE,
            reason=LOST_REASON,
            message=message,
        )
        record_end(runtime, container, lost)


def follow_record(runtime: Runtime, container: Container) -> None:
    """What its pod process has put on disk, told or not."""
    follow(runtime, container, _recorded_run(runtime, container))


def record_end(runtime: Runtime, container: Container, run: Run) -> None:
    """On disk before anyone hears of it, if the disk takes it at all."""
    try:
        run_record.write_ended(runtime.paths.run(container.record.sandbox_id, container.id), run)
    except (OSError, SandboxError) as error:
        log.error("the end of a container cannot be recorded", container=container.id, error=str(error))
    follow(runtime, container, run)


def _recorded_run(runtime: Runtime, container: Container) -> Run:
    try:
        run = run_record.read(runtime.paths.run(container.record.sandbox_id, container.id))
    except FileNotFoundError:
        return container.run
    sandbox = runtime.sandboxes.get(container.record.sandbox_id)
    return run if sandbox is None or sandbox.process is None else sandbox.process.in_host(run)
