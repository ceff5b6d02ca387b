"""Who can reach what a server keeps on disk: root, and what a pod gives its guests, through their mounts alone."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real_node import RealNode, real_node

NOBODY = 65534

# As the user whose id comes first, it walks as far as it gets below each argument, opens what it finds, and connects.
INTRUDER = """
import json, os, socket, stat, sys
uid = int(sys.argv.pop(1))
os.setgroups([])
os.setresgid(uid, uid, uid)
os.setresuid(uid, uid, uid)
seen, reached = [], []
def touch(path):
    seen.append(path)
    try:
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            kind = socket.SOCK_SEQPACKET if path.endswith("control.sock") else socket.SOCK_STREAM
            os.chdir(os.path.dirname(path))  # a path may be too long for an address
            socket.socket(socket.AF_UNIX, kind).connect(os.path.basename(path))
        else:
            os.close(os.open(path, os.O_RDONLY))
    except OSError:
        return
    reached.append(path)
for top in sys.argv[1:]:
    touch(top)
    for folder, folders, files in os.walk(top):
        for name in [*folders, *files]:
            touch(os.path.join(folder, name))
print(json.dumps([seen, reached]))
"""


@pytest.fixture
def node() -> Iterator[RealNode]:
    """In a folder that anybody may enter, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="wasmlet-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with real_node(folder / "server") as node:
            node.start(node.run_pod(), "sleeper")
            yield node
    finally:
        shutil.rmtree(folder)


def intrude(uid: int, *tops: Path) -> tuple[list[str], list[str]]:
    """What that user sees, and what of it is open to it."""
    found: Any = json.loads(subprocess.check_output([sys.executable, "-S", "-c", INTRUDER, str(uid), *map(str, tops)]))
    return found[0], found[1]


def everything(top: Path) -> list[Path]:
    return [Path(folder, name) for folder, folders, files in os.walk(top) for name in [*folders, *files]]


def test_another_user_of_the_host_reaches_nothing(node: RealNode) -> None:
    server = node.server
    tops = server.root, server.state, server.socket
    seen, reached = intrude(NOBODY, *tops)
    assert set(seen) == {str(top) for top in tops}
    assert reached == []
    seen, reached = intrude(0, *tops)
    assert set(seen) == set(reached), "the intruder knows its trade"
    assert len(seen) > 40


def test_the_folders_of_the_server_are_roots_alone(node: RealNode) -> None:
    root, state = node.server.root, node.server.state
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (root, state, state / "pods", root / "images")}
    assert modes == {root: 0o700, state: 0o711, state / "pods": 0o700, root / "images": 0o700}
    for path in [root, state, node.server.socket, *everything(root), *everything(state)]:
        found = path.lstat()
        assert (found.st_uid, found.st_gid) == (0, 0), path
        writable = stat.S_IWOTH if path == node.server.socket else stat.S_IWGRP | stat.S_IWOTH
        of_guests = "layer" in path.parts
        assert of_guests or not stat.S_IMODE(found.st_mode) & writable, path


def test_records_and_control_sockets_are_their_owners_alone(node: RealNode) -> None:
    files = [*everything(node.server.root), *everything(node.server.state)]
    private = [path for path in files if path.suffix in (".record", ".sock") or path.name in ("run", "complaints")]
    assert len(private) >= 6
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in private} == {path.name: "0o600" for path in private}


def test_the_files_of_a_pod_are_read_by_its_guests_and_changed_by_root(node: RealNode) -> None:
    [pod] = (node.server.state / "pods").iterdir()
    for name in ("hosts", "hostname", "resolv.conf"):
        assert stat.S_IMODE((pod / name).stat().st_mode) == 0o644
    assert {path.name for path in pod.iterdir()} == {"hosts", "hostname", "resolv.conf", "control.sock", "complaints"}
