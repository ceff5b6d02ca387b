import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.cgroup.limits import Limits, Write, cpu_weight, version_1_writes, version_2_writes
from sandbox.errors import InvalidSpec, NotSupported

MIB = 1 << 20


def files(writes: list[Write]) -> list[tuple[str, str]]:
    return [(write.file, write.value) for write in writes]


def test_what_is_not_limited_is_not_written() -> None:
    assert version_1_writes(Limits()) == version_2_writes(Limits()) == []


@pytest.mark.parametrize(("shares", "weight"), [(0, 0), (1, 1), (2, 1), (1024, 100), (262144, 10000), (999999, 10000)])
def test_weight_of_the_customary_shares(shares: int, weight: int) -> None:
    assert cpu_weight(shares) == weight


@given(st.integers(2, 262144))
def test_weight_is_in_range_and_grows_with_the_shares(shares: int) -> None:
    assert 1 <= cpu_weight(shares) <= cpu_weight(shares + 1) <= 10000


def test_version_1_pauses_the_quota_while_the_period_changes() -> None:
    writes = version_1_writes(Limits(cpu_shares=512, cpu_quota=20000, cpu_period=50000))
    assert files(writes) == [
        ("cpu.shares", "512"),
        ("cpu.cfs_quota_us", "-1"),
        ("cpu.cfs_period_us", "50000"),
        ("cpu.cfs_quota_us", "20000"),
    ]


@pytest.mark.parametrize(
    ("quota", "period", "value"),
    [(20000, 50000, "20000 50000"), (20000, 0, "20000 100000"), (-1, 50000, "max 50000"), (0, 50000, "max 50000")],
)
def test_version_2_quota(quota: int, period: int, value: str) -> None:
    assert files(version_2_writes(Limits(cpu_quota=quota, cpu_period=period))) == [("cpu.max", value)]


@pytest.mark.parametrize(
    ("memory", "swap", "expected"),
    [
        (64 * MIB, 0, [("memory.max", str(64 * MIB)), ("memory.swap.max", "0")]),
        (64 * MIB, 64 * MIB, [("memory.max", str(64 * MIB)), ("memory.swap.max", "0")]),
        (64 * MIB, 96 * MIB, [("memory.max", str(64 * MIB)), ("memory.swap.max", str(32 * MIB))]),
        (64 * MIB, -1, [("memory.max", str(64 * MIB)), ("memory.swap.max", "max")]),
        (-1, 0, [("memory.max", "max"), ("memory.swap.max", "max")]),
        (0, -1, [("memory.swap.max", "max")]),
    ],
)
def test_version_2_memory(memory: int, swap: int, expected: list[tuple[str, str]]) -> None:
    assert files(version_2_writes(Limits(memory_limit=memory, memory_swap=swap))) == expected


@pytest.mark.parametrize(("swap", "together"), [(0, 64 * MIB), (96 * MIB, 96 * MIB), (-1, -1)])
def test_version_1_memory_limit_bounds_memory_and_swap(swap: int, together: int) -> None:
    writes = version_1_writes(Limits(memory_limit=64 * MIB, memory_swap=swap))
    assert files(writes) == [("memory.limit_in_bytes", str(64 * MIB)), ("memory.memsw.limit_in_bytes", str(together))]


def test_version_1_memory_above_the_present_bound_of_memory_and_swap() -> None:
    writes = version_1_writes(Limits(memory_limit=64 * MIB), memory_first=False)
    assert [file for file, _ in files(writes)] == ["memory.memsw.limit_in_bytes", "memory.limit_in_bytes"]


@pytest.mark.parametrize(("swap", "optional"), [(0, True), (64 * MIB, True), (-1, True), (65 * MIB, False)])
@pytest.mark.parametrize("writes", [version_1_writes, version_2_writes])
def test_only_swap_that_is_bounded_needs_swap_accounting(writes: type, swap: int, optional: bool) -> None:
    assert writes(Limits(memory_limit=64 * MIB, memory_swap=swap))[1].optional is optional


@pytest.mark.parametrize("limits", [Limits(memory_limit=2, memory_swap=1), Limits(memory_swap=1)])
@pytest.mark.parametrize("writes", [version_1_writes, version_2_writes])
def test_contradictory_swap_limits(writes: type, limits: Limits) -> None:
    with pytest.raises(InvalidSpec, match="a limit of 1 bytes of memory and swap"):
        writes(limits)


def test_files_both_versions_share() -> None:
    limits = Limits(pids_limit=-1, cpuset_cpus="0-1", cpuset_mems="0")
    expected = [("pids.max", "max"), ("cpuset.cpus", "0-1"), ("cpuset.mems", "0")]
    assert files(version_1_writes(limits)) == files(version_2_writes(limits)) == expected


def test_huge_pages_that_are_not_given_need_no_controller() -> None:
    limits = Limits(hugepages={"2MB": 4 * MIB, "1GB": 0})
    assert version_2_writes(limits) == [
        Write("hugetlb", "hugetlb.2MB.max", str(4 * MIB)),
        Write("hugetlb", "hugetlb.1GB.max", "0", optional=True),
    ]
    assert files(version_1_writes(limits))[0] == ("hugetlb.2MB.limit_in_bytes", str(4 * MIB))


def test_unified_settings_name_their_controller() -> None:
    assert version_2_writes(Limits(unified={"memory.oom.group": "1"})) == [Write("memory", "memory.oom.group", "1")]


def test_unified_settings_need_version_2() -> None:
    with pytest.raises(NotSupported, match=r"memory.high is a setting of cgroup v2"):
        version_1_writes(Limits(unified={"memory.high": "1"}))


@pytest.mark.parametrize("limits", [Limits(unified={"../memory.max": "1"}), Limits(hugepages={"/": 1})])
def test_no_setting_leaves_the_group(limits: Limits) -> None:
    with pytest.raises(InvalidSpec, match="is no name"):
        version_2_writes(limits)
