"""Fifty pods of a Deployment, which are as many as one asks for at any time, whatever happens to the node meanwhile."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.disturbance import disturb
from tests.e2e.cluster.kubectl import Kubectl, Object, eventually
from tests.e2e.cluster.workloads import deployment, running_containers, template

PODS = 50
GRACE_SECONDS = 600
"""Longer than any test waits: who needs it all, fails."""


class Web:
    """The deployment, its kubectl, and what is done to its node."""

    def __init__(self, cluster: Cluster, kubectl: Kubectl, folder: Path) -> None:
        self.kubectl = kubectl
        self._cluster = cluster
        self._folder = folder

    def apply(self, edition: str, replicas: int = PODS) -> None:
        container = self._cluster.node.tool(f"print '{edition}\n'", "count 1")
        pods = template("web", container, terminationGracePeriodSeconds=GRACE_SECONDS)
        self.kubectl.apply(deployment("web", replicas, pods))

    def wait(self) -> None:
        self.kubectl("rollout", "status", "deployment/web", "--timeout=150s")

    def disturb(self, name: str, progress: Callable[[], float]) -> None:
        """The server when a tenth is done, the kubelet when a third is. What runs then goes on, or is replaced by other
        pods."""

        def wait_for(part: float) -> None:
            eventually(lambda: progress() >= part, f"{name} has got on")

        wait_for(0.1)
        before = running_containers(self.pods())
        disturb(self._cluster.node, self._folder / name, between=lambda: wait_for(0.33))
        after = running_containers(self.pods())
        assert {each: after[each] for each in before if each in after}.items() <= before.items()

    def running(self, edition: str) -> float:
        """Which part of all pods runs an edition."""
        return self.editions().count(edition) / PODS

    def gone(self, number: int) -> float:
        """Which part of a number of pods is gone."""
        return 1 - (len(self.kubectl.objects("pod")) - (PODS - number)) / number

    def pods(self) -> list[Object]:
        """Without those that are on their way out."""
        return [pod for pod in self.kubectl.objects("pod") if "deletionTimestamp" not in pod["metadata"]]

    def editions(self) -> list[str]:
        """What the running pods run."""
        pods = self.pods()
        running = {pod for pod, _ in running_containers(pods)}
        return [pod["spec"]["containers"][0]["args"][1].strip() for pod in pods if pod["metadata"]["name"] in running]


@pytest.fixture
def web(cluster: Cluster, kubectl: Kubectl, tmp_path: Path) -> Web:
    return Web(cluster, kubectl, tmp_path)


def test_a_deployment_rolls_out_scales_rolls_back_and_ends(web: Web) -> None:
    web.apply("first")
    web.disturb("rollout", lambda: web.running("first"))
    web.wait()
    assert web.editions() == ["first"] * PODS

    web.apply("second")
    web.disturb("update", lambda: web.running("second"))
    web.wait()
    assert web.editions() == ["second"] * PODS
    web.kubectl("rollout", "undo", "deployment/web")
    web.disturb("rollback", lambda: web.running("first"))
    web.wait()
    assert web.editions() == ["first"] * PODS

    before = running_containers(web.pods())
    web.kubectl("scale", "deployment/web", "--replicas=5")
    web.disturb("scale down", lambda: web.gone(PODS - 5))
    web.kubectl.wait("deployment/web", "jsonpath={.status.replicas}=5")
    after = running_containers(web.pods())
    assert len(after) == 5
    assert after.items() <= before.items()
    web.kubectl("scale", "deployment/web", f"--replicas={PODS}")
    web.wait()
    assert after.items() <= running_containers(web.pods()).items()

    web.kubectl("delete", "deployment/web", "--wait=false")
    web.disturb("deletion", lambda: web.gone(PODS))
    web.kubectl.wait("pod --all", "delete")
    assert web.kubectl.objects("pod") == []
