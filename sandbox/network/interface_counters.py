"""What the interfaces of a network namespace have carried, as ``/proc/<pid>/net/dev`` of a process in it tells.

Read from outside: nobody has to enter the namespace for it.
"""

from typing import NamedTuple

from sandbox import kernel_files
from sandbox.network.names import POD_INTERFACE

_LOOPBACK = "lo"
_HEADER_LINES = 2
_TRANSMITTED = 8
"""Column of the first transmit counter."""


class InterfaceCounters(NamedTuple):
    """Since the interface was made."""

    name: str
    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


def read_counters(pid: int) -> list[InterfaceCounters]:
    """Of the namespace of a process, the pod's own interface first, without loopback. Empty when that is gone."""
    try:
        return parse(kernel_files.read(f"/proc/{pid}/net/dev"))
    except (FileNotFoundError, ProcessLookupError):
        return []


def parse(text: bytes) -> list[InterfaceCounters]:
    """Of the text of ``net/dev`` (proc_pid_net(5))."""
    counters = [_parse_line(line) for line in text.decode("utf-8", "replace").splitlines()[_HEADER_LINES:]]
    shown = [each for each in counters if each.name != _LOOPBACK]
    return sorted(shown, key=lambda each: each.name != POD_INTERFACE)


def _parse_line(line: str) -> InterfaceCounters:
    name, _, columns = line.rpartition(":")
    numbers = [int(column) for column in columns.split()]
    return InterfaceCounters(name.strip(), *numbers[:4], *numbers[_TRANSMITTED : _TRANSMITTED + 4])
