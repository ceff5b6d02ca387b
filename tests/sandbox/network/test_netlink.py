"""Requests to the kernel of this machine; they change nothing, or the namespace of a thread that ends with the test."""

import errno

import pytest

from sandbox.network import route_messages as route
from sandbox.network.netlink import NetlinkSocket
from tests.sandbox.network.conftest import Host, links


def test_a_dump_decodes_every_object() -> None:
    with NetlinkSocket() as netlink:
        found = [route.link(answer) for answer in netlink.dump(route.get_links())]
    assert "lo" in [each.name for each in found]
    assert {each.mtu for each in found if each.name == "lo"} == {65536}


def test_the_kernel_goes_on_behind_a_refusal_and_says_why(host: Host) -> None:
    async def test() -> None:
        with NetlinkSocket() as netlink:
            refused, done = netlink.attempt(route.delete_link("nothing"), route.add_bridge("made", "02:00:00:00:00:01"))
        assert refused is not None
        assert refused.errno == errno.ENODEV
        assert done is None
        assert links()["made"]["address"] == "02:00:00:00:00:01"

    host.run_test(test)


def test_a_refusal_is_raised_with_the_kernels_explanation(host: Host) -> None:
    async def test() -> None:
        with (
            NetlinkSocket() as netlink,
            pytest.raises(OSError, match=r"\(Attribute failed policy validation\)") as raised,
        ):
            netlink.request(route.add_bridge("much-too-long-a-name", "02:00:00:00:00:01"))
        assert raised.value.errno == errno.ERANGE

    host.run_test(test)


def test_many_messages_in_one_go(host: Host) -> None:
    async def test() -> None:
        with NetlinkSocket() as netlink:
            netlink.request(*(route.add_bridge(f"b{number}", f"02:00:00:00:00:{number:02x}") for number in range(40)))
        assert len([name for name in links() if name.startswith("b")]) == 40

    host.run_test(test)
