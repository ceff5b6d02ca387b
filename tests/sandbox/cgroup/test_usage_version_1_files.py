"""What is read of v1 hierarchies, on plain files with what a kernel 6.1 has put into its own."""

from pathlib import Path

import pytest

from sandbox.cgroup.accounts import Accounts, HugepageUsage, read_accounts
from sandbox.cgroup.layout import Layout
from sandbox.cgroup.usage import MemoryUsage, Usage, read_usage

GROUP = "/kubepods/pod"
UNLIMITED = "9223372036854771712"
FILES = {
    "cpuacct/cpuacct.usage": "1234567890",
    "cpuacct/cpuacct.usage_user": "1000000000",
    "cpuacct/cpuacct.usage_sys": "234567890",
    "cpu/cpu.stat": "nr_periods 10\nnr_throttled 2\nthrottled_time 5000\nnr_bursts 0\nburst_time 0",
    "memory/memory.usage_in_bytes": "8388608",
    "memory/memory.max_usage_in_bytes": "9437184",
    "memory/memory.kmem.usage_in_bytes": "40960",
    "memory/memory.limit_in_bytes": "67108864",
    "memory/memory.memsw.limit_in_bytes": "100663296",
    "memory/memory.soft_limit_in_bytes": UNLIMITED,
    "memory/memory.failcnt": "11",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 12",
    "memory/memory.stat": "cache 1\nrss 2\nmapped_file 3\nswap 4\npgfault 5\npgmajfault 6\ninactive_file 7\n"
    "active_file 8\nhierarchical_memory_limit 67108864\ntotal_cache 2097152\ntotal_rss 4194304\n"
    "total_mapped_file 4096\ntotal_swap 8192\ntotal_pgfault 321\ntotal_pgmajfault 4\n"
    "total_inactive_file 1048576\ntotal_active_file 524288",
    "pids/pids.current": "3",
    "pids/pids.max": "max",
    "hugetlb/hugetlb.2MB.usage_in_bytes": "2097152",
    "hugetlb/hugetlb.2MB.max_usage_in_bytes": "4194304",
}
CONTROLLERS = ("cpu", "cpuacct", "memory", "pids", "hugetlb")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for controller in CONTROLLERS:
        Path(f"{tmp_path}/{controller}{GROUP}").mkdir(parents=True)
    for name, content in FILES.items():
        controller, _, file = name.partition("/")
        Path(f"{tmp_path}/{controller}{GROUP}/{file}").write_text(content + "\n")
    return tmp_path


@pytest.fixture
def layout(root: Path) -> Layout:
    mounts = {controller: str(root / controller) for controller in CONTROLLERS}
    return Layout(False, tuple(mounts.values()), mounts)


def test_everything_a_group_uses_with_all_below_it(layout: Layout) -> None:
    assert read_usage(layout, GROUP) == Usage(
        cpu_ns=1_234_567_890,
        memory=MemoryUsage(
            used=8 << 20,
            working_set=7 << 20,
            anonymous=4 << 20,
            page_faults=321,
            major_page_faults=4,
            limit=64 << 20,
            swapped=8192,
            swap_limit=32 << 20,
        ),
    )


def test_without_limits(root: Path, layout: Layout) -> None:
    for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
        Path(f"{root}/memory{GROUP}/{name}").write_text(UNLIMITED + "\n")
    usage = read_usage(layout, GROUP)
    assert usage is not None
    assert usage.memory is not None
    assert (usage.memory.limit, usage.memory.swap_limit) == (None, None)


def test_everything_else_that_is_counted(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.cgroup.accounts._page_sizes", lambda: ("1GB", "2MB"))
    assert read_accounts(layout, GROUP) == Accounts(
        user_ns=1_000_000_000,
        system_ns=234_567_890,
        periods=10,
        throttled_periods=2,
        throttled_ns=5000,
        cached=2 << 20,
        mapped=4096,
        active_file=512 << 10,
        inactive_file=1 << 20,
        kernel_memory=40960,
        most_used=9 << 20,
        limit_hits=11,
        oom_kills=12,
        reserved=0,
        tasks=3,
        tasks_limit=0,
        hugepages=(HugepageUsage("2MB", 2 << 20, 4 << 20),),
        devices=(),
    )
