import os
import shutil
import time
from pathlib import Path
from typing import Any, cast

import pytest

from cri_server.container_store import ContainerRecord
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.sandbox_store import CREATING, SandboxRecord
from sandbox import run_record
from sandbox.errors import SandboxError
from sandbox.specs import Run as ContainerRun
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run, nothing_is_left, until


async def seen(node: Node) -> tuple[list[object], list[object]]:
    """All statuses, as clients see them."""
    sandboxes = [item.id for item in (await node.client("ListPodSandbox")).items]
    containers = [item.id for item in (await node.client("ListContainers")).containers]
    return (
        [(await node.client("PodSandboxStatus", pod_sandbox_id=each)).status for each in sandboxes],
        [await node.status(each) for each in containers],
    )


def test_a_new_server_shows_what_the_last_one_showed(node: Run) -> None:
    async def scenario(node: Node) -> None:
        web = await node.run_pod(labels={"a": "b"}, annotations={"c": "d"})
        await node.start_container(web, name="running")
        exited = await node.start_container(web, name="exited")
        node.pods.processes[web].exit(exited, 7)
        await node.create(web, name="created")
        stopped = await node.run_pod(name="stopped")
        await node.client("StopPodSandbox", pod_sandbox_id=stopped)
        sandboxes, containers = await seen(node)
        held = set(node.images.held)
        await node.restart()
        again = await seen(node)
        assert sorted(map(str, again[0])) == sorted(map(str, sandboxes))
        assert sorted(map(str, again[1])) == sorted(map(str, containers))
        assert set(node.images.held) == held
        assert node.images.collected == 2
        assert node.network.swept == {web}
        assert set(node.network.attached) == {web}

    node(scenario)


def test_names_are_taken_again_and_new_objects_are_newer(node: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        await node.create(sandbox_id)
        created = (await node.status((await node.client("ListContainers")).containers[0].id)).created_at
        await node.restart()
        monkeypatch.setattr("time.time_ns", lambda: 1)
        with pytest.raises(Exception, match="is reserved for"):
            await node.run_pod()
        with pytest.raises(Exception, match="is reserved for"):
            await node.create(sandbox_id)
        later = await node.run_pod(attempt=1)
        status = (await node.client("PodSandboxStatus", pod_sandbox_id=later)).status
        assert status.created_at > created

    node(scenario)


def test_exits_that_happened_without_a_server_are_found(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.start_container(sandbox_id)
        await node.stop()
        node.pods.processes[sandbox_id].exit(container_id, 5)
        await node.start()
        status = await node.status(container_id)
        assert (status.state, status.exit_code, status.reason) == (cri.CONTAINER_EXITED, 5, "Error")

    node(scenario)


def test_a_pod_process_that_died_without_a_server_leaves_its_sandbox_not_ready(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.start_container(sandbox_id)
        await node.stop()
        node.pods.processes[sandbox_id].die()
        await node.start()
        status = await node.status(container_id)
        assert (status.state, status.exit_code, status.reason) == (cri.CONTAINER_EXITED, 255, "Unknown")
        assert status.finished_at > status.started_at
        sandbox = (await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id)).status
        assert sandbox.state == cri.SANDBOX_NOTREADY
        assert not node.network.attached
        assert not node.pods.known()
        await node.restart()
        assert await node.status(container_id) == status

    node(scenario)


def test_after_a_reboot_nothing_runs_whatever_listens_there(node: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.start_container(sandbox_id)
        await node.stop()
        monkeypatch.setattr("cri_server.recovery.boot_id", lambda: "another boot")
        shutil.rmtree(node.pods.cgroups)
        await node.start()
        assert (await node.status(container_id)).exit_code == 255
        sandbox = (await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id)).status
        assert sandbox.state == cri.SANDBOX_NOTREADY
        assert not node.pods.known()

    node(scenario)


def test_a_sandbox_that_was_being_made_is_undone(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        await node.stop()
        path = node.paths.sandbox_record(sandbox_id)
        record = SandboxRecord.load(path)
        record.phase, record.network_state = CREATING, None
        record.save(path)
        await node.start()
        await nothing_is_left(node)
        await node.run_pod()

    node(scenario)


def test_folders_without_a_record_are_removed(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        await node.stop()
        Path(node.paths.container(sandbox_id, "half"), "layer").mkdir(parents=True)
        Path(node.paths.pod("half")).mkdir()
        await node.start()
        await until(lambda: not os.listdir(node.paths.trash))
        assert os.listdir(node.paths.pods) == [sandbox_id]
        assert os.listdir(node.paths.containers(sandbox_id)) == []

    node(scenario)


@pytest.mark.parametrize("damage", [b"", b"foreign\n", b"wasmlet-record 1 sandbox 00000000 5\n{}"])
def test_a_torn_sandbox_record_is_set_aside_and_the_rest_is_served(node: Run, damage: bytes) -> None:
    async def scenario(node: Node) -> None:
        good, bad = await node.run_pod(), await node.run_pod(name="bad")
        await node.stop()
        Path(node.paths.sandbox_record(bad)).write_bytes(damage)
        await node.start()
        assert [item.id for item in (await node.client("ListPodSandbox")).items] == [good]
        assert not node.pods.processes[bad].alive
        assert os.listdir(node.paths.set_aside)
        assert os.listdir(node.paths.pods) == [good]

    node(scenario)


@pytest.mark.parametrize("record", ["container.record", "guest.record"])
def test_a_torn_container_record_is_set_aside_and_its_guest_killed(node: Run, record: str) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        good = await node.start_container(sandbox_id)
        bad = await node.start_container(sandbox_id, name="bad")
        await node.stop()
        path = Path(node.paths.container(sandbox_id, bad), record)
        path.write_bytes(path.read_bytes()[:-7])
        await node.start()
        assert [item.id for item in (await node.client("ListContainers")).containers] == [good]
        assert list(node.pods.processes[sandbox_id].guests) == [good]
        assert os.listdir(node.paths.set_aside)

    node(scenario)


def test_a_lost_or_torn_run_of_a_created_container_is_like_new(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        lost, torn = await node.create(sandbox_id), await node.create(sandbox_id, name="torn")
        await node.stop()
        os.unlink(node.paths.run(sandbox_id, lost))
        Path(node.paths.run(sandbox_id, torn)).write_bytes(b"wasmlet-rec")
        await node.start()
        for container_id in (lost, torn):
            assert (await node.status(container_id)).state == cri.CONTAINER_CREATED
        await node.client("StartContainer", container_id=lost)

    node(scenario)


def test_a_pod_process_that_lies_about_its_runs_harms_nobody(node: Run) -> None:
    """Taken over, it can write to its containers' records."""

    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        late, wild = [await node.start_container(sandbox_id, name=name) for name in ("late", "wild")]
        await node.stop()
        latest = ContainerRun(pid=1, started_at=(1 << 63) - 1, finished_at=(1 << 63) - 1)
        run_record.write_ended(node.paths.run(sandbox_id, late), latest)
        run_record.write_ended(node.paths.run(sandbox_id, wild), latest._replace(exit_code=cast(Any, "x")))
        await node.start()
        assert (await node.status(late)).finished_at == latest.finished_at
        assert (await node.status(wild)).state == cri.CONTAINER_RUNNING
        other = await node.create(await node.run_pod(name="other"))
        assert (await node.status(other)).created_at < time.time_ns() + 10**9

    node(scenario)


def test_a_pod_process_is_heard_of_its_own_containers_alone(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id, other = await node.run_pod(), await node.run_pod(name="other")
        container_id, created = await node.start_container(other), await node.create(other, name="created")
        liar = node.pods.processes[sandbox_id]
        liar.on_exit(container_id, ContainerRun(pid=1, started_at=5, finished_at=6))
        liar.on_start(created, ContainerRun(pid=1, started_at=5))
        assert (await node.status(container_id)).state == cri.CONTAINER_RUNNING
        assert (await node.status(created)).state == cri.CONTAINER_CREATED

    node(scenario)


def test_a_pod_process_without_a_record_is_ended(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        await node.stop()
        shutil.rmtree(node.paths.pod(sandbox_id))
        await node.start()
        assert not node.pods.processes[sandbox_id].alive
        assert not node.pods.known()

    node(scenario)


def test_what_was_in_the_trash_is_deleted(node: Run) -> None:
    async def scenario(node: Node) -> None:
        await node.stop()
        Path(node.paths.trash, "left", "below").mkdir(parents=True)
        await node.start()
        await until(lambda: not os.listdir(node.paths.trash))

    node(scenario)


def test_a_start_that_the_last_server_asked_for_is_followed(node: Run) -> None:
    """The pod process tells every server, so also one that came while the guest was being made."""

    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.create(sandbox_id)
        await node.restart()
        run = ContainerRun(pid=1, started_at=5)
        run_record.write_started(node.paths.run(sandbox_id, container_id), run)
        node.pods.processes[sandbox_id].on_start(container_id, run)
        assert (await node.status(container_id)).state == cri.CONTAINER_RUNNING

    node(scenario)


def test_files_and_folders_of_others_are_no_obstacle(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.create(sandbox_id)
        await node.stop()
        for folder in (node.paths.pods, node.paths.containers(sandbox_id), node.paths.pod_states, node.paths.trash):
            Path(folder, "a file").write_text("mine")
        os.unlink(node.paths.guest_record(sandbox_id, container_id))
        Path(node.paths.guest_record(sandbox_id, container_id)).mkdir()
        await node.start()
        assert [item.id for item in (await node.client("ListPodSandbox")).items] == [sandbox_id]
        assert (await node.client("ListContainers")).containers == []
        assert len(os.listdir(node.paths.set_aside)) == 3

    node(scenario)


def test_a_copy_of_a_record_is_set_aside(node: Run) -> None:
    """A backup that somebody made beside the original; its pod process, and its name, are those of the original."""

    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.create(sandbox_id)
        await node.stop()
        for path in (node.paths.container(sandbox_id, container_id), node.paths.pod(sandbox_id)):
            shutil.copytree(path, f"{path}.bak")
        await node.start()
        assert [item.id for item in (await node.client("ListPodSandbox")).items] == [sandbox_id]
        assert [item.id for item in (await node.client("ListContainers")).containers] == [container_id]
        assert node.pods.processes[sandbox_id].alive
        assert len(os.listdir(node.paths.set_aside)) == 2

    node(scenario)


def test_of_two_records_of_one_name_one_is_set_aside(node: Run) -> None:
    async def scenario(node: Node) -> None:
        first, second = await node.run_pod(), await node.run_pod(attempt=1)
        await node.stop()
        record = SandboxRecord.load(node.paths.sandbox_record(second))
        record.config = SandboxRecord.load(node.paths.sandbox_record(first)).config
        record.save(node.paths.sandbox_record(second))
        await node.start()
        assert [item.id for item in (await node.client("ListPodSandbox")).items] == [min(first, second)]
        assert os.listdir(node.paths.set_aside) == [f"{max(first, second)}.0"]

    node(scenario)


def test_a_record_whose_config_is_of_another_kind_is_set_aside(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.create(sandbox_id)
        other = await node.run_pod(name="other")
        await node.stop()
        record = ContainerRecord.load(node.paths.container_record(sandbox_id, container_id))
        record.config = b"\xff"
        record.save(node.paths.container_record(sandbox_id, container_id))
        pod = SandboxRecord.load(node.paths.sandbox_record(other))
        pod.config = b"\xff"
        pod.save(node.paths.sandbox_record(other))
        await node.start()
        assert [item.id for item in (await node.client("ListPodSandbox")).items] == [sandbox_id]
        assert (await node.client("ListContainers")).containers == []
        assert len(os.listdir(node.paths.set_aside)) == 2

    node(scenario)


def test_what_cannot_be_undone_now_is_no_reason_not_to_serve(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        await node.stop()
        path = node.paths.sandbox_record(sandbox_id)
        record = SandboxRecord.load(path)
        record.phase = CREATING
        record.save(path)
        node.gate.fail["detach"] = SandboxError("network is not there")
        await node.start()
        assert (await node.client("ListPodSandbox")).items == []
        assert os.listdir(node.paths.pods) == [sandbox_id]
        node.gate.fail.clear()
        await node.restart()
        await nothing_is_left(node)

    node(scenario)
