"""As many pods as a large node has, on one server: how they start, what they take, how they are listed."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.bench.cpu import all_pids
from tests.bench.pod_life import PodLife, remove_pods
from tests.bench.rounds import AT_A_TIME, Plan, Samples, idle_cores, list_times, settled_memory
from tests.bench.server import Server
from tests.cri_client import CriClient


def measure_full_node(server: Server, plan: Plan, say: Callable[[str], None]) -> Samples:
    """Leaves no pod behind."""
    say(f"{plan.node} pods on {server.name}")
    with CriClient(server.socket) as client:
        try:
            return _measure(server, client, plan)
        finally:
            remove_pods(client)


def _measure(server: Server, client: CriClient, plan: Plan) -> Samples:
    lives = [PodLife(server, client, plan.logs) for _ in range(plan.node)]
    before, there = settled_memory(plan), all_pids()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        begin = time.perf_counter()
        list(pool.map(PodLife.up, lives))
        rate = len(lives) / (time.perf_counter() - begin)
        memory = settled_memory(plan) - before
        samples: Samples = {"rate": [rate], "memory of all": [memory]}
        samples |= list_times(client) | idle_cores(server, there, plan)
        list(pool.map(PodLife.down, lives))
    return samples
