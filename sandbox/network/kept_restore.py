"""iptables-restore, kept running from change to change: starting it takes longer than all that it does.

It does a change when it reads its COMMIT, and reads on. From the line of the table to COMMIT, and no longer, it has the
lock of the tables, and it reads the table anew each time, so what others change meanwhile stays. A comment behind the
COMMIT is said back when the change is done. It ends at what it cannot do, and at the end of its input: with the server,
however that ends.

Its variant for nf_tables is not kept: in some releases it looks at the chains only once, at its start.
"""

import socket
import subprocess
import threading
from functools import cached_property

_OPTIONS = ("--wait", "--noflush", "--verbose")
"""No seconds behind the first: the alarm for them outlasts the wait, and would end an idle process."""
_DONE = b"#done\n"
_MOST_BYTES = 4096


class KeptRestore:
    """For one family of addresses, in the network namespace of the thread that first has a change."""

    def __init__(self, program: str, wait_seconds: float) -> None:
        """``program``: path of iptables-restore. ``wait_seconds``: for others that hold the lock of the tables."""
        self._program = program
        self._wait_seconds = wait_seconds
        self._one_at_a_time = threading.Lock()
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def has_done(self, change: str) -> bool:
        """``change``: from the name of a table to its COMMIT. Blocks.

        If it says no, it may be done all the same; a run of the program does it, or tells why it cannot be done.
        """
        with self._one_at_a_time:
            try:
                done = self._can_be_kept and self._exchange(change.encode())
            except OSError:
                done = False
            if not done:
                self._end()
            return done

    def close(self) -> None:
        """Idempotent."""
        with self._one_at_a_time:
            self._end()

    @cached_property
    def _can_be_kept(self) -> bool:
        """Raises OSError."""
        shown = subprocess.run([self._program, "--version"], capture_output=True, check=False)
        return shown.returncode == 0 and b"nf_tables" not in shown.stdout

    def _exchange(self, change: bytes) -> bool:
        """Raises OSError."""
        connection = self._connection()
        connection.sendall(change + _DONE)
        said = b""
        while not said.endswith(_DONE):
            more = connection.recv(_MOST_BYTES)
            if not more:
                return False
            said += more
        return True

    def _connection(self) -> socket.socket:
        """To a process that lives. Raises OSError."""
        if self._running is None or self._running[0].poll() is not None:
            self._end()
            self._running = self._start()
        return self._running[1]

    def _start(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair()
        ours.settimeout(self._wait_seconds)
        with theirs:
            try:
                return self._start_with(theirs.fileno()), ours
            except BaseException:
                ours.close()
                raise

    def _start_with(self, connection: int) -> subprocess.Popen[bytes]:
        command = [self._program, *_OPTIONS]
        return subprocess.Popen(command, stdin=connection, stdout=connection, stderr=subprocess.DEVNULL)

    def _end(self) -> None:
        if self._running is None:
            return
        (process, connection), self._running = self._running, None
        with connection, process:
            process.kill()
