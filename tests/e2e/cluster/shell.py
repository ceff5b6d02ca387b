"""Pods with a shell, and who looks into them."""

import subprocess
from typing import Any

from tests.e2e.cluster.kubectl import SECONDS, Kubectl, Object
from tests.e2e.cluster.together import Case
from tests.images import push_layers
from tests.toolbox.tree import tree


def shell_image(case: Case) -> str:
    """With the toolbox in it, as busybox is in its own."""
    node = case.cluster.node
    return node.pushed("shell", lambda: push_layers(node.registry, "shell", [tree()], cmd=("sh",)).reference)


def shell(case: Case, *command: str, **fields: Any) -> Object:
    """A container that runs a command of the toolbox."""
    return {
        "name": "main",
        "image": shell_image(case),
        "imagePullPolicy": "IfNotPresent",
        "command": list(command),
        **fields,
    }


def ran(kubectl: Kubectl, *arguments: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """kubectl, with bytes, however it ends."""
    return subprocess.run(kubectl.command(*arguments), input=given, capture_output=True, timeout=SECONDS)
