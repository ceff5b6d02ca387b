"""Pods whose CPU and memory are changed while they run (``kubectl patch --subresource resize``)."""

import glob
from pathlib import Path
from typing import Any

from sandbox.cgroup import tree as cgroup
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.kubectl import Kubectl, Object, eventually
from tests.e2e.cluster.workloads import pod, running_containers
from tests.e2e.pods import status_of

MIB = 1 << 20


def resources(cpu: str, memory: str, most_cpu: str, most_memory: str) -> Object:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": most_cpu, "memory": most_memory}}


def run(cluster: Cluster, kubectl: Kubectl, guest: str, wanted: Object) -> None:
    container = {"name": "main", "image": cluster.node.image(guest), "resources": wanted}
    kubectl.apply(pod("resized", container))
    kubectl.wait("pod/resized", "condition=Ready")


def resize(kubectl: Kubectl, wanted: Object) -> None:
    change = {"spec": {"containers": [{"name": "main", "resources": wanted}]}}
    kubectl.patch("pod/resized", change, "--subresource=resize")


def shows(wanted: Object) -> Any:
    """Whether the pod has been resized, as its status tells."""

    def condition(found: Object) -> bool:
        status = status_of(found)
        kinds = {condition["type"] for condition in found["status"]["conditions"]}
        is_done = not kinds & {"PodResizePending", "PodResizeInProgress"}
        return is_done and status.get("resources") == wanted and status["allocatedResources"] == wanted["requests"]

    return condition


def limits_of(container_id: str) -> tuple[int, int, int]:
    """In force for the guest: CPU shares (v1) or weight (v2), quota in a tenth of a second, bytes of memory."""
    layout = cgroup.detect()
    memory, cpu = (_group(layout, controller, container_id) for controller in ("memory", "cpu"))
    if layout.unified:
        most, _ = (cpu / "cpu.max").read_text().split()
        return int((cpu / "cpu.weight").read_text()), int(most), int((memory / "memory.max").read_text())
    names = (cpu / "cpu.shares", cpu / "cpu.cfs_quota_us", memory / "memory.limit_in_bytes")
    shares, quota, limit = (int(name.read_text()) for name in names)
    return shares, quota, limit


def _group(layout: cgroup.Layout, controller: str, container_id: str) -> Path:
    """Groups of others may go meanwhile."""
    top = layout.controllers.get(controller, layout.mounts[0])
    [group] = glob.glob(f"{top}/**/{container_id}", recursive=True)
    return Path(group)


def test_cpu_and_memory_go_up_and_down_under_a_running_guest(cluster: Cluster, kubectl: Kubectl) -> None:
    small, large = resources("100m", "16Mi", "200m", "32Mi"), resources("200m", "32Mi", "400m", "64Mi")
    run(cluster, kubectl, "sleeper", small)
    before = running_containers(kubectl.objects("pod"))
    container_id = status_of(kubectl.get("pod/resized"))["containerID"].removeprefix("wasmlet://")
    at_first = limits_of(container_id)
    assert at_first[1:] == (20_000, 32 * MIB)
    resize(kubectl, large)
    kubectl.when("pod/resized", shows(large))
    shares, quota, memory = limits_of(container_id)
    assert (quota, memory) == (40_000, 64 * MIB)
    assert shares > at_first[0]
    resize(kubectl, small)
    kubectl.when("pod/resized", shows(small))
    assert limits_of(container_id) == at_first
    assert running_containers(kubectl.objects("pod")) == before


def test_a_guest_that_was_refused_memory_is_given_more(cluster: Cluster, kubectl: Kubectl) -> None:
    """And cannot be given less than it has, which the pod tells."""
    run(cluster, kubectl, "grower", resources("10m", "16Mi", "500m", "32Mi"))
    eventually(lambda: kubectl.log("resized") == ["refused"], "the guest has reached its limit")
    before = running_containers(kubectl.objects("pod"))
    large = resources("10m", "16Mi", "500m", "64Mi")
    resize(kubectl, large)
    kubectl.when("pod/resized", shows(large))
    eventually(lambda: kubectl.log("resized")[1:] == ["given more", "refused"], "the guest has got more")
    resize(kubectl, resources("10m", "16Mi", "500m", "24Mi"))
    found = kubectl.when("pod/resized", _is_stuck)
    assert status_of(found)["resources"] == large
    assert running_containers(kubectl.objects("pod")) == before


def _is_stuck(found: Object) -> bool:
    conditions = {each["type"]: each.get("reason") for each in found["status"]["conditions"]}
    return conditions.get("PodResizeInProgress") == "Error"
