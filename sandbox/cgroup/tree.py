"""The groups of a pod: made, entered, limited, emptied, removed.

    <parent>/<sandbox id>                   the pod's group; v1: the pod process is in it
    <parent>/<sandbox id>/pod               v2: the pod process, for a group with limited children may hold no process
    <parent>/<sandbox id>/<container id>    one container

Nothing here needs more than file access; the forked processes use it as it is.
"""

import errno
import os
import signal
import sys
import time
from collections.abc import Iterator

from sandbox.cgroup.group_names import DEFAULT_PARENT, pod_group
from sandbox.cgroup.layout import Layout, detect
from sandbox.cgroup.limits import UNLIMITED, Limits, Write, version_1_writes, version_2_writes
from sandbox.errors import GuestGone, InvalidSpec, MemoryInUse, NotSupported, SandboxError

__all__ = [
    "Layout",
    "Limits",
    "create_guest_group",
    "create_pod_group",
    "detect",
    "enter_guest_group",
    "enter_pod_group",
    "is_there",
    "kill",
    "most_memory",
    "not_provided",
    "oom_kills",
    "pod_group",
    "pod_leaf",
    "processes",
    "put_back",
    "remove",
    "remove_default_parent",
    "setting",
    "update",
    "writes_of",
]

_DELEGATED = ("cpu", "cpuset", "io", "memory", "pids", "hugetlb")
"""v2: the controllers a container's limits may need; ``io`` only those that it names by their files."""

_POD_LEAF = "/pod"
_REMOVE_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.05


def create_pod_group(layout: Layout, path: str) -> None:
    """Make the pod's group and what is missing above it. Raises SandboxError; leaves no group of the pod then."""
    _refuse_root(path)
    try:
        _make(layout, path)
        if layout.unified:
            _delegate_down_to(layout.mounts[0], path)
        elif "cpuset" in layout.controllers:
            _inherit_cpuset(layout.controllers["cpuset"], path)
    except OSError as error:
        remove(layout, path)
        raise _not_made(path, error) from error


def enter_pod_group(layout: Layout, path: str, pid: int = 0) -> None:
    """Put the caller, which has one thread, or process ``pid`` into the pod's group. Raises SandboxError."""
    leaf = pod_leaf(layout, path)
    if not layout.unified:
        return _enter(layout, leaf, pid)
    try:
        _make(layout, leaf)
        _enter(layout, leaf, pid)
        return _delegate(layout.mounts[0] + path)
    except OSError as error:
        raise _not_made(path, error) from error


def pod_leaf(layout: Layout, path: str) -> str:
    """The group that the pod process itself is in."""
    return path + _POD_LEAF if layout.unified else path


def create_guest_group(layout: Layout, pod_path: str, container_id: str, limits: Limits) -> str:
    """Make a container's group below its pod's and return its path.

    Raises InvalidSpec for limits the kernel refuses, NotSupported for what the node cannot limit, and leaves no group.
    """
    path = f"{pod_path}/{container_id}"
    try:
        _make(layout, path)
        if "cpuset" in layout.controllers:
            _inherit_cpuset(layout.controllers["cpuset"], path)
        _limit(layout, path, limits)
    except OSError as error:
        remove(layout, path)
        raise _not_made(path, error) from error
    except SandboxError:
        remove(layout, path)
        raise
    return path


def enter_guest_group(layout: Layout, path: str, pid: int = 0) -> None:
    """Put the caller, which has one thread, or process ``pid`` into a container's group. Raises SandboxError."""
    _enter(layout, path, pid)


def update(layout: Layout, path: str, limits: Limits) -> list[Write]:
    """Set what is set in ``limits``, all or nothing (CRI: UpdateContainerResources is transactional).

    What was in force before, for ``put_back``. Raises InvalidSpec, MemoryInUse, NotSupported, and GuestGone when the
    group is no longer there.
    """
    if layout.unified:
        _refuse_less_than_used(layout, path, limits.memory_limit)
    before: list[Write] = []
    try:
        for write in writes_of(layout, path, limits):
            value = _read_setting(layout, path, write)
            _set(layout, path, write)
            before.append(write._replace(value=value))
    except SandboxError:
        put_back(layout, path, before)
        raise
    return before


def put_back(layout: Layout, path: str, before: list[Write]) -> None:
    """Undo an update, unless the group has gone meanwhile. Raises as ``update``."""
    try:
        for write in reversed(before):
            _set(layout, path, write)
    except GuestGone:
        return


def oom_kills(layout: Layout, path: str) -> int:
    """How many processes of the group the kernel killed for want of memory. 0 where memory is not accounted."""
    root = _root(layout, "memory")
    file = root + path + ("/memory.events" if layout.unified else "/memory.oom_control")
    for line in _read_if_there(file).splitlines() if root else ():
        name, _, count = line.partition(" ")
        if name == "oom_kill":
            return int(count)
    return 0


def most_memory(layout: Layout, path: str) -> tuple[int, int]:
    """Most bytes that the group has used, 0 where the kernel does not tell (v2 before Linux 5.19), and its limit."""
    most = setting(layout, path, "memory", "memory.peak", "memory.max_usage_in_bytes")
    limit = setting(layout, path, "memory", "memory.max", "memory.limit_in_bytes")
    return int(most or 0), int(limit) if limit.isdigit() else sys.maxsize


def processes(layout: Layout, path: str) -> list[int]:
    """The processes in the group and below, as the caller's pid namespace numbers them; without those it cannot see."""
    found: set[int] = set()
    for mount in layout.mounts:
        for directory in _directories(mount + path):
            found.update(int(pid) for pid in _read_if_there(directory + "/cgroup.procs").split())
    return sorted(found - {0})


def setting(layout: Layout, path: str, controller: str, *files: str) -> str:
    """What the first of the files that is there says, without white space around it; empty if there is none."""
    for file in files:
        if text := _read_if_there(f"{_root(layout, controller)}{path}/{file}").strip():
            return text
    return ""


def kill(layout: Layout, path: str) -> None:
    """SIGKILL to every process in the group and below. They may still be dying when this returns."""
    _refuse_root(path)
    if not (layout.unified and _kill_at_once(layout.mounts[0] + path)):
        _kill_one_by_one(layout, path)


def remove(layout: Layout, path: str) -> None:
    """Kill what is left in the group and remove it with all below it, in every hierarchy. Idempotent.

    Blocks until the killed are gone: a few milliseconds, after 5 s it raises SandboxError.
    """
    _refuse_root(path)
    deadline = time.monotonic() + _REMOVE_SECONDS
    pause = _FIRST_PAUSE
    while not _remove_everywhere(layout, path):
        if time.monotonic() > deadline:
            left = processes(layout, path)
            raise SandboxError(f"cgroup {path} cannot be removed: processes {left} do not end; see what blocks them")
        kill(layout, path)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def remove_default_parent(layout: Layout) -> None:
    """The group of pods that name none. Idempotent."""
    for mount in layout.mounts:
        try:
            os.rmdir(mount + DEFAULT_PARENT)
        except OSError:
            continue  # it has pods, of this server or of another, or was never made


def _refuse_root(path: str) -> None:
    if not path.strip("/"):
        raise InvalidSpec("the root cgroup is no pod's: name a group below it")


def _make(layout: Layout, path: str) -> None:
    for mount in layout.mounts:
        try:
            os.mkdir(mount + path, 0o755)
        except FileExistsError:
            continue
        except FileNotFoundError:
            os.makedirs(mount + path, 0o755, exist_ok=True)


def _not_made(path: str, error: OSError) -> SandboxError:
    return SandboxError(
        f"cgroup {path} cannot be made: {error.filename}: {error.strerror}; "
        "run as root, with the cgroup file systems mounted writable"
    )


def _enter(layout: Layout, path: str, pid: int) -> None:
    """To v1's ``tasks`` a process can move its only thread without the lock behind ``cgroup.procs``, whose writer waits
    for an RCU grace period: 0.1 instead of 6 ms."""
    file = "tasks" if pid == 0 and not layout.unified else "cgroup.procs"
    for mount in layout.mounts:
        try:
            _write(f"{mount}{path}/{file}", str(pid))
        except OSError as error:
            raise SandboxError(
                f"process {pid or os.getpid()} cannot enter cgroup {mount}{path}: {error.strerror}; make it first"
            ) from error


def _delegate_down_to(root: str, path: str) -> None:
    """Let every group above ``path`` hand its controllers on."""
    directory = root
    for name in path.strip("/").split("/"):
        _delegate(directory)
        directory += "/" + name


def _delegate(directory: str) -> None:
    """What cannot be handed on, as from a group with processes, is missed by the limit that needs it, not here."""
    available = _read(directory + "/cgroup.controllers").split()
    enabled = _read(directory + "/cgroup.subtree_control").split()
    for controller in _DELEGATED:
        if controller in available and controller not in enabled:
            try:
                _write(directory + "/cgroup.subtree_control", "+" + controller)
            except OSError:
                continue


def _inherit_cpuset(root: str, path: str) -> None:
    """A v1 group has no CPU and no memory node until it is told, and takes no process before."""
    parent = path.rpartition("/")[0]
    for file in ("/cpuset.cpus", "/cpuset.mems"):
        if _read(root + path + file).strip():
            continue
        inherited = _read(root + parent + file).strip()
        if not inherited:
            _inherit_cpuset(root, parent)
            inherited = _read(root + parent + file).strip()
        _write(root + path + file, inherited)


def _limit(layout: Layout, path: str, limits: Limits) -> None:
    for write in writes_of(layout, path, limits):
        _set(layout, path, write)


def writes_of(layout: Layout, path: str, limits: Limits) -> list[Write]:
    """What sets the limits of the group. Raises InvalidSpec, NotSupported."""
    if layout.unified:
        writes = version_2_writes(limits)
    else:
        writes = version_1_writes(limits, _fits_below_swap_limit(layout, path, limits.memory_limit))
    return [write for write in writes if not write.optional or is_there(layout, path, write)]


def _fits_below_swap_limit(layout: Layout, path: str, memory_limit: int) -> bool:
    present = _read_if_there(f"{_root(layout, 'memory')}{path}/memory.memsw.limit_in_bytes")
    return not present or (memory_limit != UNLIMITED and memory_limit <= int(present))


def _refuse_less_than_used(layout: Layout, path: str, memory_limit: int) -> None:
    """v1 gives back what it can and refuses by itself; v2 would kill."""
    used = _memory_in_use(layout, path)
    if 0 < memory_limit < used:
        _reclaim(layout, path, used - memory_limit)
        used = _memory_in_use(layout, path)
    if 0 < memory_limit < used:
        raise MemoryInUse(
            f"cgroup {path} cannot be limited to {memory_limit} bytes of memory: {used} are in use; "
            "ask for more, or start the container anew"
        )


def _memory_in_use(layout: Layout, path: str) -> int:
    return int(_read_if_there(f"{_root(layout, 'memory')}{path}/memory.current") or 0)


def _reclaim(layout: Layout, path: str, amount: int) -> None:
    """Of what the kernel keeps for later only, such as the content of files. Linux 5.19 or newer."""
    try:
        _write(f"{_root(layout, 'memory')}{path}/memory.reclaim", str(amount))
    except OSError:
        return  # not all of it, or there is no such file


def _set(layout: Layout, path: str, write: Write) -> None:
    """The end of the line makes it a write also where the value is empty, as that of a cpuset may be."""
    try:
        _write(f"{_root(layout, write.controller)}{path}/{write.file}", write.value + "\n")
    except OSError as error:
        raise _refusal(layout, path, write, error) from error


def _read_setting(layout: Layout, path: str, write: Write) -> str:
    try:
        return _read(f"{_root(layout, write.controller)}{path}/{write.file}").strip()
    except OSError as error:
        raise _refusal(layout, path, write, error) from error


def _refusal(layout: Layout, path: str, write: Write, error: OSError) -> SandboxError:
    if error.errno == errno.ENODEV or _is_gone(layout, path):
        return GuestGone(f"{write.file} of cgroup {path} cannot be set: the container has ended; create another one")
    if not is_there(layout, path, write):
        return not_provided(path, write)
    text = f"{write.file} of cgroup {path} cannot be set to {write.value}: "
    if error.errno == errno.EBUSY:
        return MemoryInUse(text + "more is in use; ask for more, or start the container anew")
    return InvalidSpec(text + f"{error.strerror}; ask for another value")


def _is_gone(layout: Layout, path: str) -> bool:
    """A group is made and removed in one hierarchy after the other."""
    return not all(os.path.isdir(mount + path) for mount in layout.mounts)


def not_provided(path: str, write: Write) -> NotSupported:
    return NotSupported(
        f"cgroup {path} has no {write.file}: this node does not provide the {write.controller} controller there; "
        "remove the limit or enable the controller"
    )


def is_there(layout: Layout, path: str, write: Write) -> bool:
    """Whether the group has the file."""
    root = _root(layout, write.controller)
    return bool(root) and os.path.exists(f"{root}{path}/{write.file}")


def _root(layout: Layout, controller: str) -> str:
    return layout.mounts[0] if layout.unified else layout.controllers.get(controller, "")


def _kill_at_once(directory: str) -> bool:
    """Whether the kernel has ``cgroup.kill`` (5.14), or nothing is left to kill."""
    try:
        _write(directory + "/cgroup.kill", "1")
    except FileNotFoundError:
        return not os.path.isdir(directory)
    return True


def _kill_one_by_one(layout: Layout, path: str) -> None:
    killed: set[int] = set()
    while fresh := set(processes(layout, path)) - killed:
        for pid in fresh:
            _kill_process(pid)
        killed |= fresh


def _kill_process(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _directories(top: str) -> Iterator[str]:
    """``top`` and what is below it, deepest first; nothing if it is not there."""
    try:
        with os.scandir(top) as entries:
            below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    for directory in below:
        yield from _directories(directory)
    yield top


def _remove_everywhere(layout: Layout, path: str) -> bool:
    """Whether nothing is left of it. What can go, goes."""
    gone = [_remove_directory(directory) for mount in layout.mounts for directory in _directories(mount + path)]
    return all(gone)


def _remove_directory(directory: str) -> bool:
    try:
        os.rmdir(directory)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno in (errno.EBUSY, errno.ENOTEMPTY):
            return False
        raise SandboxError(f"cgroup {directory} cannot be removed: {error.strerror}") from error
    return True


def _read(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = b""
        while piece := os.read(descriptor, 65536):
            data += piece
    finally:
        os.close(descriptor)
    return data.decode("ascii")


def _read_if_there(path: str) -> str:
    """Empty if the file or its group is gone; of a group that goes while it is read the kernel says ENODEV."""
    try:
        return _read(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return ""
        raise


def _write(path: str, value: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)
