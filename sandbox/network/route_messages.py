"""The rtnetlink(7) messages that links, addresses and routes are made with, and what its dumps say. No I/O."""

from ipaddress import IPv4Interface, ip_interface, ip_network
from typing import Any, NamedTuple

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from sandbox.network.addresses import Address, Interface, Network
from sandbox.network.netlink import NLM_F_CREATE_NEW, Message, message

_NEWLINK, _DELLINK, _GETLINK, _SETLINK = 16, 17, 18, 19
_NEWADDR, _GETADDR = 20, 22
_NEWROUTE, _GETROUTE = 24, 26

_FAMILIES = {4: 2, 6: 10}
"""AF_INET and AF_INET6."""
_NO_DUPLICATE_DETECTION = 0x02
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


def set_port(name: str, alias: str) -> Message:
    """Of a bridge: its alias, and hairpin mode: a pod may reach itself by another address that is translated to its
    own, as that of a Service is, even where the kernel translates inside the bridge (br_netfilter).
    """
    slave = {
        "attrs": [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", {"attrs": [("IFLA_BRPORT_MODE", 1)]})]
    }
    attributes = [("IFLA_IFNAME", name), ("IFLA_IFALIAS", alias), ("IFLA_LINKINFO", slave)]
    return message(ifinfmsg, _NEWLINK, 0, {}, attributes)


def set_master(index: int, bridge: int) -> Message:
    return message(ifinfmsg, _SETLINK, 0, {"index": index, **_UP}, [("IFLA_MASTER", bridge)])


def set_up(index: int) -> Message:
    return message(ifinfmsg, _SETLINK, 0, {"index": index, **_UP})


def delete_link(name: str) -> Message:
    return message(ifinfmsg, _DELLINK, 0, {}, [("IFLA_IFNAME", name)])


def add_address(index: int, address: Interface) -> Message:
    """One of IPv6 can be used at once: wasmlet alone gives addresses in its ranges."""
    attributes: list[tuple[str, Any]] = [("IFA_LOCAL", str(address.ip)), ("IFA_ADDRESS", str(address.ip))]
    if isinstance(address, IPv4Interface):
        attributes.append(("IFA_BROADCAST", str(address.network.broadcast_address)))
    else:
        attributes.append(("IFA_FLAGS", _NO_DUPLICATE_DETECTION))
    fields = {"family": _FAMILIES[address.version], "prefixlen": address.network.prefixlen, "index": index}
    return message(ifaddrmsg, _NEWADDR, NLM_F_CREATE_NEW, fields, attributes)


def add_default_route(index: int, gateway: Address) -> Message:
    fields = {
        "family": _FAMILIES[gateway.version],
        "table": _TABLE_MAIN,
        "proto": _PROTOCOL_STATIC,
        "type": _UNICAST,
    }
    return message(rtmsg, _NEWROUTE, NLM_F_CREATE_NEW, fields, [("RTA_GATEWAY", str(gateway)), ("RTA_OIF", index)])


def get_links() -> Message:
    return message(ifinfmsg, _GETLINK, 0, {})


def get_addresses() -> Message:
    """Of both families."""
    return message(ifaddrmsg, _GETADDR, 0, {"family": 0})


def get_routes() -> Message:
    """Of IPv4."""
    return message(rtmsg, _GETROUTE, 0, {"family": _FAMILIES[4]})


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
