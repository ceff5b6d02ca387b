"""A kubelet with many pods, and wasmlet below it: what each of them uses while nothing happens."""

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.cpu import all_pids, cores_used, server_pid
from tests.bench.rounds import Plan, Samples
from tests.bench.server import BenchError
from tests.e2e.kubelet_node import KubeletNode, kubelet_node
from tests.e2e.pods import is_ready, manifest

_SECONDS_TO_SETTLE = 20
_ROOM = 10
"""More pods than there are."""


def measure_under_kubelet(plan: Plan, say: Callable[[str], None]) -> Samples:
    """Leaves no pod behind. Raises BenchError where there is no kubelet."""
    say(f"{plan.kubelet_pods} pods under a kubelet")
    folder = Path(tempfile.mkdtemp(prefix="wasmlet-bench-kubelet-"))
    try:
        with kubelet_node(folder, maxPods=plan.kubelet_pods + _ROOM) as node:
            return _measure(node, plan)
    except pytest.skip.Exception as skipped:
        raise BenchError(str(skipped)) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(node: KubeletNode, plan: Plan) -> Samples:
    there = all_pids()
    names = [f"idle-{number}" for number in range(plan.kubelet_pods)]
    begin = time.perf_counter()
    for name in names:
        node.kubelet.run(manifest(name, node.tool("print ready", "sleep 100000")))
    node.kubelet.eventually(lambda: _all_ready(node, names), "all pods are ready", seconds=900)
    started = time.perf_counter() - begin
    time.sleep(_SECONDS_TO_SETTLE)
    assert node.kubelet.process is not None
    server, kubelet = server_pid(node.server.socket), node.kubelet.process.pid
    used = cores_used([{kubelet}, {server}, all_pids() - there - {server, kubelet}], 2 * plan.idle)
    return {
        "kubelet start": [len(names) / started],
        "kubelet cpu": [used[0]],
        "kubelet server": [used[1]],
        "kubelet pods": [used[2]],
    }


def _all_ready(node: KubeletNode, names: list[str]) -> bool:
    time.sleep(1)  # it is not to be kept from its work
    pods = node.kubelet.pods()
    return all(name in pods and is_ready(pods[name]) for name in names)
