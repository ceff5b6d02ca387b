"""Where this machine mounts its cgroup hierarchies."""

from typing import NamedTuple

USED = ("cpu", "cpuacct", "cpuset", "memory", "pids", "hugetlb", "name=systemd")
"""The v1 hierarchies that a pod has groups in: for limits, for usage, and where systemd tells services apart."""

_NAMED = "name=systemd"
_ESCAPES = (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\"))


class Layout(NamedTuple):
    """The path of a group is relative to every mount point: what the mount shows as its root is the root."""

    unified: bool
    """One v2 hierarchy holds all controllers; else each controller has a v1 hierarchy."""
    mounts: tuple[str, ...]
    """Mount point of every hierarchy a pod has groups in, each once; empty when there is none."""
    controllers: dict[str, str]
    """v1: mount point by controller. v2: empty, for what is available differs from group to group."""


class _Mount(NamedTuple):
    point: str
    kind: str
    options: list[str]


def detect(mountinfo: str = "/proc/self/mountinfo") -> Layout:
    """The layout of the calling process' mount namespace."""
    with open(mountinfo, encoding="utf-8", errors="surrogateescape") as file:
        return parse(file.read())


def parse(mountinfo: str) -> Layout:
    """The layout that the text of mountinfo (proc(5)) describes. Of two mounts of a hierarchy the first counts."""
    mounts = [_parse_line(line) for line in mountinfo.splitlines()]
    version_1 = _version_1(mounts)
    version_2 = [mount.point for mount in mounts if mount.kind == "cgroup2"]
    if version_2 and not version_1.keys() - {_NAMED}:
        return Layout(True, (version_2[0],), {})
    return Layout(False, tuple(dict.fromkeys(version_1.values())), version_1)


def _version_1(mounts: list[_Mount]) -> dict[str, str]:
    found: dict[str, str] = {}
    for mount in mounts:
        for controller in USED if mount.kind == "cgroup" else ():
            if controller in mount.options:
                found.setdefault(controller, mount.point)
    return found


def _parse_line(line: str) -> _Mount:
    front, _, back = line.partition(" - ")
    kind, _, options = back.partition(" ")
    return _Mount(unescaped(front.split(" ")[4]), kind, options.rpartition(" ")[2].split(","))


def unescaped(field: str) -> str:
    """A field of mountinfo, in which blanks and backslashes stand as numbers."""
    for escape, character in _ESCAPES:
        field = field.replace(escape, character)
    return field
