import asyncio
import json
from pathlib import Path
from typing import Any

import grpc
import pytest

from cri_server.container_store import ContainerRecord
from cri_server.cri_v1 import api_pb2 as cri
from sandbox.errors import DiskFull, PodProcessGone
from sandbox.records import read_record
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run

MIB = 1 << 20
BEFORE = {"cpu_shares": 512, "cpu_quota": 20_000, "cpu_period": 50_000, "memory_limit_in_bytes": 64 * MIB}


def resources(**fields: Any) -> cri.LinuxContainerResources:
    return cri.LinuxContainerResources(**fields)


async def running(node: Node) -> str:
    linux = cri.LinuxContainerConfig(resources=resources(**BEFORE))
    return await node.start_container(await node.run_pod(), linux=linux)


async def update(node: Node, container_id: str, **fields: Any) -> None:
    await node.client("UpdateContainerResources", container_id=container_id, linux=resources(**fields))


async def refused(node: Node, container_id: str, **fields: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await update(node, container_id, **fields)
    return error.value


async def shown(node: Node, container_id: str) -> cri.LinuxContainerResources:
    return (await node.status(container_id)).resources.linux


def group_of(node: Node, container_id: str) -> Path:
    [group] = node.pods.cgroups.glob(f"**/{container_id}")
    return group


def in_force(node: Node, container_id: str, *files: str) -> list[str]:
    """Shorter text overwrites only the beginning of a plain file."""
    return [(group_of(node, container_id) / file).read_text().split("\n")[0] for file in files]


def recorded(node: Node, container_id: str) -> dict[str, Any]:
    [record] = Path(node.paths.pods).glob(f"*/containers/{container_id}/guest.record")
    return read_record(str(record), "guest")


def test_what_is_named_changes_and_the_rest_stays(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await running(node)
        await update(node, container_id, cpu_quota=30_000, memory_limit_in_bytes=128 * MIB)
        changed = resources(**{**BEFORE, "cpu_quota": 30_000, "memory_limit_in_bytes": 128 * MIB})
        assert await shown(node, container_id) == changed
        assert in_force(node, container_id, "cpu.max", "memory.max") == ["30000 50000", str(128 * MIB)]
        assert in_force(node, container_id, "cpu.weight") == ["100"], "it is not set again"

    node(scenario)


def test_the_guests_own_memory_is_limited_a_little_below(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await running(node)
        [process] = node.pods.processes.values()
        await update(node, container_id, cpu_shares=256)
        assert process.memory_limits == {}
        await update(node, container_id, memory_limit_in_bytes=128 * MIB)
        assert 119 * MIB < process.memory_limits[container_id] < 128 * MIB
        await update(node, container_id, memory_limit_in_bytes=-1)
        assert process.memory_limits[container_id] == 0

    node(scenario)


def test_the_guests_own_memory_is_limited_whatever_the_record_says(node: Run) -> None:
    """A server that died in an update has left a limit that nobody recorded, and the kubelet may go back to the old."""

    async def scenario(node: Node) -> None:
        container_id = await running(node)
        [process] = node.pods.processes.values()
        process.memory_limits[container_id] = 128 * MIB
        await update(node, container_id, memory_limit_in_bytes=BEFORE["memory_limit_in_bytes"])
        assert 0 < process.memory_limits[container_id] < 64 * MIB

    node(scenario)


def test_a_new_server_knows_the_new_limits(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await running(node)
        await update(node, container_id, memory_limit_in_bytes=128 * MIB, oom_score_adj=7)
        before = await node.status(container_id)
        await node.restart()
        assert await node.status(container_id) == before

    node(scenario)


def test_a_created_container_is_started_with_them(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await node.create(await node.run_pod())
        await update(node, container_id, memory_limit_in_bytes=16 * MIB, oom_score_adj=300, cpuset_cpus="1-2")
        guest = recorded(node, container_id)
        assert guest["limits"] == {"memory_limit": 16 * MIB, "cpuset_cpus": "1-2"}
        assert guest["oom_score_adj"] == 300
        assert 0 < guest["memory_limit"] < 16 * MIB

    node(scenario)


def test_limits_that_cannot_be_are_named_and_nothing_changes(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await running(node)
        before = await node.status(container_id), in_force(node, container_id, "cpu.max", "memory.max")
        for fields, reason in (
            ({"cpuset_cpus": "9"}, "cpuset.cpus 9 names 9, which the pod does not have: choose from 0-3"),
            ({"memory_swap_limit_in_bytes": MIB}, "is below the memory limit"),
            ({"oom_score_adj": 2000}, "is not between -1000 and 1000"),
            ({"hugepage_limits": [cri.HugepageLimit(page_size="1GB", limit=1)]}, "no huge pages for hugetlb.1GB.max"),
            ({"unified": {"cgroup.procs": "1"}}, "cgroup.procs is no limit but a handle of the group itself"),
            ({"unified": {"memory.zswap": "1"}}, "memory.zswap"),
        ):
            error = await refused(node, container_id, cpu_quota=10_000, **fields)
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert reason in (error.details() or "")
        assert (await node.status(container_id), in_force(node, container_id, "cpu.max", "memory.max")) == before

    node(scenario)


def test_less_memory_than_is_in_use(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await running(node)
        (group_of(node, container_id) / "memory.current").write_text(str(32 * MIB))
        error = await refused(node, container_id, memory_limit_in_bytes=16 * MIB)
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert f"cannot be limited to {16 * MIB} bytes of memory: {32 * MIB} are in use" in (error.details() or "")
        assert (await shown(node, container_id)).memory_limit_in_bytes == 64 * MIB

    node(scenario)


def test_what_was_in_force_is_put_back_when_a_later_step_fails(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await running(node)
        await update(node, container_id, cpu_quota=20_000, memory_limit_in_bytes=64 * MIB)
        before = in_force(node, container_id, "cpu.max", "memory.max")
        node.gate.fail["limit_memory"] = PodProcessGone("pod process is gone")
        error = await refused(node, container_id, cpu_quota=30_000, memory_limit_in_bytes=128 * MIB)
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert [text[: len(old)] for text, old in zip(_both(node, container_id), before, strict=True)] == before
        assert (await shown(node, container_id)).memory_limit_in_bytes == 64 * MIB

    node(scenario)


def test_the_score_is_put_back_too(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await running(node)
        guest = await asyncio.create_subprocess_exec("/bin/sleep", "600")
        score = Path(f"/proc/{guest.pid}/oom_score_adj")
        before = score.read_text()
        (group_of(node, container_id) / "cgroup.procs").write_text(f"{guest.pid}\n")
        node.gate.fail["limit_memory"] = PodProcessGone("pod process is gone")
        await refused(node, container_id, oom_score_adj=900, memory_limit_in_bytes=128 * MIB)
        assert score.read_text() == before
        del node.gate.fail["limit_memory"]
        await update(node, container_id, oom_score_adj=900)
        assert score.read_text() == "900\n"
        (group_of(node, container_id) / "cgroup.procs").write_text("")
        guest.kill()
        await guest.wait()

    node(scenario)


def test_nothing_is_left_of_a_change_that_cannot_be_recorded(node: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(node: Node) -> None:
        container_id = await running(node)
        await update(node, container_id, cpu_quota=20_000, memory_limit_in_bytes=64 * MIB)
        [process] = node.pods.processes.values()
        before = _both(node, container_id), recorded(node, container_id), dict(process.memory_limits)
        save, full = ContainerRecord.save, [DiskFull("the disk is full: free some space")]

        def save_when_there_is_room(record: ContainerRecord, path: str) -> None:
            if full:
                raise full.pop()
            save(record, path)

        monkeypatch.setattr(ContainerRecord, "save", save_when_there_is_room)
        error = await refused(node, container_id, cpu_quota=30_000, memory_limit_in_bytes=96 * MIB)
        assert "the disk is full" in (error.details() or "")
        assert (_both(node, container_id), recorded(node, container_id), process.memory_limits) == before
        assert (await shown(node, container_id)).memory_limit_in_bytes == 64 * MIB

    node(scenario)


def test_a_change_waits_for_a_start_that_is_under_way(node: Run) -> None:
    """Else it would change the record only, of which the guest has been told before."""

    async def scenario(node: Node) -> None:
        container_id = await node.create(await node.run_pod())
        node.gate.hold("start")
        starting = asyncio.ensure_future(node.client("StartContainer", container_id=container_id))
        await node.gate.reached["start"].wait()
        changing = asyncio.create_task(update(node, container_id, memory_limit_in_bytes=64 * MIB))
        done, _ = await asyncio.wait([changing], timeout=0.2)
        assert not done
        node.gate.release("start")
        await asyncio.gather(starting, changing)
        [process] = node.pods.processes.values()
        assert process.memory_limits[container_id] > 0

    node(scenario)


def _both(node: Node, container_id: str) -> list[str]:
    return in_force(node, container_id, "cpu.max", "memory.max")


def test_of_what_has_exited_or_never_was_nothing_is_updated(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await running(node)
        [process] = node.pods.processes.values()
        process.exit(container_id, 0)
        error = await refused(node, container_id, cpu_shares=2)
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert "has exited" in (error.details() or "")
        assert (await refused(node, "unknown", cpu_shares=2)).code() == grpc.StatusCode.NOT_FOUND

    node(scenario)


def test_a_guest_that_ends_meanwhile(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await running(node)
        group = group_of(node, container_id)
        for file in group.iterdir():
            file.unlink()
        group.rmdir()
        error = await refused(node, container_id, cpu_shares=1024)
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert "the container has ended; create another one" in (error.details() or "")
        group.mkdir()

    node(scenario)


def test_windows(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await running(node)
        with pytest.raises(grpc.aio.AioRpcError, match="for Windows: this node runs Linux"):
            await node.client(
                "UpdateContainerResources", container_id=container_id, windows=cri.WindowsContainerResources()
            )

    node(scenario)


def test_verbose_status_shows_them_too(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await running(node)
        await update(node, container_id, memory_limit_in_bytes=128 * MIB)
        response = await node.client("ContainerStatus", container_id=container_id, verbose=True)
        spec = json.loads(response.info["info"])["runtimeSpec"]
        assert spec["linux"]["resources"]["memory"]["limit"] == 128 * MIB

    node(scenario)
