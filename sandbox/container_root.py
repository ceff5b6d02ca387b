"""The root of a container: its writable layer over the image's files, its mounts, and nothing else of the host.

Made by the server, in a mount namespace of the container's own (see ``sandbox.mount_places``). The order matters:
sources are opened while the host's root is still ``/`` (a symlink of the host leads where the host says), targets are
made and mounted after the root was changed (a symlink of the image cannot lead out of the container).
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox import container_layer, mount_calls
from sandbox.errors import StartFailure
from sandbox.mount_places import MountPlaces, Place
from sandbox.specs import GuestSpec, MountSpec

_HARMLESS = mount_calls.MOUNT_ATTR_NOSUID | mount_calls.MOUNT_ATTR_NODEV
_EMPTY = _HARMLESS | mount_calls.MOUNT_ATTR_NOEXEC | mount_calls.MOUNT_ATTR_RDONLY
_OF_DEVICES = mount_calls.MOUNT_ATTR_NOSUID | mount_calls.MOUNT_ATTR_NOEXEC | mount_calls.MOUNT_ATTR_RDONLY
"""A device behind a read-only mount is written to all the same; what is refused is to change the host's node."""


def make(places: MountPlaces, spec: GuestSpec) -> Place:
    """The root, in its namespace, where the calling thread is then, too. Raises StartFailure."""
    with _closing() as opened:
        mounts = sorted(spec.mounts, key=lambda mount: mount.target.count("/"))
        trees = [(opened.keep(_open_source(mount)), mount) for mount in mounts]
        covers = [[opened.keep(cover) for cover in _open_covers(spec)] for _ in spec.masked_paths]
        root = opened.keep(_open_root(spec))
        program = opened.keep(open_program(spec))
        try:
            return places.for_container(root, program, lambda: _furnish(spec, trees, covers))
        except OSError as error:
            raise _without_root(spec, error) from error


class _Opened:
    def __init__(self) -> None:
        self._descriptors: list[int] = []

    def keep(self, descriptor: int) -> int:
        self._descriptors.append(descriptor)
        return descriptor

    def close(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)


@contextmanager
def _closing() -> Iterator[_Opened]:
    opened = _Opened()
    try:
        yield opened
    finally:
        opened.close()


def _open_source(mount: MountSpec) -> int:
    try:
        return mount_calls.open_tree(mount.source)
    except OSError as error:
        raise StartFailure(
            f"mount of {mount.source!r} at {mount.target!r} failed: {error.strerror}; make the source"
        ) from error


def _open_covers(spec: GuestSpec) -> Iterator[int]:
    """For a directory and for anything else."""
    for name in ("directory", "file"):
        path = f"{spec.layer}/hidden/{name}"
        try:
            yield mount_calls.open_tree(path)
        except OSError as error:
            raise StartFailure(
                f"masked paths of container {spec.container_id} cannot be covered: {path}: {error.strerror}"
            ) from error


def _open_root(spec: GuestSpec) -> int:
    upper = spec.layer + "/upper"
    try:
        if not spec.lower:
            return _restricted(mount_calls.open_tree(upper))
        return _overlay(spec.lower, upper, spec.layer + "/work")
    except OSError as error:
        raise _without_root(spec, error) from error


def _restricted(tree: int) -> int:
    mount_calls.set_mount_attributes(tree, _HARMLESS, mount_calls.MS_PRIVATE)
    return tree


def _overlay(lower: str, upper: str, work: str) -> int:
    """By their descriptors: overlayfs and the kernel before 6.5 read signs of their own in paths.

    ``volatile``: else the pod process, whose hand lets the overlay go, would wait there until all that anybody has
    written to the disk is on it. No power cut leaves a container that could miss its files.
    """
    _forget_earlier(work)
    folders = {"lowerdir": lower, "upperdir": upper, "workdir": work}
    with _closing() as opened:
        found = {
            name: opened.keep(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
            for name, path in folders.items()
        }
        options = {name: f"/proc/self/fd/{descriptor}" for name, descriptor in found.items()}
        return mount_calls.make_tree("overlay", _HARMLESS, b"volatile", **options)


def _forget_earlier(work: str) -> None:
    """What a server that died before the container ran had made of this is no reason for the kernel to refuse it."""
    sign = work + "/work/incompat"
    if os.path.lexists(sign):
        shutil.rmtree(sign)


def _without_root(spec: GuestSpec, error: OSError) -> StartFailure:
    return StartFailure(
        f"the root of container {spec.container_id} cannot be made of {spec.lower or 'nothing'} and {spec.layer}: "
        f"{error.strerror}; see that both are there, on a file system that overlayfs can write to, like ext4 or xfs"
    )


def open_program(spec: GuestSpec) -> int:
    """A detached mount of the compiled code. Raises StartFailure."""
    path = spec.program.compiled
    try:
        tree = mount_calls.open_tree(path)
        mount_calls.set_mount_attributes(tree, _HARMLESS | mount_calls.MOUNT_ATTR_RDONLY, mount_calls.MS_PRIVATE)
    except OSError as error:
        raise StartFailure(
            f"compiled code {path} of container {spec.container_id} cannot be opened: {error.strerror}; "
            "pull the image again"
        ) from error
    return tree


def _furnish(spec: GuestSpec, trees: list[tuple[int, MountSpec]], covers: list[list[int]]) -> None:
    """By a thread whose root is the container's."""
    for tree, mount in trees:
        _attach(tree, mount)
    _make_directory(spec.working_dir)
    for path, (for_directory, for_file) in zip(spec.masked_paths, covers, strict=True):
        _mask(path, for_directory, for_file)
    for path in spec.readonly_paths:
        _protect(path)
    if spec.readonly_root:
        _forbid_writing()


def _attach(tree: int, mount: MountSpec) -> None:
    try:
        _restrict(tree, mount)
        _move(tree, mount.target)
    except OSError as error:
        raise StartFailure(f"mount of {mount.source!r} at {mount.target!r} failed: {error.strerror}") from error


def _restrict(tree: int, mount: MountSpec) -> None:
    """CRI: readonly alone is of the one mount, recursive_read_only of all below it."""
    propagation = mount_calls.MS_SLAVE if mount.propagate else mount_calls.MS_PRIVATE
    attributes = _OF_DEVICES if mount.device else _HARMLESS
    if mount.recursive or (mount.readonly and not stat.S_ISDIR(os.fstat(tree).st_mode)):  # below a file there is none
        attributes |= mount_calls.MOUNT_ATTR_RDONLY
    mount_calls.set_mount_attributes(tree, attributes, propagation, mount_calls.AT_RECURSIVE)
    if mount.readonly and not attributes & mount_calls.MOUNT_ATTR_RDONLY:
        mount_calls.set_mount_attributes(tree, mount_calls.MOUNT_ATTR_RDONLY, 0)


def _move(tree: int, target: str) -> None:
    """What the image leaves free is there since the container was created."""
    try:
        mount_calls.move_mount(tree, target)
    except FileNotFoundError:
        target = os.path.realpath(target)
        container_layer.make_place(target, stat.S_ISDIR(os.fstat(tree).st_mode))
        mount_calls.move_mount(tree, target)


def _make_directory(path: str) -> None:
    if os.path.isdir(path):
        return
    try:
        os.makedirs(path, 0o755, exist_ok=True)
    except OSError as error:
        raise StartFailure(f"working directory {path!r} cannot be made: {error.strerror}; choose another") from error


def _mask(path: str, for_directory: int, for_file: int) -> None:
    try:
        cover = for_directory if stat.S_ISDIR(os.stat(path).st_mode) else for_file
        mount_calls.set_mount_attributes(cover, _EMPTY, mount_calls.MS_PRIVATE)
        mount_calls.move_mount(cover, path)
    except (FileNotFoundError, NotADirectoryError):
        return  # as every runtime does: the kubelet masks the same paths everywhere
    except OSError as error:
        raise StartFailure(f"path {path!r} cannot be masked: {error.strerror}") from error


def _protect(path: str) -> None:
    try:
        tree = mount_calls.open_tree(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise _not_protected(path, error) from error
    try:
        mount_calls.set_mount_attributes(tree, mount_calls.MOUNT_ATTR_RDONLY, 0)
        mount_calls.move_mount(tree, path)
    except OSError as error:
        raise _not_protected(path, error) from error
    finally:
        os.close(tree)


def _not_protected(path: str, error: OSError) -> StartFailure:
    return StartFailure(f"path {path!r} cannot be made read-only: {error.strerror}")


def _forbid_writing() -> None:
    root = os.open("/", os.O_PATH | os.O_CLOEXEC)
    mount_calls.set_mount_attributes(root, mount_calls.MOUNT_ATTR_RDONLY, 0)
    os.close(root)
