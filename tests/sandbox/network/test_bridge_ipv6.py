"""Pods with IPv6 addresses on wasmlet's own bridge."""

import json
from ipaddress import ip_address
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.network import ipv6
from sandbox.network.bridge import BridgeNetwork
from sandbox.network.names import host_interface
from tests.prerequisites import require_tool
from tests.sandbox.network.conftest import Host, Pod, links, ports, rules_of, run, translate_by

SUBNET = "10.77.0.0/24,fd00:77::/64"
TELL_PEER = (
    "import socket; s = socket.create_server(('::', 7), family=socket.AF_INET6, dualstack_ipv6=True); s.settimeout(60);"
    "print(flush=True); print(s.accept()[0].getpeername()[0].removeprefix('::ffff:'))"
)
TELL_MYSELF = "import socket; print(socket.create_connection(('{}', 7), 60).getsockname()[0])"


async def attach(network: BridgeNetwork, pod: Pod) -> list[str]:
    return (await network.attach(pod.sandbox_id, pod.netns_path)).ips


def callers(server: Pod, caller: Pod, address: str) -> tuple[str, str]:
    """As the server sees the caller, and as it sees itself."""
    listening = server.start_python(TELL_PEER)
    try:
        assert listening.stdout
        listening.stdout.readline()
        mine = caller.python(TELL_MYSELF.format(address))
        return listening.stdout.readline().strip(), mine
    finally:
        listening.kill()
        listening.communicate()


@pytest.mark.parametrize(
    ("subnet", "ips"),
    [
        (SUBNET, ["10.77.0.2", "fd00:77::2"]),
        ("fd00:77::/64,10.77.0.0/24", ["fd00:77::2", "10.77.0.2"]),
        ("fd00:77::/126", ["fd00:77::2"]),
    ],
)
def test_a_pod_has_an_address_of_each_range_at_once(host: Host, subnet: str, ips: list[str]) -> None:
    async def test() -> None:
        network = host.network(subnet=subnet)
        await network.open()
        pod = host.pod()
        attachment = await network.attach(pod.sandbox_id, pod.netns_path)
        assert attachment.ips == ips
        for ip in attachment.ips:  # an address that is still being tried out cannot be bound
            assert pod.python(f"import socket; s = socket.create_server(('{ip}', 0), family={_family(ip)}); print(1)")
        flag = "-6" if ":" in ips[0] else "-4"
        (route,) = json.loads(pod.run("ip", "-j", flag, "route", "show", "default"))
        assert ip_address(route["gateway"]) == ip_address(ips[0]) - 1
        assert pod.run("sysctl", "-n", "net.ipv6.conf.eth0.accept_ra").strip() == "0"
        await network.close()

    host.run_test(test)


def _family(ip: str) -> str:
    return "socket.AF_INET6" if ":" in ip else "socket.AF_INET"


@pytest.mark.parametrize("program", ["nft", "iptables-legacy"])
def test_pods_reach_each_other_and_the_world(host: Host, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    translate_by(monkeypatch, program)

    async def test() -> None:
        world = host.world()
        run("ip", "addr", "add", "2001:db8::2/64", "dev", "uplink", "nodad")
        run("ip", "-6", "route", "add", "default", "via", "2001:db8::1")
        world.run("ip", "addr", "add", "2001:db8::1/64", "dev", "eth0", "nodad")
        network = host.network(subnet=SUBNET)
        await network.open()
        one, other = host.pods(2)
        ips, _ = await attach(network, one), await attach(network, other)
        assert callers(one, other, ips[1]) == ("fd00:77::3", "fd00:77::3")
        assert callers(world, one, "2001:db8::1") == ("2001:db8::2", "fd00:77::2")
        await network.teardown()
        assert "wasmlet" not in rules_of(program)
        await network.close()

    host.run_test(test)


def test_an_interface_that_learns_its_routes_from_a_router_goes_on_doing_so(host: Host) -> None:
    async def test() -> None:
        world = host.world()
        assert world
        network = host.network(subnet=SUBNET)
        await network.open()
        assert run("sysctl", "-n", "net.ipv6.conf.all.forwarding").strip() == "1"
        assert run("sysctl", "-n", "net.ipv6.conf.uplink.accept_ra").strip() == "2"
        await network.close()

    host.run_test(test)


def test_without_an_ipv6_range_nothing_of_ipv6_is_touched(host: Host) -> None:
    async def test() -> None:
        network = host.network()
        await network.open()
        await attach(network, host.pod())
        assert run("sysctl", "-n", "net.ipv6.conf.all.forwarding").strip() == "0"
        assert "ip6" not in run("nft", "list", "ruleset")
        await network.close()

    require_tool("nft")
    host.run_test(test)


def test_an_address_given_again_at_once_is_reached_at_the_new_pod(host: Host) -> None:
    async def test() -> None:
        network = host.network(subnet="10.77.0.0/29,fd00:77::/125")
        await network.open()
        caller, former = host.pods(2)
        await attach(network, caller)
        ip = (await attach(network, former))[1]
        assert callers(former, caller, ip)[0] == "fd00:77::2"
        for pod in host.pods(3):
            await attach(network, pod)
        await network.detach(former.sandbox_id, {})
        pod = host.pod()
        assert await attach(network, pod) == ["10.77.0.3", ip]
        assert callers(pod, caller, ip)[0] == "fd00:77::2"
        await network.close()

    host.run_test(test)


def test_the_smaller_of_two_ranges_is_the_limit_and_nothing_is_held_of_the_other(host: Host) -> None:
    async def test() -> None:
        network = host.network(subnet="10.77.0.0/29,fd00:77::/126")
        await network.open()
        first, second = host.pods(2)
        assert await attach(network, first) == ["10.77.0.2", "fd00:77::2"]
        for _ in range(10):
            with pytest.raises(SandboxError, match=r"no free address in fd00:77::/126: 1 pods hold one"):
                await attach(network, second)
        first.end()
        await network.detach(first.sandbox_id, {})
        assert len(await attach(network, second)) == 2
        assert list(ports()) == [host_interface(second.sandbox_id)]
        await network.close()

    host.run_test(test)


# ---- what the kubelet announces, and restarts -----------------------------------------------------------------------


def test_a_range_that_is_announced_later_is_for_new_pods_and_remembered(host: Host) -> None:
    async def test() -> None:
        first = host.network(subnet="10.77.0.0/24")
        await first.open()
        old, new, newer = host.pods(3)
        kept = await first.attach(old.sandbox_id, old.netns_path)
        await first.set_pod_cidr("10.244.3.0/24,fd00:244::/64")
        dual = await first.attach(new.sandbox_id, new.netns_path)
        assert dual.ips == ["10.244.3.2", "fd00:244::2"]
        assert callers(new, old, "10.244.3.2")[1] == "10.77.0.2"
        await first.close()

        second = host.network(subnet="10.77.0.0/24")
        await second.open()
        second.restore(old.sandbox_id, kept.state)
        second.restore(new.sandbox_id, dual.state)
        await second.sweep({old.sandbox_id, new.sandbox_id})
        assert await attach(second, newer) == ["10.244.3.3", "fd00:244::3"]
        assert callers(new, newer, "fd00:244::2") == ("fd00:244::3", "fd00:244::3")
        await second.close()

    host.run_test(test)


# ---- machines without IPv6 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["not there", "switched off"])
def test_without_ipv6_pods_have_ipv4_only(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str
) -> None:
    async def test() -> None:
        if how == "not there":
            monkeypatch.setattr(ipv6, "_SETTINGS", tmp_path)
        else:
            run("sysctl", "-w", "net.ipv6.conf.all.disable_ipv6=1")
        network = host.network(subnet=SUBNET)
        await network.open()
        assert network.condition() == (True, "BridgeReady", "")
        assert await attach(network, host.pod()) == ["10.77.0.2"]
        await network.set_pod_cidr("fd00:244::/64")
        ready, _, message = network.condition()
        assert not ready
        assert "pods cannot have addresses of fd00:244::/64: this machine has no IPv6, or it is switched off" in message
        await network.set_pod_cidr("10.244.3.0/24,fd00:244::/64")
        assert await attach(network, host.pod()) == ["10.244.3.2"]
        assert len(links()) >= 3
        await network.close()

    host.run_test(test)
