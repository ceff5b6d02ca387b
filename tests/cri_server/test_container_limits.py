import pytest

from cri_server.container_limits import cgroup_limits, linear_memory, merged, touched
from cri_server.cri_v1 import api_pb2 as cri
from sandbox.cgroup.limits import Limits

MIB = 1 << 20
Resources = cri.LinuxContainerResources


def test_what_the_kubelet_sends_for_an_ordinary_container() -> None:
    sent = Resources(
        cpu_shares=102,
        oom_score_adj=1000,
        hugepage_limits=[cri.HugepageLimit(page_size=size) for size in ("2MB", "1GB")],
    )
    assert cgroup_limits(sent) == {"cpu_shares": 102, "hugepages": {"2MB": 0, "1GB": 0}}
    assert linear_memory(sent) == 0


@pytest.mark.parametrize("limit", [4 * MIB, 16 * MIB, 1 << 30, 1 << 40])
def test_linear_memory_leaves_room_for_the_process_around_it(limit: int) -> None:
    left = limit - linear_memory(Resources(memory_limit_in_bytes=limit))
    assert 2 * MIB <= left <= 8 * MIB + limit / 200
    assert left <= 2 * MIB + limit / 7


@pytest.mark.parametrize("limit", [0, -1])
def test_linear_memory_without_a_limit(limit: int) -> None:
    assert linear_memory(Resources(memory_limit_in_bytes=limit)) == 0


def test_a_change_leaves_what_it_does_not_name() -> None:
    stored = Resources(cpu_shares=2, cpuset_cpus="0", unified={"memory.high": "1"}, oom_score_adj=5)
    change = Resources(cpu_quota=-1, unified={"memory.low": "2"})
    assert merged(stored, change) == Resources(
        cpu_shares=2,
        cpuset_cpus="0",
        cpu_quota=-1,
        unified={"memory.high": "1", "memory.low": "2"},
        oom_score_adj=5,
    )


def test_huge_pages_change_size_by_size() -> None:
    stored = Resources(
        hugepage_limits=[cri.HugepageLimit(page_size="2MB", limit=2), cri.HugepageLimit(page_size="1GB")]
    )
    change = Resources(hugepage_limits=[cri.HugepageLimit(page_size="2MB", limit=0)])
    sizes = {limit.page_size: limit.limit for limit in merged(stored, change).hugepage_limits}
    assert sizes == {"2MB": 0, "1GB": 0}


@pytest.mark.parametrize(
    ("stored", "change", "swap"),
    [
        ((64, 0), (128, 0), 0),
        ((64, 64), (128, 0), 128),
        ((64, 96), (32, 0), 64),
        ((64, 96), (32, 40), 40),
        ((64, -1), (128, 0), -1),
        ((64, 96), (0, 100), 100),
    ],
)
def test_the_swap_beside_the_memory_stays_what_it_was(
    stored: tuple[int, int], change: tuple[int, int], swap: int
) -> None:
    one, other = (
        Resources(memory_limit_in_bytes=each[0], memory_swap_limit_in_bytes=each[1]) for each in (stored, change)
    )
    assert merged(one, other).memory_swap_limit_in_bytes == swap


def test_what_the_kernel_keeps_in_one_is_set_together() -> None:
    result = Resources(cpu_quota=1, cpu_period=2, cpu_shares=3, memory_limit_in_bytes=5, memory_swap_limit_in_bytes=6)
    assert touched(Resources(cpu_quota=1), result) == Limits(cpu_quota=1, cpu_period=2)
    assert touched(Resources(memory_swap_limit_in_bytes=6), result) == Limits(memory_limit=5, memory_swap=6)
    assert touched(Resources(memory_limit_in_bytes=5), result) == Limits(memory_limit=5, memory_swap=6)
    assert touched(Resources(cpu_shares=3), result) == Limits(cpu_shares=3)
    assert touched(Resources(oom_score_adj=3), result) == Limits()


def test_what_unified_says_of_a_file_holds_after_every_change() -> None:
    result = Resources(memory_limit_in_bytes=5, unified={"memory.swap.max": "7"})
    change = Resources(memory_limit_in_bytes=5)
    assert touched(change, result) == Limits(memory_limit=5, unified={"memory.swap.max": "7"})
