"""On plain files that stand for the kernel's, of either version."""

from pathlib import Path

import pytest

from sandbox.cgroup.checks import LEAST_MEMORY, check_limits
from sandbox.cgroup.tree import Layout, Limits
from sandbox.errors import InvalidSpec, NotSupported, SandboxError

MIB = 1 << 20
POD = "/wasmlet/pod"
VERSION_1 = {
    "cpu": {"cpu.shares": "1024", "cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"},
    "cpuset": {"cpuset.cpus": "0-3,6", "cpuset.mems": "0"},
    "memory": {"memory.limit_in_bytes": "9223372036854771712"},
}
VERSION_2 = {
    "cgroup.subtree_control": "cpuset cpu memory hugetlb",
    "cpu.weight": "100",
    "cpu.max": "max 100000",
    "cpuset.cpus": "",
    "cpuset.cpus.effective": "0-3,6",
    "cpuset.mems": "",
    "cpuset.mems.effective": "0",
    "memory.max": "max",
    "memory.oom.group": "0",
    "pids.max": "max",
    "hugetlb.2MB.max": "max",
}


def _fill(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_text(content + "\n")


@pytest.fixture
def version_1(tmp_path: Path) -> Layout:
    for controller, files in VERSION_1.items():
        _fill(Path(f"{tmp_path}/{controller}{POD}"), files)
    controllers = {controller: f"{tmp_path}/{controller}" for controller in VERSION_1}
    return Layout(False, tuple(controllers.values()), controllers)


@pytest.fixture
def version_2(tmp_path: Path) -> Layout:
    _fill(Path(f"{tmp_path}/unified{POD}"), VERSION_2)
    return Layout(True, (f"{tmp_path}/unified",), {})


@pytest.fixture(params=["version_1", "version_2"])
def layout(request: pytest.FixtureRequest) -> Layout:
    found: Layout = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize(
    "limits",
    [
        Limits(),
        Limits(cpu_shares=2, cpu_quota=1000, cpu_period=100_000, memory_limit=LEAST_MEMORY, cpuset_cpus="1-2,6"),
        Limits(cpu_quota=-1, memory_limit=-1, memory_swap=-1),
        Limits(memory_limit=64 * MIB, memory_swap=64 * MIB),
        Limits(hugepages={"2MB": 0, "1GB": 0}, cpuset_mems="0"),
    ],
)
def test_what_can_be(layout: Layout, limits: Limits) -> None:
    check_limits(layout, POD, limits)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(cpu_shares=-1), "cpu_shares of -1 is negative"),
        (Limits(cpu_period=-1), "cpu_period of -1 is negative"),
        (Limits(cpu_quota=-2), "cpu_quota of -2 is below -1"),
        (Limits(memory_limit=-2), "memory_limit of -2 is below -1"),
        (Limits(cpu_quota=999), "cpu_quota of 999 µs is below the kernel's least of 1000"),
        (Limits(cpu_period=999), "cpu_period of 999 µs is not between 1 ms and 1 s"),
        (Limits(cpu_period=1_000_001), "cpu_period of 1000001 µs is not between 1 ms and 1 s"),
        (Limits(memory_limit=LEAST_MEMORY - 1), "leaves a guest no room"),
        (Limits(cpuset_cpus="3-4"), "cpuset.cpus 3-4 names 4, which the pod does not have: choose from 0-3,6"),
        (Limits(cpuset_mems="1"), "cpuset.mems 1 names 1, which the pod does not have: choose from 0"),
        (Limits(cpuset_cpus="x"), "cpuset.cpus x is no list of numbers"),
        (Limits(cpuset_cpus="1-"), "cpuset.cpus 1- is no list of numbers"),
        (Limits(cpuset_cpus="0-99999999999"), "names more than any machine has"),
    ],
)
def test_what_cannot_be_anywhere(layout: Layout, limits: Limits, reason: str) -> None:
    with pytest.raises(InvalidSpec, match=reason):
        check_limits(layout, POD, limits)


def test_swap_that_is_bounded_needs_swap_accounting(layout: Layout) -> None:
    with pytest.raises(NotSupported, match="this node does not account for swap"):
        check_limits(layout, POD, Limits(memory_limit=64 * MIB, memory_swap=65 * MIB))


def test_huge_pages_of_a_size_that_the_node_lacks(layout: Layout) -> None:
    with pytest.raises(NotSupported, match=r"this node has no huge pages for hugetlb\.1GB\.(max|limit_in_bytes)"):
        check_limits(layout, POD, Limits(hugepages={"1GB": 1 << 30}))


def test_settings_of_version_2(version_1: Layout, version_2: Layout) -> None:
    wanted = Limits(unified={"memory.oom.group": "1"})
    check_limits(version_2, POD, wanted)
    with pytest.raises(NotSupported, match=r"memory.oom.group is a setting of cgroup v2 and this node runs v1"):
        check_limits(version_1, POD, wanted)


@pytest.mark.parametrize("file", ["cgroup.procs", "cgroup.kill", "memory.no_such", "io.max", "../cpu.max", ""])
def test_files_that_are_no_limits_of_this_node(version_2: Layout, file: str) -> None:
    with pytest.raises(SandboxError):
        check_limits(version_2, POD, Limits(unified={file: "1"}))


def test_a_controller_that_the_pods_group_does_not_hand_on(version_2: Layout) -> None:
    with pytest.raises(NotSupported, match=r"has no pids.max: this node does not provide the pids controller"):
        check_limits(version_2, POD, Limits(pids_limit=10))
