"""Which ports processes of the host listen on, in the calling thread's network namespace."""

import errno
import socket
import struct
from collections.abc import Iterator, Sequence
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.network.addresses import Address
from sandbox.network.host_ports import PublishedPort, overlaps, shown
from sandbox.network.netlink import EncodedMessage, NetlinkSocket

_SOCKETS = Path("/proc/thread-self/net")
_STATES = {"tcp": 10, "udp": 7}
"""Of a socket that takes what anyone sends: it listens, or is connected to nobody."""
_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20
_REQUEST = struct.Struct("=BBBxI48x")
_ANSWER = struct.Struct(">4xHH16s")
_HEADER_BYTES = 16
"""Of netlink."""
_WORD = 4
_IP_FREEBIND = 15


def refuse_used(pod: str, ports: Sequence[PublishedPort]) -> None:
    """What is addressed to such a port would not reach the process any more. Raises SandboxError, OSError."""
    ports = [port for port in ports if not _can_be_bound(port)]
    for protocol in sorted({port.protocol for port in ports}):
        for address, number in _listening(protocol):
            for port in ports:
                if (port.protocol, port.host_port) == (protocol, number) and _takes(address, port.host):
                    raise SandboxError(
                        f"host port {shown(port)} of pod {pod} is used by a process of this host, at {address}: choose "
                        f"another, or end that process; 'ss -lnp sport = {number}' shows it"
                    )


def _can_be_bound(port: PublishedPort) -> bool:
    """If so, nobody has it. If not, somebody may only be sending from it, as far as the kernel is asked so briefly."""
    family = socket.AF_INET if port.host.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_STREAM if port.protocol == "tcp" else socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)  # the host may get the address later
        if port.protocol == "tcp":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((str(port.host), port.host_port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def _takes(listening: Address, host: Address) -> bool:
    """A socket of any IPv6 address usually takes IPv4 as well."""
    return overlaps(listening, host) or (isinstance(listening, IPv6Address) and listening.is_unspecified)


def _listening(protocol: str) -> list[tuple[Address, int]]:
    try:
        return list(_asked_for(protocol))
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EPROTONOSUPPORT):
            raise
        return list(_read(protocol))


def _asked_for(protocol: str) -> Iterator[tuple[Address, int]]:
    """As the kernel tells by sock_diag(7), if it does: however many other sockets there are, it looks at these."""
    number = socket.IPPROTO_TCP if protocol == "tcp" else socket.IPPROTO_UDP
    with NetlinkSocket(_NETLINK_SOCK_DIAG) as netlink:
        for family, length in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
            wanted = _REQUEST.pack(family, number, 0, 1 << _STATES[protocol])
            for answer in netlink.dump_encoded(EncodedMessage(_SOCK_DIAG_BY_FAMILY, 0, wanted)):
                port, _, address = _ANSWER.unpack_from(answer, _HEADER_BYTES)
                yield _unmapped(ip_address(address[:length])), port


def _read(protocol: str) -> Iterator[tuple[Address, int]]:
    for table in (protocol, f"{protocol}6"):
        try:
            lines = (_SOCKETS / table).read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:  # no IPv6
            continue
        yield from parse(lines, f"{_STATES[protocol]:02X}")


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
    return _unmapped(ip_address(packed))


def _unmapped(address: Address) -> Address:
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
