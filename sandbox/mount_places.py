"""Mount namespaces that the server makes for pod processes and containers, who could not make any themselves.

    /                   a small read-only file system, the same for all
    ├── cgroup/<n>      of a pod process: its pod's group in each hierarchy
    ├── program         of a container: its compiled code
    └── root/           of a container: its root

A namespace is made by a thread of its own (``apart``), which stays in it and ends. It is copied from an empty one,
however many mounts the host has. What is to be in it is opened before, where the host's files are. A namespace lives as
long as somebody is in it or holds its descriptor.
"""

import _thread
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Generic, NamedTuple, TypeVar

from sandbox import mount_calls
from sandbox.errors import SandboxError
from sandbox.place_names import CGROUPS, PROGRAM, ROOT, cgroup_folder

_ATTRIBUTES = mount_calls.MOUNT_ATTR_NOSUID | mount_calls.MOUNT_ATTR_NODEV
_CGROUP_ATTRIBUTES = _ATTRIBUTES | mount_calls.MOUNT_ATTR_NOEXEC

Made = TypeVar("Made")

_in_containers: set[int] = set()
"""Threads whose root is a container's."""


class _NoImports:
    """What a thread imports whose root is a container's would be the container's, and run as root. Nothing does; but
    what Python tidies up there, at any moment, may be anybody's."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if _thread.get_ident() in _in_containers:
            raise ImportError(f"{name} is not imported from the files of a container", name=name)


sys.meta_path.insert(0, _NoImports())


class Place(NamedTuple):
    """Descriptors of a namespace made for a container: who holds them can enter its root, and nothing else."""

    namespace: int
    """Keeps the mounts."""
    folder: int
    """The namespace's ``/``."""


class MountPlaces:
    def __init__(self, folder: str) -> None:
        """``folder``: some directory that is there when this opens."""
        self._folder = folder
        self._empty = -1

    async def open(self) -> None:
        """Raises SandboxError."""
        try:
            self._empty = await apart(self._make_empty, os.close)
        except OSError as error:
            raise SandboxError(
                f"no mount namespace can be made: {error.strerror}; run wasmlet as root, where / is a mount point"
            ) from error

    def close(self) -> None:
        if self._empty >= 0:
            os.close(self._empty)
            self._empty = -1

    def for_pod(self, groups: Sequence[str]) -> int:
        """Descriptor of a namespace that has nothing but these directories, in their order. The calling thread is
        there, too, then. Raises OSError."""
        trees: list[int] = []
        try:
            trees.extend(map(mount_calls.open_tree, groups))
            return self._make_for_pod(trees)
        finally:
            for tree in trees:
                os.close(tree)

    def for_container(self, root: int, program: int, furnish: Callable[[], None]) -> Place:
        """``root``, ``program``: detached mounts. ``furnish`` runs with the container's root as its own, which is the
        calling thread's from then on. Raises what that raises, and OSError."""
        itself = self._enter_copy()
        mount_calls.move_mount(program, PROGRAM)
        mount_calls.move_mount(root, ROOT)
        folder = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.chroot(ROOT)
            os.chdir("/")
            _in_containers.add(_thread.get_ident())
            furnish()
            return Place(itself.mounts(), folder)
        except BaseException:
            os.close(folder)
            raise

    def for_program(self, program: int) -> Place:
        """A namespace with that file alone, a detached mount; as a container's. Raises OSError."""
        itself = self._enter_copy()
        mount_calls.move_mount(program, PROGRAM)
        folder = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return Place(itself.mounts(), folder)
        except BaseException:
            os.close(folder)
            raise

    def _make_empty(self) -> int:
        itself = _Namespaces()
        mount_calls.unshare(mount_calls.CLONE_FS | mount_calls.CLONE_NEWNS)
        mount_calls.keep_mounts_private()
        tree = mount_calls.make_tree("tmpfs", _ATTRIBUTES, mode="755", size="64k")
        try:
            mount_calls.move_mount(tree, self._folder)
            mount_calls.change_root(self._folder)
            _furnish_empty()
            mount_calls.set_mount_attributes(tree, mount_calls.MOUNT_ATTR_RDONLY, mount_calls.MS_PRIVATE)
        finally:
            os.close(tree)
        return itself.mounts()

    def _make_for_pod(self, trees: list[int]) -> int:
        itself = self._enter_copy()
        for number, tree in enumerate(trees):
            mount_calls.set_mount_attributes(tree, _CGROUP_ATTRIBUTES, mount_calls.MS_PRIVATE)
            mount_calls.move_mount(tree, cgroup_folder(number))
        return itself.mounts()

    def _enter_copy(self) -> "_Namespaces":
        itself = _Namespaces()
        mount_calls.unshare(mount_calls.CLONE_FS)
        mount_calls.enter_mounts(self._empty)
        mount_calls.unshare(mount_calls.CLONE_NEWNS)
        return itself


class _Namespaces:
    """Of the calling thread, which may go where no /proc is."""

    def __init__(self) -> None:
        self._folder = os.open("/proc/thread-self/ns", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def mounts(self) -> int:
        """Descriptor of the mount namespace that it is in now."""
        return os.open("mnt", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._folder)

    def __del__(self) -> None:
        os.close(self._folder)


def _furnish_empty() -> None:
    os.mkdir("cgroup", 0o755)
    for number in range(CGROUPS):
        os.mkdir(cgroup_folder(number), 0o755)
    os.mkdir(ROOT, 0o755)
    os.close(os.open(PROGRAM, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))


async def apart(make: Callable[[], Made], discard: Callable[[Made], None]) -> Made:
    """What ``make`` returns or raises, run by a thread that is of no other use afterwards. ``discard``: what becomes of
    it when nobody waits for it any more. Raises SandboxError where no thread can be had."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[Made] = loop.create_future()
    try:
        _thread.start_new_thread(_run, (loop, make, made, discard))  # ``threading`` would wait until it runs
    except RuntimeError as error:
        raise SandboxError(
            "no thread can be started: let the server have more of them, by pids.max of its control group, "
            "RLIMIT_NPROC or kernel.threads-max"
        ) from error
    try:
        return await made
    except asyncio.CancelledError:
        if not made.cancelled() and made.exception() is None:  # it was there already
            discard(made.result())
        raise


def _run(
    loop: asyncio.AbstractEventLoop,
    make: Callable[[], Made],
    made: "asyncio.Future[Made]",
    discard: Callable[[Made], None],
) -> None:
    try:
        result = make()
    except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
        _tell(loop, _fail, made, error)
    else:
        _tell(loop, _Result(made, result, discard).hand_over)
    finally:
        _in_containers.discard(_thread.get_ident())  # the next thread may get its number


def _tell(loop: asyncio.AbstractEventLoop, tell: Callable[..., None], *what: Any) -> None:
    try:
        loop.call_soon_threadsafe(tell, *what)
    except RuntimeError:  # the server has ended meanwhile
        return


class _Result(Generic[Made]):
    """On its way to the event loop, which may end and never look at it: then it is discarded as well."""

    def __init__(self, made: "asyncio.Future[Made]", result: Made, discard: Callable[[Made], None]) -> None:
        self._made = made
        self._result = result
        self._discard = discard
        self._is_taken = False

    def hand_over(self) -> None:
        if not self._made.done():
            self._is_taken = True
            self._made.set_result(self._result)

    def __del__(self) -> None:
        if not self._is_taken:
            self._discard(self._result)


def _fail(made: "asyncio.Future[Made]", error: BaseException) -> None:
    if not made.cancelled():
        made.set_exception(error)
