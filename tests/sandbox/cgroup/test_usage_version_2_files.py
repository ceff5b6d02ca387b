"""What is read of a v2 hierarchy, on plain files with what a kernel 6.1 has put into its own."""

from pathlib import Path

import pytest

from sandbox.cgroup.layout import Layout
from sandbox.cgroup.usage import MemoryUsage, Usage, memory_limit, read_cpu_ns, read_processes, read_usage
from sandbox.cgroup.usage_files import Pressure, Stall
from tests.sandbox.cgroup.version_2_files import GROUP, layout_of, write_group

FILES = {
    "cpu.stat": "usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\nnr_periods 10\nnr_throttled 2\n"
    "throttled_usec 5000\nnr_bursts 0\nburst_usec 0",
    "memory.current": "8388608",
    "memory.stat": "anon 4194304\nfile 2097152\nkernel 1048576\nfile_mapped 4096\ninactive_file 1048576\n"
    "active_file 1048576\npgfault 321\npgmajfault 4",
    "memory.max": "67108864",
    "memory.swap.current": "4096",
    "memory.swap.max": "max",
    "cpu.pressure": "some avg10=0.50 avg60=0.25 avg300=0.10 total=700\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0",
    "memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=9\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=8",
    "io.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=6",
    "cgroup.procs": "12\n345",
}


@pytest.fixture
def group(tmp_path: Path) -> Path:
    return write_group(tmp_path, FILES)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return layout_of(tmp_path)


def still(some_us: int, full_us: int) -> Pressure:
    return Pressure(Stall(some_us, 0.0, 0.0, 0.0), Stall(full_us, 0.0, 0.0, 0.0))


def test_everything_a_group_uses(layout: Layout, group: Path) -> None:
    assert read_usage(layout, GROUP) == Usage(
        cpu_ns=1_234_567_000,
        memory=MemoryUsage(
            used=8 << 20,
            working_set=7 << 20,
            anonymous=4 << 20,
            page_faults=321,
            major_page_faults=4,
            limit=64 << 20,
            swapped=4096,
            swap_limit=None,
        ),
        cpu_pressure=Pressure(Stall(700, 0.5, 0.25, 0.1), Stall(0, 0.0, 0.0, 0.0)),
        memory_pressure=still(9, 8),
        io_pressure=still(7, 6),
    )
    assert read_processes(layout, GROUP) == [12, 345]
    assert memory_limit(layout, GROUP) == 64 << 20


@pytest.mark.parametrize("kind", ["cpu", "memory", "io"])
def test_a_kernel_without_pressure_tells_none(layout: Layout, group: Path, kind: str) -> None:
    (group / f"{kind}.pressure").unlink()
    usage = read_usage(layout, GROUP)
    assert usage is not None
    assert getattr(usage, f"{kind}_pressure") is None


def test_a_kernel_without_swap_tells_none(layout: Layout, group: Path) -> None:
    (group / "memory.swap.current").unlink()
    (group / "memory.swap.max").unlink()
    usage = read_usage(layout, GROUP)
    assert usage is not None
    assert usage.memory is not None
    assert usage.memory.swapped is None


def test_a_group_without_the_memory_controller_has_its_cpu_time_all_the_same(layout: Layout, group: Path) -> None:
    for file in group.glob("memory.*"):
        file.unlink()
    usage = read_usage(layout, GROUP)
    assert usage is not None
    assert (usage.cpu_ns, usage.memory) == (1_234_567_000, None)


def test_what_has_only_just_begun_is_not_told_to_use_nothing(layout: Layout, group: Path) -> None:
    (group / "cpu.stat").write_text("usage_usec 0\n")
    (group / "memory.current").write_text("0\n")
    usage = read_usage(layout, GROUP)
    assert usage is not None
    assert usage.memory is not None
    assert usage.cpu_ns > 0
    assert usage.memory.working_set > 0


def test_a_group_that_is_gone(layout: Layout) -> None:
    assert read_usage(layout, GROUP) is None
    assert read_cpu_ns(layout, GROUP) is None
    assert read_processes(layout, GROUP) == []
    assert memory_limit(layout, GROUP) is None
