"""Measures HTTP of WebAssembly: wasmlet beside ``wasmtime serve``, with the same components, loaded by wrk.

make bench-http                                            all of it
make bench-http ARGS="--only minimal --rounds 1"           a part, quickly
make bench-http ARGS="--only wasmlet --only go"            one server
"""

import os
import platform
import sys
from typing import Annotated

import typer

from tests.bench import enclosure
from tests.bench.http.plan import PARTS, Plan
from tests.bench.http.report import table
from tests.bench.http.rounds import Bench
from tests.bench.http.serving import Pods
from tests.bench.image_registry import ImageSource, push, start_registry
from tests.bench.server import BenchError, Server
from tests.bench.wasmlet import start_wasmlet
from tests.cri_client import CriClient
from tests.guests.compiled import guest

_SERVERS = ("wasmlet", "wasmtime serve")


def bench(
    only: Annotated[
        list[str],
        typer.Option(metavar="NAME", help=f"A server ({', '.join(_SERVERS)}) or a part ({', '.join(PARTS)})."),
    ] = [],  # noqa: B006
    rounds: Annotated[int, typer.Option(min=1, help="Figures are medians over them.")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="Of each load.")] = 5.0,
    stream: Annotated[int, typer.Option(min=1, help="MiB of one long body.")] = 1024,
    pods: Annotated[int, typer.Option(min=1, help="Pods started for their first answer.")] = 20,
    keep: Annotated[bool, typer.Option(help="Keep the folder with logs and configurations.")] = False,
) -> None:
    """Measure HTTP servers side by side."""
    try:
        names, parts = _chosen(only)
        plan = Plan(rounds, seconds, stream << 20, pods, parts)
        if enclosure.current() is None:
            _build(plan)
            raise typer.Exit(enclosure.run_enclosed(sys.argv[1:], keep, "tests.bench.http"))
        _measure(names, plan)
    except BenchError as error:
        _say(str(error))
        raise typer.Exit(1) from None


def _chosen(only: list[str]) -> tuple[list[str], list[str]]:
    """Servers and parts."""
    unknown = set(only) - set(_SERVERS) - set(PARTS)
    if unknown:
        raise BenchError(
            f"--only {unknown.pop()} is neither a server ({', '.join(_SERVERS)}) nor one of {', '.join(PARTS)}"
        )
    names, parts = ([name for name in known if name in only] or list(known) for known in (_SERVERS, PARTS))
    return names, parts


def _build(plan: Plan) -> None:
    """Where the machine's own tools are in sight."""
    for name in sorted(plan.guests()):
        _say(f"building {name}")
        guest(name)


def _measure(names: list[str], plan: Plan) -> None:
    inside = enclosure.current()
    assert inside is not None
    enclosure.furnish()
    start_registry(inside.folder)
    server = start_wasmlet(inside.folder, inside.cgroup_parent)
    images = {name: _pulled(server, name) for name in sorted(plan.guests())}
    with CriClient(server.socket) as client:
        bench = Bench(Pods(server, client, inside.folder / "logs"), images, names, inside.folder, _say)
        bench.run(plan)
    _report(names, plan, bench)


def _pulled(server: Server, name: str) -> str:
    _say(f"pulling {name}")
    reference = push(
        ImageSource(name.replace("_", "-"), "wasi", "wasm", {f"/{name}.wasm": guest(name)}, f"/{name}.wasm")
    )
    Server(server.name, server.socket, reference, server.cgroup_parent).pull()
    return reference


def _report(names: list[str], plan: Plan, bench: Bench) -> None:
    print(f"\n{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}; ", end="")
    print(f"medians of {plan.rounds} rounds, {plan.seconds:g} seconds of each load\n")
    print(table(names, bench.figures, plan.stream))
    for failure in bench.failures:
        print(f"\nNot measured: {failure}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    typer.run(bench)
