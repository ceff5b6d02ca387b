import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.network.host_lock import claim, host_lock


def test_a_claim_is_one_servers_until_it_is_dropped(tmp_path: Path) -> None:
    first = claim("bridge-x", "bridge x", tmp_path)
    with pytest.raises(SandboxError, match="bridge x belongs to another running server: give each server a name"):
        claim("bridge-x", "bridge x", tmp_path)
    os.close(claim("bridge-y", "bridge y", tmp_path))
    os.close(first)
    os.close(claim("bridge-x", "bridge x", tmp_path))


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from sandbox.network.host_lock import claim;"
        "claim('bridge-x', 'bridge x', Path(sys.argv[1])); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    os.close(claim("bridge-x", "bridge x", tmp_path))


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
