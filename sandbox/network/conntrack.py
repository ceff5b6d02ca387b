"""UDP flows that the kernel remembers, by ctnetlink: as long as they go on, each goes where its first packet went.

So a port that a pod begins to publish would be missed by who has sent to it before, and one that another pod takes over
would still lead to the former. TCP has no such trouble: every connection is a flow of its own.
"""

import errno
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from sandbox.network import route_messages as route
from sandbox.network.addresses import Address
from sandbox.network.host_ports import PublishedPort, overlaps
from sandbox.network.netlink import NETLINK_NETFILTER, EncodedMessage, KeptSocket, NetlinkSocket
from sandbox.network.netlink_attributes import attribute, attributes, nested

_GET, _DELETE = 0x101, 0x102
_HEADER_BYTES = 20
"""Of netlink and of nfnetlink."""
_ORIGINAL, _REPLY = 1, 2
_ADDRESSES, _PROTOCOL = 1, 2
_SOURCES, _DESTINATIONS = (1, 3), (2, 4)
_PROTOCOL_NUMBER, _DESTINATION_PORT = 1, 3
_UDP = 17
_FILTER, _FILTERED_ORIGINAL, _FILTERED_REPLY = 25, 1, 2
_COMPARE_SOURCE, _COMPARE_PROTOCOL = 1 << 0, 1 << 3
_FAMILIES = {4: 2, 6: 10}


class _Flow(NamedTuple):
    family: int
    original: bytes
    """The attribute that names it to the kernel."""
    addressed_to: Address
    port: int
    answered_by: Address


class Flows:
    """What the kernel remembers of this host's network."""

    def __init__(self) -> None:
        self._netlink = KeptSocket(NETLINK_NETFILTER)

    def close(self) -> None:
        """Idempotent."""
        self._netlink.close()

    def forget_direct(self, ports: Iterable[PublishedPort]) -> None:
        """Flows to these ports of the host itself, which are the pods' from now on. Raises OSError."""
        self._forget(ports, lambda flow, port: flow.addressed_to == flow.answered_by)

    def forget_translated(self, ports: Iterable[PublishedPort]) -> None:
        """Flows that went to the pods that had these ports, all of them: the pods are gone. Raises OSError."""
        udp = [port for port in ports if port.protocol == "udp"]
        if not all(list(map(self._forgotten, {port.pod for port in udp}))):
            self._forget(udp, lambda flow, port: flow.answered_by == port.pod)

    def _forgotten(self, pod: Address) -> bool:
        """Whether the kernel, from Linux 6.11 on, has found them itself, which takes it a tenth of the time."""
        with self._netlink as netlink:
            return netlink.attempt(_message(_DELETE, _FAMILIES[pod.version], _answered_by(pod))) == [None]

    def _forget(self, ports: Iterable[PublishedPort], stale: Callable[[_Flow, PublishedPort], bool]) -> None:
        """Takes some milliseconds: the kernel locks and shows every part of its table."""
        udp = [port for port in ports if port.protocol == "udp"]
        if not udp:
            return
        with self._netlink as netlink:
            flows = [flow for flow in _flows(netlink) if any(_is_of(flow, port) and stale(flow, port) for port in udp)]
            here = _host_addresses() if flows else set()
            for flow in flows:
                if flow.addressed_to in here:
                    _delete(netlink, flow)


def _is_of(flow: _Flow, port: PublishedPort) -> bool:
    return flow.port == port.host_port and overlaps(flow.addressed_to, port.host)


def _host_addresses() -> set[Address]:
    with NetlinkSocket() as host:
        return {route.address(answer).ip for answer in host.dump(route.get_addresses())}


def _flows(netlink: NetlinkSocket) -> Iterator[_Flow]:
    """UDP flows of both families."""
    for data in netlink.dump_encoded(_message(_GET, 0, b"")):
        found = dict(attributes(data[_HEADER_BYTES:]))
        protocol = dict(attributes(dict(attributes(found[_ORIGINAL]))[_PROTOCOL]))
        if protocol[_PROTOCOL_NUMBER][0] == _UDP:
            (port,) = struct.unpack_from(">H", protocol[_DESTINATION_PORT])
            to, answered_by = _address(found[_ORIGINAL], _DESTINATIONS), _address(found[_REPLY], _SOURCES)
            yield _Flow(_FAMILIES[to.version], found[_ORIGINAL], to, port, answered_by)


def _address(direction: bytes, kinds: Sequence[int]) -> Address:
    addresses = dict(attributes(dict(attributes(direction))[_ADDRESSES]))
    return ip_address(next(addresses[kind] for kind in kinds if kind in addresses))


def _delete(netlink: NetlinkSocket, flow: _Flow) -> None:
    for refusal in netlink.attempt(_message(_DELETE, flow.family, nested(_ORIGINAL, flow.original))):
        if refusal is not None and refusal.errno != errno.ENOENT:
            raise refusal


def _answered_by(pod: Address) -> bytes:
    """A filter: UDP flows that are answered from there. To a kernel that has no filters, a flow named incompletely."""
    protocol = nested(_ORIGINAL, nested(_PROTOCOL, attribute(_PROTOCOL_NUMBER, bytes([_UDP]))))
    address = nested(_REPLY, nested(_ADDRESSES, attribute(_SOURCES[pod.version == 6], pod.packed)))
    compared = [(_FILTERED_ORIGINAL, _COMPARE_PROTOCOL), (_FILTERED_REPLY, _COMPARE_SOURCE)]
    return protocol + address + nested(_FILTER, *(attribute(kind, struct.pack("=I", bits)) for kind, bits in compared))


def _message(number: int, family: int, named: bytes) -> EncodedMessage:
    return EncodedMessage(number, 0, struct.pack(">BBH", family, 0, 0) + named)
