"""Which objects a list asks for: every condition that is set must hold (CRI: labels match exactly, ids may be
abbreviated)."""

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from cri_server.container_store import Container
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.object_index import ObjectIndex
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox


class Labelled(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def labels(self) -> Mapping[str, str]: ...


T = TypeVar("T", bound=Labelled)


def sandboxes(runtime: Runtime, wanted: cri.PodSandboxFilter) -> list[Sandbox]:
    found = _labelled(_identified(runtime.sandboxes, wanted.id), wanted.label_selector)
    if wanted.HasField("state"):  # a message, because the number of READY is zero
        found = [sandbox for sandbox in found if sandbox.state == wanted.state.state]
    return found


def containers(runtime: Runtime, wanted: cri.ContainerFilter) -> list[Container]:
    found = _labelled(_identified(runtime.containers, wanted.id), wanted.label_selector)
    if wanted.HasField("state"):
        found = [container for container in found if container.state == wanted.state.state]
    if wanted.pod_sandbox_id:
        parents = {sandbox.id for sandbox in _identified(runtime.sandboxes, wanted.pod_sandbox_id)}
        found = [container for container in found if container.record.sandbox_id in parents]
    return found


def ready_sandboxes(runtime: Runtime, wanted: cri.PodSandboxStatsFilter) -> list[Sandbox]:
    """Others have no figures."""
    state = cri.PodSandboxStateValue(state=cri.SANDBOX_READY)
    return sandboxes(runtime, cri.PodSandboxFilter(id=wanted.id, state=state, label_selector=wanted.label_selector))


def running_containers(runtime: Runtime, wanted: cri.ContainerStatsFilter) -> list[Container]:
    """Others have no figures."""
    also = cri.ContainerFilter(
        id=wanted.id,
        state=cri.ContainerStateValue(state=cri.CONTAINER_RUNNING),
        pod_sandbox_id=wanted.pod_sandbox_id,
        label_selector=wanted.label_selector,
    )
    return containers(runtime, also)


def _identified(index: ObjectIndex[T], prefix: str) -> list[T]:
    """An unknown or ambiguous id matches nothing."""
    if not prefix:
        return index.all()
    found = index.matching(prefix)
    return found if len(found) == 1 else []


def _labelled(items: Iterable[T], selector: Mapping[str, str]) -> list[T]:
    wanted = selector.items()
    return [item for item in items if all(item.labels.get(key) == value for key, value in wanted)]
