"""Which pod has which address. In memory: the pods' records say it after a restart. No I/O.

Addresses go round: each is given once before any is given again, and of those given back the longest free comes first,
so that whoever remembers the former pod has time to forget it.
"""

from collections import deque
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import NamedTuple

from sandbox.errors import SandboxError

_SMALLEST_RANGE = 30
"""Prefix length of the smallest range with room for a gateway and a pod."""


class Lease(NamedTuple):
    interface: IPv4Interface
    """The address with its range."""
    gateway: IPv4Address
    former: str
    """Who had the address before, "" if nobody."""


def gateway(network: IPv4Network) -> IPv4Interface:
    """The bridge's address: the first of the range."""
    return IPv4Interface((network.network_address + 1, network.prefixlen))


def usable(network: IPv4Network) -> bool:
    return network.prefixlen <= _SMALLEST_RANGE


class AddressBook:
    """Several ranges: new pods get an address of the current one, older pods keep theirs."""

    def __init__(self) -> None:
        self._ranges: dict[IPv4Network, _Range] = {}
        self._current: IPv4Network | None = None
        self._held: dict[str, IPv4Interface] = {}

    @property
    def current(self) -> IPv4Network | None:
        return self._current

    @property
    def used_ranges(self) -> set[IPv4Network]:
        """Those that somebody holds an address of."""
        return {interface.network for interface in self._held.values()}

    @property
    def holders(self) -> set[str]:
        return set(self._held)

    def use(self, network: IPv4Network) -> None:
        """Give addresses of this range from now on."""
        self._ranges.setdefault(network, _Range(network))
        self._current = network

    def take(self, holder: str) -> Lease:
        """An address that nobody has. Raises SandboxError when none is left, or the holder has one."""
        if self._current is None:
            raise SandboxError(f"pod sandbox {holder} gets no address: the network has no range yet; see its condition")
        if holder in self._held:
            raise SandboxError(f"pod sandbox {holder} has address {self._held[holder].ip} already: detach it first")
        taken = {interface.ip for interface in self._held.values()}
        found = self._ranges[self._current].next_free(taken | {gateway(network).ip for network in self._ranges})
        if found is None:
            raise SandboxError(self._exhausted(self._current))
        address, former = found
        self._held[holder] = IPv4Interface((address, self._current.prefixlen))
        return Lease(self._held[holder], gateway(self._current).ip, former)

    def hold(self, holder: str, interface: IPv4Interface) -> None:
        """The holder has this address already."""
        self._ranges.setdefault(interface.network, _Range(interface.network))
        self._held[holder] = interface

    def release(self, holder: str) -> None:
        """Idempotent."""
        interface = self._held.pop(holder, None)
        if interface is not None:
            for addresses in self._ranges.values():
                addresses.free(interface.ip, holder)

    def _exhausted(self, network: IPv4Network) -> str:
        holders = sum(interface.ip in network for interface in self._held.values())
        return f"no free address in {network}: {holders} pods hold one; remove pods, or widen the node's pod range"


class _Range:
    """The addresses of a range in the order in which they are to be given."""

    def __init__(self, network: IPv4Network) -> None:
        self._network = network
        self._fresh: Iterator[IPv4Address] | None = None
        self._freed: deque[tuple[IPv4Address, str]] = deque()

    def next_free(self, taken: set[IPv4Address]) -> tuple[IPv4Address, str] | None:
        """With its former holder."""
        if self._fresh is None:
            self._fresh = self._once_round(max(filter(self._network.__contains__, taken)))
        for address in self._fresh:
            if address not in taken:
                return address, ""
        while self._freed:
            address, former = self._freed.popleft()
            if address not in taken:
                return address, former
        return None

    def free(self, address: IPv4Address, holder: str) -> None:
        """An address of another range, or the first or last of this one, is none that pods get."""
        if self._network.network_address < address < self._network.broadcast_address:
            self._freed.append((address, holder))

    def _once_round(self, start: IPv4Address) -> Iterator[IPv4Address]:
        """Every address once, from behind ``start``, lest a restart begin with addresses that were given last."""
        size = self._network.num_addresses
        first = int(start) - int(self._network.network_address)
        for step in range(1, size + 1):
            offset = (first + step) % size
            if offset not in (0, size - 1):
                yield self._network[offset]
