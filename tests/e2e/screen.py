"""A person's terminal: a program in a pty, keys that are typed, and the screen that results."""

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import pyte

_PATIENCE = 300.0

ENTER, TAB, BACKSPACE, ESCAPE = "\r", "\t", "\x7f", "\x1b"
UP, DOWN, RIGHT, LEFT, HOME, END = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[H", "\x1b[F"


def control(letter: str) -> str:
    """The key together with Ctrl."""
    return chr(ord(letter.upper()) - ord("@"))


class Screen:
    def __init__(self, process: subprocess.Popen[bytes], terminal: int, columns: int, rows: int) -> None:
        self._process = process
        self._terminal = terminal
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def lines(self) -> list[str]:
        """What is seen, without the empty lines at the end."""
        lines = [line.rstrip() for line in self._screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column, from 0."""
        return self._screen.cursor.y, self._screen.cursor.x

    def type(self, *keys: str) -> None:
        for key in keys:
            os.write(self._terminal, key.encode())

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._process.send_signal(signal.SIGWINCH)

    def shows(self, *lines: str) -> None:
        """Wait until these are the last lines."""
        expected = list(lines)
        self._wait(lambda: self.lines[-len(expected) :] == expected, expected)

    def shows_nothing_but(self, *lines: str) -> None:
        """Wait until this is all that is seen, as after ``clear``: an earlier prompt does not count."""
        expected = list(lines)
        self._wait(lambda: self.lines == expected, expected)

    def shows_somewhere(self, text: str) -> None:
        self._wait(lambda: any(text in line for line in self.lines), [text])

    def ends(self) -> int:
        """Wait for the program's end, and give its status."""
        deadline = time.monotonic() + _PATIENCE
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end: {self.lines}"
            self._read(0.02)
        return self._process.returncode

    def _wait(self, holds: Callable[[], bool], expected: list[str]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not holds():
            assert time.monotonic() < deadline, f"not {expected} but {self.lines}"
            self._read(0.2)

    def _read(self, seconds: float) -> None:
        if select.select([self._terminal], [], [], seconds)[0]:
            with suppress(OSError):  # EIO: the program has ended
                self._stream.feed(os.read(self._terminal, 65536))


@contextmanager
def screen_of(command: Sequence[str], columns: int = 80, rows: int = 24) -> Iterator[Screen]:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env={**os.environ, "TERM": "xterm"}
    )
    os.close(theirs)
    try:
        yield Screen(process, ours, columns, rows)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
