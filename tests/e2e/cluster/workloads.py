"""Manifests of what runs pods, and what is told of them."""

from pathlib import Path
from typing import Any

from tests.e2e.cluster.kubectl import Object
from tests.e2e.kubelet import NODE


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


Containers = dict[tuple[str, str], tuple[str, str, int]]
"""Id, start and restarts by the pod's and the container's name."""


def running_containers(pods: list[Object]) -> Containers:
    """Those of the pods that run now."""
    kinds = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
    return {
        (pod["metadata"]["name"], status["name"]): (status["containerID"], running["startedAt"], status["restartCount"])
        for pod in pods
        for kind in kinds
        for status in pod["status"].get(kind, [])
        if (running := status.get("state", {}).get("running"))
    }


def stateful_set(name: str, replicas: int, pod: Object, claim: Object) -> Object:
    """Each of its pods has a claim of its own."""
    spec = {
        "replicas": replicas,
        "serviceName": name,
        "selector": {"matchLabels": pod["metadata"]["labels"]},
        "template": pod,
        "volumeClaimTemplates": [claim],
    }
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}, "spec": spec}


def daemon_set(name: str, pod: Object) -> Object:
    spec = {"selector": {"matchLabels": pod["metadata"]["labels"]}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name}, "spec": spec}


def local_volume(name: str, storage_class: str, folder: Path) -> Object:
    """A folder of the node, which only pods on that node can have."""
    this_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": storage_class,
        "local": {"path": str(folder)},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [this_node]}]}},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}


def claim(name: str, storage_class: str) -> Object:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": storage_class,
        "resources": {"requests": {"storage": "1Gi"}},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def config_map(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def secret(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def from_field(name: str, path: str) -> Object:
    """A variable of the environment that tells a field of the pod."""
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
