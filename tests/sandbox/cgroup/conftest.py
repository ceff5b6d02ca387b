"""Real groups of a test, and processes to put into them."""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox.cgroup import tree
from tests.prerequisites import lacking, require_root

CONTAINER = "c" * 64


@pytest.fixture
def layout() -> tree.Layout:
    """v1, with real controllers."""
    require_root()
    found = tree.detect()
    if found.unified:
        lacking("this machine has cgroup v2 only: the tests of v1 need one with v1 hierarchies")
    return found


@pytest.fixture
def unified() -> tree.Layout:
    """v2: beside v1 hierarchies it has the core files and the controllers that v1 left."""
    require_root()
    mounts = _mount_points("cgroup2")
    return tree.Layout(True, (mounts[0],), {}) if mounts else lacking("no cgroup v2 hierarchy is mounted: mount one")


@pytest.fixture
def parent() -> Iterator[str]:
    """What the kubelet would name as the pod's parent; removed in all hierarchies, with what was enabled for it."""
    path = f"/wasmlet-test-{secrets.token_hex(4)}"
    roots = [Path(mount, "cgroup.subtree_control") for mount in _mount_points("cgroup2")]
    enabled = [root.read_text().split() for root in roots]
    yield path
    tree.remove(tree.Layout(False, tuple(_mount_points("cgroup", "cgroup2")), {}), path)
    for root, before in zip(roots, enabled, strict=True):
        for controller in set(root.read_text().split()) - set(before):
            with suppress(OSError):  # somebody else has it in use by now
                root.write_text(f"-{controller}")


def _mount_points(*kinds: str) -> list[str]:
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        lines = [line.split(" ") for line in file]
    return [words[4] for words in lines if words[words.index("-") + 1] in kinds]


class Children:
    """Processes that only wait to be killed."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, program: str = "import time; time.sleep(1000)") -> subprocess.Popen[bytes]:
        child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._started.append(child)
        return child

    def wake(self, child: subprocess.Popen[bytes]) -> None:
        """Send a byte and wait for a line."""
        assert child.stdin
        assert child.stdout
        child.stdin.write(b"x")
        child.stdin.flush()
        assert child.stdout.readline() == b"\n"

    def end(self) -> None:
        for child in self._started:
            child.kill()
            child.communicate()


@pytest.fixture
def children() -> Iterator[Children]:
    started = Children()
    yield started
    started.end()


def groups_of(pid: int) -> dict[str, str]:
    """Path by controllers, as /proc shows them (cgroups(7))."""
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
        lines = [line.rstrip("\n").split(":", 2) for line in file]
    return {controllers: path for _, controllers, path in lines}
