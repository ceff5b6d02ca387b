"""Files of a process with a root of its own, as its user finds them."""

import asyncio
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox import guest_files, syscalls
from sandbox.errors import GuestGone
from sandbox.guest_files import Denied, GuestFile
from sandbox.mount_places import apart
from tests.prerequisites import require_root


class Guest:
    """A process that has ``root`` for its root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.user = (33, 33, [33, 7])
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.chroot(root)
            os.chdir("/")
            os.close(writer)
            signal.pause()
            os._exit(0)
        os.close(writer)
        os.read(reader, 1)  # until it has that root
        os.close(reader)

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def add(self, path: str, content: bytes = b"content", mode: int = 0o644, group: int = 0) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(mode)
        os.chown(file, 0, group)

    def find(self, *paths: str, searches: bool = False) -> GuestFile | None:
        uid, gid, groups = self.user
        spec: Any = SimpleNamespace(uid=uid, gid=gid, groups=groups, container_id="main")
        return asyncio.run(apart(partial(guest_files.open_first, self.pid, spec, paths, searches), guest_files.close))

    def found(self, *paths: str) -> tuple[str, bytes]:
        """Where, and how it begins."""
        file = self.find(*paths)
        assert file is not None
        guest_files.close(file)
        return file.path, file.head


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    require_root()
    (tmp_path / "root").mkdir()
    guest = Guest(tmp_path / "root")
    yield guest
    guest.end()


def test_the_first_that_is_there(guest: Guest) -> None:
    guest.add("bin/second", b"second")
    guest.add("third", b"third")
    assert guest.found("/bin/first", "/bin/second", "/third") == ("/bin/second", b"second")
    assert guest.find("/bin/first", "/third/inside") is None


def test_symlinks_stay_inside(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("outside")
    guest.add("inside", b"inside")
    (guest.root / "up").symlink_to("../outside")
    (guest.root / "absolute").symlink_to("/inside")
    (guest.root / "round").symlink_to("/round")
    assert guest.find("/up", "/round") is None
    assert guest.found("/absolute") == ("/absolute", b"inside")


def test_a_link_of_proc_leads_nowhere(guest: Guest) -> None:
    folder = guest.root / "proc"
    folder.mkdir()
    syscalls.mount("/proc", str(folder), "", syscalls.MS_BIND)
    try:
        assert guest.find("/proc/self/root/etc/passwd", "/proc/thread-self/root/etc/passwd") is None
    finally:
        syscalls.unmount(str(folder), syscalls.MNT_DETACH)


def test_the_rights_of_the_user_and_its_groups(guest: Guest) -> None:
    guest.add("secret", mode=0o600)
    guest.add("shared", mode=0o640, group=7)
    guest.add("closed/file")
    (guest.root / "closed").chmod(0o700)
    assert guest.found("/secret", "/shared")[0] == "/shared"
    for path in ("/secret", "/closed/file"):
        with pytest.raises(Denied, match=path):
            guest.find(path, "/nothing")


def test_a_name_is_looked_for_beyond_folders(guest: Guest) -> None:
    """As execvp(3) does it: nobody asked for the folder, and what is in a closed one is not known."""
    (guest.root / "work" / "tool").mkdir(parents=True)
    guest.add("closed/tool")
    (guest.root / "closed").chmod(0o700)
    assert guest.find("/closed/tool", "/work/tool", searches=True) is None
    guest.add("secret/tool", mode=0o600)
    with pytest.raises(Denied, match="/secret/tool"):
        guest.find("/closed/tool", "/secret/tool", "/work/tool", searches=True)


def test_root_has_no_more_rights_than_its_own(guest: Guest) -> None:
    """As a container's, it is without capabilities. So is what covers a masked path."""
    guest.user = (0, 0, [0])
    guest.add("cover", mode=0)
    with pytest.raises(Denied):
        guest.find("/cover")


def test_what_is_no_file(guest: Guest) -> None:
    """A pipe is not opened, which would wake who waits for a reader."""
    (guest.root / "folder").mkdir()
    os.mkfifo(guest.root / "pipe", 0o666)
    for path in ("/folder", "/pipe"):
        with pytest.raises(Denied):
            guest.find(path)


def test_the_server_keeps_its_own_rights(guest: Guest) -> None:
    guest.add("secret", mode=0o600)
    with pytest.raises(Denied):
        guest.find("/secret")
    assert (guest.root / "secret").read_bytes() == b"content"


def test_a_process_that_is_gone(guest: Guest) -> None:
    guest.pid, pid = 0, guest.pid
    with pytest.raises(GuestGone, match="container main is not running"):
        guest.find("/anything")
    guest.pid = pid
