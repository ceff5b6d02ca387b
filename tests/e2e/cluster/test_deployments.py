"""Fifty pods of a Deployment, which are as many as one asks for at any time, whatever happens to the node meanwhile."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.disturbance import disturb
from tests.e2e.cluster.kubectl import Kubectl, Object, eventually
from tests.e2e.cluster.workloads import deployment, running_containers, template

PODS = 50
GRACE_SECONDS = 600
"""Longer than any test waits: it fails where a pod needs it all."""


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

    def has(self, edition: str) -> None:
        """Where it has all its pods of the edition already, nothing happens."""
        self.apply(edition)
        self.wait()

    def has_nothing(self) -> None:
        self.kubectl.delete("deployment/web", "--ignore-not-found")
        self.kubectl.wait("pod --all", "delete")

    def wait(self) -> None:
        self.kubectl.wait_for_rollout("deployment/web")

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


@pytest.fixture(scope="module")
def web(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    kubectl = cluster.create_namespace("fifty-pods")
    yield Web(cluster, kubectl, tmp_path_factory.mktemp("web"))
    cluster.kubectl("delete", "namespace", kubectl.namespace, "--wait=false")


def test_a_deployment_rolls_out(web: Web) -> None:
    web.has_nothing()
    web.apply("first")
    web.disturb("rollout", lambda: web.running("first"))
    web.wait()
    assert web.editions() == ["first"] * PODS


def test_a_deployment_is_updated_and_rolled_back(web: Web) -> None:
    web.has("first")
    web.apply("second")
    web.disturb("update", lambda: web.running("second"))
    web.wait()
    assert web.editions() == ["second"] * PODS
    web.kubectl("rollout", "undo", "deployment/web")
    web.disturb("rollback", lambda: web.running("first"))
    web.wait()
    assert web.editions() == ["first"] * PODS


def test_a_deployment_is_scaled_down_and_up(web: Web) -> None:
    web.has("first")
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


def test_the_pods_of_a_deployment_end_within_their_grace(web: Web) -> None:
    """Far before it is over: no guest stays when it is asked to end."""
    web.has("first")
    web.kubectl("delete", "deployment/web", "--wait=false")
    web.disturb("deletion", lambda: web.gone(PODS))
    web.kubectl.wait("pod --all", "delete")
    assert web.kubectl.objects("pod") == []
