"""Standard streams of a process that the server starts or attaches to: pipes or a terminal, both sides of which the
server makes. What goes through them passes no other process.
"""

import fcntl
import os
import struct
import termios
from typing import NamedTuple

_LARGEST_SIDE = (1 << 16) - 1
_DISABLED = b"\0"
"""POSIX' ``_POSIX_VDISABLE``: no character does it."""


class Ends(NamedTuple):
    """The server's ends of a process' standard streams: non-blocking descriptors, -1: not asked for.

    Whoever gets them closes each once. Of a terminal, stdin and stdout are two duplicates.
    """

    stdin: int = -1
    stdout: int = -1
    stderr: int = -1


class Streams:
    """Both sides. ``theirs``: descriptors for the other process, by their names, until ``close_theirs``."""

    def __init__(self) -> None:
        self.ends = Ends()
        self.theirs: dict[str, int] = {}
        self.terminal = -1
        """The server's own duplicate of a terminal, by which its size is set; -1: none."""

    def add_input(self) -> None:
        theirs, ours = os.pipe()
        self.theirs["stdin"] = theirs
        self.ends = self.ends._replace(stdin=_without_waiting(ours))

    def add_output(self, name: str) -> None:
        """``name``: ``stdout`` or ``stderr``."""
        ours, theirs = os.pipe()
        self.theirs[name] = theirs
        self.ends = self.ends._replace(**{name: _without_waiting(ours)})

    def add_terminal(self, stdin: bool, stdout: bool) -> None:
        """One terminal for all three, of which the server may want less."""
        self.terminal, self.theirs["terminal"] = os.openpty()
        _let_nobody_stop(self.terminal)
        _without_waiting(self.terminal)
        ours = {"stdin": stdin, "stdout": stdout}
        for name in [name for name, wanted in ours.items() if wanted]:
            self.ends = self.ends._replace(**{name: os.dup(self.terminal)})

    def close_theirs(self) -> None:
        """Also for the second time."""
        while self.theirs:
            os.close(self.theirs.popitem()[1])

    def close_terminal(self) -> None:
        """Also for the second time."""
        if self.terminal >= 0:
            os.close(self.terminal)
            self.terminal = -1

    def close(self) -> None:
        """All of it, when nobody has got the ends."""
        self.close_theirs()
        self.close_terminal()
        for descriptor in self.ends:
            if descriptor >= 0:
                os.close(descriptor)
        self.ends = Ends()


def of_process(stdin: bool, stdout: bool, stderr: bool, tty: bool) -> Streams:
    """Raises OSError, and nothing is left open."""
    streams = Streams()
    try:
        if tty:
            streams.add_terminal(stdin, stdout)
            return streams
        if stdin:
            streams.add_input()
        for name in [name for name, wanted in (("stdout", stdout), ("stderr", stderr)) if wanted]:
            streams.add_output(name)
    except BaseException:
        streams.close()
        raise
    return streams


def resize(terminal: int, width: int, height: int) -> None:
    """Columns and rows. A size that is none is not heeded."""
    if 0 <= width <= _LARGEST_SIDE and 0 <= height <= _LARGEST_SIDE:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", height, width, 0, 0))


def _without_waiting(descriptor: int) -> int:
    os.set_blocking(descriptor, False)
    return descriptor


def _let_nobody_stop(terminal: int) -> None:
    """^Z would stop a guest for which nobody has a shell that continues it."""
    attributes = termios.tcgetattr(terminal)
    attributes[6][termios.VSUSP] = _DISABLED
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)
