"""Which pod has which address of one family. In memory: the pods' records say it after a restart. No I/O.

Addresses go round: each is given once before any is given again, and of those given back the longest free comes first,
so that whoever remembers the former pod has time to forget it.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network, ip_interface
from typing import NamedTuple

from sandbox.errors import SandboxError

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
"""An address with its range."""
Network = IPv4Network | IPv6Network

_SMALLEST_BITS = 2
"""Of the smallest range with room for a gateway and a pod."""


class Lease(NamedTuple):
    interface: Interface
    gateway: Address
    former: str
    """Who had the address before, "" if nobody."""


def gateway(network: Network) -> Interface:
    """The bridge's address: the first of the range."""
    return ip_interface((network.network_address + 1, network.prefixlen))


def usable(network: Network) -> bool:
    return network.max_prefixlen - network.prefixlen >= _SMALLEST_BITS


class AddressBook:
    """Several ranges: new pods get an address of the current one, older pods keep theirs."""

    def __init__(self) -> None:
        self._ranges: dict[Network, _Range] = {}
        self._current: Network | None = None
        self._held: dict[str, Interface] = {}

    @property
    def current(self) -> Network | None:
        return self._current

    @property
    def used_ranges(self) -> set[Network]:
        """Those that somebody holds an address of."""
        return {interface.network for interface in self._held.values()}

    @property
    def holders(self) -> set[str]:
        return set(self._held)

    def use(self, network: Network) -> None:
        """Give addresses of this range from now on."""
        self._ranges.setdefault(network, _Range(network))
        self._current = network

    def take(self, holder: str, offset: int = 0) -> Lease:
        """An address that nobody has; ``offset``: if it can be, the one so far behind the range's first.

        Raises SandboxError when none is left, or the holder has one.
        """
        if self._current is None:
            raise SandboxError(f"pod sandbox {holder} gets no address: the network has no range yet; see its condition")
        if holder in self._held:
            raise SandboxError(f"pod sandbox {holder} has address {self._held[holder].ip} already: detach it first")
        taken = {interface.ip for interface in self._held.values()}
        taken |= {gateway(network).ip for network in self._ranges}
        addresses = self._ranges[self._current]
        found = addresses.at(offset, taken) or addresses.next_free(taken)
        if found is None:
            raise SandboxError(self._exhausted(self._current))
        address, former = found
        self._held[holder] = ip_interface((address, self._current.prefixlen))
        return Lease(self._held[holder], gateway(self._current).ip, former)

    def hold(self, holder: str, interface: Interface) -> None:
        """The holder has this address already."""
        self._ranges.setdefault(interface.network, _Range(interface.network))
        self._held[holder] = interface

    def release(self, holder: str) -> None:
        """Idempotent."""
        interface = self._held.pop(holder, None)
        if interface is not None:
            for addresses in self._ranges.values():
                addresses.free(interface.ip, holder)

    def _exhausted(self, network: Network) -> str:
        holders = sum(interface.ip in network for interface in self._held.values())
        return f"no free address in {network}: {holders} pods hold one; remove pods, or widen the node's pod range"


class _Range:
    """The addresses of a range in the order in which they are to be given."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._fresh: Iterator[Address] | None = None
        self._freed: dict[Address, str] = {}
        """With their former holders, the longest free first."""

    def at(self, offset: int, taken: set[Address]) -> tuple[Address, str] | None:
        """That address with its former holder, if it can be given."""
        if not 0 < offset < self._network.num_addresses - 1 or self._network[offset] in taken:
            return None
        return self._network[offset], self._freed.pop(self._network[offset], "")

    def next_free(self, taken: set[Address]) -> tuple[Address, str] | None:
        """With its former holder."""
        if self._fresh is None:
            self._fresh = self._once_round(max(filter(self._network.__contains__, taken), key=int))
        for address in self._fresh:
            if address not in taken:
                return address, ""
        while self._freed:
            address = next(iter(self._freed))
            former = self._freed.pop(address)
            if address not in taken:
                return address, former
        return None

    def free(self, address: Address, holder: str) -> None:
        """An address of another range, or the first or last of this one, is none that pods get."""
        ends = (self._network.network_address, self._network.broadcast_address)
        if address in self._network and address not in ends:
            self._freed.pop(address, None)
            self._freed[address] = holder

    def _once_round(self, start: Address) -> Iterator[Address]:
        """Every address once, from behind ``start``, lest a restart begin with addresses that were given last."""
        size = self._network.num_addresses
        first = int(start) - int(self._network.network_address)
        for step in range(1, size + 1):
            offset = (first + step) % size
            if offset not in (0, size - 1):
                yield self._network[offset]
