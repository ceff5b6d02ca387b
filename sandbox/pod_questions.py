"""What guests ask of their pod process: who else is in the pod, and that one of them be sent a signal.

Each guest that may ask holds one end of a socket, whose packets are the questions:

    list                    the guests, as JSON (see ``PodGuest.described``)
    signal NUMBER SIGNAL    an errno of WASI preview 1 as text, 0: it was sent

A guest may have been taken over: what it asks is understood or refused, concerns the pod's own guests alone, and is
answered without waiting for it. As the kernel has it, whoever is not root sends signals to guests of its own user only.
"""

import os
import signal
import socket
import time
from collections.abc import Callable
from typing import NamedTuple

from sandbox import lean_json
from sandbox.cgroup import tree as cgroup
from sandbox.cgroup.layout import Layout
from sandbox.event_loop import EventLoop

_SUCCESS, _INVAL, _PERM, _SRCH = 0, 28, 63, 71
_LONGEST_QUESTION = 64
_LONGEST_ANSWER = 150_000
"""Bytes that fit a packet with the kernel's usual limit."""
_LONGEST_COMMAND = 1000
_HIGHEST_SIGNAL = 64
_ROOT = 0
_CPU_CLOCK = 2
"""Of a clock of a process' own: both user and system time."""


class PodGuest(NamedTuple):
    """A guest that runs. ``pidfd``: the caller's."""

    pid: int
    pidfd: int
    container: str
    kind: str
    """``container`` or ``exec``."""
    command: list[str]
    uid: int
    started_at: int
    """Nanoseconds since the epoch."""
    group: str
    """Its container's cgroup."""

    def described(self, layout: Layout, asker: int) -> dict[str, str | int]:
        """Memory is that of its container with all that is executed there, and told of the container's own guest."""
        used = cgroup.setting(layout, self.group, "memory", "memory.current", "memory.usage_in_bytes")
        return {
            "process": self.pid,
            "container": self.container,
            "kind": self.kind,
            "command": "\0".join(self.command)[:_LONGEST_COMMAND],
            "user": self.uid,
            "cpu": _cpu_time(self.pid),
            "memory": int(used or 0) if self.kind == "container" else 0,
            "started": self.started_at,
            "self": int(self.pid == asker),
        }


def _cpu_time(pid: int) -> int:
    """Nanoseconds, 0 of one that is gone. Each process has a clock, whose number follows from the process' own."""
    try:
        return time.clock_gettime_ns(~pid << 3 | _CPU_CLOCK)
    except OSError:
        return 0


class Asker:
    """One guest that asks. To be made before its fork, and told of its number after."""

    def __init__(self, loop: EventLoop, layout: Layout, guests: Callable[[], list[PodGuest]], uid: int) -> None:
        """Raises OSError."""
        self._loop = loop
        self._layout = layout
        self._guests = guests
        self.uid = uid
        self.pid = -1
        """Of the guest."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours, self.theirs = ours.detach(), theirs.detach()
        os.set_blocking(self._ours, False)

    def follow(self, pid: int) -> None:
        """Answer the guest of that number, until it has gone. Raises OSError."""
        self.pid = pid
        self._loop.watch(self._ours, self._process_question)
        os.close(self.theirs)

    def close(self) -> None:
        """There is no guest to follow."""
        os.close(self.theirs)
        os.close(self._ours)

    def _process_question(self) -> None:
        try:
            question = os.read(self._ours, _LONGEST_QUESTION)
            if question:
                os.write(self._ours, self._answer(question.split()))
                return
        except OSError:
            pass  # it does not read, or has gone
        self._loop.unwatch(self._ours)
        os.close(self._ours)

    def _answer(self, words: list[bytes]) -> bytes:
        match words:
            case [b"list"]:
                return self._list()
            case [b"signal", number, which] if number.isdigit() and which.isdigit():
                return b"%d" % self._signal(int(number), int(which))
            case _:
                return b"%d" % _INVAL

    def _list(self) -> bytes:
        guests = self._guests()
        described = [lean_json.write(each.described(self._layout, self.pid)) for each in guests]
        while sum(map(len, described)) + len(described) > _LONGEST_ANSWER:
            described.pop()
        return f"[{','.join(described)}]".encode()

    def _signal(self, number: int, which: int) -> int:
        target = next((each for each in self._guests() if each.pid == number), None)
        if target is None:
            return _SRCH
        if which > _HIGHEST_SIGNAL:
            return _INVAL
        if self.uid not in (_ROOT, target.uid):
            return _PERM
        try:
            signal.pidfd_send_signal(target.pidfd, which)
        except OSError:
            return _SRCH
        return _SUCCESS
