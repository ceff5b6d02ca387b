"""Whether the bridge is ready, what keeps it from that, and when it goes."""

from pathlib import Path

import pytest

from sandbox import syscalls
from sandbox.errors import InvalidSpec, SandboxError
from sandbox.network import bridge
from sandbox.network.bridge import BridgeNetwork, BridgeSettings
from tests.prerequisites import require_tool
from tests.sandbox.network.conftest import (
    Host,
    attach,
    links,
    ports,
    run,
    until,
)


def test_not_ready_before_it_is_opened(tmp_path: Path) -> None:
    network = BridgeNetwork(tmp_path, tmp_path, BridgeSettings())
    assert network.condition()[:2] == (False, "BridgeNotReady")


def test_without_the_right_to_it_the_condition_says_so(host: Host) -> None:
    async def test() -> None:
        syscalls.drop_capabilities()
        network = host.network(subnet="10.77.0.0/24")
        await network.open()
        ready, _, message = network.condition()
        assert not ready
        assert "cannot be made: Operation not permitted; run wasmlet as root" in message
        with pytest.raises(SandboxError, match="Operation not permitted"):
            await network.attach("0" * 64, "/proc/self/ns/net")
        await network.close()

    host.run_test(test)


def test_another_interface_of_that_name(host: Host) -> None:
    async def test() -> None:
        run("ip", "link", "add", "taken", "type", "veth")
        network = host.network(bridge="taken")
        await network.open()
        assert "interface taken is there and is no bridge: remove it or set network.bridge" in network.condition()[2]
        await network.close()

    host.run_test(test)


def test_a_bridge_of_somebody_else_is_left_alone(host: Host) -> None:
    async def test() -> None:
        run("ip", "link", "add", "taken", "type", "bridge")
        network = host.network(bridge="taken")
        await network.open()
        assert "bridge taken is there and is not wasmlet's: remove it or set network.bridge" in network.condition()[2]
        with pytest.raises(SandboxError, match="is not wasmlet's"):
            await attach(network, host.pod())
        await network.close()
        assert "taken" in links()

    host.run_test(test)


@pytest.mark.parametrize("address", ["10.77.0.1/24", "10.77.0.200/16", "10.77.0.9/32", "fd00:77::1/64"])
def test_a_range_in_which_somebody_else_has_an_address(host: Host, address: str) -> None:
    async def test() -> None:
        run("ip", "link", "add", "other", "type", "bridge")
        run("ip", "address", "add", address, "dev", "other")
        network = host.network(subnet="10.77.0.0/24,fd00:77::/64")
        await network.open()
        assert f"interface other of this host has {address}; take it off that interface" in network.condition()[2]
        pod = host.pod()
        with pytest.raises(SandboxError, match="interface other of this host has"):
            await network.attach(pod.sandbox_id, pod.netns_path)
        assert not ports()
        run("ip", "link", "del", "other")
        assert (await network.attach(pod.sandbox_id, pod.netns_path)).ips == ["10.77.0.2", "fd00:77::2"]
        await network.close()

    host.run_test(test)


@pytest.mark.parametrize("address", ["10.77.0.0/32", "10.0.0.7/8"])
def test_an_address_that_no_pod_can_have_is_none_of_ours(host: Host, address: str) -> None:
    async def test() -> None:
        run("ip", "link", "add", "other", "type", "bridge")
        run("ip", "address", "add", address, "dev", "other")
        network = host.network(subnet="10.77.0.0/24")
        await network.open()
        assert await attach(network, host.pod()) == "10.77.0.2"
        await network.close()

    host.run_test(test)


def test_no_free_range(host: Host) -> None:
    async def test() -> None:
        run("ip", "route", "add", "blackhole", "10.0.0.0/8")
        network = host.network()
        await network.open()
        assert "no /24 of 10.88.0.0/16 is free for pods: this host routes 10.0.0.0/8; set" in network.condition()[2]
        await network.close()

    host.run_test(test)


def test_it_becomes_ready_once_the_obstacle_is_gone(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "_RETRY_SECONDS", 0.05)

    async def test() -> None:
        run("ip", "link", "add", "taken", "type", "veth")
        network = host.network(bridge="taken")
        await network.open()
        assert not network.condition()[0]
        run("ip", "link", "del", "taken")
        await until(lambda: network.condition()[0])
        await network.close()

    host.run_test(test)


def test_a_subnet_that_is_none_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match="10.88.3.0/33 is no range of addresses"):
        BridgeNetwork(tmp_path, tmp_path, BridgeSettings(subnet="10.88.3.0/33"))


def test_the_last_server_leaves_a_bridge_only_to_pods(host: Host) -> None:
    require_tool("nft")

    async def test() -> None:
        network = host.network(bridge="br0")
        await network.open()
        pod = host.pod()
        attachment = await network.attach(pod.sandbox_id, pod.netns_path)
        await network.close()
        assert "br0" in links(), "the pod lives"
        await network.open()
        network.restore(pod.sandbox_id, attachment.state)
        await network.detach(pod.sandbox_id, attachment.state)
        pod.end()
        await network.close()
        assert "br0" not in links()
        assert "br0" not in run("nft", "list", "ruleset")

    host.run_test(test)
