"""``kubectl exec`` into pods of each server, under one control plane: one kubelet after the other is its node's."""

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sandbox.cgroup import tree as cgroup
from tests.bench.containerd import start_containerd
from tests.bench.image_registry import start_registry
from tests.bench.rounds import Samples
from tests.bench.server import BenchError, Server
from tests.bench.wasmlet import start_wasmlet
from tests.e2e.cluster.control_plane import control_plane
from tests.e2e.cluster.kubectl import Kubectl
from tests.e2e.cluster.workloads import pod
from tests.e2e.kubelet import NODE, kubelet
from tests.e2e.node_namespaces import node_namespaces

STARTS = {"wasmlet": start_wasmlet, "containerd": start_containerd}
EXECS = 15
_READY = "condition=Ready"


def measure_by_kubectl(names: Sequence[str], cgroup_parent: str, say: Callable[[str], None]) -> dict[str, Samples]:
    """By the server's name, which are started anew for it. Raises BenchError where a program is missing."""
    folder = Path(tempfile.mkdtemp(prefix="wasmlet-bench-kubectl-"))
    try:
        with node_namespaces(folder / "shown"), control_plane(folder / "control-plane") as control:
            start_registry(folder)
            kubectl = Kubectl(control.kubeconfig)
            kubectl.wait("serviceaccount/default", "create")
            return {name: _measure(name, folder / name, cgroup_parent, kubectl, say) for name in names}
    except pytest.skip.Exception as skipped:
        raise BenchError(str(skipped)) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(name: str, folder: Path, cgroup_parent: str, kubectl: Kubectl, say: Callable[[str], None]) -> Samples:
    say(f"kubectl exec on {name}")
    folder.mkdir()
    server = STARTS[name](folder, f"{cgroup_parent}/kubectl")
    cgroup.create_pod_group(cgroup.detect(), server.cgroup_parent)
    with kubelet(folder / "kubelet", server.socket, server.cgroup_parent, kubeconfig=kubectl.kubeconfig):
        kubectl.wait(f"node/{NODE}", "create")
        kubectl.wait(f"node/{NODE}", _READY)
        return {"kubectl exec": _execs(server, kubectl)}


def _execs(server: Server, kubectl: Kubectl) -> list[float]:
    """Milliseconds. The next server's kubelet is not to find the pod."""
    name = f"exec-{server.name}"
    kubectl.apply(pod(name, {"name": "main", "image": server.image}, nodeName=NODE))
    kubectl.wait(f"pod/{name}", _READY)
    _exec(kubectl, name)  # what is compiled or read when it is used first
    times = [_exec(kubectl, name) for _ in range(EXECS)]
    kubectl("delete", f"pod/{name}", "--force", "--grace-period=0")
    return times


def _exec(kubectl: Kubectl, name: str) -> float:
    begin = time.perf_counter()
    said = kubectl("exec", name, "--", "echo", "hi")
    if said != "hi\n":
        raise BenchError(f"kubectl exec of echo in {name} printed {said!r}")
    return (time.perf_counter() - begin) * 1000
