"""The root of a container: its writable layer over the image's files, its mounts, and nothing else of the host.

Runs in the guest process, in a mount namespace that ends with it, so nothing has to be unmounted. The order matters:
sources are opened while the host's root is still ``/`` (a symlink of the host leads where the host says), targets are
made and mounted after the root was changed (a symlink of the image cannot lead out of the container).
"""

import os
import stat

from sandbox import container_layer, syscalls
from sandbox.errors import StartFailure
from sandbox.specs import GuestSpec, MountSpec

_HARMLESS = syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV
_EMPTY = _HARMLESS | syscalls.MOUNT_ATTR_NOEXEC | syscalls.MOUNT_ATTR_RDONLY
_OF_DEVICES = syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NOEXEC | syscalls.MOUNT_ATTR_RDONLY
"""A device behind a read-only mount is written to all the same; what is refused is to change the host's node."""


def enter(spec: GuestSpec) -> None:
    """Make the root of the container the calling process's only file system. Raises StartFailure."""
    _leave_hosts_mounts()
    mounts = sorted(spec.mounts, key=lambda mount: mount.target.count("/"))
    trees = [(_open_source(mount), mount) for mount in mounts]
    covers = [_open_covers(spec) for _ in spec.masked_paths]
    _change_root(spec)
    for tree, mount in trees:
        _attach(tree, mount)
    _make_directory(spec.working_dir)
    for path, cover in zip(spec.masked_paths, covers, strict=True):
        _mask(path, *cover)
    for path in spec.readonly_paths:
        _protect(path)
    if spec.readonly_root:
        _forbid_writing()


def _leave_hosts_mounts() -> None:
    try:
        syscalls.unshare(syscalls.CLONE_NEWNS)
        syscalls.mount("", "/", "", syscalls.MS_REC | syscalls.MS_SLAVE)
    except OSError as error:
        raise StartFailure(
            f"the container's mounts cannot be apart from the host's: {error.strerror}; "
            "run wasmlet as root, where / is a mount point"
        ) from error


def _open_source(mount: MountSpec) -> int:
    try:
        return syscalls.open_tree(mount.source)
    except OSError as error:
        raise StartFailure(
            f"mount of {mount.source!r} at {mount.target!r} failed: {error.strerror}; make the source"
        ) from error


def _change_root(spec: GuestSpec) -> None:
    try:
        _pivot(spec)
    except OSError as error:
        raise StartFailure(
            f"the root of container {spec.container_id} cannot be made of {spec.lower or 'nothing'} and {spec.layer}: "
            f"{error.strerror}; see that both are there, on a file system that overlayfs can write to, like ext4 or xfs"
        ) from error


def _pivot(spec: GuestSpec) -> None:
    os.chdir(spec.layer)
    if spec.lower:
        options = f"lowerdir={_escaped(spec.lower)},upperdir=upper,workdir=work"
        syscalls.mount("overlay", "root", "overlay", syscalls.MS_NOSUID | syscalls.MS_NODEV, options)
    else:
        syscalls.mount("upper", "root", "", syscalls.MS_BIND)
    os.chdir("root")
    syscalls.pivot_root(".", ".")
    syscalls.unmount(".", syscalls.MNT_DETACH)
    os.chdir("/")


def _escaped(path: str) -> str:
    for character in "\\:,":
        path = path.replace(character, "\\" + character)
    return path


def _attach(tree: int, mount: MountSpec) -> None:
    try:
        _restrict(tree, mount)
        _move(tree, mount.target)
    except OSError as error:
        raise StartFailure(f"mount of {mount.source!r} at {mount.target!r} failed: {error.strerror}") from error
    os.close(tree)


def _restrict(tree: int, mount: MountSpec) -> None:
    """CRI: readonly alone is of the one mount, recursive_read_only of all below it."""
    propagation = syscalls.MS_SLAVE if mount.propagate else syscalls.MS_PRIVATE
    attributes = _OF_DEVICES if mount.device else _HARMLESS
    if mount.recursive:
        attributes |= syscalls.MOUNT_ATTR_RDONLY
    syscalls.set_mount_attributes(tree, attributes, propagation, syscalls.AT_RECURSIVE)
    if mount.readonly:
        syscalls.set_mount_attributes(tree, syscalls.MOUNT_ATTR_RDONLY, 0)


def _move(tree: int, target: str) -> None:
    """What the image leaves free is there since the container was created."""
    try:
        syscalls.move_mount(tree, target)
    except FileNotFoundError:
        target = os.path.realpath(target)
        container_layer.make_place(target, stat.S_ISDIR(os.fstat(tree).st_mode))
        syscalls.move_mount(tree, target)


def _make_directory(path: str) -> None:
    if os.path.isdir(path):
        return
    try:
        os.makedirs(path, 0o755, exist_ok=True)
    except OSError as error:
        raise StartFailure(f"working directory {path!r} cannot be made: {error.strerror}; choose another") from error


def _forbid_writing() -> None:
    root = os.open("/", os.O_PATH | os.O_CLOEXEC)
    syscalls.set_mount_attributes(root, syscalls.MOUNT_ATTR_RDONLY, 0)
    os.close(root)


def _open_covers(spec: GuestSpec) -> tuple[int, int]:
    """For a directory and for anything else."""
    hidden = spec.layer + "/hidden/"
    try:
        return syscalls.open_tree(hidden + "directory"), syscalls.open_tree(hidden + "file")
    except OSError as error:
        raise StartFailure(
            f"masked paths of container {spec.container_id} cannot be covered: {hidden}: {error.strerror}"
        ) from error


def _mask(path: str, for_directory: int, for_file: int) -> None:
    try:
        cover = for_directory if stat.S_ISDIR(os.stat(path).st_mode) else for_file
        syscalls.set_mount_attributes(cover, _EMPTY, syscalls.MS_PRIVATE)
        syscalls.move_mount(cover, path)
    except (FileNotFoundError, NotADirectoryError):
        pass  # as every runtime does: the kubelet masks the same paths everywhere
    except OSError as error:
        raise StartFailure(f"path {path!r} cannot be masked: {error.strerror}") from error
    os.close(for_directory)
    os.close(for_file)


def _protect(path: str) -> None:
    try:
        tree = syscalls.open_tree(path)
        syscalls.set_mount_attributes(tree, syscalls.MOUNT_ATTR_RDONLY, 0)
        syscalls.move_mount(tree, path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise StartFailure(f"path {path!r} cannot be made read-only: {error.strerror}") from error
    os.close(tree)
