"""The rtnetlink(7) messages that links, addresses and routes are made with, and what its dumps say. No I/O."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import NamedTuple

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from sandbox.network.netlink import NLM_F_CREATE_NEW, Message, message

_NEWLINK, _DELLINK, _GETLINK, _SETLINK = 16, 17, 18, 19
_NEWADDR, _GETADDR = 20, 22
_NEWROUTE, _GETROUTE = 24, 26

_AF_INET = 2
_UP = {"flags": 1, "change": 1}
_TABLE_MAIN, _PROTOCOL_STATIC, _UNICAST = 254, 4, 1


class Link(NamedTuple):
    ifindex: int
    name: str
    kind: str
    """``bridge``, ``veth``...; "" of hardware."""
    master: int
    """Index of the bridge it belongs to, or 0."""
    alias: str
    mtu: int


class Route(NamedTuple):
    destination: IPv4Network
    interface: int
    """Index, or 0."""
    priority: int


def add_bridge(name: str, mac: str) -> Message:
    kind = {"attrs": [("IFLA_INFO_KIND", "bridge")]}
    attributes = [("IFLA_IFNAME", name), ("IFLA_ADDRESS", mac), ("IFLA_LINKINFO", kind)]
    return message(ifinfmsg, _NEWLINK, NLM_F_CREATE_NEW, _UP, attributes)


def add_pair(name: str, bridge: int, mtu: int, peer: str, peer_mac: str, namespace: int) -> Message:
    """A veth pair: one end up and on the bridge, the other in the namespace behind the descriptor, still down."""
    other_end = [
        ("IFLA_IFNAME", peer),
        ("IFLA_MTU", mtu),
        ("IFLA_ADDRESS", peer_mac),
        ("IFLA_NET_NS_FD", namespace),
    ]
    data = {"attrs": [("VETH_INFO_PEER", {"attrs": other_end})]}
    kind = {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", data)]}
    attributes = [("IFLA_IFNAME", name), ("IFLA_MASTER", bridge), ("IFLA_MTU", mtu), ("IFLA_LINKINFO", kind)]
    return message(ifinfmsg, _NEWLINK, NLM_F_CREATE_NEW, _UP, attributes)


def set_alias(name: str, alias: str) -> Message:
    return message(ifinfmsg, _SETLINK, 0, {}, [("IFLA_IFNAME", name), ("IFLA_IFALIAS", alias)])


def set_master(index: int, bridge: int) -> Message:
    return message(ifinfmsg, _SETLINK, 0, {"index": index, **_UP}, [("IFLA_MASTER", bridge)])


def set_up(index: int) -> Message:
    return message(ifinfmsg, _SETLINK, 0, {"index": index, **_UP})


def delete_link(name: str) -> Message:
    return message(ifinfmsg, _DELLINK, 0, {}, [("IFLA_IFNAME", name)])


def add_address(index: int, address: IPv4Interface) -> Message:
    attributes = [
        ("IFA_LOCAL", str(address.ip)),
        ("IFA_ADDRESS", str(address.ip)),
        ("IFA_BROADCAST", str(address.network.broadcast_address)),
    ]
    fields = {"family": _AF_INET, "prefixlen": address.network.prefixlen, "index": index}
    return message(ifaddrmsg, _NEWADDR, NLM_F_CREATE_NEW, fields, attributes)


def add_default_route(index: int, gateway: IPv4Address) -> Message:
    fields = {"family": _AF_INET, "table": _TABLE_MAIN, "proto": _PROTOCOL_STATIC, "type": _UNICAST}
    return message(rtmsg, _NEWROUTE, NLM_F_CREATE_NEW, fields, [("RTA_GATEWAY", str(gateway)), ("RTA_OIF", index)])


def get_links() -> Message:
    return message(ifinfmsg, _GETLINK, 0, {})


def get_addresses() -> Message:
    return message(ifaddrmsg, _GETADDR, 0, {"family": _AF_INET})


def get_routes() -> Message:
    return message(rtmsg, _GETROUTE, 0, {"family": _AF_INET})


def link(answer: Message) -> Link:
    return Link(
        answer["index"],
        answer.get_attr("IFLA_IFNAME"),
        answer.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") or "",
        answer.get_attr("IFLA_MASTER") or 0,
        answer.get_attr("IFLA_IFALIAS") or "",
        answer.get_attr("IFLA_MTU"),
    )


def address(answer: Message) -> IPv4Interface:
    return IPv4Interface((answer.get_attr("IFA_LOCAL") or answer.get_attr("IFA_ADDRESS"), answer["prefixlen"]))


def route(answer: Message) -> Route:
    destination = IPv4Network((answer.get_attr("RTA_DST") or "0.0.0.0", answer["dst_len"]))
    return Route(destination, answer.get_attr("RTA_OIF") or 0, answer.get_attr("RTA_PRIORITY") or 0)
