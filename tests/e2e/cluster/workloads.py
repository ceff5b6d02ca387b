"""Manifests of what runs pods."""

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
