"""What wasmlet answers to a module that asks for more than WASI preview 1 has (see ``image_store.host_interface``).

    terminal_size   result                          columns, rows: 32 bits each
    process_list    buffer, capacity, size          the guests of the pod, as JSON (see ``sandbox.pod_questions``)
    process_signal  process, signal
    path_status     path, length, follows, result   13 of 64 bits: mode, user, group, links, inode, file system, device,
                                                    size, blocks of 512 bytes, block size; accessed, modified, changed
                                                    in nanoseconds since the epoch
    path_space      path, length, result            3 of 64 bits: bytes of the file system, free, free for this user
    path_mode_set   path, length, mode              of which the right to run as the owner is no part
    sock_connect    kind, address, length, port,    a socket that connects, and does not block
                    descriptor
    sock_error      descriptor                      what became of that

The process is the guest's, without rights, in the container's root and in its pod's network: whatever a path or an
address leads to is the container's own. Every address that the guest gives is checked against its memory.
"""

import errno
import fcntl
import os
import socket
import stat
import struct
from collections.abc import Callable

from image_store import host_interface
from sandbox import network_access, syscalls

SUCCESS = 0
_ACCESS, _AFNOSUPPORT, _IN_PROGRESS, _INVAL, _NOSYS, _NO_TERMINAL, _OVERFLOW = 2, 5, 26, 28, 52, 59, 61
STREAM, DATAGRAM = 6, 5
"""As WASI numbers the kinds of sockets."""
_KINDS = {STREAM: socket.SOCK_STREAM, DATAGRAM: socket.SOCK_DGRAM}
_FAMILIES = {4: socket.AF_INET, 16: socket.AF_INET6}
"""By the length of an address."""
_TIOCGWINSZ = 0x5413
_WINDOW = struct.Struct("=HHHH")
_SIZE = struct.Struct("<II")
_WORD = struct.Struct("<I")
_STATUS = struct.Struct("<13Q")
_SPACE = struct.Struct("<3Q")
_LONGEST_PATH = 4096
_LONGEST_ANSWER = 1 << 18
_MODE = 0o1777
_WORKING_DIRECTORY = -100
"""``AT_FDCWD``: the container's root."""
_NAME_TOO_LONG, _INVALID = errno.ENAMETOOLONG, errno.EINVAL


class HostCalls:
    """``read``, ``write``: of the guest's memory, which raise for an address outside of it; ``adopt``: makes a socket
    one of the guest's and gives its number there; ``descriptor``: of a socket of the guest's."""

    def __init__(
        self,
        read: Callable[[int, int], bytes],
        write: Callable[[int, bytes], None],
        adopt: Callable[[int, int], int],
        descriptor: Callable[[int], int],
    ) -> None:
        self._read = read
        self._write = write
        self._adopt = adopt
        self._descriptor = descriptor
        self._questions = -1
        self._access = network_access.NONE
        self.functions: list[Callable[..., int]] = [getattr(self, f"_{name}") for name in host_interface.PARAMETERS]

    def attach(self, questions: int, access: str) -> None:
        """``questions``: descriptor of the socket at whose other end the pod process answers; ``access``: one of
        ``network_access.ALL``."""
        self._questions, self._access = questions, access

    def _terminal_size(self, result: int) -> int:
        for descriptor in range(3):
            if os.isatty(descriptor):
                rows, columns, _, _ = _WINDOW.unpack(fcntl.ioctl(descriptor, _TIOCGWINSZ, bytes(_WINDOW.size)))
                self._write(result, _SIZE.pack(columns, rows))
                return SUCCESS
        return _NO_TERMINAL

    def _process_list(self, buffer: int, capacity: int, size: int) -> int:
        if self._questions < 0:
            return _NOSYS
        answer = self._ask(b"list")
        self._write(size, _WORD.pack(len(answer)))
        if len(answer) > capacity:
            return _OVERFLOW
        self._write(buffer, answer)
        return SUCCESS

    def _process_signal(self, process: int, number: int) -> int:
        return int(self._ask(b"signal %d %d" % (process, number))) if self._questions >= 0 else _NOSYS

    def _ask(self, question: bytes) -> bytes:
        os.write(self._questions, question)
        return os.read(self._questions, _LONGEST_ANSWER)

    def _path(self, pointer: int, length: int) -> bytes:
        if length > _LONGEST_PATH:
            raise OSError(_NAME_TOO_LONG, os.strerror(_NAME_TOO_LONG))
        path = self._read(pointer, length)
        if b"\0" in path:
            raise OSError(_INVALID, os.strerror(_INVALID))
        return path

    def _path_status(self, path: int, length: int, follows: int, result: int) -> int:
        descriptor = self._open(path, length, os.O_PATH | (0 if follows else os.O_NOFOLLOW))
        try:
            found = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        numbers = (found.st_mode, found.st_uid, found.st_gid, found.st_nlink, found.st_ino, found.st_dev, found.st_rdev)
        sizes = (found.st_size, found.st_blocks, found.st_blksize)
        times = (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)
        self._write(result, _STATUS.pack(*numbers, *sizes, *(max(0, each) for each in times)))
        return SUCCESS

    def _path_space(self, path: int, length: int, result: int) -> int:
        descriptor = self._open(path, length, os.O_PATH)
        try:
            found = os.fstatvfs(descriptor)
        finally:
            os.close(descriptor)
        blocks = (found.f_blocks, found.f_bfree, found.f_bavail)
        self._write(result, _SPACE.pack(*(number * found.f_frsize for number in blocks)))
        return SUCCESS

    def _path_mode_set(self, path: int, length: int, mode: int) -> int:
        descriptor = self._open_to_change(path, length)
        try:
            os.fchmod(descriptor, stat.S_IMODE(mode) & _MODE)
        finally:
            os.close(descriptor)
        return SUCCESS

    def make_link(self, target: int, target_length: int, path: int, length: int) -> int:
        """A symbolic link that wasmtime refuses to make."""
        leads_to = self._path(target, target_length)
        folder, name = self._folder_and_name(path, length)
        try:
            os.symlink(leads_to, name, dir_fd=folder)
        finally:
            os.close(folder)
        return SUCCESS

    def read_link(self, path: int, length: int, buffer: int, capacity: int, result: int) -> int:
        """As much as has room."""
        folder, name = self._folder_and_name(path, length)
        try:
            leads_to = os.readlink(name, dir_fd=folder)[:capacity]
        finally:
            os.close(folder)
        self._write(buffer, leads_to)
        self._write(result, _WORD.pack(len(leads_to)))
        return SUCCESS

    def _folder_and_name(self, path: int, length: int) -> tuple[int, bytes]:
        """What holds a link, as a descriptor, and the link's name there."""
        folder, name = os.path.split(self._path(path, length))
        flags = os.O_PATH | os.O_DIRECTORY
        return syscalls.open_in_root(_WORKING_DIRECTORY, os.fsdecode(folder) or ".", flags), name

    def _open_to_change(self, path: int, length: int) -> int:
        """A mode is changed by descriptor, or what the path names could become another file meanwhile. So a file that
        can be neither read nor written keeps its mode."""
        try:
            return self._open(path, length, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except PermissionError:
            return self._open(path, length, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)

    def _open(self, path: int, length: int, flags: int) -> int:
        """Through no link of /proc, which a container may have of the host: these lead out of its root."""
        return syscalls.open_in_root(_WORKING_DIRECTORY, os.fsdecode(self._path(path, length)), flags)

    def _sock_connect(self, kind: int, address: int, length: int, port: int, result: int) -> int:
        if not network_access.calls_out(self._access):
            return _ACCESS
        if length not in _FAMILIES:
            return _AFNOSUPPORT
        if kind not in _KINDS or port > 0xFFFF:
            return _INVAL
        family = _FAMILIES[length]
        text = socket.inet_ntop(family, self._read(address, length))
        self._write(result, _WORD.pack(0))
        made = socket.socket(family, _KINDS[kind] | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            made.connect((text, port))
            settled = SUCCESS
        except BlockingIOError:
            settled = _IN_PROGRESS
        except OSError:
            made.close()
            raise
        self._write(result, _WORD.pack(self._adopt(made.detach(), kind)))
        return settled

    def _sock_error(self, number: int) -> int:
        """It is connected once it has a peer; until then nothing is known, unless it failed."""
        descriptor = self._descriptor(number)
        view = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=descriptor)
        try:
            failed = view.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not failed:
                view.getpeername()
        except OSError as error:
            return _IN_PROGRESS if error.errno == errno.ENOTCONN else _INVAL
        finally:
            view.detach()
        if failed:
            raise OSError(failed, os.strerror(failed))
        return SUCCESS
