"""A kubelet that is told by events what becomes of its pods, and lists them every five minutes only.

Whatever it learns within a test it has learnt from an event.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.kubelet_node import KubeletNode, kubelet_node
from tests.e2e.pods import ended, is_ready, manifest, status_of, waiting_for


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeletNode]:
    with kubelet_node(tmp_path_factory.mktemp("node"), feature_gates={"EventedPLEG": True}) as running:
        yield running


@pytest.fixture
def node(shared_node: KubeletNode) -> Iterator[KubeletNode]:
    """Afterwards it still follows events: it has not fallen back to lists."""
    yield shared_node
    shared_node.kubelet.remove_all()
    assert shared_node.kubelet.metric("kubelet_evented_pleg_connection_success_count") == {"": 1}
    assert shared_node.kubelet.metric("kubelet_evented_pleg_connection_error_count") == {"": 0}
    [(_, lists)] = shared_node.kubelet.metric("kubelet_pleg_relist_duration_seconds_count").items()
    assert lists < 10, "every second it would be, after a fall back"


def test_a_pod_starts_and_is_deleted(node: KubeletNode) -> None:
    node.kubelet.run(manifest("steady", node.tool("count 0.2")))
    pod = node.kubelet.pod_when("steady", is_ready)
    assert status_of(pod)["state"]["running"]
    assert pod["status"]["podIP"]
    node.kubelet.remove("steady")
    node.kubelet.eventually(lambda: not node.is_running("steady"), "the pod has ended")
    node.kubelet.eventually(lambda: "steady" not in node.kubelet.pods(), "the pod is gone")


def test_a_pod_that_comes_to_its_end(node: KubeletNode) -> None:
    containers = [node.tool("sleep 1", "exit 3", name="failing"), node.tool("print done", name="quick")]
    node.kubelet.run(manifest("ending", *containers, restartPolicy="Never"))
    pod = node.kubelet.pod_when("ending", lambda pod: pod["status"]["phase"] == "Failed")
    assert (ended(pod, "failing")["exitCode"], ended(pod, "quick")["exitCode"]) == (3, 0)
    assert pod["status"]["podIP"], "kept after the end"


def test_a_container_that_fails_is_started_again_and_again(node: KubeletNode) -> None:
    node.kubelet.run(manifest("failing", node.tool("exit 3"), restartPolicy="OnFailure"))
    pod = node.kubelet.pod_when("failing", lambda pod: status_of(pod).get("restartCount", 0) >= 2)
    assert status_of(pod)["lastState"]["terminated"]["exitCode"] == 3
    node.kubelet.pod_when("failing", lambda pod: waiting_for(pod) == "CrashLoopBackOff")


def test_init_containers_follow_one_another(node: KubeletNode) -> None:
    first, second = node.tool("print one", name="first"), node.tool("print two", name="second")
    node.kubelet.run(
        manifest("prepared", node.tool("print three"), initContainers=[first, second], restartPolicy="Never")
    )
    pod = node.kubelet.pod_when("prepared", lambda pod: pod["status"]["phase"] == "Succeeded")
    assert ended(pod, "first")["finishedAt"] <= ended(pod, "second")["startedAt"]


def test_a_pod_whose_process_is_killed_gets_a_new_sandbox(node: KubeletNode) -> None:
    node.kubelet.run(manifest("struck", node.tool("count 0.2")))
    first = status_of(node.kubelet.pod_when("struck", is_ready))["containerID"]
    [sandbox] = node.sandboxes("struck")
    node.call("StopPodSandbox", pod_sandbox_id=sandbox.id)
    node.kubelet.pod_when("struck", lambda pod: is_ready(pod) and status_of(pod)["containerID"] != first)


def test_pods_outlive_the_server_whose_events_are_followed(tmp_path: Path) -> None:
    """The kubelet asks the next server five times at once, and then goes on with lists."""
    with kubelet_node(tmp_path, feature_gates={"EventedPLEG": True}) as node:
        node.kubelet.run(manifest("steady", node.tool("count 0.2")))
        before = status_of(node.kubelet.pod_when("steady", is_ready))
        with node.server_killed():
            pass
        node.kubelet.run(manifest("late", node.tool("exit 3"), restartPolicy="Never"))
        node.kubelet.pod_when("late", lambda pod: pod["status"]["phase"] == "Failed")
        after = status_of(node.kubelet.pods()["steady"])
        assert (after["containerID"], after["restartCount"]) == (before["containerID"], 0)
