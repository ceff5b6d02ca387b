"""Which pod has which port of the host. In memory: the pods' records say it after a restart. No I/O."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Any, NamedTuple

from sandbox.errors import InvalidSpec, NotSupported, SandboxError
from sandbox.network.addresses import Address
from sandbox.network.provider import HostPort

MARK = 0x2000
"""Bit of a packet's mark, from its arrival to its departure: it goes to a published port, and cannot be answered to the
address it comes from. The bit that the portmap plugin uses to the same end; Kubernetes has 0x4000 and 0x8000.
"""

_PROTOCOLS = ("tcp", "udp")
_ANY = {4: ip_address("0.0.0.0"), 6: ip_address("::")}


class PublishedPort(NamedTuple):
    """What arrives at the one goes to the other."""

    protocol: str
    host: Address
    """Unspecified: every address of the host, of this family."""
    host_port: int
    pod: Address
    pod_port: int

    def collides_with(self, other: "PublishedPort") -> bool:
        """As bound sockets do."""
        same_port = (self.protocol, self.host_port) == (other.protocol, other.host_port)
        return same_port and overlaps(self.host, other.host)


def overlaps(one: Address, other: Address) -> bool:
    """Whether what arrives at some address arrives at both."""
    if one.version != other.version:
        return False
    return one == other or one.is_unspecified or other.is_unspecified


def published_ports(pod: str, wanted: Iterable[HostPort], addresses: Sequence[Address]) -> list[PublishedPort]:
    """``addresses``: the pod's, which ``pod`` names in errors. Raises InvalidSpec, NotSupported."""
    found: list[PublishedPort] = []
    for port in wanted:
        for published in _published_port(pod, port, addresses):
            if published in found:
                continue
            if any(published.collides_with(other) for other in found):
                raise InvalidSpec(f"{pod} publishes host port {port.host_port}/{port.protocol} twice: choose another")
            found.append(published)
    return found


def _published_port(pod: str, port: HostPort, addresses: Sequence[Address]) -> list[PublishedPort]:
    if port.protocol not in _PROTOCOLS:
        raise NotSupported(
            f"host port {port.host_port} of {pod} is one of {port.protocol.upper()}, which wasmlet's own network does "
            "not publish: use TCP or UDP, or a CNI network"
        )
    host = _unmapped(ip_address(port.host_ip)) if port.host_ip else None
    if host is not None and host.version == 6 and host.is_loopback:
        raise InvalidSpec(
            f"host port {port.host_port} of {pod} is to listen on {host}, from where the kernel sends nothing to pods: "
            "choose 127.0.0.1 or another hostIP"
        )
    if host is not None and host.version == 6 and host.is_link_local:
        raise InvalidSpec(
            f"host port {port.host_port} of {pod} is to listen on {host}, which is an address within one link only: "
            "choose another hostIP"
        )
    targets = [address for address in addresses if host is None or address.version == host.version]
    if not targets:
        raise InvalidSpec(
            f"host port {port.host_port} of {pod} is to listen on {port.host_ip}, but the pods of this "
            "node have no address of that family: choose another hostIP, or give pods a range of it"
        )
    return [
        PublishedPort(port.protocol, host or _ANY[target.version], port.host_port, target, port.container_port)
        for target in targets
    ]


def _unmapped(address: Address) -> Address:
    """IPv4 addresses may be written as IPv6 ones."""
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


class HostPorts:
    """Ports are held by sandbox id. Names are for people."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, list[PublishedPort]]] = {}
        self._retired: set[str] = set()

    def published(self) -> list[PublishedPort]:
        """What is to lead to pods. May be called by any thread."""
        return [
            port for holder, (_, ports) in list(self._held.items()) if holder not in self._retired for port in ports
        ]

    def of(self, holder: str) -> list[PublishedPort]:
        return self._held[holder][1] if holder in self._held else []

    def claim(self, holder: str, name: str, ports: Sequence[PublishedPort]) -> None:
        """Raises SandboxError if another pod has one of them."""
        for other, (other_name, held) in self._held.items():
            for port in ports:
                if any(port.collides_with(taken) for taken in held):
                    raise SandboxError(_taken(port, name, other_name, other))
        self.hold(holder, name, ports)

    def hold(self, holder: str, name: str, ports: Sequence[PublishedPort]) -> None:
        """The holder has them already."""
        if ports:
            self._held[holder] = (name, list(ports))

    def retire(self, holder: str) -> None:
        """Nobody else can have its ports yet, but they lead to it no more."""
        if holder in self._held:
            self._retired.add(holder)

    def release(self, holder: str) -> None:
        """Idempotent."""
        self._held.pop(holder, None)
        self._retired.discard(holder)


def written(port: PublishedPort) -> list[Any]:
    """In JSON values, for a record."""
    return [port.protocol, str(port.host), port.host_port, str(port.pod), port.pod_port]


def read(values: Sequence[Any]) -> PublishedPort:
    protocol, host, host_port, pod, pod_port = values
    return PublishedPort(protocol, ip_address(host), host_port, ip_address(pod), pod_port)


def shown(port: PublishedPort) -> str:
    """As in ``8080/tcp`` or ``192.0.2.1:8080/tcp``."""
    host = f"[{port.host}]" if port.host.version == 6 else str(port.host)
    return (
        f"{port.host_port}/{port.protocol}" if port.host.is_unspecified else f"{host}:{port.host_port}/{port.protocol}"
    )


def _taken(port: PublishedPort, name: str, other_name: str, other: str) -> str:
    return (
        f"host port {shown(port)} of pod {name} is that of pod {other_name} (sandbox {other}): choose another, or "
        "remove that pod"
    )
