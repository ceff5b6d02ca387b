"""Pods on wasmlet's own bridge, on a host of their own."""

import json

import pytest

from sandbox.network import bridge
from sandbox.network.names import host_interface
from tests.prerequisites import require_tool
from tests.sandbox.network.conftest import (
    HOST_IN_WORLD,
    UPLINK_MTU,
    WORLD,
    Host,
    KernelWithoutNftables,
    attach,
    bridge_of,
    links,
    ports,
    rules_of,
    run,
    translate_by,
    until,
)

SERVICE = "10.96.0.7"

TELL_PEER = (
    "import socket; s = socket.create_server(('0.0.0.0', 7)); s.settimeout(60); print(flush=True);"
    "print(s.accept()[0].getpeername()[0])"
)


def test_a_pod_has_address_loopback_and_default_route(host: Host) -> None:
    async def test() -> None:
        network = host.network(subnet="10.77.0.0/24")
        await network.open()
        pod = host.pod()
        attachment = await network.attach(pod.sandbox_id, pod.netns_path)
        assert attachment.ips == ["10.77.0.2"]
        assert pod.addresses() == ["10.77.0.2/24"]
        assert "UP" in pod.interface("lo")["flags"]
        assert "UP" in pod.interface("eth0")["flags"]
        (route,) = json.loads(pod.run("ip", "-j", "route", "show", "default"))
        assert (route["gateway"], route["dev"]) == ("10.77.0.1", "eth0")
        assert json.loads(json.dumps(attachment.state)) == attachment.state
        await network.close()

    host.run_test(test)


def test_the_hosts_end_says_whose_it_is(host: Host) -> None:
    async def test() -> None:
        network = host.network()
        await network.open()
        pod = host.pod()
        await attach(network, pod)
        end = links()[host_interface(pod.sandbox_id)]
        assert end["master"] == bridge_of(network)
        assert end["ifalias"] == f"wasmlet {bridge_of(network)} pod {pod.sandbox_id}"
        await network.close()

    host.run_test(test)


def test_interfaces_have_the_mtu_of_the_default_route(host: Host) -> None:
    async def test() -> None:
        host.world()
        network = host.network()
        await network.open()
        pod = host.pod()
        await attach(network, pod)
        assert pod.interface("eth0")["mtu"] == UPLINK_MTU
        assert links()[host_interface(pod.sandbox_id)]["mtu"] == UPLINK_MTU
        await network.close()

    host.run_test(test)


def test_pods_reach_each_other(host: Host) -> None:
    async def test() -> None:
        network = host.network()
        await network.open()
        one, other = host.pods(2)
        await attach(network, one)
        assert one.reaches(other, await attach(network, other))
        await network.close()

    host.run_test(test)


def test_pods_reach_each_other_by_an_address_that_the_host_translates(host: Host) -> None:
    """As kube-proxy translates that of a Service; also where the sysctl keeps netfilter from bridges."""
    require_tool("iptables")

    async def test() -> None:
        run("sysctl", "-w", "net.bridge.bridge-nf-call-iptables=0")
        network = host.network()
        await network.open()
        one, other = host.pods(2)
        await attach(network, one)
        address = await attach(network, other)
        rule = f"PREROUTING -d {SERVICE} -p tcp -j DNAT --to-destination {address}"
        run("iptables", "-w", "-t", "nat", "-A", *rule.split())
        assert one.reaches(other, SERVICE)
        await network.close()

    host.run_test(test)


@pytest.mark.parametrize("program", ["nft", "iptables-legacy"])
def test_the_world_sees_a_pod_as_the_host(host: Host, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    translate_by(monkeypatch, program)

    async def test() -> None:
        world = host.world()
        network = host.network()
        await network.open()
        pod = host.pod()
        await attach(network, pod)
        await attach(network, host.pod())
        server = world.start_python(TELL_PEER)
        try:
            assert server.stdout
            server.stdout.readline()
            pod.python(f"import socket; socket.create_connection(('{WORLD}', 7), 60)")
            assert server.stdout.readline().strip() == HOST_IN_WORLD
        finally:
            server.kill()
            server.communicate()
        await network.teardown()
        assert "wasmlet" not in rules_of(program)
        await network.close()

    host.run_test(test)


def test_without_any_masquerade_pods_work_locally(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        monkeypatch.setattr("sandbox.network.address_translation.Nftables", KernelWithoutNftables)
        monkeypatch.setenv("PATH", "/nowhere")
        network = host.network()
        await network.open()
        monkeypatch.undo()
        one, other = host.pods(2)
        await attach(network, one)
        assert one.reaches(other, await attach(network, other))
        assert network.condition()[0]
        await network.close()

    host.run_test(test)


def test_nothing_is_left_of_a_dead_pod_and_its_address_comes_last(host: Host) -> None:
    async def test() -> None:
        network = host.network(subnet="10.77.0.0/29")
        await network.open()
        pods = host.pods(5)
        given = [await attach(network, pod) for pod in pods]
        for pod in pods[:2]:
            pod.end()
            await network.detach(pod.sandbox_id, {})
            await network.detach(pod.sandbox_id, {})
        await until(lambda: len(ports()) == 3)
        again = [await attach(network, pod) for pod in host.pods(2)]
        assert len(set(given)) == 5
        assert again == given[:2]  # the sixth address is the gateway's; the longest free goes first
        await network.close()

    host.run_test(test)


def test_an_interface_whose_namespace_is_held_is_removed_all_the_same(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "_LEFTOVER_SECONDS", 0.05)

    async def test() -> None:
        network = host.network()
        await network.open()
        pod = host.pod()
        attachment = await network.attach(pod.sandbox_id, pod.netns_path)
        await network.detach(pod.sandbox_id, attachment.state)
        await until(lambda: not ports())
        await network.close()

    host.run_test(test)


def test_an_address_given_again_at_once_is_not_the_former_pods_any_more(host: Host) -> None:
    async def test() -> None:
        network = host.network(subnet="10.77.0.0/30")
        await network.open()
        former, pod = host.pods(2)
        assert await attach(network, former) == "10.77.0.2"
        await network.detach(former.sandbox_id, {})
        assert await attach(network, pod) == "10.77.0.2"
        assert list(ports()) == [host_interface(pod.sandbox_id)]
        await network.close()

    host.run_test(test)
