import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.network.host_lock import HostLock, host_lock


def test_a_claim_is_one_servers_until_it_is_released(tmp_path: Path) -> None:
    first, second, other = (HostLock(name, tmp_path) for name in ("x", "x", "y"))
    first.claim("bridge x")
    with pytest.raises(SandboxError, match="bridge x belongs to another running server: give each server its own"):
        second.claim("bridge x")
    other.claim("bridge y")
    first.release()
    first.release()
    second.claim("bridge x")


def test_a_claim_of_ones_own_is_renewed(tmp_path: Path) -> None:
    lock = HostLock("x", tmp_path)
    lock.claim("bridge x")
    lock.claim("bridge x")


def test_a_released_lock_leaves_no_file(tmp_path: Path) -> None:
    with host_lock("x", tmp_path):
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from sandbox.network.host_lock import HostLock;"
        "HostLock('x', Path(sys.argv[1])).claim('bridge x'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    assert list(tmp_path.iterdir())
    HostLock("x", tmp_path).claim("bridge x")


def test_one_at_a_time_has_it(tmp_path: Path) -> None:
    holders: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(50):
            with host_lock("x", tmp_path):
                holders.append(1)
                most.append(len(holders))
                holders.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 200 * [1]


def test_the_lock_is_waited_for(tmp_path: Path) -> None:
    entered = threading.Event()
    order: list[str] = []

    def other() -> None:
        entered.set()
        with host_lock("network", tmp_path):
            order.append("other")

    thread = threading.Thread(target=other)
    with host_lock("network", tmp_path):
        thread.start()
        entered.wait()
        order.append("first")
    thread.join()
    assert order == ["first", "other"]


def test_a_lock_is_no_symlinks_target(tmp_path: Path) -> None:
    (tmp_path / "wasmlet-network.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"), host_lock("network", tmp_path):
        pass
