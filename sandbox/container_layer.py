"""A container's writable layer on the disk, as its creation leaves it for its start, which somebody waits for.

upper       what the container writes, and the places of its mounts
work        of overlayfs
root        where both become its root
hidden      what covers its masked paths: an empty ``file`` and an empty ``directory`` without permissions
"""

import os
from contextlib import suppress

from sandbox.specs import GuestSpec


def make(spec: GuestSpec) -> None:
    """The directories that the root is made of, and in them where mounts will be. Raises OSError."""
    for name in ("upper", "work", "root"):
        os.makedirs(os.path.join(spec.layer, name), 0o755)
    if not spec.lower:
        _make_tmp(os.path.join(spec.layer, "upper", "tmp"))
    if spec.masked_paths:
        _make_hidden(os.path.join(spec.layer, "hidden"))
    for mount in spec.mounts:
        if not _is_images(mount.target, spec.lower):
            with suppress(FileExistsError, NotADirectoryError):  # mounts in each other's way: the start tells of it
                make_place(spec.layer + "/upper" + mount.target, os.path.isdir(mount.source))


def _make_tmp(path: str) -> None:
    """An image without files has no say in it, and programs expect one."""
    os.mkdir(path)
    os.chmod(path, 0o1777)


def _make_hidden(path: str) -> None:
    """What even root cannot open without capabilities, which no guest has."""
    os.makedirs(os.path.join(path, "directory"), 0o755)
    os.close(os.open(os.path.join(path, "file"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0))
    os.chmod(os.path.join(path, "directory"), 0)


def _is_images(target: str, lower: str) -> bool:
    """Whether the image has a say in where ``target`` is: a symlink may stand in the way."""
    return bool(lower) and os.path.lexists(os.path.join(lower, target.split("/")[1]))


def make_place(path: str, is_directory: bool) -> None:
    """A directory or an empty file for a mount, where there is none. Raises OSError."""
    if is_directory:
        os.makedirs(path, 0o755, exist_ok=True)
    elif not os.path.lexists(path):
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
