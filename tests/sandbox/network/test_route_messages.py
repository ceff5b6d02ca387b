"""What is encoded here is what pyroute2 understands."""

from ipaddress import ip_address, ip_interface
from typing import Any

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from sandbox.network import route_messages as route
from sandbox.network.netlink import Message


def decoded(kind: Any, message: Message) -> Any:
    message.encode()
    read = kind(message.data)
    read.decode()
    assert read["header"]["length"] == len(message.data)
    return read


def test_a_pair_has_one_end_on_the_bridge_and_one_in_the_pod() -> None:
    pair = decoded(ifinfmsg, route.add_pair("host-end", 5, 1400, "eth0", "02:00:00:00:00:01", 7))
    assert (pair["flags"], pair["change"]) == (1, 1)
    assert pair.get_attrs("IFLA_IFNAME") == ["host-end"]
    assert (pair.get_attr("IFLA_MASTER"), pair.get_attr("IFLA_MTU")) == (5, 1400)
    assert pair.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") == "veth"
    end = pair.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA", "VETH_INFO_PEER")
    assert end["flags"] == 0
    assert (end.get_attr("IFLA_IFNAME"), end.get_attr("IFLA_ADDRESS")) == ("eth0", "02:00:00:00:00:01")
    assert (end.get_attr("IFLA_MTU"), end.get_attr("IFLA_NET_NS_FD")) == (1400, 7)


def test_a_port_has_an_alias_and_hairpin_mode() -> None:
    port = decoded(ifinfmsg, route.set_port("host-end", "whose it is"))
    assert (port["flags"], port["change"]) == (0, 0)
    assert (port.get_attr("IFLA_IFNAME"), port.get_attr("IFLA_IFALIAS")) == ("host-end", "whose it is")
    assert port.get_nested("IFLA_LINKINFO", "IFLA_INFO_SLAVE_KIND") == "bridge"
    assert port.get_nested("IFLA_LINKINFO", "IFLA_INFO_SLAVE_DATA", "IFLA_BRPORT_MODE") == 1


def test_an_interface_is_set_up() -> None:
    link = decoded(ifinfmsg, route.set_up(3))
    assert (link["index"], link["flags"], link["change"]) == (3, 1, 1)


@pytest.mark.parametrize(
    ("text", "family", "attributes"),
    [
        ("10.1.2.3/24", 2, {"IFA_BROADCAST": "10.1.2.255"}),
        ("fd00::3/64", 10, {"IFA_FLAGS": 2}),
    ],
)
def test_an_address_is_of_its_family(text: str, family: int, attributes: dict[str, Any]) -> None:
    interface = ip_interface(text)
    address = decoded(ifaddrmsg, route.add_address(4, interface))
    assert (address["index"], address["family"]) == (4, family)
    assert address["prefixlen"] == interface.network.prefixlen
    local = str(interface.ip)
    assert dict(address["attrs"]) == {"IFA_LOCAL": local, "IFA_ADDRESS": local, **attributes}
    assert route.address(address) == interface


@pytest.mark.parametrize(("text", "family"), [("10.1.2.1", 2), ("fd00::1", 10)])
def test_a_default_route_leads_to_the_gateway(text: str, family: int) -> None:
    default = decoded(rtmsg, route.add_default_route(4, ip_address(text)))
    assert (default["family"], default["dst_len"]) == (family, 0)
    assert (default["table"], default["proto"], default["type"]) == (254, 4, 1)
    assert dict(default["attrs"]) == {"RTA_GATEWAY": text, "RTA_OIF": 4}
