"""Pod and guest groups on the hierarchies of this machine."""

import os
import secrets
import signal
import subprocess
from pathlib import Path

import pytest

from sandbox.cgroup import tree
from sandbox.cgroup.tree import Layout, Limits
from sandbox.errors import GuestGone, InvalidSpec, NotSupported, SandboxError
from tests.sandbox.cgroup.conftest import CONTAINER, Children, groups_of

MIB = 1 << 20
GROW = "import sys; sys.stdin.read(1); data = bytearray(b'x' * (64 << 20)); print(flush=True); sys.stdin.read()"


@pytest.fixture
def pod(layout: Layout, parent: str) -> str:
    path = f"{parent}/{secrets.token_hex(32)}"
    tree.create_pod_group(layout, path)
    return path


@pytest.fixture
def unified_pod(unified: Layout, parent: str) -> str:
    path = f"{parent}/{secrets.token_hex(32)}"
    tree.create_pod_group(unified, path)
    return path


def setting(layout: Layout, path: str, file: str) -> str:
    controller = file.partition(".")[0]
    return Path(layout.controllers.get(controller, layout.mounts[0]) + path, file).read_text().strip()


def groups_after(action: str, layout: Layout, path: str) -> dict[str, str]:
    """Where a forked process is after it entered the group by itself."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            getattr(tree, action)(layout, path)
            os.write(write_end, b"in")
        finally:
            signal.pause()
    try:
        os.close(write_end)
        assert os.read(read_end, 2) == b"in"
        return groups_of(pid)
    finally:
        os.close(read_end)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_the_default_parent_goes_with_the_last_pod(tmp_path: Path) -> None:
    layout = Layout(unified=False, mounts=(str(tmp_path),), controllers={})
    (tmp_path / "wasmlet" / "pod").mkdir(parents=True)
    tree.remove_default_parent(layout)
    assert (tmp_path / "wasmlet" / "pod").is_dir()
    (tmp_path / "wasmlet" / "pod").rmdir()
    tree.remove_default_parent(layout)
    tree.remove_default_parent(layout)
    assert not list(tmp_path.iterdir())


# ---- version 1 ------------------------------------------------------------------------------------------------------


def test_a_pod_group_stands_in_every_hierarchy(layout: Layout, pod: str) -> None:
    assert layout.mounts
    assert all(Path(mount + pod).is_dir() for mount in layout.mounts)


def test_a_pod_process_enters_its_group_in_every_hierarchy(layout: Layout, pod: str) -> None:
    groups = groups_after("enter_pod_group", layout, pod)
    for controller in layout.controllers:
        assert groups[controller].endswith(pod)


def test_a_guest_enters_its_group_below_the_pods(layout: Layout, pod: str) -> None:
    path = tree.create_guest_group(layout, pod, CONTAINER, Limits())
    groups = groups_after("enter_guest_group", layout, path)
    assert groups["memory"].endswith(f"{pod}/{CONTAINER}")


def test_another_process_can_be_put_into_a_group(layout: Layout, pod: str, children: Children) -> None:
    child = children.start()
    tree.enter_pod_group(layout, pod, child.pid)
    assert tree.processes(layout, pod) == [child.pid]


def test_cpuset_is_inherited_from_above(layout: Layout, pod: str) -> None:
    path = tree.create_guest_group(layout, pod, CONTAINER, Limits())
    assert setting(layout, path, "cpuset.cpus") == setting(layout, "", "cpuset.cpus")
    assert setting(layout, path, "cpuset.mems") == setting(layout, "", "cpuset.mems")


def test_limits_arrive_in_the_kernel(layout: Layout, pod: str) -> None:
    limits = Limits(
        cpu_shares=512,
        cpu_quota=25000,
        cpu_period=50000,
        memory_limit=64 * MIB,
        pids_limit=7,
        cpuset_cpus="0",
        cpuset_mems="0",
    )
    path = tree.create_guest_group(layout, pod, CONTAINER, limits)
    expected = {
        "cpu.shares": "512",
        "cpu.cfs_quota_us": "25000",
        "cpu.cfs_period_us": "50000",
        "memory.limit_in_bytes": str(64 * MIB),
        "memory.memsw.limit_in_bytes": str(64 * MIB),
        "pids.max": "7",
        "cpuset.cpus": "0",
        "cpuset.mems": "0",
    }
    assert {file: setting(layout, path, file) for file in expected} == expected


def test_quota_without_limit(layout: Layout, pod: str) -> None:
    path = tree.create_guest_group(layout, pod, CONTAINER, Limits(cpu_quota=-1, memory_limit=-1, pids_limit=-1))
    assert setting(layout, path, "cpu.cfs_quota_us") == "-1"
    assert setting(layout, path, "pids.max") == "max"


@pytest.mark.parametrize("limits", [Limits(cpuset_cpus="4000"), Limits(cpu_period=1), Limits(cpuset_cpus="x")])
def test_limits_the_kernel_refuses_leave_no_group(layout: Layout, pod: str, limits: Limits) -> None:
    with pytest.raises(InvalidSpec, match=f"of cgroup {pod}/{CONTAINER} cannot be set to .*; ask for another value"):
        tree.create_guest_group(layout, pod, CONTAINER, limits)
    assert not any(Path(mount + pod, CONTAINER).exists() for mount in layout.mounts)


def test_limits_without_their_controller_are_refused(layout: Layout, pod: str) -> None:
    bare = Layout(False, (layout.controllers["cpu"],), {"cpu": layout.controllers["cpu"]})
    for limits in (Limits(hugepages={"2MB": 2 * MIB}), Limits(memory_limit=MIB), Limits(cpuset_cpus="0")):
        with pytest.raises(NotSupported, match="does not provide the .* controller"):
            tree.create_guest_group(bare, pod, CONTAINER, limits)


def test_huge_pages_not_given_need_no_controller(layout: Layout, pod: str) -> None:
    tree.create_guest_group(layout, pod, CONTAINER, Limits(hugepages={"2MB": 0, "3MB": 0}))


def test_update_changes_what_is_set_and_leaves_the_rest(layout: Layout, pod: str) -> None:
    path = tree.create_guest_group(layout, pod, CONTAINER, Limits(cpu_shares=512, memory_limit=64 * MIB))
    tree.update(layout, path, Limits(cpu_quota=10000, cpu_period=100000))
    assert setting(layout, path, "cpu.shares") == "512"
    assert setting(layout, path, "cpu.cfs_quota_us") == "10000"


@pytest.mark.parametrize("steps", [(64, 128, 32), (64, 32, 128), (64, -1, 64)])
def test_memory_limit_moves_up_and_down_with_its_swap_limit(layout: Layout, pod: str, steps: tuple[int, ...]) -> None:
    path = tree.create_guest_group(layout, pod, CONTAINER, Limits(memory_limit=steps[0] * MIB))
    for step in steps[1:]:
        limit = step * MIB if step > 0 else -1
        tree.update(layout, path, Limits(memory_limit=limit))
        files = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
        shown = {int(setting(layout, path, file)) for file in files}
        assert shown == {limit} if limit > 0 else min(shown) > 1 << 60


def test_an_update_that_fails_changes_nothing(layout: Layout, pod: str) -> None:
    before = Limits(cpu_shares=512, cpu_quota=20000, cpu_period=50000, memory_limit=64 * MIB, cpuset_cpus="0")
    path = tree.create_guest_group(layout, pod, CONTAINER, before)
    refused = Limits(cpu_shares=256, cpu_quota=-1, cpu_period=100000, memory_limit=128 * MIB, cpuset_cpus="4000")
    with pytest.raises(InvalidSpec, match="cpuset.cpus"):
        tree.update(layout, path, refused)
    expected = {
        "cpu.shares": "512",
        "cpu.cfs_quota_us": "20000",
        "cpu.cfs_period_us": "50000",
        "memory.limit_in_bytes": str(64 * MIB),
        "memory.memsw.limit_in_bytes": str(64 * MIB),
        "cpuset.cpus": "0",
    }
    assert {file: setting(layout, path, file) for file in expected} == expected


def test_an_update_that_succeeded_can_be_put_back(layout: Layout, pod: str) -> None:
    path = tree.create_guest_group(layout, pod, CONTAINER, Limits(memory_limit=64 * MIB, cpu_quota=20000))
    files = (
        "memory.limit_in_bytes",
        "memory.memsw.limit_in_bytes",
        "cpu.cfs_quota_us",
        "cpu.cfs_period_us",
        "cpu.shares",
    )
    before = [setting(layout, path, file) for file in files]
    change = Limits(memory_limit=128 * MIB, cpu_quota=50000, cpu_period=200000, cpu_shares=7)
    put_back = tree.update(layout, path, change)
    assert [setting(layout, path, file) for file in files] != before
    tree.put_back(layout, path, put_back)
    assert [setting(layout, path, file) for file in files] == before


def test_of_a_group_that_is_gone_nothing_is_updated(layout: Layout, pod: str) -> None:
    path = tree.create_guest_group(layout, pod, CONTAINER, Limits())
    before = tree.update(layout, path, Limits(cpu_shares=7))
    tree.remove(layout, path)
    with pytest.raises(GuestGone, match="the container has ended; create another one"):
        tree.update(layout, path, Limits(cpu_shares=8))
    tree.put_back(layout, path, before)


def test_memory_in_use_cannot_be_taken_away(layout: Layout, pod: str, children: Children) -> None:
    path = tree.create_guest_group(layout, pod, CONTAINER, Limits(memory_limit=512 * MIB))
    child = children.start(GROW)
    tree.enter_guest_group(layout, path, child.pid)
    children.wake(child)
    with pytest.raises(InvalidSpec, match="memory.limit_in_bytes .* more is in use"):
        tree.update(layout, path, Limits(cpu_shares=64, memory_limit=16 * MIB))
    assert setting(layout, path, "memory.limit_in_bytes") == str(512 * MIB)
    assert setting(layout, path, "cpu.shares") == "1024"


def test_the_memory_limit_ends_the_guest_alone(layout: Layout, pod: str, children: Children) -> None:
    bystander, eater = children.start(), children.start(GROW)
    path = tree.create_guest_group(layout, pod, CONTAINER, Limits(memory_limit=32 * MIB))
    tree.enter_pod_group(layout, pod, bystander.pid)
    tree.enter_guest_group(layout, path, eater.pid)
    assert tree.oom_kills(layout, path) == 0
    eater.communicate(b"x")
    assert eater.returncode == -signal.SIGKILL
    assert tree.oom_kills(layout, path) == 1
    assert bystander.poll() is None


def test_oom_kills_of_a_group_that_is_not_there(layout: Layout, parent: str) -> None:
    assert tree.oom_kills(layout, f"{parent}/gone") == 0
    assert tree.oom_kills(Layout(False, (), {}), parent) == 0


def test_kill_ends_the_group_and_what_is_below(layout: Layout, pod: str, children: Children) -> None:
    path = tree.create_guest_group(layout, pod, CONTAINER, Limits())
    upper, lower, outside = children.start(), children.start(), children.start()
    tree.enter_pod_group(layout, pod, upper.pid)
    tree.enter_guest_group(layout, path, lower.pid)
    assert tree.processes(layout, pod) == sorted([upper.pid, lower.pid])
    tree.kill(layout, pod)
    assert upper.wait() == lower.wait() == -signal.SIGKILL
    assert outside.poll() is None


def test_kill_finds_a_process_that_entered_one_hierarchy_so_far(layout: Layout, pod: str, children: Children) -> None:
    child = children.start()
    Path(layout.mounts[-1] + pod, "cgroup.procs").write_text(str(child.pid))
    tree.kill(layout, pod)
    assert child.wait() == -signal.SIGKILL


def test_remove_kills_what_is_left_and_can_be_repeated(layout: Layout, pod: str, children: Children) -> None:
    path = tree.create_guest_group(layout, pod, CONTAINER, Limits())
    left = [children.start() for _ in range(5)]
    for child in left:
        tree.enter_guest_group(layout, path, child.pid)
    tree.remove(layout, pod)
    assert not any(Path(mount + pod).exists() for mount in layout.mounts)
    assert [child.wait() for child in left] == 5 * [-signal.SIGKILL]
    tree.remove(layout, pod)


@pytest.mark.parametrize("path", ["", "/", "//"])
@pytest.mark.parametrize("action", [tree.kill, tree.remove, tree.create_pod_group])
def test_the_root_group_is_left_alone(action: "type", path: str) -> None:
    with pytest.raises(InvalidSpec, match="root cgroup"):
        action(Layout(False, (), {}), path)


def test_entering_a_group_that_is_gone(layout: Layout, parent: str) -> None:
    with pytest.raises(SandboxError, match="cannot enter cgroup"):
        tree.enter_guest_group(layout, f"{parent}/gone", os.getpid())


def test_without_any_hierarchy_pods_have_no_groups_but_their_limits_are_refused(parent: str) -> None:
    nothing = Layout(False, (), {})
    tree.create_pod_group(nothing, f"{parent}/pod")
    path = tree.create_guest_group(nothing, f"{parent}/pod", CONTAINER, Limits())
    tree.enter_guest_group(nothing, path)
    assert tree.processes(nothing, path) == []
    with pytest.raises(NotSupported, match="memory controller"):
        tree.update(nothing, path, Limits(memory_limit=MIB))


# ---- version 2 ------------------------------------------------------------------------------------------------------


def test_v2_pod_process_is_in_a_leaf_of_its_own(unified: Layout, unified_pod: str) -> None:
    assert groups_after("enter_pod_group", unified, unified_pod)[""].endswith(f"{unified_pod}/pod")


def test_v2_guest_enters_its_group(unified: Layout, unified_pod: str) -> None:
    path = tree.create_guest_group(unified, unified_pod, CONTAINER, Limits())
    assert groups_after("enter_guest_group", unified, path)[""].endswith(path)


def test_v2_kill_ends_all_at_once(unified: Layout, unified_pod: str, children: Children) -> None:
    path = tree.create_guest_group(unified, unified_pod, CONTAINER, Limits())
    upper, lower = children.start(), children.start()
    tree.enter_pod_group(unified, unified_pod, upper.pid)
    tree.enter_guest_group(unified, path, lower.pid)
    assert tree.processes(unified, unified_pod) == sorted([upper.pid, lower.pid])
    tree.kill(unified, unified_pod)
    assert upper.wait() == lower.wait() == -signal.SIGKILL


def test_v2_kill_of_a_group_that_is_gone(unified: Layout, parent: str) -> None:
    tree.kill(unified, f"{parent}/gone")


def test_v2_remove_kills_what_is_left(unified: Layout, unified_pod: str, children: Children) -> None:
    path = tree.create_guest_group(unified, unified_pod, CONTAINER, Limits())
    left: list[subprocess.Popen[bytes]] = [children.start() for _ in range(3)]
    for child in left:
        tree.enter_guest_group(unified, path, child.pid)
    tree.remove(unified, unified_pod)
    assert not Path(unified.mounts[0] + unified_pod).exists()


def test_v2_controllers_that_are_there_reach_the_guest(unified: Layout, unified_pod: str, children: Children) -> None:
    root = Path(unified.mounts[0])
    available = {"cpu", "cpuset", "memory", "pids", "hugetlb"} & set((root / "cgroup.controllers").read_text().split())
    tree.enter_pod_group(unified, unified_pod, children.start().pid)
    path = tree.create_guest_group(unified, unified_pod, CONTAINER, Limits())
    assert available <= set(Path(f"{root}{path}", "cgroup.controllers").read_text().split())


def test_v2_limit_without_its_controller(unified: Layout, unified_pod: str) -> None:
    if "memory" in Path(unified.mounts[0], "cgroup.controllers").read_text().split():
        pytest.skip("the v2 hierarchy has the memory controller")
    with pytest.raises(
        NotSupported, match=r"has no memory.max: this node does not provide the memory controller there"
    ):
        tree.create_guest_group(unified, unified_pod, CONTAINER, Limits(memory_limit=MIB))
    assert not Path(unified.mounts[0] + unified_pod, CONTAINER).exists()


def test_v2_huge_pages(unified: Layout, unified_pod: str, children: Children) -> None:
    if "hugetlb" not in Path(unified.mounts[0], "cgroup.controllers").read_text().split():
        pytest.skip("the v2 hierarchy has no hugetlb controller")
    tree.enter_pod_group(unified, unified_pod, children.start().pid)
    path = tree.create_guest_group(unified, unified_pod, CONTAINER, Limits(hugepages={"2MB": 4 * MIB}))
    assert Path(unified.mounts[0] + path, "hugetlb.2MB.max").read_text() == f"{4 * MIB}\n"
