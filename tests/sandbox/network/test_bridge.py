"""Pods on wasmlet's own bridge, on a host of their own."""

import asyncio
import json
import threading
from pathlib import Path

import pytest

from sandbox import syscalls
from sandbox.errors import InvalidSpec, SandboxError
from sandbox.network import bridge, veth_pair
from sandbox.network.bridge import BridgeNetwork, BridgeSettings
from sandbox.network.bridge_device import Device
from sandbox.network.names import host_interface
from sandbox.network.veth_pair import Pair
from tests.prerequisites import require_tool
from tests.sandbox.network.conftest import (
    HOST_IN_WORLD,
    UPLINK_MTU,
    WORLD,
    Host,
    Pod,
    addresses_of,
    links,
    ports,
    run,
    until,
)

SERVICE = "10.96.0.7"
TELL_PEER = (
    "import socket; s = socket.create_server(('0.0.0.0', 7)); s.settimeout(20); print(flush=True);"
    "print(s.accept()[0].getpeername()[0])"
)


async def attach(network: BridgeNetwork, pod: Pod) -> str:
    return (await network.attach(pod.sandbox_id, pod.netns_path)).ips[0]


def bridge_of(network: BridgeNetwork) -> str:
    return next(name for name, link in links().items() if link.get("linkinfo", {}).get("info_kind") == "bridge")


# ---- one pod --------------------------------------------------------------------------------------------------------


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
        run("iptables", "-t", "nat", "-A", *rule.split())
        assert one.reaches(other, SERVICE)
        await network.close()

    host.run_test(test)


@pytest.mark.parametrize("program", ["nft", "iptables"])
def test_the_world_sees_a_pod_as_the_host(host: Host, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    require_tool(program)

    async def test() -> None:
        if program == "iptables":
            monkeypatch.setattr("sandbox.network.address_translation.Nftables", KernelWithoutNftables)
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
            pod.python(f"import socket; socket.create_connection(('{WORLD}', 7), 10)")
            assert server.stdout.readline().strip() == HOST_IN_WORLD
        finally:
            server.kill()
            server.communicate()
        await network.teardown()
        assert "wasmlet" not in run("nft", "list", "ruleset")
        await network.close()

    host.run_test(test)


class KernelWithoutNftables:
    def __init__(self, bridge: str) -> None:
        pass

    def try_out(self) -> None:
        raise OSError(93, "Protocol not supported")


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


# ---- the end of a pod -----------------------------------------------------------------------------------------------


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


# ---- what goes wrong ------------------------------------------------------------------------------------------------


def test_a_full_range_is_refused_by_name(host: Host) -> None:
    async def test() -> None:
        network = host.network(subnet="10.77.0.0/30")
        await network.open()
        await attach(network, host.pod())
        with pytest.raises(SandboxError, match=r"no free address in 10.77.0.0/30: 1 pods hold one; remove pods"):
            await attach(network, host.pod())
        await network.close()

    host.run_test(test)


def test_a_pod_that_is_gone_gets_nothing(host: Host) -> None:
    async def test() -> None:
        network = host.network(subnet="10.77.0.0/30")
        await network.open()
        gone, pod = host.pods(2)
        gone.end()
        with pytest.raises(SandboxError, match=r"cannot be attached to the network: /proc/\d+/ns/net: No such file"):
            await attach(network, gone)
        assert not ports()
        assert await attach(network, pod) == "10.77.0.2"
        await network.close()

    host.run_test(test)


def test_an_attachment_that_fails_in_the_namespace_is_undone(host: Host) -> None:
    async def test() -> None:
        network = host.network(subnet="10.77.0.0/30")
        await network.open()
        pod, other = host.pods(2)
        pod.run("ip", "link", "add", "eth0", "type", "bridge")
        with pytest.raises(SandboxError, match="File exists"):
            await attach(network, pod)
        assert not ports()
        assert await attach(network, other)
        await network.close()

    host.run_test(test)


def test_a_second_attachment_of_a_pod_leaves_the_first_alone(host: Host) -> None:
    async def test() -> None:
        network = host.network()
        await network.open()
        pod, other = host.pods(2)
        address = await attach(network, pod)
        with pytest.raises(SandboxError, match=f"has address {address} already: detach it first"):
            await attach(network, pod)
        assert list(ports()) == [host_interface(pod.sandbox_id)]
        assert await attach(network, other) != address
        await network.close()

    host.run_test(test)


@pytest.mark.parametrize("cancelled", ["before", "after"])
def test_a_cancelled_attachment_is_undone(host: Host, monkeypatch: pytest.MonkeyPatch, cancelled: str) -> None:
    connect, reached, go_on = veth_pair.connect, threading.Event(), threading.Event()

    def slow_connect(pair: Pair, device: Device, namespace: str) -> None:
        if cancelled == "after":
            connect(pair, device, namespace)
        reached.set()
        go_on.wait()
        if cancelled == "before":
            connect(pair, device, namespace)

    async def test() -> None:
        network = host.network(subnet="10.77.0.0/30")
        await network.open()
        pod, other = host.pods(2)
        monkeypatch.setattr(veth_pair, "connect", slow_connect)
        attaching = asyncio.create_task(attach(network, pod))
        await until(reached.is_set)
        attaching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attaching
        detaching = asyncio.create_task(network.detach(pod.sandbox_id, {}))
        with pytest.raises(SandboxError, match="no free address"):
            await attach(network, other)
        go_on.set()
        await detaching
        await network.close()  # waits for what is being undone
        assert not ports()
        assert await attach(network, other) == "10.77.0.2"

    host.run_test(test)


def test_an_attachment_cancelled_at_its_very_end_is_undone(host: Host) -> None:
    async def test() -> None:
        network = host.network(subnet="10.77.0.0/30")
        await network.open()
        pod, other = host.pods(2)
        attaching = asyncio.create_task(attach(network, pod))
        while not attaching.done():
            before = len(asyncio.all_tasks())
            await asyncio.sleep(0)
            if len(asyncio.all_tasks()) < before:  # the work is done, and who waits for it does not know yet
                attaching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attaching
        await network.close()
        assert not ports()
        assert await attach(network, other) == "10.77.0.2"

    host.run_test(test)


def test_fifty_at_a_time(host: Host) -> None:
    async def test() -> None:
        network = host.network()
        await network.open()
        pods = host.pods(50)
        given = await asyncio.gather(*(attach(network, pod) for pod in pods))
        assert len(set(given)) == 50
        assert [pod.addresses() for pod in pods] == [[f"{address}/24"] for address in given]
        assert len(ports()) == 50
        for pod in pods:
            pod.end()
        await asyncio.gather(*(network.detach(pod.sandbox_id, {}) for pod in pods))
        await until(lambda: not ports())
        await network.close()

    host.run_test(test)


# ---- others on the machine ------------------------------------------------------------------------------------------


def test_a_removed_bridge_is_made_again_with_the_pods_it_had(host: Host) -> None:
    async def test() -> None:
        network = host.network()
        await network.open()
        before, after = host.pods(2)
        address = await attach(network, before)
        name = bridge_of(network)
        run("ip", "link", "del", name)
        await attach(network, after)
        assert set(ports().values()) == {name}
        assert after.reaches(before, address)
        await network.close()

    host.run_test(test)


def test_a_removed_masquerade_is_made_again(host: Host) -> None:
    require_tool("nft")

    async def test() -> None:
        network = host.network()
        await network.open()
        made = run("nft", "list", "ruleset")
        run("nft", "flush", "ruleset")
        await attach(network, host.pod())
        assert run("nft", "list", "ruleset") == made
        assert "masquerade" in made
        await network.close()

    host.run_test(test)


def test_servers_side_by_side_have_ranges_and_bridges_of_their_own(host: Host) -> None:
    async def test() -> None:
        run("ip", "link", "add", "other", "type", "bridge")
        run("ip", "addr", "add", "10.88.0.9/24", "dev", "other")
        servers = [host.network(name) for name in ("a", "b", "c")]
        await asyncio.gather(*(server.open() for server in servers))
        given = sorted([await attach(server, host.pod()) for server in servers])
        assert given == ["10.88.1.2", "10.88.2.2", "10.88.3.2"]
        for server in servers:
            await server.close()

    host.run_test(test)


def test_a_chosen_range_is_kept_over_restarts(host: Host) -> None:
    async def test() -> None:
        run("ip", "route", "add", "blackhole", "10.88.0.0/23")
        first = host.network()
        await first.open()
        assert await attach(first, host.pod()) == "10.88.2.2"
        await first.teardown()
        await first.close()
        run("ip", "route", "del", "blackhole", "10.88.0.0/23")
        second = host.network()
        await second.open()
        assert (await attach(second, host.pod())).startswith("10.88.2.")
        await second.close()

    host.run_test(test)


def test_a_range_that_somebody_took_while_it_was_unused_is_chosen_anew(host: Host) -> None:
    async def test() -> None:
        first = host.network()
        await first.open()
        await first.teardown()
        await first.close()
        run("ip", "route", "add", "blackhole", "10.88.0.0/24")
        second = host.network()
        await second.open()
        assert await attach(second, host.pod()) == "10.88.1.2"
        await second.close()

    host.run_test(test)


def test_a_bridge_name_is_one_running_servers(host: Host) -> None:
    async def test() -> None:
        first, second = (host.network(name, bridge="wlshared") for name in ("a", "b"))
        await first.open()
        await second.open()
        assert first.condition() == (True, "BridgeReady", "")
        ready, reason, message = second.condition()
        assert (ready, reason) == (False, "BridgeNotReady")
        assert "bridge wlshared belongs to another running server" in message
        with pytest.raises(SandboxError, match="belongs to another running server"):
            await second.teardown()
        assert first.condition()[0]
        assert "wlshared" in links()
        await first.close()
        assert await attach(second, host.pod())
        await second.close()

    host.run_test(test)


# ---- restarts -------------------------------------------------------------------------------------------------------


def test_pods_keep_their_addresses_over_a_restart(host: Host) -> None:
    async def test() -> None:
        first = host.network(subnet="10.77.0.0/29")
        await first.open()
        kept, dead = host.pods(2)
        kept_attachment = await first.attach(kept.sandbox_id, kept.netns_path)
        await attach(first, dead)
        await first.close()

        second = host.network(subnet="10.77.0.0/29")
        second.restore(kept.sandbox_id, kept_attachment.state)
        await second.open()
        await second.sweep({kept.sandbox_id})
        assert list(ports()) == [host_interface(kept.sandbox_id)]
        others = [await attach(second, pod) for pod in host.pods(4)]
        assert sorted([*others, *kept_attachment.ips]) == [f"10.77.0.{number}" for number in range(2, 7)]
        await second.close()

    host.run_test(test)


def test_sweep_leaves_pods_of_other_servers_and_new_ones_alone(host: Host) -> None:
    async def test() -> None:
        mine, others = host.network("a"), host.network("b")
        await mine.open()
        await others.open()
        await attach(mine, host.pod())
        await attach(others, host.pod())
        await mine.sweep(set())
        assert len(ports()) == 2
        await mine.close()
        await others.close()

    host.run_test(test)


def test_a_range_of_restored_pods_is_served_on_a_bridge_made_anew(host: Host) -> None:
    async def test() -> None:
        first = host.network(subnet="10.77.0.0/24")
        await first.open()
        pod = host.pod()
        attachment = await first.attach(pod.sandbox_id, pod.netns_path)
        name = bridge_of(first)
        await first.close()
        run("ip", "link", "del", name)

        second = host.network(subnet="10.78.0.0/24")
        await second.open()
        second.restore(pod.sandbox_id, attachment.state)
        await second.sweep({pod.sandbox_id})
        assert addresses_of(name) == {"10.77.0.1/24", "10.78.0.1/24"}
        assert (
            pod.python("import socket; print(socket.create_server(('10.77.0.2', 0)).getsockname()[0])") == "10.77.0.2"
        )
        other = host.pod()
        await attach(second, other)
        assert other.reaches(pod, "10.77.0.2")
        await second.close()

    host.run_test(test)


def test_a_torn_record_is_set_aside(host: Host) -> None:
    async def test() -> None:
        first = host.network()
        await first.open()
        await first.close()
        record = host.folder / "server" / "root" / "network.record"
        record.write_bytes(record.read_bytes()[:-3])
        second = host.network()
        await second.open()
        assert await attach(second, host.pod())
        assert list((host.folder / "server" / "root" / "set-aside").iterdir())
        await second.close()

    host.run_test(test)


def test_nothing_stays_after_teardown(host: Host) -> None:
    async def test() -> None:
        before = set(links())
        network = host.network()
        await network.open()
        await attach(network, host.pod())
        await network.teardown()
        await network.teardown()
        assert set(links()) == before
        assert not network.condition()[0]
        await network.close()

    host.run_test(test)


# ---- the range the kubelet announces --------------------------------------------------------------------------------


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


# ---- condition ------------------------------------------------------------------------------------------------------


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
