from pathlib import Path

from sandbox.cgroup import layout

HYBRID = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
35 31 0:32 /outer /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
50 31 0:32 / /elsewhere/memory rw - cgroup cgroup rw,memory
"""

UNIFIED = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
"""


def test_hybrid_has_the_v1_hierarchies_that_pods_use_each_once() -> None:
    found = layout.parse(HYBRID)
    assert not found.unified
    assert found.mounts == tuple(f"/sys/fs/cgroup/{name}" for name in ("cpu,cpuacct", "cpuset", "memory", "systemd"))
    assert found.controllers["cpu"] == found.controllers["cpuacct"] == "/sys/fs/cgroup/cpu,cpuacct"


def test_the_first_mount_of_a_hierarchy_counts() -> None:
    assert layout.parse(HYBRID).controllers["memory"] == "/sys/fs/cgroup/memory"


def test_version_2_alone_is_unified() -> None:
    assert layout.parse(UNIFIED) == layout.Layout(True, ("/sys/fs/cgroup",), {})


def test_version_2_beside_a_named_hierarchy_is_unified() -> None:
    named = "31 22 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
    assert layout.parse(UNIFIED + named) == layout.Layout(True, ("/sys/fs/cgroup",), {})


def test_a_machine_without_cgroups_has_an_empty_layout() -> None:
    assert layout.parse(UNIFIED.splitlines()[0]) == layout.Layout(False, (), {})


def test_a_mount_point_with_a_space(tmp_path: Path) -> None:
    file = tmp_path / "mountinfo"
    file.write_text(UNIFIED.replace("/sys/fs/cgroup ", "/a\\040b\\134c "))
    assert layout.detect(str(file)).mounts == ("/a b\\c",)


def test_every_mount_found_on_this_machine_is_a_cgroup_hierarchy() -> None:
    for mount in layout.detect().mounts:
        assert Path(mount, "cgroup.procs").exists()
