"""Plain files in place of a v2 hierarchy, for the services over stand-ins: what the kernel would say is what a test
writes."""

from pathlib import Path

from sandbox.cgroup.layout import Layout
from tests.cri_server.conftest import Node

FILES = {
    "cpu.stat": "usage_usec 2000000\nuser_usec 1500000\nsystem_usec 500000\nnr_periods 10\nnr_throttled 2\n"
    "throttled_usec 3000000",
    "memory.current": "8388608",
    "memory.stat": "anon 4194304\nfile 2097152\nkernel 1048576\nfile_mapped 4096\ninactive_file 1048576\n"
    "active_file 8192\npgfault 321\npgmajfault 4",
    "memory.max": "67108864",
    "memory.peak": "9437184",
    "memory.events": "low 0\nhigh 0\nmax 5\noom 2\noom_kill 1\noom_group_kill 0",
    "memory.swap.current": "4096",
    "memory.swap.max": "0",
    "cpu.pressure": "some avg10=0.50 avg60=0.25 avg300=0.10 total=7000000\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=1000000",
    "memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=9000000\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=8000000",
    "io.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=7000000\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=6000000",
    "io.stat": "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0",
    "pids.current": "3",
    "pids.max": "max",
    "cgroup.procs": "",
}


def use_version_2(node: Node) -> Path:
    """The server finds it from now on. The folder in which its groups are made."""
    root = Path(node.paths.root, "cgroup")
    root.mkdir()
    node.runtime.cgroup_layout = Layout(True, (str(root),), {})
    return root


def group_of_container(node: Node, container_id: str) -> Path:
    """Made, with all files of a group."""
    return _filled(_folder(node, node.runtime.container(container_id).cgroup))


def group_of_pod(node: Node, sandbox_id: str) -> Path:
    """The same."""
    return _filled(_folder(node, node.runtime.sandbox(sandbox_id).record.cgroup))


def _folder(node: Node, path: str) -> Path:
    return Path(node.runtime.cgroup_layout.mounts[0] + path)


def _filled(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        (folder / name).write_text(content + "\n")
    return folder
