"""What is measured, in rounds. In each the servers take turns, so that what else the machine does meets them alike."""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import Message

from cri_server.cri_v1 import api_pb2 as cri
from tests.bench.cpu import all_pids, cores_used, server_pid
from tests.bench.memory import memory_of_all
from tests.bench.pod_life import PodLife, remove_pods
from tests.bench.server import Server
from tests.bench.streams import measure_streams
from tests.cri_client import CriClient

PARTS = ("pod", "streams", "crowd", "node", "kubelet", "kubectl")
"""One pod after the other; exec and port-forward; many pods at once; as many as a large node has, and as many under a
kubelet, on wasmlet alone; kubectl exec, in a cluster."""

AT_A_TIME = 10
_LISTS = 50
_STATS = 15

Samples = dict[str, list[float]]
"""By what was measured: milliseconds, bytes, cores or pods per second."""


@dataclass(frozen=True)
class Plan:
    """``pods``: measured one by one in each round; ``crowd``: alive at once, for memory, rate and lists; ``node`` and
    ``kubelet_pods``: the same on wasmlet alone; ``settle``: seconds before memory is read; ``idle``: seconds of looking
    on."""

    rounds: int
    pods: int
    crowd: int
    node: int
    kubelet_pods: int
    settle: float
    idle: float
    parts: Sequence[str]
    logs: Path


def measure(servers: Sequence[Server], plan: Plan, say: Callable[[str], None]) -> list[dict[str, Samples]]:
    """For each round the samples by the server's name. Leaves no pod behind."""
    with ExitStack() as stack:
        clients = {server: stack.enter_context(CriClient(server.socket)) for server in servers}
        for client in clients.values():
            stack.callback(remove_pods, client)
        say("warming up")
        _one_by_one(clients, 2, plan.logs)
        return [_round(number, clients, plan, say) for number in range(1, plan.rounds + 1)]


def _round(
    number: int, clients: Mapping[Server, CriClient], plan: Plan, say: Callable[[str], None]
) -> dict[str, Samples]:
    samples: dict[str, Samples] = {server.name: {} for server in clients}
    if "pod" in plan.parts:
        say(f"round {number} of {plan.rounds}: {plan.pods} pods, one after the other")
        for name, times in _one_by_one(clients, plan.pods, plan.logs):
            _add(samples[name], times)
    if "streams" in plan.parts:
        for server in _in_turn(clients, number):
            say(f"round {number} of {plan.rounds}: exec and port-forward on {server.name}")
            samples[server.name].update(measure_streams(server, clients[server], plan.logs))
    if "crowd" in plan.parts:
        for server in _in_turn(clients, number):
            say(f"round {number} of {plan.rounds}: {plan.crowd} pods on {server.name}")
            samples[server.name].update(_crowd(server, clients[server], plan))
    return samples


def _in_turn(servers: Iterable[Server], number: int) -> list[Server]:
    """Another one first in every round."""
    order = list(servers)
    return order if number % 2 else order[::-1]


def _add(samples: Samples, times: Mapping[str, float]) -> None:
    for what, milliseconds in times.items():
        samples.setdefault(what, []).append(milliseconds)


def _one_by_one(clients: Mapping[Server, CriClient], pods: int, logs: Path) -> list[tuple[str, dict[str, float]]]:
    lives = []
    for number in range(pods):
        for server in _in_turn(clients, number):
            life = PodLife(server, clients[server], logs)
            life.up(watched=True)
            life.down()
            lives.append((server.name, life.times))
    return lives


def _crowd(server: Server, client: CriClient, plan: Plan) -> Samples:
    lives = [PodLife(server, client, plan.logs) for _ in range(plan.crowd)]
    before, there = settled_memory(plan), all_pids()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        begin = time.perf_counter()
        list(pool.map(PodLife.up, lives))
        rate = len(lives) / (time.perf_counter() - begin)
        memory = (settled_memory(plan) - before) / len(lives)
        samples = {"memory": [memory], "rate": [rate], **list_times(client), **idle_cores(server, there, plan)}
        list(pool.map(PodLife.down, lives))
    return samples


def settled_memory(plan: Plan) -> int:
    """Of all processes, but this one and its parents: what they grow by is not the servers'."""
    time.sleep(plan.settle)
    return memory_of_all((os.getpid(), os.getppid()))


def idle_cores(server: Server, there: set[int], plan: Plan) -> Samples:
    """``there``: the processes that were there before the pods."""
    listener = server_pid(server.socket)
    used = cores_used([{listener}, all_pids() - there - {listener}], plan.idle)
    return {"idle server": [used[0]], "idle pods": [used[1]]}


def list_times(client: CriClient) -> Samples:
    samples: Samples = {"ListPodSandbox": [], "ListContainers": [], "ListContainerStats": []}
    for number in range(_LISTS):
        samples["ListPodSandbox"].append(_milliseconds(client, "ListPodSandbox", cri.ListPodSandboxRequest()))
        samples["ListContainers"].append(_milliseconds(client, "ListContainers", cri.ListContainersRequest()))
        if number < _STATS:
            request = cri.ListContainerStatsRequest()
            samples["ListContainerStats"].append(_milliseconds(client, "ListContainerStats", request))
    return samples


def _milliseconds(client: CriClient, name: str, request: Message) -> float:
    begin = time.perf_counter()
    client.call(name, request)
    return (time.perf_counter() - begin) * 1000
