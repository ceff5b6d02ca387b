"""Measures wasmlet and containerd with runc side by side, or CRI servers that already run.

make bench                                                 both
make bench ARGS="--only wasmlet --rounds 1"                one, quickly
make bench ARGS="--socket crio=/run/crio/crio.sock --image crio=registry.example/ready:1"
"""

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from tests.bench import enclosure
from tests.bench.by_kubectl import STARTS, measure_by_kubectl
from tests.bench.full_node import measure_full_node
from tests.bench.image_registry import start_registry
from tests.bench.rounds import PARTS, Plan, Samples, measure
from tests.bench.server import BenchError, Server
from tests.bench.table import table, table_alone
from tests.bench.under_kubelet import measure_under_kubelet


def bench(
    only: Annotated[
        list[str], typer.Option(metavar="NAME", help=f"A server ({', '.join(STARTS)}) or a part ({', '.join(PARTS)}).")
    ] = [],  # noqa: B006
    pods: Annotated[int, typer.Option(min=1, help="Pods measured one by one in each round.")] = 20,
    crowd: Annotated[int, typer.Option(min=1, help="Pods alive at once, for memory, rate and lists.")] = 100,
    node: Annotated[int, typer.Option(min=1, help="Pods of a large node, on wasmlet alone.")] = 1000,
    kubelet_pods: Annotated[int, typer.Option(min=1, help="Pods under a kubelet, on wasmlet alone.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Figures are medians over them.")] = 3,
    settle: Annotated[float, typer.Option(min=0, help="Seconds before memory is read.")] = 3.0,
    idle: Annotated[float, typer.Option(min=0, help="Seconds of looking at idle processes.")] = 15.0,
    socket: Annotated[list[str], typer.Option(metavar="NAME=PATH", help="Measure servers that run.")] = [],  # noqa: B006
    image: Annotated[
        list[str], typer.Option(metavar="NAME=REF", help="What such a server runs: prints a line and sleeps.")
    ] = [],  # noqa: B006
    keep: Annotated[bool, typer.Option(help="Keep the folder with logs and configurations.")] = False,
) -> None:
    """Measure CRI servers side by side."""
    try:
        names, parts = _chosen(only)
        if not socket and enclosure.current() is None:
            raise typer.Exit(enclosure.run_enclosed(sys.argv[1:], keep))
        with _log_folder() as logs:
            plan = Plan(rounds, pods, crowd, node, kubelet_pods, settle, idle, parts, logs)
            _report(_running(socket, image) if socket else _started(names), plan)
    except BenchError as error:
        _say(str(error))
        raise typer.Exit(1) from None


def _chosen(only: list[str]) -> tuple[list[str], list[str]]:
    """Servers and parts."""
    unknown = set(only) - set(STARTS) - set(PARTS)
    if unknown:
        raise BenchError(
            f"--only {unknown.pop()} is neither a server ({', '.join(STARTS)}) nor a part ({', '.join(PARTS)})"
        )
    return [name for name in STARTS if name in only] or list(STARTS), [part for part in PARTS if part in only] or list(
        PARTS
    )


@contextmanager
def _log_folder() -> Iterator[Path]:
    """For the pods' logs."""
    inside = enclosure.current()
    if inside is not None:
        yield inside.folder / "logs"
    else:
        with tempfile.TemporaryDirectory(prefix="wasmlet-bench-") as folder:
            yield Path(folder)


def _started(names: list[str]) -> list[Server]:
    inside = enclosure.current()
    assert inside is not None
    enclosure.furnish()
    start_registry(inside.folder)
    return [STARTS[name](inside.folder, inside.cgroup_parent) for name in names]


def _running(sockets: list[str], images: list[str]) -> list[Server]:
    paths, references = dict(map(_pair, sockets)), dict(map(_pair, images))
    if missing := paths.keys() - references.keys():
        raise BenchError(f"nothing is said of what {missing.pop()} runs: give --image NAME=REFERENCE for each --socket")
    return [Server(name, Path(path), references[name], "") for name, path in paths.items()]


def _pair(option: str) -> tuple[str, str]:
    name, _, value = option.partition("=")
    if not name or not value:
        raise BenchError(f"{option!r} is not NAME=VALUE: write it so")
    return name, value


def _report(servers: list[Server], plan: Plan) -> None:
    for server in servers:
        _say(f"{server.name}: {server.version()}")
        server.pull()
    figures = measure(servers, plan, _say)
    alone = {server.name: _alone(server, plan) for server in servers if server.name == "wasmlet"}
    by_kubectl = _by_kubectl(servers, plan)
    print(f"\n{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}; ", end="")
    print(f"medians of {plan.rounds} rounds, {plan.pods} pods each\n")
    print(table([server.name for server in servers], figures, plan.crowd))
    if by_kubectl:
        print(f"\n{table([*by_kubectl], [by_kubectl], plan.crowd)}")
    for name, samples in alone.items():
        if samples:
            print(f"\n{table_alone(name, samples, plan.node, plan.kubelet_pods)}")


def _alone(server: Server, plan: Plan) -> Samples:
    """The kubelet is last: it enters namespaces of its own."""
    samples: Samples = {}
    if "node" in plan.parts:
        samples.update(measure_full_node(server, plan, _say))
    if "kubelet" in plan.parts:
        samples.update(measure_under_kubelet(plan, _say))
    return samples


def _by_kubectl(servers: list[Server], plan: Plan) -> dict[str, Samples]:
    """Of those that the bench can start."""
    inside = enclosure.current()
    if inside is None or "kubectl" not in plan.parts:
        return {}
    return measure_by_kubectl([server.name for server in servers], inside.cgroup_parent, _say)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    typer.run(bench)
