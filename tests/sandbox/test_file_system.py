import os
from pathlib import Path

from sandbox.file_system import FileSystem, file_system_of, parse

MOUNTINFO = """\
21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
22 21 0:20 / /run rw,nosuid shared:2 - tmpfs tmpfs rw,size=1k
23 21 254:16 / /var/lib/wasmlet rw - xfs /dev/vdb rw
24 23 254:32 / /var/lib/wasmlet/two\\040words rw - btrfs /dev/disk\\040three rw
25 23 254:48 / /var/lib/wasmlet rw - ext4 /dev/vdc rw
"""


def test_the_innermost_mount_counts() -> None:
    assert parse(MOUNTINFO, "/") == FileSystem("/", "/dev/vda")
    assert parse(MOUNTINFO, "/var/lib") == FileSystem("/", "/dev/vda")
    assert parse(MOUNTINFO, "/run/wasmlet") == FileSystem("/run", "tmpfs")
    assert parse(MOUNTINFO, "/var/lib/wasmlet/pods") == FileSystem("/var/lib/wasmlet", "/dev/vdc")
    assert parse(MOUNTINFO, "/var/lib/wasmlets") == FileSystem("/", "/dev/vda")
    assert parse(MOUNTINFO, "/var/lib/wasmlet/two words/x").device == "/dev/disk three"


def test_a_folder_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    found = file_system_of(str(tmp_path / "link"))
    assert os.path.ismount(found.mountpoint)
    assert os.stat(found.mountpoint).st_dev == tmp_path.stat().st_dev
