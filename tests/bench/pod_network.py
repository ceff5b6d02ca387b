"""Measures what wasmlet's own network costs a pod: set up and torn down, one by one and many at once.

make bench-network
make bench-network ARGS="--pods 200"

In a network namespace of its own, as root; the pods are namespaces without a process. What the kernel does behind the
teardown, on its own time, is measured apart: until the last interface of many pods has gone.
"""

import asyncio
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pytest
import structlog
import typer

from sandbox import syscalls
from sandbox.network import address_translation, bridge_device
from sandbox.network.bridge import BridgeNetwork, BridgeSettings
from sandbox.network.names import bridge_name
from sandbox.network.nftables import Nftables
from sandbox.network.pod_annotations import EGRESS, INGRESS
from sandbox.network.provider import Attachment, HostPort, PodRequest

_IPV4, _BOTH = "10.77.0.0/16", "10.77.0.0/16,fd00:77::/64"
_LIMITS = {INGRESS: "1G", EGRESS: "1G"}


_WIDTHS = (9, 8, 11, 8, 8, 13, 8)


class Case(NamedTuple):
    name: str
    subnet: str = _IPV4
    host_ports: int = 0
    annotations: dict[str, str] = {}  # noqa: RUF012 (never changed)
    iptables: bool = False
    udp: bool = False


class Figures(NamedTuple):
    """Milliseconds for one pod."""

    set_up: list[float]
    torn_down: list[float]
    at_once: float
    gone: float


_CASES = (
    Case("IPv4"),
    Case("IPv4, IPv6", _BOTH),
    Case("IPv4, IPv6, 4 host ports (TCP)", _BOTH, 4),
    Case("IPv4, IPv6, 4 host ports (TCP, UDP)", _BOTH, 4, udp=True),
    Case("IPv4, IPv6, 4 host ports (TCP), bandwidth", _BOTH, 4, _LIMITS),
    Case("IPv4, IPv6, 4 host ports (TCP), iptables", _BOTH, 4, {}, True),
    Case("IPv4, IPv6, 4 host ports (TCP, UDP), iptables", _BOTH, 4, {}, True, udp=True),
)


def bench_network(
    pods: Annotated[int, typer.Option(min=2, help="Pods one by one.")] = 100,
    crowd: Annotated[int, typer.Option(min=1, help="Pods at once.")] = 50,
) -> None:
    structlog.configure(processors=[_silent])
    heads = ["set up", "p95", "torn down", "p95", "both", f"{crowd} at once", "gone"]
    print(f"{'ms for one pod':50}" + "".join(f"{head:>{width}}" for head, width in zip(heads, _WIDTHS, strict=True)))
    for case in _CASES:
        print(_line(case.name, _in_namespace(partial(_measure, case, pods, crowd))))


def _silent(*event: object) -> str:
    raise structlog.DropEvent


def _line(name: str, figures: Figures) -> str:
    up, down = figures.set_up, figures.torn_down
    both = [one + other for one, other in zip(up, down, strict=True)]
    shown = [statistics.median(up), _p95(up), statistics.median(down), _p95(down), statistics.median(both)]
    values = [*shown, figures.at_once, figures.gone]
    return f"{name:50}" + "".join(f"{value:{width}.2f}" for value, width in zip(values, _WIDTHS, strict=True))


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


async def _measure(case: Case, pods: int, crowd: int) -> Figures:
    with tempfile.TemporaryDirectory() as folder, _translating(case):
        root, state = Path(folder, "root"), Path(folder, "state")
        root.mkdir()
        network = BridgeNetwork(root, state, BridgeSettings(subnet=case.subnet))
        await network.open()
        await network.sweep(set())
        try:
            one_by_one = [await _one(network, case, number) for number in range(pods + 1)][1:]
            at_once, gone = await _many(network, case, crowd, bridge_name(state))
        finally:
            await network.teardown()
            await network.close()
    return Figures([up for up, _ in one_by_one], [down for _, down in one_by_one], at_once, gone)


async def _one(network: BridgeNetwork, case: Case, number: int) -> tuple[float, float]:
    with _namespace() as path:
        begin = time.perf_counter()
        attachment = await network.attach(_sandbox_id(number), path, _request(case, 0))
        up = time.perf_counter()
        await network.detach(_sandbox_id(number), attachment.state)
        return (up - begin) * 1000, (time.perf_counter() - up) * 1000


async def _many(network: BridgeNetwork, case: Case, crowd: int, bridge: str) -> tuple[float, float]:
    """Set up and torn down at once, until the calls have returned and until all interfaces have gone."""
    spaces = [_namespace() for _ in range(crowd)]
    paths = [space.__enter__() for space in spaces]

    async def attach(number: int) -> Attachment:
        return await network.attach(_sandbox_id(9000 + number), paths[number], _request(case, number))

    begin = time.perf_counter()
    attachments = await asyncio.gather(*map(attach, range(crowd)))
    up = time.perf_counter()
    for space in spaces:
        space.__exit__(None, None, None)
    ending = time.perf_counter()
    await asyncio.gather(
        *(network.detach(_sandbox_id(9000 + number), each.state) for number, each in enumerate(attachments))
    )
    down = time.perf_counter()
    while bridge_device.ports(bridge):
        await asyncio.sleep(0.001)
    gone = time.perf_counter()
    return (up - begin + down - ending) * 1000 / crowd, (gone - ending) * 1000 / crowd


def _request(case: Case, number: int) -> PodRequest:
    first = 20000 + case.host_ports * number
    ports = [
        HostPort(first + port, 80, "udp" if case.udp and port % 2 else "tcp", "") for port in range(case.host_ports)
    ]
    return PodRequest(f"pod{number}", "bench", annotations=case.annotations, host_ports=tuple(ports))


def _sandbox_id(number: int) -> str:
    return f"{number:011d}" + "0" * 53


@contextmanager
def _namespace() -> Iterator[str]:
    """A path to a new network namespace, which ends with the block."""
    made: list[int] = []

    def make() -> None:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    try:
        yield f"/proc/self/fd/{made[0]}"
    finally:
        os.close(made[0])


@contextmanager
def _translating(case: Case) -> Iterator[None]:
    class Unsupported(Nftables):
        def try_out(self) -> None:
            raise OSError(93, "Protocol not supported")

    monkeypatch = pytest.MonkeyPatch()
    if case.iptables:
        monkeypatch.setattr(address_translation, "Nftables", Unsupported)
    yield
    monkeypatch.undo()


def _in_namespace(measure: Callable[[], Coroutine[Any, Any, Figures]]) -> Figures:
    found: list[Figures] = []

    def run() -> None:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        found.append(asyncio.run(measure()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if not found:
        raise typer.Exit(1)
    return found[0]


if __name__ == "__main__":
    typer.run(bench_network)
