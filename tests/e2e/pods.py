"""Manifests of pods, and what the kubelet's API tells of pods."""

import shlex
from typing import Any

NAMESPACE = "default"

LOG_IS_REMOVED = "unable to retrieve container logs for "
"""What a kubelet gives in the place of the log of a container that the runtime no longer has."""

Pod = dict[str, Any]


def manifest(name: str, *containers: dict[str, Any], **spec: Any) -> Pod:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": list(containers), **spec}}


def tool(image: str, *commands: str, name: str = "main", **fields: Any) -> dict[str, Any]:
    """A container that runs commands of the guest of many uses, quoted as for a shell."""
    arguments = shlex.split(" then ".join(commands))
    return {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", "args": arguments, **fields}


def seen_at(**paths: str) -> list[dict[str, Any]]:
    """Where a container sees which volume."""
    return [{"name": name, "mountPath": path} for name, path in paths.items()]


def volumes(**sources: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, **source} for name, source in sources.items()]


def status_of(pod: Pod, container: str = "main") -> dict[str, Any]:
    """What is told of a container; empty before anything is."""
    status = pod["status"]
    kinds = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
    told = [each for kind in kinds for each in status.get(kind, [])]
    found: list[dict[str, Any]] = [each for each in told if each["name"] == container]
    return found[0] if found else {}


def is_ready(pod: Pod) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)


def waiting_for(pod: Pod, container: str = "main") -> str:
    """The reason why a container does not run; "" if there is none."""
    reason: str = status_of(pod, container).get("state", {}).get("waiting", {}).get("reason", "")
    return reason


def ended(pod: Pod, container: str = "main") -> dict[str, Any]:
    """How a container ended that is not started again; empty while it runs."""
    end: dict[str, Any] = status_of(pod, container).get("state", {}).get("terminated", {})
    return end


def restarts(pod: Pod, container: str = "main") -> int:
    return int(status_of(pod, container).get("restartCount", 0))
