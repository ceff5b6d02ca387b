"""The bridge on the host and its ports. Everything here blocks, in the network namespace of the calling thread."""

import errno
import socket
from collections.abc import Sequence
from typing import NamedTuple

from sandbox.errors import SandboxError
from sandbox.network import ipv6
from sandbox.network import route_messages as route
from sandbox.network.addresses import Interface, Network, gateway
from sandbox.network.names import sandbox_of_alias
from sandbox.network.netlink import NetlinkSocket

_USUAL_MTU = 1500


class Device(NamedTuple):
    ifindex: int
    mtu: int
    """Of the interface that the default route leaves by; the pods' interfaces have the same."""


def used_networks(without: str = "") -> list[Network]:
    """What this host has IPv4 addresses in or routes to, its default route and interface ``without`` left out."""
    with NetlinkSocket() as host:
        excluded = {each.ifindex for each in _links(host) if each.name == without}
        addresses = [answer for answer in host.dump(route.get_addresses()) if answer["index"] not in excluded]
        routes = [route.route(answer) for answer in host.dump(route.get_routes())]
    destinations = [each.destination for each in routes if each.interface not in excluded]
    networks: list[Network] = [route.address(answer).network for answer in addresses]
    return [each for each in networks if each.version == 4] + [each for each in destinations if each.prefixlen]


def is_there(device: Device, bridge: str) -> bool:
    """Whether it has not been removed, or replaced."""
    try:
        return socket.if_nametoindex(bridge) == device.ifindex
    except OSError:
        return False


def exists(bridge: str) -> bool:
    """Whether there is an interface of that name."""
    with NetlinkSocket() as host:
        return any(each.name == bridge for each in _links(host))


def ensure(bridge: str, mac: str, ranges: Sequence[Network]) -> Device:
    """Make what is missing of the bridge, its gateway addresses and its ports. Raises SandboxError."""
    with NetlinkSocket() as host:
        try:
            index = _ensure_bridge(host, bridge, mac)
            _refuse_taken(host, index, ranges)
            if any(network.version == ipv6.VERSION for network in ranges):
                ipv6.prepare(bridge)
            for network in ranges:
                _tolerate(errno.EEXIST, *host.attempt(route.add_address(index, gateway(network))))
            links = _links(host)
            _connect_ports(host, links, bridge, index)
            return Device(index, _uplink_mtu(host, links))
        except OSError as error:
            raise _not_made(bridge, error) from error


def ports(bridge: str) -> set[str]:
    """The host's ends of the bridge's pods, by name."""
    with NetlinkSocket() as host:
        return {each.name for each in _links(host) if sandbox_of_alias(bridge, each.alias)}


def delete_ports(bridge: str, live: set[str]) -> list[str]:
    """Delete the host's ends of all pods but the live ones and return whose they were. Takes 30 ms for each."""
    with NetlinkSocket() as host:
        ports = [(each.name, sandbox_of_alias(bridge, each.alias)) for each in _links(host)]
        dead = [(name, sandbox_id) for name, sandbox_id in ports if sandbox_id and sandbox_id not in live]
        for name, _ in dead:
            delete_link(host, name)
    return [sandbox_id for _, sandbox_id in dead]


def delete_interfaces(names: Sequence[str]) -> None:
    """Idempotent. Raises OSError."""
    with NetlinkSocket() as host:
        for name in names:
            delete_link(host, name)


def delete_link(host: NetlinkSocket, name: str) -> None:
    """Idempotent. Raises OSError."""
    _tolerate(errno.ENODEV, *host.attempt(route.delete_link(name)))


def _links(host: NetlinkSocket) -> list[route.Link]:
    return [route.link(answer) for answer in host.dump(route.get_links())]


def _ensure_bridge(host: NetlinkSocket, bridge: str, mac: str) -> int:
    _tolerate(errno.EEXIST, *host.attempt(route.add_bridge(bridge, mac)))
    found = next(each for each in _links(host) if each.name == bridge)
    if found.kind != "bridge":
        raise SandboxError(
            f"interface {bridge} is there and is no bridge: remove it or set network.bridge to another name"
        )
    if found.mac != mac:
        raise SandboxError(
            f"bridge {bridge} is there and is not wasmlet's: remove it or set network.bridge to another name"
        )
    host.request(route.set_bridge(found.ifindex))
    return found.ifindex


def _refuse_taken(host: NetlinkSocket, bridge: int, ranges: Sequence[Network]) -> None:
    """Whoever else has an address among the pods' gets what is meant for a pod, or pods get what is meant for it."""
    for answer in host.dump(route.get_addresses()):
        other = route.address(answer)
        for network in ranges:
            if answer["index"] != bridge and other.ip in network and not _names_a_range(other):
                interface = socket.if_indextoname(answer["index"])
                raise SandboxError(
                    f"pods cannot have addresses of {network}: interface {interface} of this host has {other}; take it "
                    "off that interface, or give pods another range (network.subnet, the node's pod CIDR)"
                )


def _names_a_range(address: Interface) -> bool:
    """As tunnels between nodes have it: the first address of a range, which no pod gets, for itself alone."""
    return address.network.num_addresses == 1 and not address.ip.packed[-1]


def _connect_ports(host: NetlinkSocket, links: list[route.Link], bridge: str, index: int) -> None:
    """Ports of a bridge that somebody removed are still there, connected to nothing."""
    for port in links:
        if sandbox_of_alias(bridge, port.alias) and port.master != index:
            _tolerate(errno.ENODEV, *host.attempt(route.set_master(port.ifindex, index)))


def _uplink_mtu(host: NetlinkSocket, links: list[route.Link]) -> int:
    routes = [route.route(answer) for answer in host.dump(route.get_routes())]
    defaults = sorted(
        (each.priority, each.interface) for each in routes if not each.destination.prefixlen and each.interface
    )
    mtus = {each.ifindex: each.mtu for each in links}
    return mtus.get(defaults[0][1], _USUAL_MTU) if defaults else _USUAL_MTU


def _tolerate(number: int, *refusals: OSError | None) -> None:
    for refusal in refusals:
        if refusal is not None and refusal.errno != number:
            raise refusal


def _not_made(bridge: str, error: OSError) -> SandboxError:
    remedies = {
        errno.EPERM: "run wasmlet as root with the right to administer the network (CAP_NET_ADMIN)",
        errno.EOPNOTSUPP: "load the kernel modules bridge and veth, or use a kernel that has them",
    }
    remedy = remedies.get(error.errno or 0, "see the host's interfaces with 'ip link'")
    return SandboxError(f"bridge {bridge} cannot be made: {error.strerror or error}; {remedy}")
