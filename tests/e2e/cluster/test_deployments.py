"""Fifty pods of a Deployment."""

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.kubectl import Kubectl
from tests.e2e.cluster.workloads import deployment, template


def test_a_deployment_rolls_out_scales_and_ends(cluster: Cluster, kubectl: Kubectl) -> None:
    pod = template("web", cluster.node.tool("count 1"))
    kubectl.apply(deployment("web", 50, pod))
    kubectl("rollout", "status", "deployment/web")
    assert kubectl.get("deployment/web")["status"]["readyReplicas"] == 50
    kubectl("scale", "deployment/web", "--replicas=10")
    kubectl.wait("deployment/web", "jsonpath={.status.replicas}=10")
    kubectl.delete("deployment/web")
    kubectl.wait("pod --all", "delete")
    assert kubectl.list("pod") == []
