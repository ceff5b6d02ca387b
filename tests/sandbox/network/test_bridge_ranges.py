"""Ranges of addresses that the kubelet announces."""

import pytest

from tests.prerequisites import require_tool
from tests.sandbox.network.conftest import (
    Host,
    attach,
    run,
)


@pytest.mark.parametrize("cidr", ["10.244.3.0/24", "10.244.3.0/24,10.245.0.0/24", "10.244.3.0/24,fd00:1::/64"])
def test_new_pods_get_addresses_of_the_announced_range_and_old_ones_keep_theirs(host: Host, cidr: str) -> None:
    async def test() -> None:
        network = host.network(subnet="10.77.0.0/24")
        await network.open()
        old, new = host.pods(2)
        old_address = await attach(network, old)
        await network.set_pod_cidr(cidr)
        await network.set_pod_cidr(cidr)
        assert await attach(network, new) == "10.244.3.2"
        assert old.addresses() == ["10.77.0.2/24"]
        assert new.reaches(old, old_address)
        assert "10.244.3.0/24" in run("nft", "list", "ruleset")
        assert "10.77.0.0/24" in run("nft", "list", "ruleset")
        await network.close()

    require_tool("nft")
    host.run_test(test)


def test_the_announced_range_is_remembered(host: Host) -> None:
    async def test() -> None:
        first = host.network()
        await first.open()
        await first.set_pod_cidr("10.244.3.0/24")
        await first.close()
        second = host.network()
        await second.open()
        assert await attach(second, host.pod()) == "10.244.3.2"
        await second.close()

    host.run_test(test)


@pytest.mark.parametrize("cidr", ["", " , ", "nonsense", "10.244.3.7/24", "10.244.3.0/31", "fd00:1::/127"])
def test_what_is_no_range_changes_nothing(host: Host, cidr: str) -> None:
    async def test() -> None:
        network = host.network(subnet="10.77.0.0/24")
        await network.open()
        await network.set_pod_cidr(cidr)
        assert await attach(network, host.pod()) == "10.77.0.2"
        await network.close()

    host.run_test(test)
