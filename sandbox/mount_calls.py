"""The system calls that make mounts and mount namespaces, for the server. Linux 5.12 or newer.

A source may be on a server that does not answer. Therefore these calls, unlike those of ``sandbox.syscalls``, let other
threads go on while they wait.
"""

import ctypes
import os
import struct
from collections.abc import Callable
from typing import Any, cast

CLONE_FS = 0x00000200
CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
AT_RECURSIVE = 0x8000
MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
MOUNT_ATTR_NODEV = 4
MOUNT_ATTR_NOEXEC = 8

_MS_REC = 16384
_MNT_DETACH = 2
_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 4
_MOVE_MOUNT_T_SYMLINKS = 0x10
_FSOPEN_CLOEXEC = 1
_FSMOUNT_CLOEXEC = 1
_FSCONFIG_SET_FLAG = 0
_FSCONFIG_SET_STRING = 1
_FSCONFIG_CMD_CREATE = 6

# These numbers are the same on every architecture.
_SYS_OPEN_TREE = 428
_SYS_MOVE_MOUNT = 429
_SYS_FSOPEN = 430
_SYS_FSCONFIG = 431
_SYS_FSMOUNT = 432
_SYS_MOUNT_SETATTR = 442
_SYS_PIVOT_ROOT = 41 if os.uname().machine == "aarch64" else 155


_MOUNT_ATTR = struct.Struct("@4Q")
"""Attributes to set and to clear, propagation, a user namespace."""


_int, _unsigned, _text, _address = ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_void_p
_libc = ctypes.CDLL(None, use_errno=True)


def _bind(name: str, *arguments: Any) -> Callable[..., int]:
    function = _libc[name]  # a fresh one each time, unlike an attribute
    function.argtypes = arguments
    return cast("Callable[..., int]", function)


_unshare = _bind("unshare", _int)
_setns = _bind("setns", _int, _int)
_mount = _bind("mount", _text, _text, _text, _unsigned, _text)
_umount2 = _bind("umount2", _text, _int)
_pivot_root = _bind("syscall", _int, _text, _text)
_open_tree = _bind("syscall", _int, _int, _text, _unsigned)
_move_mount = _bind("syscall", _int, _int, _text, _int, _text, _unsigned)
_fsopen = _bind("syscall", _int, _text, _unsigned)
_fsconfig = _bind("syscall", _int, _int, _unsigned, _text, _text, _int)
_fsmount = _bind("syscall", _int, _int, _unsigned, _unsigned)
_mount_setattr = _bind("syscall", _int, _int, _text, _unsigned, _text, _unsigned)


def _checked(result: int, subject: str | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), subject)
    return result


def unshare(flags: int) -> None:
    """Of the calling thread."""
    _checked(_unshare(flags))


def enter_mounts(namespace: int) -> None:
    """The calling thread's root is that of the namespace from then on. Takes a thread whose root is its own."""
    _checked(_setns(namespace, CLONE_NEWNS))


def keep_mounts_private() -> None:
    """Nothing that is mounted from here on is seen elsewhere, nor the other way."""
    _checked(_mount(b"", b"/", b"", _MS_REC | MS_PRIVATE, None))


def change_root(folder: str) -> None:
    """``folder`` is a mount; nothing of the root before is left."""
    os.chdir(folder)
    _checked(_pivot_root(_SYS_PIVOT_ROOT, b".", b"."), folder)
    _checked(_umount2(b".", _MNT_DETACH))
    os.chdir("/")


def open_tree(path: str) -> int:
    """A descriptor of a detached copy of the mounts at and below ``path``, symlinks followed."""
    flags = _OPEN_TREE_CLONE | AT_RECURSIVE | os.O_CLOEXEC
    return _checked(_open_tree(_SYS_OPEN_TREE, _AT_FDCWD, os.fsencode(path), flags), path)


def make_tree(kind: str, attributes: int, *flags: bytes, **options: str) -> int:
    """A descriptor of a new, detached mount. ``flags``: options without a value."""
    context = _checked(_fsopen(_SYS_FSOPEN, kind.encode(), _FSOPEN_CLOEXEC), kind)
    try:
        for flag in flags:
            _checked(_fsconfig(_SYS_FSCONFIG, context, _FSCONFIG_SET_FLAG, flag, None, 0), kind)
        for name, value in options.items():
            arguments = context, _FSCONFIG_SET_STRING, name.encode(), os.fsencode(value), 0
            _checked(_fsconfig(_SYS_FSCONFIG, *arguments), value)
        _checked(_fsconfig(_SYS_FSCONFIG, context, _FSCONFIG_CMD_CREATE, None, None, 0), kind)
        return _checked(_fsmount(_SYS_FSMOUNT, context, _FSMOUNT_CLOEXEC, attributes), kind)
    finally:
        os.close(context)


def move_mount(tree: int, target: str) -> None:
    """Attach the detached mounts of ``tree`` at ``target``, symlinks followed."""
    flags = _MOVE_MOUNT_F_EMPTY_PATH | _MOVE_MOUNT_T_SYMLINKS
    _checked(_move_mount(_SYS_MOVE_MOUNT, tree, b"", _AT_FDCWD, os.fsencode(target), flags), target)


def set_mount_attributes(tree: int, attributes: int, propagation: int, flags: int = 0) -> None:
    request = _MOUNT_ATTR.pack(attributes, 0, propagation, 0)
    _checked(_mount_setattr(_SYS_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH | flags, request, len(request)))
