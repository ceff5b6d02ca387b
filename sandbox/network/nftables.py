"""Addresses translated by nftables tables of the bridge's own, one for each family, in one transaction (nfnetlink).

    prerouting, output   what is addressed to this host, at a port in the map: to the pod; marked if the answer would
                         not come back through this host otherwise
    postrouting          what leaves a pod range by another interface than the bridge, and what is marked: gets the
                         host's address there
    guard                nothing that comes from the bridge is addressed to the host's loopback (IPv4)

Published ports are elements of a map: a pod's come and go without a rule being touched.
"""

import errno
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from sandbox.network import forwarding
from sandbox.network import nftables_messages as nft
from sandbox.network.addresses import Network
from sandbox.network.host_ports import MARK, PublishedPort
from sandbox.network.netlink import NETLINK_NETFILTER, EncodedMessage, KeptSocket
from sandbox.network.translation_gone import TranslationGone

_PREROUTING, _OUTPUT, _POSTROUTING, _GUARD = "prerouting", "output", "postrouting", "guard"
_HOOKS = {
    _PREROUTING: nft.Hook("nat", 0, -100),
    _OUTPUT: nft.Hook("nat", 3, -100),
    _POSTROUTING: nft.Hook("nat", 4, 100),
}
_GUARD_HOOK = nft.Hook("filter", 0, -300)
"""Before any translation: answers to the host's loopback are not translated back yet."""
_LOOPBACK: dict[int, Network] = {4: IPv4Network("127.0.0.0/8"), 6: IPv6Network("::1/128")}
_ADDRESS_PORTS, _PORTS = "address-ports", "ports"
"""Maps: what is published at one address of the host, and at all."""
_LOCAL = struct.pack("=I", 2)
"""RTN_LOCAL"""
_MARK = struct.pack("=I", MARK)
_ALL_BUT_MARK = struct.pack("=I", ~MARK & 0xFFFFFFFF)
_PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17}
_NFT_PROTOCOL, _NFT_PORT = 12, 13
_DESTINATION_PORT_OFFSET, _PORT_BYTES = 2, 2
_FOUND = nft.REGISTERS[8]
"""Where the map's value goes: behind the longest key."""

_MISSING = (errno.EPROTONOSUPPORT, errno.EOPNOTSUPP, errno.ENOENT)


@dataclass(frozen=True)
class _Family:
    number: int
    nft_address: int
    address_bytes: int
    source_offset: int
    destination_offset: int
    multicast: Network

    @property
    def words(self) -> int:
        """Registers that an address takes."""
        return self.address_bytes // 4

    @property
    def key(self) -> tuple[int, int]:
        """Of the map of one address's ports."""
        return _NFT_PROTOCOL << 12 | self.nft_address << 6 | _NFT_PORT, 4 + self.address_bytes + 4

    @property
    def value(self) -> tuple[int, int]:
        return self.nft_address << 6 | _NFT_PORT, self.address_bytes + 4


_KEY = _NFT_PROTOCOL << 6 | _NFT_PORT, 4 + 4
"""Of the map of all addresses' ports."""
_FAMILIES = {
    4: _Family(2, 7, 4, 12, 16, IPv4Network("224.0.0.0/4")),
    6: _Family(10, 8, 16, 8, 24, IPv6Network("ff00::/8")),
}


class Nftables:
    """An ``AddressTranslation``."""

    def __init__(self, bridge: str) -> None:
        self._bridge = bridge
        self._tables = {version: nft.Table(family.number, f"wasmlet-{bridge}") for version, family in _FAMILIES.items()}
        self._netlink = KeptSocket(NETLINK_NETFILTER)
        self._applied: set[int] = set()
        self._published: frozenset[PublishedPort] | None = None
        """None: not known."""

    def try_out(self) -> None:
        """Raises OSError, one that is ``unsupported`` where the kernel has not what is needed."""
        if 4 not in self._existing():
            self._transact([*self._remade(4, [])])

    def apply(self, ranges: Sequence[Network]) -> None:
        wanted = {4} | {network.version for network in ranges}
        messages = [message for version in sorted(wanted) for message in self._remade(version, ranges)]
        messages += [self._tables[version].delete() for version in self._existing() - wanted]
        self._transact(messages)
        self._applied = wanted
        self._published = None

    def publish(self, ports: Iterable[PublishedPort]) -> set[PublishedPort]:
        if not self.present():
            raise TranslationGone(f"nf_tables tables of {self._bridge} have been removed")
        wanted, former = frozenset(ports), self._published
        if any(port.host.version == 4 for port in wanted):
            forwarding.route_loopback_sources(self._bridge)
        if former is None or not self._changed(former - wanted, wanted - former):
            self._published = None
            self._transact(
                [message for version in sorted(self._applied) for message in self._elements(version, wanted)]
            )
        self._published = wanted
        return set(former - wanted) if former else set()

    def _changed(self, former: Iterable[PublishedPort], new: Iterable[PublishedPort]) -> bool:
        """False if somebody else has changed the maps."""
        messages = [self._tables[port.host.version].delete_elements(_map(port), _key(port)) for port in former]
        messages += [self._tables[port.host.version].add_elements(_map(port), _element(port)) for port in new]
        try:
            if messages:
                self._transact(messages)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EEXIST, errno.EBUSY):
                raise
            return False
        return True

    def present(self) -> bool:
        return self._applied <= self._existing()

    def remove(self) -> None:
        existing = self._existing()
        if existing:
            self._transact([self._tables[version].delete() for version in sorted(existing)])
        self._applied, self._published = set(), None

    def close(self) -> None:
        self._netlink.close()

    def _existing(self) -> set[int]:
        """Families whose table is there. Raises OSError; one that the kernel does not know at all has none."""
        with self._netlink as netlink:
            refusals = netlink.attempt(*(table.get() for table in self._tables.values()))
        for refusal in refusals[:1]:
            if refusal is not None and refusal.errno != errno.ENOENT:
                raise refusal
        return {version for version, refusal in zip(self._tables, refusals, strict=True) if refusal is None}

    def _transact(self, messages: Sequence[EncodedMessage]) -> None:
        with self._netlink as netlink:
            netlink.transact(nft.begin(), messages, nft.end())

    def _remade(self, version: int, ranges: Sequence[Network]) -> Iterator[EncodedMessage]:
        """Everything but the map's elements."""
        table, family = self._tables[version], _FAMILIES[version]
        yield table.add()
        yield table.add_map(_ADDRESS_PORTS, 1, family.key, family.value)
        yield table.add_map(_PORTS, 2, _KEY, family.value)
        for chain, hook in _HOOKS.items():
            yield table.add_chain(chain, hook)
            yield table.empty_chain(chain)
        own = [network for network in ranges if network.version == version]
        yield from self._arrival(version, _PREROUTING, own)
        yield from self._arrival(version, _OUTPUT, [_LOOPBACK[4]] if version == 4 else [])
        yield from self._departure(version, own)
        if version == 4:
            yield from self._guard()

    def _arrival(self, version: int, chain: str, marked: Sequence[Network]) -> Iterator[EncodedMessage]:
        table, family = self._tables[version], _FAMILIES[version]
        elsewhere = [nft.load_destination_type(), nft.compare(nft.NOT_EQUAL, _LOCAL), nft.verdict(nft.RETURN)]
        yield table.add_rule(chain, *elsewhere)
        if version == 6:  # nothing that is sent from ::1 leaves the host, whatever becomes of its destination
            loopback = _address_is(family, family.destination_offset, nft.EQUAL, _LOOPBACK[6])
            yield table.add_rule(chain, *loopback, nft.verdict(nft.RETURN))
        for published in (_published_at_address(family), _published_at_all()):
            translated = nft.translate_destination(family.number, _FOUND, _FOUND + family.words)
            for network in marked:
                yield table.add_rule(chain, *_source_in(family, network), *published, *_add_mark(), translated)
            yield table.add_rule(chain, *published, translated)

    def _departure(self, version: int, ranges: Sequence[Network]) -> Iterator[EncodedMessage]:
        table, family = self._tables[version], _FAMILIES[version]
        output = nft.load_meta(nft.META_OUTPUT_NAME)
        elsewhere = [output, nft.compare_interface(nft.NOT_EQUAL, self._bridge)]
        for network in ranges:
            to_one = _address_is(family, family.destination_offset, nft.NOT_EQUAL, family.multicast)
            yield table.add_rule(_POSTROUTING, *_source_in(family, network), *to_one, *elsewhere, nft.masquerade())
        marked = [nft.load_meta(nft.META_MARK), nft.mask(_MARK), nft.compare(nft.EQUAL, _MARK)]
        here = [output, nft.compare_interface(nft.EQUAL, self._bridge)]
        yield table.add_rule(_POSTROUTING, *marked, *here, nft.masquerade())

    def _guard(self) -> Iterator[EncodedMessage]:
        table, family = self._tables[4], _FAMILIES[4]
        yield table.add_chain(_GUARD, _GUARD_HOOK)
        yield table.empty_chain(_GUARD)
        from_bridge = [nft.load_meta(nft.META_INPUT_NAME), nft.compare_interface(nft.EQUAL, self._bridge)]
        for offset in (family.source_offset, family.destination_offset):
            loopback = _address_is(family, offset, nft.EQUAL, _LOOPBACK[4])
            yield table.add_rule(_GUARD, *from_bridge, *loopback, nft.verdict(nft.DROP))

    def _elements(self, version: int, ports: Iterable[PublishedPort]) -> Iterator[EncodedMessage]:
        table = self._tables[version]
        yield table.empty_map(_ADDRESS_PORTS)
        yield table.empty_map(_PORTS)
        for port in ports:
            if port.host.version == version:
                yield table.add_elements(_map(port), _element(port))


def unsupported(error: OSError) -> bool:
    """Whether the kernel has no nf_tables, or not what is needed of it here."""
    return error.errno in _MISSING


def _published_at_address(family: _Family) -> list[bytes]:
    """Find the pod's address and port, by those the packet is addressed to."""
    address, port = nft.REGISTERS[1], nft.REGISTERS[1 + family.words]
    return [
        nft.load_meta(nft.META_PROTOCOL),
        nft.load_packet(nft.NETWORK_HEADER, family.destination_offset, family.address_bytes, address),
        nft.load_packet(nft.TRANSPORT_HEADER, _DESTINATION_PORT_OFFSET, _PORT_BYTES, port),
        nft.look_up(_ADDRESS_PORTS, _FOUND),
    ]


def _published_at_all() -> list[bytes]:
    """Find the pod's address and port, by the port the packet is addressed to."""
    return [
        nft.load_meta(nft.META_PROTOCOL),
        nft.load_packet(nft.TRANSPORT_HEADER, _DESTINATION_PORT_OFFSET, _PORT_BYTES, nft.REGISTERS[1]),
        nft.look_up(_PORTS, _FOUND),
    ]


def _map(port: PublishedPort) -> str:
    return _PORTS if port.host.is_unspecified else _ADDRESS_PORTS


def _key(port: PublishedPort) -> bytes:
    protocol = struct.pack("B3x", _PROTOCOL_NUMBERS[port.protocol])
    address = b"" if port.host.is_unspecified else port.host.packed
    return protocol + address + struct.pack(">H2x", port.host_port)


def _element(port: PublishedPort) -> bytes:
    return nft.element(_key(port), port.pod.packed + struct.pack(">H2x", port.pod_port))


def _add_mark() -> list[bytes]:
    """Not on the registers that hold what was found."""
    return [nft.load_meta(nft.META_MARK), nft.mask(_ALL_BUT_MARK, _MARK), nft.set_mark()]


def _source_in(family: _Family, network: Network) -> list[bytes]:
    return _address_is(family, family.source_offset, nft.EQUAL, network)


def _address_is(family: _Family, offset: int, comparison: int, network: Network) -> list[bytes]:
    return [
        nft.load_packet(nft.NETWORK_HEADER, offset, family.address_bytes),
        nft.mask(network.netmask.packed),
        nft.compare(comparison, network.network_address.packed),
    ]
