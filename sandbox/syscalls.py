"""The system calls that the standard library has no name for, straight from the C library. Linux 5.12 or newer.

Every function is bound here, with the types of its arguments, before any fork: to look one up or to convert an argument
by its value costs a forked process pages that it shared before.
"""

import ctypes
import errno
import os
import signal
import struct
from collections.abc import Callable
from typing import Any, cast

from sandbox import kernel_files
from sandbox.seccomp.filter import OWN_PID_FORMAT, Filter

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MNT_DETACH = 2


PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_SECUREBITS = 28
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SYS_CHROOT, CAP_SYS_PTRACE = 5, 6, 7, 18, 19
POD_CAPABILITIES = (CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SYS_CHROOT, CAP_SYS_PTRACE)

SIGCHLD = int(signal.SIGCHLD)
SIGTERM = int(signal.SIGTERM)

# These numbers are the same on every architecture.
_SYS_CLOSE_RANGE = 436
_SYS_OPENAT2 = 437

# The C library's own function is for all threads of the process.
_SYS_SETGROUPS = 159 if os.uname().machine == "aarch64" else 116
_SYS_CAPSET = 91 if os.uname().machine == "aarch64" else 126
_M_ARENA_MAX = -8
_BACKLOG = 128
_RESOLVE_NO_MAGICLINKS, _RESOLVE_IN_ROOT = 0x02, 0x10
_SYS_KEYCTL = 219 if os.uname().machine == "aarch64" else 250
_KEYCTL_JOIN_SESSION_KEYRING = 1
_NO_ROOT_NOR_AMBIENT = 0b11000011
"""SECBIT_NOROOT and SECBIT_NO_CAP_AMBIENT_RAISE, locked."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PROT_READ, _PROT_EXEC = 1, 4
_SECCOMP_MODE_FILTER = 2
_HIGHEST_DESCRIPTOR = (1 << 32) - 1
_SIG_BLOCK, _SIG_UNBLOCK = 0, 1
_TIOCSCTTY, _TIOCSWINSZ = 0x540E, 0x5414
_TCGETS, _TCSETS = 0x5401, 0x5402
_MODES = struct.Struct("=IIIIB19s")
"""The kernel's ``struct termios``."""
_INPUT_CHANGES = 0x5EB
"""IGNBRK, BRKINT, PARMRK, ISTRIP, INLCR, IGNCR, ICRNL, IXON."""
_OPOST = 0x1
_LINES = 0x804B
"""ISIG, ICANON, ECHO, ECHONL, IEXTEN."""
_WINDOW_SIZE = struct.Struct("=4H")
_SIGNAL_SET_BYTES = 128
_CAPABILITY_VERSION_3 = 0x20080522
_CLOCK_MONOTONIC = 1
_SECOND = 1_000_000_000


class _OpenHow(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "mode", "resolve")]


class _FilterProgram(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


class _Extent(ctypes.Structure):
    """The system's ``struct iovec``."""

    _fields_ = [("start", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapabilityData(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


_int, _unsigned, _text, _address = ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_void_p
_unsigned_int, _size = ctypes.c_uint, ctypes.c_size_t


_libc = ctypes.PyDLL(None, use_errno=True)
"""PyDLL: the calls are short, and a forked process must not meet another thread's lock."""


def _bind(name: str, *arguments: Any) -> Callable[..., int]:
    function = _libc[name]  # a fresh one each time, unlike an attribute
    function.argtypes = arguments
    return cast("Callable[..., int]", function)


fork: Callable[[], int] = _bind("fork")
"""The C library's fork, -1 when it fails. Python's own writes to pages that parent and child would otherwise share."""

_unshare = _bind("unshare", _int)
_setns = _bind("setns", _int, _int)
_sethostname = _bind("sethostname", _text, _unsigned)
_mount = _bind("mount", _text, _text, _text, _unsigned, _text)
_umount2 = _bind("umount2", _text, _int)
_prctl = _bind("prctl", _int, _unsigned, _unsigned, _unsigned, _unsigned)
_set_name = _bind("prctl", _int, _text)
_signal = _bind("signal", _int, _address)
_sigprocmask = _bind("sigprocmask", _int, _text, _address)
_signalfd = _bind("signalfd", _int, _text, _int)
_listen = _bind("listen", _int, _int)
_accept4 = _bind("accept4", _int, _address, _address, _int)
_process_vm_writev = _bind("process_vm_writev", _int, _address, _unsigned, _address, _unsigned, _unsigned)
_timerfd_create = _bind("timerfd_create", _int, _int)
_timerfd_settime = _bind("timerfd_settime", _int, _int, _address, _address)
_mallopt = _bind("mallopt", _int, _int)
_malloc_trim = _bind("malloc_trim", _unsigned)
_ioctl = _bind("ioctl", _int, _unsigned, _address)
_capset = _bind("syscall", _int, _address, _address)
_mprotect = _bind("mprotect", _address, _unsigned, _int)
_keyctl = _bind("syscall", _int, _int, _text)
_close_range = _bind("syscall", _int, _unsigned_int, _unsigned_int, _int)
_setgroups = _bind("syscall", _int, _size, _address)
_setfsgid = _bind("setfsgid", _unsigned_int)
_setfsuid = _bind("setfsuid", _unsigned_int)
_openat2 = _bind("syscall", _int, _int, _text, _address, _unsigned)

_own_capabilities = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
_sigterm_alone = (1 << (SIGTERM - 1)).to_bytes(_SIGNAL_SET_BYTES, "little")
_no_capabilities = (_CapabilityData * 2)()
_pod_capabilities = (_CapabilityData * 2)()
_pod_capabilities[0].effective = _pod_capabilities[0].permitted = sum(1 << number for number in POD_CAPABILITIES)


def _checked(result: int, subject: str | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), subject)
    return result


def reset_signal(number: int) -> None:
    """To its default action: ``signal.signal`` would make enumeration members on the way."""
    _signal(number, None)


def catch_sigterm() -> int:
    """A descriptor that is readable once the signal has come, which does nothing else from now on, nor to children."""
    _checked(_sigprocmask(_SIG_BLOCK, _sigterm_alone, None))
    return _checked(_signalfd(-1, _sigterm_alone, os.O_NONBLOCK | os.O_CLOEXEC))


def heed_sigterm() -> None:
    """In a child of one that catches it; also one that came before."""
    _checked(_sigprocmask(_SIG_UNBLOCK, _sigterm_alone, None))


def listen(listener: int) -> None:
    _checked(_listen(listener, _BACKLOG))


def accept(listener: int) -> int:
    """The descriptor of a connection, which does not block."""
    return _checked(_accept4(listener, None, None, os.O_NONBLOCK | os.O_CLOEXEC), None)


class Timer:
    """A descriptor that is readable some time after it was set, and again and again until it is cleared."""

    def __init__(self, *nanoseconds: tuple[int, int]) -> None:
        """What it can be set to: the time until it is readable, and that until it is so again, 0 for never."""
        self.descriptor = _checked(_timerfd_create(_CLOCK_MONOTONIC, os.O_CLOEXEC))
        self._times = [
            (ctypes.c_int64 * 4)(*divmod(again, _SECOND), *divmod(first, _SECOND))
            for first, again in (*nanoseconds, (0, 0))
        ]
        self._addresses = [ctypes.addressof(each) for each in self._times]

    def set(self, which: int) -> None:
        _checked(_timerfd_settime(self.descriptor, 0, self._addresses[which], None))

    def clear(self) -> None:
        _checked(_timerfd_settime(self.descriptor, 0, self._addresses[-1], None))


def unshare(flags: int) -> None:
    _checked(_unshare(flags))


def setns(descriptor: int, kind: int) -> None:
    _checked(_setns(descriptor, kind))


def sethostname(name: str) -> None:
    raw = os.fsencode(name)
    _checked(_sethostname(raw, len(raw)), name)


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    raw = [os.fsencode(text) for text in (source, target, kind, data)]
    _checked(_mount(raw[0], raw[1], raw[2], flags, raw[3]), target)


def unmount(target: str, flags: int) -> None:
    _checked(_umount2(os.fsencode(target), flags), target)


def open_in_root(root: int, path: str, flags: int) -> int:
    """Open ``path`` as if the directory ``root`` were ``/``: neither ``..`` nor a symlink leads out of it, nor one of
    /proc."""
    how = _OpenHow(flags | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
    size = ctypes.sizeof(how)
    return _checked(_openat2(_SYS_OPENAT2, root, os.fsencode(path), ctypes.addressof(how), size), path)


def take_file_rights(uid: int, gid: int, groups: list[int]) -> None:
    """The calling thread, of root, opens files as that user from then on, without any capability. It cannot go back."""
    numbers = (ctypes.c_uint32 * max(1, len(groups)))(*groups)
    _checked(_setgroups(_SYS_SETGROUPS, len(groups), ctypes.addressof(numbers)))
    _setfsgid(gid)
    _setfsuid(uid)
    drop_capabilities()


def write_memory(pid: int, address: int, data: bytes) -> None:
    """Of another process, which goes on meanwhile."""
    buffer = ctypes.create_string_buffer(data, len(data))
    ours, theirs = _Extent(ctypes.addressof(buffer), len(data)), _Extent(address, len(data))
    _checked(_process_vm_writev(pid, ctypes.addressof(ours), 1, ctypes.addressof(theirs), 1, 0))


def set_window_size(terminal: int, width: int, height: int) -> None:
    """Columns and rows. Raises OSError."""
    size = ctypes.create_string_buffer(_WINDOW_SIZE.pack(height, width, 0, 0), _WINDOW_SIZE.size)
    _checked(_ioctl(terminal, _TIOCSWINSZ, ctypes.addressof(size)))


def control_terminal(terminal: int) -> None:
    """The calling process, leader of a session without a terminal, is interrupted by what is typed there."""
    _checked(_ioctl(terminal, _TIOCSCTTY, None))


def give_keys(terminal: int) -> None:
    """The terminal gives what is typed as it is typed, and shows what is written as it is written: no echo, no lines,
    no signals. Raises OSError."""
    modes = ctypes.create_string_buffer(_MODES.size)
    _checked(_ioctl(terminal, _TCGETS, ctypes.addressof(modes)))
    incoming, outgoing, control, local, discipline, letters = _MODES.unpack(modes.raw)
    modes.raw = _MODES.pack(
        incoming & ~_INPUT_CHANGES, outgoing & ~_OPOST, control, local & ~_LINES, discipline, letters
    )
    _checked(_ioctl(terminal, _TCSETS, ctypes.addressof(modes)))


def prctl(option: int, first: int = 0, second: int = 0) -> None:
    _checked(_prctl(option, first, second, 0, 0))


def close_descriptors(first: int, spared: list[int]) -> None:
    """All from ``first`` on but these."""
    for descriptor in sorted(spared):
        if descriptor > first:
            _checked(_close_range(_SYS_CLOSE_RANGE, first, descriptor - 1, 0))
        first = max(first, descriptor + 1)
    _checked(_close_range(_SYS_CLOSE_RANGE, first, _HIGHEST_DESCRIPTOR, 0))


def seal_code(address: int) -> None:
    """Nobody writes any more to the page of executable memory at ``address``."""
    _checked(_mprotect(address - address % _PAGE_BYTES, _PAGE_BYTES, _PROT_READ | _PROT_EXEC))


class SystemCallFilter:
    """A seccomp program in the place from which the kernel takes it. To be made before any fork."""

    def __init__(self, made: Filter) -> None:
        self._pid_offsets = made.pid_offsets
        self._program = ctypes.create_string_buffer(made.program, len(made.program))
        self._described = _FilterProgram(made.size, ctypes.addressof(self._program))
        self._address = ctypes.addressof(self._described)

    def install(self) -> None:
        """For the calling thread, all that it will start, and for ever. Takes ``PR_SET_NO_NEW_PRIVS`` before."""
        pid = os.getpid()
        for offset in self._pid_offsets:
            OWN_PID_FORMAT.pack_into(self._program, offset, pid)
        prctl(PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, self._address)


def set_process_name(name: bytes) -> None:
    """What ``ps`` shows in its short form, 15 bytes at most."""
    _checked(_set_name(PR_SET_NAME, name))


def join_new_keyring() -> None:
    """Possess an empty session keyring in the place of the inherited one, if the kernel has keys at all."""
    try:
        _checked(_keyctl(_SYS_KEYCTL, _KEYCTL_JOIN_SESSION_KEYRING, None))
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise


def bound_capabilities() -> None:
    """No execve of this process or of one forked from it gains a capability; the present ones stay."""
    prctl(PR_SET_SECUREBITS, _NO_ROOT_NOR_AMBIENT)
    for capability in range(_last_capability() + 1):
        prctl(PR_CAPBSET_DROP, capability)


def drop_capabilities() -> None:
    """Leave the calling thread without any capability."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    _checked(_capset(_SYS_CAPSET, ctypes.addressof(_own_capabilities), ctypes.addressof(_no_capabilities)))


def keep_pod_capabilities() -> None:
    """Leave the calling thread with those that a pod process needs for its guests: to kill them, to give them their
    user, groups and root, to change their memory limit."""
    _checked(_capset(_SYS_CAPSET, ctypes.addressof(_own_capabilities), ctypes.addressof(_pod_capabilities)))


def _last_capability() -> int:
    return int(kernel_files.read("/proc/sys/kernel/cap_last_cap"))


def spare_memory() -> None:
    """One heap for all threads that the C library will ever see, and no free memory kept at its end."""
    _mallopt(_M_ARENA_MAX, 1)
    _malloc_trim(0)
