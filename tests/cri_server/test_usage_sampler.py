"""What is measured in the background, over plain files in place of the kernel's."""

import asyncio
from pathlib import Path

import pytest

from cri_server import usage_sampler
from cri_server.container_store import Container
from cri_server.usage_sampler import UsageSampler
from image_store.usage import Taken, of_folder
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run
from tests.cri_server.version_2_group import group_of_container, group_of_pod, use_version_2

SECOND = 1_000_000_000


class Stage:
    """A running container and a sampler with a clock that stands still."""

    def __init__(self, node: Node, sandbox_id: str, container_id: str) -> None:
        use_version_2(node)
        self.pod = group_of_pod(node, sandbox_id)
        self.group = group_of_container(node, container_id)
        self.container: Container = node.runtime.container(container_id)
        self.now = 100 * SECOND
        self.sampler = UsageSampler(lambda: self.now)
        self._node = node
        self.upper = Path(self.container.guest.layer, "upper")

    def uses_cpu(self, microseconds: int) -> None:
        (self.group / "cpu.stat").write_text(f"usage_usec {microseconds}\n")

    def sample(self) -> None:
        runtime = self._node.runtime
        self.sampler.sample(runtime.cgroup_layout, runtime.containers.all(), runtime.sandboxes.all())

    def inodes(self) -> int:
        layer = self.sampler.layer(self.container)
        assert layer is not None
        return layer.inodes_used


async def staged(node: Node) -> Stage:
    sandbox_id = await node.run_pod()
    return Stage(node, sandbox_id, await node.start_container(sandbox_id))


def test_cpu_usage_of_late_is_told_once_it_was_watched_for_a_while(node: Run) -> None:
    async def scenario(node: Node) -> None:
        stage = await staged(node)
        stage.uses_cpu(1_000_000)
        assert stage.sampler.nano_cores(stage.container.id, SECOND) is None
        stage.sample()
        assert stage.sampler.nano_cores(stage.container.id, SECOND) is None
        stage.now += 4 * SECOND
        assert stage.sampler.nano_cores(stage.container.id, SECOND) is None, "a moment is no window"
        stage.now += 6 * SECOND
        assert stage.sampler.nano_cores(stage.container.id, 6 * SECOND) == SECOND // 2
        assert stage.sampler.nano_cores(stage.container.record.sandbox_id, 2 * SECOND) == 0

    node(scenario)


def test_the_window_never_grows_beyond_two_samples(node: Run) -> None:
    async def scenario(node: Node) -> None:
        stage = await staged(node)
        for seconds in (1, 1, 1, 11):
            stage.uses_cpu(seconds * 1_000_000)
            stage.sample()
            stage.now += 10 * SECOND
        assert stage.sampler.nano_cores(stage.container.id, 21 * SECOND) == SECOND

    node(scenario)


def test_a_layer_is_measured_again_only_if_its_container_has_used_cpu_time(node: Run) -> None:
    async def scenario(node: Node) -> None:
        stage = await staged(node)
        stage.sample()
        before = stage.inodes()
        (stage.upper / "fresh").touch()
        stage.sample()
        assert stage.inodes() == before
        stage.uses_cpu(7_000_000)
        stage.sample()
        assert stage.inodes() == before + 1

    node(scenario)


def test_an_unchanged_layer_is_as_true_now(node: Run) -> None:
    async def scenario(node: Node) -> None:
        stage = await staged(node)
        stage.sample()
        before = stage.sampler.layer(stage.container)
        stage.sample()
        after = stage.sampler.layer(stage.container)
        assert before is not None
        assert after is not None
        assert after.timestamp > before.timestamp

    node(scenario)


def test_a_new_layer_is_measured_when_it_is_asked_for_unless_it_is_large(node: Run) -> None:
    async def scenario(node: Node) -> None:
        stage = await staged(node)
        for number in range(1000):
            (stage.upper / str(number)).touch()
        assert stage.sampler.layer(stage.container) is None
        stage.sample()
        assert stage.inodes() > 1000

    node(scenario)


def test_a_layer_whose_walk_takes_long_is_left_alone_for_a_while(node: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(node: Node) -> None:
        stage = await staged(node)

        def slowly(folder: Path) -> Taken:
            stage.now += 3 * SECOND
            return of_folder(folder)

        monkeypatch.setattr(usage_sampler, "of_folder", slowly)
        stage.sample()
        before = stage.inodes()
        (stage.upper / "fresh").touch()
        seen = []
        for seconds in (59, 1):
            stage.now += seconds * SECOND
            stage.uses_cpu(stage.now)
            stage.sample()
            seen.append(stage.inodes() - before)
        assert seen == [0, 1]

    node(scenario)


def test_what_a_container_wrote_last_is_measured_after_its_end_and_forgotten_with_it(node: Run) -> None:
    async def scenario(node: Node) -> None:
        stage = await staged(node)
        stage.sample()
        before = stage.inodes()
        (stage.upper / "last").touch()
        node.pods.processes[stage.container.record.sandbox_id].exit(stage.container.id, 0)
        stage.sample()
        assert stage.inodes() == before + 1
        await node.client("RemoveContainer", container_id=stage.container.id)
        stage.sample()
        assert stage.sampler.layers() == []

    node(scenario)


def test_sampling_goes_on_after_a_failure(node: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else all layers would stay as large, and all containers as busy, as they were then."""
    monkeypatch.setattr(usage_sampler, "_PERIOD_SECONDS", 0.01)

    async def scenario(node: Node) -> None:
        calls: list[object] = []

        def sample(*arguments: object) -> None:
            calls.append(arguments)
            if len(calls) == 1:
                raise ValueError("what nobody has thought of")

        monkeypatch.setattr(node.runtime.usage_sampler, "sample", sample)
        sampling = asyncio.create_task(usage_sampler.keep_sampling(node.runtime))
        while len(calls) < 2 and not sampling.done():
            await asyncio.sleep(0.01)
        assert not sampling.done()
        sampling.cancel()

    node(scenario)
