"""Container events: each carries its pod as it is at that moment (CRI: the kubelet takes it for the truth).

    pod sandbox   CREATED and STARTED when it is seen · STOPPED when its pod process has ended · DELETED when it is gone
    container     CREATED when it is seen · STARTED and STOPPED as its run goes on · DELETED when it is gone

The last event of a sandbox still shows it: the kubelet ignores events without a sandbox's status.
"""

from cri_server.container_store import Container
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox


def sandbox_has(runtime: Runtime, sandbox: Sandbox, *kinds: cri.ContainerEventType) -> None:
    for kind in kinds:
        _tell(runtime, sandbox, sandbox.id, kind)


def container_has(runtime: Runtime, container: Container, *kinds: cri.ContainerEventType) -> None:
    sandbox = runtime.sandboxes.get(container.record.sandbox_id)
    if sandbox is not None:  # else it is being recovered, and nobody listens yet
        for kind in kinds:
            _tell(runtime, sandbox, container.id, kind)


def container_has_moved(runtime: Runtime, container: Container, before: cri.ContainerState) -> None:
    """From the state that it had before, if it is another."""
    if container.state == before:
        return
    run = container.run
    if before == cri.CONTAINER_CREATED and (run.pid or not run.finished_at):  # failed: ended without one
        container_has(runtime, container, cri.CONTAINER_STARTED_EVENT)
    if container.state == cri.CONTAINER_EXITED:
        container_has(runtime, container, cri.CONTAINER_STOPPED_EVENT)


def _tell(runtime: Runtime, sandbox: Sandbox, object_id: str, kind: cri.ContainerEventType) -> None:
    if not runtime.events.is_heard:
        return
    event = cri.ContainerEventResponse(
        container_id=object_id,
        container_event_type=kind,
        created_at=runtime.clock.now(),
        pod_sandbox_status=sandbox.status,
        containers_statuses=[container.status for container in runtime.containers.newest_first(sandbox.id)],
    )
    runtime.events.tell(event.SerializeToString())
