"""The rtnetlink(7) messages that links, addresses and routes are made with, and what its dumps say. No I/O.

What every pod needs is encoded here: pyroute2 takes a tenth of a millisecond for a message.
"""

import struct
from ipaddress import IPv4Interface, ip_interface, ip_network
from typing import NamedTuple

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from sandbox.network.addresses import Address, Interface, Network
from sandbox.network.netlink import NLM_F_CREATE_NEW, EncodedMessage, Message, message
from sandbox.network.netlink_attributes import attribute, nested, text

_NEWLINK, _DELLINK, _GETLINK, _SETLINK = 16, 17, 18, 19
_NEWADDR, _GETADDR = 20, 22
_NEWROUTE, _GETROUTE = 24, 26

_FAMILIES = {4: 2, 6: 10}
"""AF_INET and AF_INET6."""
_NO_DUPLICATE_DETECTION = 0x02
_UP = {"flags": 1, "change": 1}
_TABLE_MAIN, _PROTOCOL_STATIC, _UNICAST = 254, 4, 1

_LINK, _ADDRESS, _ROUTE = struct.Struct("=BxHiII"), struct.Struct("=4BI"), struct.Struct("=8BI")
_NUMBER = struct.Struct("=I")
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_LINKINFO = 1, 3, 4, 10, 18
_IFLA_IFALIAS, _IFLA_NET_NS_FD = 20, 28
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 2, 4, 5
_VETH_INFO_PEER, _BRPORT_MODE = 1, 4
_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST, _IFA_FLAGS = 1, 2, 4, 8
_RTA_OIF, _RTA_GATEWAY = 4, 5


class Link(NamedTuple):
    ifindex: int
    name: str
    kind: str
    """``bridge``, ``veth``...; "" of hardware."""
    master: int
    """Index of the bridge it belongs to, or 0."""
    alias: str
    mtu: int
    mac: str
    """"" of what has none."""


class Route(NamedTuple):
    destination: Network
    interface: int
    """Index, or 0."""
    priority: int


def add_bridge(name: str, mac: str) -> Message:
    kind = {"attrs": [("IFLA_INFO_KIND", "bridge")]}
    attributes = [("IFLA_IFNAME", name), ("IFLA_ADDRESS", mac), ("IFLA_LINKINFO", kind)]
    return message(ifinfmsg, _NEWLINK, NLM_F_CREATE_NEW, _UP, attributes)


def set_bridge(index: int) -> Message:
    """Up; and what passes within it is seen by netfilter, whatever the sysctls say, if the kernel has br_netfilter:
    without that an answer between pods keeps the address that kube-proxy has translated on the way there.
    """
    data = {"attrs": [("IFLA_BR_NF_CALL_IPTABLES", 1), ("IFLA_BR_NF_CALL_IP6TABLES", 1)]}
    kind = {"attrs": [("IFLA_INFO_KIND", "bridge"), ("IFLA_INFO_DATA", data)]}
    return message(ifinfmsg, _NEWLINK, 0, {"index": index, **_UP}, [("IFLA_LINKINFO", kind)])


def add_pair(name: str, bridge: int, mtu: int, peer: str, peer_mac: str, namespace: int) -> Message:
    """A veth pair: one end up and on the bridge, the other in the namespace behind the descriptor, still down."""
    other_end = (
        text(_IFLA_IFNAME, peer),
        _number(_IFLA_MTU, mtu),
        attribute(_IFLA_ADDRESS, bytes.fromhex(peer_mac.replace(":", ""))),
        _number(_IFLA_NET_NS_FD, namespace),
    )
    data = attribute(_VETH_INFO_PEER, _LINK.pack(0, 0, 0, 0, 0) + b"".join(other_end))
    return _link(
        _NEWLINK,
        NLM_F_CREATE_NEW,
        _UP,
        text(_IFLA_IFNAME, name),
        _number(_IFLA_MASTER, bridge),
        _number(_IFLA_MTU, mtu),
        nested(_IFLA_LINKINFO, text(_INFO_KIND, "veth"), nested(_INFO_DATA, data)),
    )


def set_port(name: str, alias: str) -> Message:
    """Of a bridge: its alias, and hairpin mode: a pod may reach itself by another address that is translated to its
    own, as that of a Service is, even where the kernel translates inside the bridge (br_netfilter).
    """
    hairpin = nested(_INFO_SLAVE_DATA, attribute(_BRPORT_MODE, b"\1"))
    slave = nested(_IFLA_LINKINFO, text(_INFO_SLAVE_KIND, "bridge"), hairpin)
    return _link(_NEWLINK, 0, {}, text(_IFLA_IFNAME, name), text(_IFLA_IFALIAS, alias), slave)


def set_master(index: int, bridge: int) -> Message:
    return message(ifinfmsg, _SETLINK, 0, {"index": index, **_UP}, [("IFLA_MASTER", bridge)])


def set_up(index: int) -> Message:
    return _link(_SETLINK, 0, {"index": index, **_UP})


def delete_link(name: str) -> Message:
    return message(ifinfmsg, _DELLINK, 0, {}, [("IFLA_IFNAME", name)])


def add_address(index: int, address: Interface) -> Message:
    """One of IPv6 can be used at once: wasmlet alone gives addresses in its ranges."""
    fixed = _ADDRESS.pack(_FAMILIES[address.version], address.network.prefixlen, 0, 0, index)
    attributes = [attribute(kind, address.ip.packed) for kind in (_IFA_LOCAL, _IFA_ADDRESS)]
    if isinstance(address, IPv4Interface):
        attributes.append(attribute(_IFA_BROADCAST, address.network.broadcast_address.packed))
    else:
        attributes.append(_number(_IFA_FLAGS, _NO_DUPLICATE_DETECTION))
    return EncodedMessage(_NEWADDR, NLM_F_CREATE_NEW, fixed + b"".join(attributes))


def add_default_route(index: int, gateway: Address) -> Message:
    family = _FAMILIES[gateway.version]
    fixed = _ROUTE.pack(family, 0, 0, 0, _TABLE_MAIN, _PROTOCOL_STATIC, 0, _UNICAST, 0)
    attributes = attribute(_RTA_GATEWAY, gateway.packed) + _number(_RTA_OIF, index)
    return EncodedMessage(_NEWROUTE, NLM_F_CREATE_NEW, fixed + attributes)


def get_links() -> Message:
    return message(ifinfmsg, _GETLINK, 0, {})


def get_addresses() -> Message:
    """Of both families."""
    return message(ifaddrmsg, _GETADDR, 0, {"family": 0})


def get_routes() -> Message:
    """Of IPv4."""
    return message(rtmsg, _GETROUTE, 0, {"family": _FAMILIES[4]})


def _link(kind: int, flags: int, fields: dict[str, int], *attributes: bytes) -> Message:
    fixed = _LINK.pack(0, 0, fields.get("index", 0), fields.get("flags", 0), fields.get("change", 0))
    return EncodedMessage(kind, flags, fixed + b"".join(attributes))


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, _NUMBER.pack(value))


def link(answer: Message) -> Link:
    return Link(
        answer["index"],
        answer.get_attr("IFLA_IFNAME"),
        answer.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") or "",
        answer.get_attr("IFLA_MASTER") or 0,
        answer.get_attr("IFLA_IFALIAS") or "",
        answer.get_attr("IFLA_MTU"),
        answer.get_attr("IFLA_ADDRESS") or "",
    )


def address(answer: Message) -> Interface:
    return ip_interface((answer.get_attr("IFA_LOCAL") or answer.get_attr("IFA_ADDRESS"), answer["prefixlen"]))


def route(answer: Message) -> Route:
    destination = ip_network((answer.get_attr("RTA_DST") or "0.0.0.0", answer["dst_len"]))
    return Route(destination, answer.get_attr("RTA_OIF") or 0, answer.get_attr("RTA_PRIORITY") or 0)
