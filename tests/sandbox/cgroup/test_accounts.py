"""What the kernel counts, on plain files of a v2 hierarchy and in the real groups of this machine."""

from pathlib import Path

import pytest

from sandbox.cgroup import tree
from sandbox.cgroup.accounts import Accounts, HugepageUsage, page_size, read_accounts
from sandbox.cgroup.tree import Layout, Limits
from sandbox.cgroup.usage_files import DeviceTraffic
from tests.sandbox.cgroup.conftest import CONTAINER, Children
from tests.sandbox.cgroup.version_2_files import GROUP, layout_of, write_group

MIB = 1 << 20
BUSY = """
import sys
sys.stdin.read(1)
for number in range(10000000): pass
print(flush=True)
sys.stdin.read(1)
"""
FILES = {
    "cpu.stat": "usage_usec 9\nuser_usec 5\nsystem_usec 4\nnr_periods 10\nnr_throttled 2\nthrottled_usec 3",
    "memory.stat": "anon 1\nfile 2\nkernel 30\nkernel_stack 4\nfile_mapped 5\ninactive_file 6\nactive_file 7",
    "memory.peak": "8",
    "memory.current": "7",
    "memory.events": "low 0\nhigh 0\nmax 9\noom 8\noom_kill 10",
    "memory.low": "11",
    "pids.current": "12",
    "pids.max": "13",
    "hugetlb.2MB.current": "2097152",
    "io.stat": "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0",
}


@pytest.fixture
def group(tmp_path: Path) -> Path:
    return write_group(tmp_path, FILES)


@pytest.fixture
def fake(tmp_path: Path) -> Layout:
    return layout_of(tmp_path)


def test_everything_of_a_version_2_group(fake: Layout, group: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.cgroup.accounts._page_sizes", lambda: ("1GB", "2MB"))
    assert read_accounts(fake, GROUP) == Accounts(
        user_ns=5000,
        system_ns=4000,
        periods=10,
        throttled_periods=2,
        throttled_ns=3000,
        cached=2,
        mapped=5,
        active_file=7,
        inactive_file=6,
        kernel_memory=30,
        most_used=8,
        limit_hits=9,
        oom_kills=10,
        reserved=11,
        tasks=12,
        tasks_limit=13,
        hugepages=(HugepageUsage("2MB", 2 * MIB, None),),
        devices=(DeviceTraffic(254, 0, 1, 2, 3, 4),),
    )


def test_kernels_that_tell_less(fake: Layout, group: Path) -> None:
    (group / "memory.peak").unlink()
    (group / "memory.stat").write_text("kernel_stack 4\npagetables 5\nslab 6\n")
    (group / "pids.max").write_text("max\n")
    accounts = read_accounts(fake, GROUP)
    assert accounts is not None
    assert (accounts.most_used, accounts.kernel_memory, accounts.tasks_limit) == (7, 15, 0)


def test_a_group_that_is_gone(fake: Layout) -> None:
    assert read_accounts(fake, GROUP) is None


def test_sizes_of_huge_pages_are_called_as_the_kernel_does() -> None:
    assert [page_size(number) for number in (64, 2048, 1 << 20)] == ["64KB", "2MB", "1GB"]


def test_a_real_group(layout: Layout, parent: str, children: Children) -> None:
    tree.create_pod_group(layout, f"{parent}/pod")
    limits = Limits(memory_limit=64 * MIB, pids_limit=100)
    group = tree.create_guest_group(layout, f"{parent}/pod", CONTAINER, limits)
    child = children.start(BUSY)
    tree.enter_guest_group(layout, group, child.pid)
    children.wake(child)
    accounts = read_accounts(layout, group)
    assert accounts is not None
    assert accounts.user_ns + accounts.system_ns > 0
    assert accounts.most_used > 0
    assert (accounts.tasks, accounts.tasks_limit) == (1, 100)
    assert (accounts.oom_kills, accounts.limit_hits, accounts.reserved) == (0, 0, 0)
    assert read_accounts(layout, f"{parent}/never") is None
