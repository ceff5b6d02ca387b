"""What real groups use, in the v1 hierarchies of this machine."""

import os
from pathlib import Path

from sandbox.cgroup import tree
from sandbox.cgroup.tree import Layout, Limits
from sandbox.cgroup.usage import memory_limit, read_cpu_ns, read_processes, read_usage
from tests.sandbox.cgroup.conftest import CONTAINER, Children

MIB = 1 << 20
EATER = """
import sys
sys.stdin.buffer.read(1)
print(flush=True)
sys.stdin.buffer.read(1)
kept = bytearray(b"x" * (48 << 20))
for number in range(1000000): pass
print(flush=True)
sys.stdin.buffer.read(1)
"""


def kernel_says(layout: Layout, controller: str, path: str, file: str) -> int:
    return int(Path(layout.controllers[controller] + path, file).read_text())


def test_a_process_is_accounted_to_its_group_and_to_those_above(
    layout: Layout, parent: str, children: Children
) -> None:
    pod = f"{parent}/pod"
    tree.create_pod_group(layout, pod)
    limits = Limits(memory_limit=256 * MIB)
    group = tree.create_guest_group(layout, pod, CONTAINER, limits)
    eater = children.start(EATER)
    tree.enter_guest_group(layout, group, eater.pid)
    children.wake(eater)
    before = read_usage(layout, group)
    children.wake(eater)
    after, above = read_usage(layout, group), read_usage(layout, pod)
    assert before is not None
    assert after is not None
    assert above is not None
    assert before.memory is not None
    assert after.memory is not None
    assert above.memory is not None
    assert 0 < before.cpu_ns < after.cpu_ns <= above.cpu_ns <= kernel_says(layout, "cpuacct", pod, "cpuacct.usage")
    assert after.memory.anonymous - before.memory.anonymous >= 32 * MIB
    assert 32 * MIB <= after.memory.working_set <= after.memory.used
    assert above.memory.used >= 32 * MIB
    assert after.memory.page_faults > before.memory.page_faults
    assert (after.memory.limit, above.memory.limit) == (256 * MIB, None)
    assert memory_limit(layout, group) == 256 * MIB
    assert read_processes(layout, group) == [eater.pid]


def test_swap_is_what_the_limit_of_both_leaves(layout: Layout, parent: str) -> None:
    limits = Limits(memory_limit=64 * MIB, memory_swap=96 * MIB)
    tree.create_pod_group(layout, f"{parent}/pod")
    group = tree.create_guest_group(layout, f"{parent}/pod", CONTAINER, limits)
    usage = read_usage(layout, group)
    assert usage is not None
    assert usage.memory is not None
    assert (usage.memory.swapped, usage.memory.swap_limit) == (0, 32 * MIB)


def test_a_group_that_is_gone(layout: Layout) -> None:
    path = f"/wasmlet-test-never-there-{os.getpid()}"
    assert read_usage(layout, path) is None
    assert read_cpu_ns(layout, path) is None
    assert read_processes(layout, path) == []
    assert memory_limit(layout, path) is None


def test_a_version_2_group_without_controllers_has_its_cpu_time(
    unified: Layout, parent: str, children: Children
) -> None:
    """As the hierarchy beside those of v1: its memory is accounted for elsewhere."""
    tree.create_pod_group(unified, f"{parent}/pod")
    group = tree.create_guest_group(unified, f"{parent}/pod", CONTAINER, Limits())
    eater = children.start(EATER)
    tree.enter_guest_group(unified, group, eater.pid)
    children.wake(eater)
    before = read_cpu_ns(unified, group)
    children.wake(eater)
    usage = read_usage(unified, group)
    assert before is not None
    assert usage is not None
    assert 0 < before < usage.cpu_ns
    assert read_processes(unified, group) == [eater.pid]
    pressure_is_there = Path(unified.mounts[0] + group, "cpu.pressure").exists()
    assert (usage.cpu_pressure is not None) == pressure_is_there
    if usage.cpu_pressure is not None:
        assert usage.cpu_pressure.some.total_us >= usage.cpu_pressure.full.total_us >= 0
