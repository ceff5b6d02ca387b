"""Which ports processes of the host listen on, in the calling thread's network namespace."""

import socket
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.network.addresses import Address
from sandbox.network.host_ports import PublishedPort, overlaps, shown

_SOCKETS = Path("/proc/thread-self/net")
_STATES = {"tcp": "0A", "udp": "07"}
"""Of a socket that takes what anyone sends (proc_net(5)): it listens, or is connected to nobody."""
_WORD = 4


def refuse_used(pod: str, ports: Sequence[PublishedPort]) -> None:
    """What is addressed to such a port would not reach the process any more. Raises SandboxError, OSError."""
    for protocol in sorted({port.protocol for port in ports}):
        for address, number in _listening(protocol):
            for port in ports:
                if (port.protocol, port.host_port) == (protocol, number) and _takes(address, port.host):
                    raise SandboxError(
                        f"host port {shown(port)} of pod {pod} is used by a process of this host, at {address}: choose "
                        f"another, or end that process; 'ss -lnp sport = {number}' shows it"
                    )


def _takes(listening: Address, host: Address) -> bool:
    """A socket of any IPv6 address usually takes IPv4 as well."""
    return overlaps(listening, host) or (isinstance(listening, IPv6Address) and listening.is_unspecified)


def _listening(protocol: str) -> Iterator[tuple[Address, int]]:
    for table in (protocol, f"{protocol}6"):
        try:
            lines = (_SOCKETS / table).read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:  # no IPv6
            continue
        yield from parse(lines, _STATES[protocol])


def parse(lines: Sequence[str], state: str) -> Iterator[tuple[Address, int]]:
    """Local address and port of the sockets in that state."""
    for line in lines:
        _, local, _, found, *_ = line.split(maxsplit=4)
        if found == state:
            address, port = local.split(":")
            yield _address(address), int(port, 16)


def _address(written: str) -> Address:
    """Words of four bytes, each in the machine's order."""
    packed = b"".join(
        socket.htonl(int(written[start : start + 2 * _WORD], 16)).to_bytes(_WORD, "big")
        for start in range(0, len(written), 2 * _WORD)
    )
    if len(packed) == _WORD:
        return IPv4Address(packed)
    address = IPv6Address(packed)
    return address.ipv4_mapped or address
