"""Manifests of what runs pods, and what is told of them."""

from typing import Any

from tests.e2e.cluster.kubectl import Object


def template(name: str, *containers: Object, **spec: Any) -> Object:
    """Of pods that are labelled with the name of what they belong to."""
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": list(containers), **spec}}


def deployment(name: str, replicas: int, pod: Object, **spec: Any) -> Object:
    """``pod``: the template of its pods."""
    selector = {"matchLabels": pod["metadata"]["labels"]}
    spec = {"replicas": replicas, "selector": selector, "template": pod, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def pod(name: str, *containers: Object, **spec: Any) -> Object:
    """In the namespace that kubectl is told."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers, **spec}}


def job(name: str, *containers: Object, pod: Object | None = None, **spec: Any) -> Object:
    """``pod``: more of what its pods are. They are not started again."""
    template = {"spec": {"containers": containers, "restartPolicy": "Never", **(pod or {})}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": template, **spec},
    }


def running_containers(pods: list[Object]) -> dict[tuple[str, str], tuple[str, str, int]]:
    """Id, start and restarts by the pod's and the container's name."""
    kinds = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
    return {
        (pod["metadata"]["name"], status["name"]): (status["containerID"], running["startedAt"], status["restartCount"])
        for pod in pods
        for kind in kinds
        for status in pod["status"].get(kind, [])
        if (running := status.get("state", {}).get("running"))
    }
