"""No two guests draw the same random numbers, though all are copies of one process.

A generator that was seeded before a fork would give every guest the same ones, and with them the same keys.
"""

import asyncio

import pytest

from sandbox.specs import GuestSpec
from tests.sandbox.conftest import Exits, Node, log_lines
from tests.sandbox.wasm.conftest import Host

GUESTS = pytest.mark.parametrize(("name", "use"), [("random", []), ("component", ["random"])])


def words(lines: list[str]) -> list[str]:
    return [line[at : at + 8] for line in lines for at in range(0, 32, 8)]


@GUESTS
@pytest.mark.parametrize("levels", [1, 2])
def test_forks_of_one_process(host: Host, name: str, use: list[str], levels: int) -> None:
    drawn = words(host.run(name, *use, times=4, levels=levels).stdout.decode().splitlines())
    assert len(set(drawn)) == len(drawn) == 16


@GUESTS
def test_containers_of_one_zygote(node: Node, name: str, use: list[str]) -> None:
    drawn = words(
        [content for spec in asyncio.run(_run_containers(node, name, use)) for _, _, content in log_lines(spec)]
    )
    assert len(set(drawn)) == len(drawn) == 16


async def _run_containers(node: Node, name: str, use: list[str]) -> list[GuestSpec]:
    """Two in each of two pods. Their zygote has the code already."""
    specs = []
    async with node.processes() as processes:
        await processes.load(node.guest_spec(node.pod_spec(), name).program)
        for pod in (node.pod_spec(), node.pod_spec()):
            process = await processes.run(pod)
            exits = Exits(process)
            for _ in range(2):
                specs.append(node.guest_spec(pod, name, *use))
                await process.start(specs[-1].container_id, node.write(specs[-1]))
                assert (await exits.next()).exit_code == 0
    return specs
