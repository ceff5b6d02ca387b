"""What is written to a v2 hierarchy with all controllers, on plain files that stand for the kernel's."""

from pathlib import Path

import pytest

from sandbox.cgroup import tree
from sandbox.cgroup.tree import Layout, Limits
from sandbox.errors import InvalidSpec, MemoryInUse
from tests.sandbox.cgroup.conftest import CONTAINER

MIB = 1 << 20
SLICE = "/kubepods.slice/kubepods-pod1.slice"
POD = f"{SLICE}/wasmlet-1.scope"
GUEST = f"{POD}/{CONTAINER}"
CONTROLLERS = "cpuset cpu io memory hugetlb pids rdma misc"
GUEST_FILES = {
    "cpu.weight": "100",
    "cpu.max": "max 100000",
    "cpuset.cpus": "",
    "cpuset.mems": "",
    "memory.max": "max",
    "memory.swap.max": "max",
    "memory.current": str(8 * MIB),
    "memory.events": "low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 0",
    "memory.oom.group": "0",
    "pids.max": "max",
    "hugetlb.2MB.max": "max",
}


@pytest.fixture
def fake(tmp_path: Path) -> Layout:
    """All groups with their files, as the kernel would make them with a group."""
    for group in ("", "/kubepods.slice", SLICE, POD, f"{POD}/pod", GUEST):
        files = {"cgroup.controllers": CONTROLLERS, "cgroup.subtree_control": "", "cgroup.procs": ""}
        _fill(tmp_path / group.strip("/"), files)
    _fill(tmp_path / GUEST.strip("/"), GUEST_FILES)
    return Layout(True, (str(tmp_path),), {})


def _fill(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content + "\n")


def content(layout: Layout, group: str, *files: str) -> list[str]:
    """Shorter text overwrites only the beginning of a plain file."""
    return [Path(layout.mounts[0] + group, file).read_text().split("\n")[0] for file in files]


@pytest.mark.parametrize(
    ("limits", "file", "value"),
    [
        (Limits(cpu_shares=2048), "cpu.weight", "174"),
        (Limits(cpu_quota=50000, cpu_period=100000), "cpu.max", "50000 100000"),
        (Limits(memory_limit=64 * MIB), "memory.max", str(64 * MIB)),
        (Limits(memory_limit=64 * MIB, memory_swap=65 * MIB), "memory.swap.max", str(MIB)),
        (Limits(pids_limit=100), "pids.max", "100"),
        (Limits(cpuset_cpus="0-1", cpuset_mems="0"), "cpuset.cpus", "0-1"),
        (Limits(hugepages={"2MB": 2 * MIB}), "hugetlb.2MB.max", str(2 * MIB)),
        (Limits(unified={"memory.oom.group": "1"}), "memory.oom.group", "1"),
    ],
)
def test_a_limit_is_written_when_the_group_is_made(fake: Layout, limits: Limits, file: str, value: str) -> None:
    assert tree.create_guest_group(fake, POD, CONTAINER, limits) == GUEST
    assert content(fake, GUEST, file)[0].startswith(value)


def test_no_limit_touches_no_file(fake: Layout) -> None:
    tree.create_guest_group(fake, POD, CONTAINER, Limits())
    assert content(fake, GUEST, *GUEST_FILES) == [text.split("\n")[0] for text in GUEST_FILES.values()]


def test_controllers_are_enabled_in_every_group_above_the_pods_and_not_in_it(fake: Layout) -> None:
    tree.create_pod_group(fake, POD)
    enabled = [content(fake, group, "cgroup.subtree_control")[0] for group in ("", "/kubepods.slice", SLICE, POD)]
    assert all(text.startswith("+") for text in enabled[:3])
    assert enabled[3] == ""


def test_controllers_are_enabled_in_the_pods_group_once_its_process_is_in_the_leaf(fake: Layout) -> None:
    tree.enter_pod_group(fake, POD, 1234)
    assert content(fake, f"{POD}/pod", "cgroup.procs") == ["1234"]
    assert content(fake, POD, "cgroup.subtree_control")[0].startswith("+")
    assert content(fake, SLICE, "cgroup.subtree_control") == [""]


@pytest.mark.parametrize("controller", ["cpu", "cpuset", "io", "memory", "pids", "hugetlb"])
def test_what_a_container_may_be_limited_in_reaches_its_group(fake: Layout, controller: str) -> None:
    _fill(Path(fake.mounts[0] + POD), {"cgroup.controllers": controller})
    tree.enter_pod_group(fake, POD, 1234)
    assert content(fake, POD, "cgroup.subtree_control") == [f"+{controller}"]


def test_controllers_that_are_enabled_or_missing_are_not_asked_for(fake: Layout) -> None:
    _fill(Path(fake.mounts[0] + POD), {"cgroup.controllers": "cpu pids", "cgroup.subtree_control": "cpu pids"})
    tree.enter_pod_group(fake, POD, 1234)
    assert content(fake, POD, "cgroup.subtree_control") == ["cpu pids"]


def test_update_writes_only_what_is_set(fake: Layout) -> None:
    tree.update(fake, GUEST, Limits(cpu_shares=1024, memory_limit=64 * MIB))
    assert content(fake, GUEST, "memory.max", "pids.max", "cpu.max") == [str(64 * MIB), "max", "max 100000"]


def test_update_refuses_less_memory_than_is_in_use_before_the_kernel_kills(fake: Layout) -> None:
    with pytest.raises(InvalidSpec, match=f"cannot be limited to {MIB} bytes of memory: {8 * MIB} are in use"):
        tree.update(fake, GUEST, Limits(memory_limit=MIB))
    assert content(fake, GUEST, "memory.max") == ["max"]


def test_what_the_kernel_can_do_without_is_asked_back_first(fake: Layout) -> None:
    Path(fake.mounts[0] + GUEST, "memory.reclaim").touch()
    with pytest.raises(MemoryInUse):
        tree.update(fake, GUEST, Limits(memory_limit=MIB))
    assert content(fake, GUEST, "memory.reclaim") == [str(7 * MIB)]


def test_most_memory(fake: Layout) -> None:
    assert tree.most_memory(fake, GUEST)[0] == 0, "an older kernel does not tell"
    Path(fake.mounts[0] + GUEST, "memory.peak").write_text(f"{9 * MIB}\n")
    assert tree.most_memory(fake, GUEST)[0] == 9 * MIB
    tree.update(fake, GUEST, Limits(memory_limit=64 * MIB))
    assert tree.most_memory(fake, GUEST) == (9 * MIB, 64 * MIB)


def test_an_empty_setting_is_put_back(fake: Layout) -> None:
    before = tree.update(fake, GUEST, Limits(cpuset_cpus="1"))
    tree.put_back(fake, GUEST, before)
    assert content(fake, GUEST, "cpuset.cpus") == [""]


def test_oom_kills_are_read_from_the_events(fake: Layout) -> None:
    assert tree.oom_kills(fake, GUEST) == 1


def test_without_cgroup_kill_processes_are_killed_one_by_one(fake: Layout) -> None:
    Path(fake.mounts[0] + POD, "cgroup.procs").write_text("0\n")
    tree.kill(fake, POD)
    assert tree.processes(fake, POD) == []
