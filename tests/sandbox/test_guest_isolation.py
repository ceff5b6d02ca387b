"""What a guest process may do, seen from inside it: all that guests need, and nothing else."""

import asyncio
from pathlib import Path

import pytest

from sandbox.specs import GuestSpec, MountSpec, Run
from tests.guests.compiled import guest
from tests.sandbox.conftest import Exits, Node, log_lines


def ran(node: Node, spec: GuestSpec) -> tuple[Run, list[str]]:
    """Its run and its log."""

    async def scenario() -> Run:
        async with node.processes() as processes:
            process = await processes.run(node.pod_spec(cgroup=spec.pod_cgroup))
            exits = Exits(process)
            await process.start(spec.container_id, node.write(spec))
            return await exits.next()

    run = asyncio.run(scenario())
    return run, [content for _, _, content in log_lines(spec)]


@pytest.mark.parametrize(("name", "last"), [("preview1", "0 failures"), ("goroutines", "done true")])
@pytest.mark.parametrize("uid", [0, 1000])
def test_a_guest_does_all_that_wasi_offers(node: Node, tmp_path: Path, name: str, last: str, uid: int) -> None:
    guest(name)
    volume = tmp_path / "volume"
    volume.mkdir(mode=0o777)
    volume.chmod(0o777)
    mounts = [MountSpec(str(volume), "/data", readonly=False, propagate=False)]
    spec = node.guest_spec(node.pod_spec(), name, "/data", mounts=mounts, uid=uid, gid=uid, groups=[uid])
    run, lines = ran(node, spec)
    assert (run.exit_code, lines[-1:]) == (0, [last]), lines
