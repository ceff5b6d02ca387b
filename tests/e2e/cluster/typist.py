"""Somebody who types at a terminal, and reads what it shows."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.cluster.kubectl import SECONDS


class Typist:
    def __init__(self, command: list[str], columns: int, lines: int) -> None:
        self._terminal, theirs = pty.openpty()
        self.resize(columns, lines)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command], stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
        )
        os.close(theirs)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, text: str) -> None:
        """It is shown behind what has been waited for before."""
        deadline = time.monotonic() + SECONDS
        while text not in self.shown:
            assert self._read(deadline), f"{text!r} was not shown, but {self.shown!r}"
        self.shown = self.shown.partition(text)[2]

    def exit_code(self) -> int:
        """When it has ended. What it says till then is shown."""
        deadline = time.monotonic() + SECONDS
        while self._read(deadline):
            pass
        return self.process.wait(timeout=SECONDS)

    def leave(self) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._terminal)

    def _read(self, deadline: float) -> bool:
        """Some more, as far as there is any."""
        if not select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self._terminal, 1 << 16)
        except OSError:  # nobody has the other side any more
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)


@contextmanager
def typing_at(command: list[str], columns: int = 80, lines: int = 24) -> Iterator[Typist]:
    """A command with a terminal of its own."""
    typist = Typist(command, columns, lines)
    try:
        yield typist
    finally:
        typist.leave()
