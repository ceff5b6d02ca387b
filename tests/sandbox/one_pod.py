"""A pod process with its guests, for tests of what happens in one pod."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sandbox.pod_process_link import PodProcess
from sandbox.pod_processes import PodProcesses
from sandbox.specs import GuestSpec, PodSpec, Run
from tests.sandbox.conftest import Node, made_ahead


async def start(process: PodProcess, node: Node, spec: GuestSpec) -> Run:
    return await process.start(spec.container_id, node.write(spec))


def descriptors(pid: int) -> dict[int, str]:
    """Without those that it closes meanwhile."""
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[int(link.name)] = os.readlink(link)
    return found


def connections(pid: int) -> int:
    """Of a pod process, which has a listener besides."""
    return sum(name.startswith("socket:") for name in descriptors(pid).values()) - 1


async def at_rest(process: PodProcess) -> None:
    """Once it has done what it was doing: it answers then."""
    await process.signal("nobody", signal.SIGTERM)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(240):
        while not condition():
            await asyncio.sleep(0.01)


def in_pod(node: Node, scenario: Callable[[PodProcesses, PodSpec, PodProcess], Awaitable[None]]) -> None:
    async def run() -> None:
        async with node.processes() as processes:
            pod = node.pod_spec()
            await scenario(processes, pod, await processes.run(pod))

    asyncio.run(run())


def in_container(
    node: Node,
    guest: str,
    scenario: Callable[[PodProcess, GuestSpec], Awaitable[None]],
    *arguments: str,
    **changes: Any,
) -> None:
    """With a container of that guest running."""

    async def run() -> None:
        async with node.processes() as processes:
            pod = node.pod_spec()
            process = await processes.run(pod)
            await made_ahead(processes)
            spec = node.guest_spec(pod, guest, *arguments, **changes)
            await start(process, node, spec)
            await scenario(process, spec)

    asyncio.run(run())
