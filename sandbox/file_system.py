"""The file system that a folder is on, by where it is mounted."""

import os
from typing import NamedTuple

from sandbox.cgroup.layout import unescaped


class FileSystem(NamedTuple):
    mountpoint: str
    device: str
    """As the mount names its source: ``/dev/vda1``; of those without a device the name of their kind."""


def file_system_of(path: str, mountinfo: str = "/proc/self/mountinfo") -> FileSystem:
    with open(mountinfo, encoding="utf-8", errors="surrogateescape") as file:
        return parse(file.read(), os.path.realpath(path))


def parse(mountinfo: str, path: str) -> FileSystem:
    """Of the text of mountinfo (proc(5)): the innermost mount above ``path``, a real path; of two in one place the
    later."""
    found = FileSystem("/", "")
    for line in mountinfo.splitlines():
        mount = _parse_line(line)
        if _is_above(mount.mountpoint, path) and len(mount.mountpoint) >= len(found.mountpoint):
            found = mount
    return found


def _parse_line(line: str) -> FileSystem:
    front, _, back = line.partition(" - ")
    return FileSystem(unescaped(front.split(" ")[4]), unescaped(back.split(" ")[1]))


def _is_above(mountpoint: str, path: str) -> bool:
    return path == mountpoint or path.startswith(mountpoint.rstrip("/") + "/")
