"""What a kubelet tells of the usage of pods, compared with what the kernel says: with figures of pods from cAdvisor, as
it comes, and with all of them from the runtime."""

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from cri_server.cri_v1 import api_pb2 as cri
from sandbox.cgroup.layout import detect
from sandbox.cgroup.usage import MemoryUsage, Usage, read_usage
from tests.e2e.kubelet import NODE
from tests.e2e.kubelet_node import KubeletNode, kubelet_node
from tests.e2e.pods import is_ready, manifest

T = TypeVar("T")

MIB = 1 << 20
MEMORY = ("usageBytes", "workingSetBytes", "rssBytes", "availableBytes", "pageFaults")
"""What the summary has of a container's memory, but for what differs with the source."""
GATE = "PodAndContainerStatsFromCRI"
GATES: dict[str, dict[str, bool]] = {
    "from cAdvisor": {},
    "from the runtime": {GATE: True},
    "from the runtime in streams, with events": {GATE: True, "CRIListStreaming": True, "EventedPLEG": True},
}
CALLS = {
    "container_stats",
    "list_container_stats",
    "podsandbox_stats",
    "list_podsandbox_stats",
    "list_metric_descriptors",
    "list_podsandbox_metrics",
    "image_fs_info",
}
"""Of the kubelet to the runtime, by the names in its own metrics."""


class Observed:
    """``from_runtime``: whether the gate is on."""

    def __init__(self, node: KubeletNode, from_runtime: bool) -> None:
        self.node = node
        self.kubelet = node.kubelet
        self.from_runtime = from_runtime

    def run(self, name: str, *commands: str, **fields: Any) -> None:
        self.kubelet.run(manifest(name, self.node.tool(*commands, **fields)))
        self.kubelet.pod_when(name, is_ready)

    def summary(self, pod: str) -> dict[str, Any]:
        """Of the pod; empty until the kubelet tells something of it."""
        answer = self.kubelet.get("/stats/summary")
        assert answer.status == 200, answer.data
        pods = {each["podRef"]["name"]: each for each in json.loads(answer.data)["pods"]}
        told: dict[str, Any] = pods.get(f"{pod}-{NODE}", {})
        return told

    def container(self, pod: str) -> dict[str, Any]:
        told: list[dict[str, Any]] = self.summary(pod).get("containers", [])
        return told[0] if told else {}

    def metric(self, path: str, name: str, **labels: str) -> float | None:
        """The value, without the timestamp. None if there is none with these labels."""
        answer = self.kubelet.get(path)
        assert answer.status == 200, answer.data
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        lines = [line for line in answer.data.decode().splitlines() if line.startswith(name + "{")]
        found = [line for line in lines if all(label in line for label in wanted)]
        return float(found[0].rpartition("} ")[2].split()[0]) if found else None

    def kernel_says(self, pod: str) -> Usage:
        """Of its only container."""
        [sandbox] = self.node.sandboxes(pod)
        [container] = self.node.call("ListContainers", filter=cri.ContainerFilter(pod_sandbox_id=sandbox.id)).containers
        info = self.node.call("ContainerStatus", container_id=container.id, verbose=True).info["info"]
        usage = read_usage(detect(), json.loads(info)["runtimeSpec"]["linux"]["cgroupsPath"])
        assert usage is not None
        return usage

    def tells_what_the_kernel_says(self, pod: str, look: Callable[[], T], says: Callable[[MemoryUsage], T]) -> None:
        """Of the memory of the pod's only container, sooner or later: what is told may be some ten seconds old, and the
        kernel charges memory in batches, also of a guest that does nothing."""
        seen: list[tuple[T, T]] = []

        def is_the_same() -> bool:
            told, used = look(), self.kernel_says(pod).memory
            assert used is not None
            seen.append((told, says(used)))
            return told == says(used)

        try:
            self.kubelet.eventually(is_the_same, f"what is told of pod {pod} is what the kernel says")
        except AssertionError as error:
            raise AssertionError(f"{error}\nTold and said at last: {seen[-1]}") from None


@pytest.fixture(scope="module", params=list(GATES.values()), ids=list(GATES))
def observed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    with kubelet_node(tmp_path_factory.mktemp("node"), request.param) as node:
        yield Observed(node, GATE in request.param)


@pytest.fixture(autouse=True)
def _each_test_has_its_own_pods(observed: Observed) -> Iterator[None]:
    yield
    observed.kubelet.remove_all()


def test_the_summary_has_the_kernels_figures_of_a_container(observed: Observed) -> None:
    limits = {"limits": {"memory": "64Mi"}}
    observed.run("still", "sleep 1000", resources=limits)
    observed.kubelet.eventually(lambda: bool(observed.container("still")), "its container is told of")

    def told() -> dict[str, int]:
        memory = observed.container("still").get("memory", {})
        return {name: value for name, value in memory.items() if name in MEMORY}

    def said(used: MemoryUsage) -> dict[str, int]:
        available = 64 * MIB - used.working_set
        figures = (used.used, used.working_set, used.anonymous, available, used.page_faults)
        return dict(zip(MEMORY, figures, strict=True))

    observed.tells_what_the_kernel_says("still", told, said)
    assert told()["workingSetBytes"] > 0
    cpu = observed.container("still")["cpu"]["usageCoreNanoSeconds"]
    assert 0 < cpu <= observed.kernel_says("still").cpu_ns


def test_what_a_container_writes_to_its_layer_is_told(observed: Observed) -> None:
    text = "x" * 60_000
    observed.run("writing", f"write /one {text}", f"write /two {text}", "sleep 1000")
    written = 2 * len(text)
    observed.kubelet.eventually(
        lambda: observed.container("writing").get("rootfs", {}).get("usedBytes", 0) > written, "its layer is told of"
    )
    rootfs = observed.container("writing")["rootfs"]
    assert rootfs["inodesUsed"] >= 3
    assert 0 < rootfs["availableBytes"] < rootfs["capacityBytes"]
    assert observed.summary("writing")["ephemeral-storage"]["usedBytes"] > written


def test_the_usage_of_a_core_is_told_of_a_busy_container(observed: Observed) -> None:
    image = observed.node.image("busy")
    observed.kubelet.run(manifest("busy", {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent"}))
    observed.kubelet.eventually(
        lambda: observed.container("busy").get("cpu", {}).get("usageNanoCores", 0) > 0, "it uses a core"
    )


def test_a_pod_uses_what_its_container_uses_and_a_little_more(observed: Observed) -> None:
    observed.run("whole", "count 0.5")

    def is_told() -> bool:
        told = observed.summary("whole")
        used = [each["memory"]["workingSetBytes"] for each in told.get("containers", [])]
        return bool(used) and told["memory"]["workingSetBytes"] > used[0] and told["cpu"]["usageCoreNanoSeconds"] > 0

    observed.kubelet.eventually(is_told, "the pod's own figures are told")
    if observed.from_runtime:
        told = observed.summary("whole")
        assert told["process_stats"]["process_count"] == 2
        assert told["network"]["name"] == "eth0"
        observed.kubelet.eventually(
            lambda: observed.summary("whole")["network"]["rxBytes"] > 0, "it has received something"
        )


def test_resource_metrics_are_what_the_kernel_says(observed: Observed) -> None:
    observed.run("resting", "sleep 1000")
    labels = {"pod": f"resting-{NODE}", "container": "main"}
    cpu, memory = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
    path = "/metrics/resource"
    observed.kubelet.eventually(lambda: observed.metric(path, cpu, **labels) is not None, "it is told of")
    observed.tells_what_the_kernel_says(
        "resting", lambda: observed.metric(path, memory, **labels), lambda used: used.working_set
    )
    seconds = observed.metric(path, cpu, **labels)
    assert seconds is not None
    assert 0 < seconds <= observed.kernel_says("resting").cpu_ns / 1e9
    assert "resource_scrape_error 0" in observed.kubelet.get(path).data.decode()


def test_cadvisors_metrics_are_those_of_the_runtime_with_the_gate(observed: Observed) -> None:
    observed.run("dozing", "sleep 1000")
    labels = {"pod": f"dozing-{NODE}", "namespace": "default"}
    observed.kubelet.eventually(lambda: bool(observed.container("dozing")), "its container is told of")
    names = [f"container_memory_{name}" for name in ("working_set_bytes", "usage_bytes", "rss")]
    path = "/metrics/cadvisor"
    if not observed.from_runtime:
        observed.kubelet.eventually(
            lambda: None not in [observed.metric(path, name, **labels, container="") for name in names],
            "the group is told of that the kubelet made for the pod",
        )
        return
    observed.tells_what_the_kernel_says(
        "dozing",
        lambda: [observed.metric(path, name, **labels, container="main") for name in names],
        lambda used: [used.working_set, used.used, used.anonymous],
    )
    received = "container_network_receive_bytes_total"
    observed.kubelet.eventually(
        lambda: (observed.metric(path, received, **labels, interface="eth0") or 0) > 0, "it has received something"
    )


def test_no_call_for_figures_fails(observed: Observed) -> None:
    observed.run("asleep", "sleep 1000")
    observed.kubelet.eventually(lambda: bool(observed.container("asleep")), "its container is told of")
    assert not observed.kubelet.runtime_errors() & CALLS
    assert "zero or negative interval" not in observed.kubelet.log.read_text(), "of two samples, the later is later"
