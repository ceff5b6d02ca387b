"""Ports of the host that lead to pods on wasmlet's own bridge."""

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sandbox.errors import SandboxError
from sandbox.network import veth_pair
from sandbox.network.bridge import BridgeNetwork
from sandbox.network.provider import Attachment, HostPort, PodRequest
from tests.prerequisites import require_tool
from tests.sandbox.network.conftest import (
    HOST_IN_WORLD,
    WORLD,
    Host,
    KernelWithoutNftables,
    Pod,
    for_ipv6,
    links,
    ports,
    rules_of,
    run,
    translate_by,
    until,
)

SUBNET = "10.77.0.0/24,fd00:77::/64"
GATEWAYS = ("10.77.0.1", "fd00:77::1")
WEB = (HostPort(8080, 80, "tcp", ""), HostPort(53, 80, "udp", "0.0.0.0"), HostPort(81, 80, "tcp", "127.0.0.1"))

TELL_CALLERS = """
import socket, threading
def tcp():
    server = socket.create_server(('::', 80), family=socket.AF_INET6, dualstack_ipv6=True)
    print(flush=True)
    while True:
        caller, address = server.accept()
        caller.sendall(address[0].removeprefix('::ffff:').encode())
        caller.close()
udp = socket.socket(type=socket.SOCK_DGRAM)
udp.bind(('0.0.0.0', 80))
threading.Thread(target=tcp).start()
while True:
    _, address = udp.recvfrom(100)
    udp.sendto(address[0].encode(), address)
"""
_ATTRIBUTE_OF_NO_KERNEL = 1000
CALL = {
    "tcp": "import socket; print(socket.create_connection(('{}', {}), 240).recv(100).decode())",
    "udp": """
import socket
s = socket.socket(type=socket.SOCK_DGRAM)
s.settimeout(1)
s.connect(('{}', {}))
for _ in range(240):
    s.send(b'x')
    try:
        print(s.recv(100).decode())
        break
    except TimeoutError:
        pass  # a datagram may be lost
else:
    raise TimeoutError
""",
}


def request(name: str = "web", *wanted: HostPort) -> PodRequest:
    return PodRequest(name, "prod", host_ports=wanted or WEB)


async def attach(network: BridgeNetwork, pod: Pod, *wanted: HostPort, name: str = "web") -> Attachment:
    return await network.attach(pod.sandbox_id, pod.netns_path, request(name, *wanted))


@contextmanager
def telling_callers(pod: Pod) -> Iterator[None]:
    """The pod tells each caller at its port 80 who it is."""
    server = pod.start_python(TELL_CALLERS)
    try:
        assert server.stdout
        server.stdout.readline()
        yield
    finally:
        server.kill()
        server.communicate()


def seen(caller: Pod | None, protocol: str, address: str, port: int) -> str:
    """Who the pod sees when it is called; the caller is the host if it is no pod. "" if nobody answers."""
    program = CALL[protocol].format(address, port)
    try:
        return caller.python(program) if caller else run(sys.executable, "-c", program).strip()
    except AssertionError as error:
        assert "refused" in str(error)  # noqa: PT017
        return ""


def rules() -> str:
    return run("nft", "list", "ruleset")


@pytest.mark.parametrize(
    ("program", "in_bridge"), [("nft", "0"), ("nft", "1"), ("iptables-legacy", "1"), ("iptables-nft", "1")]
)
def test_they_lead_to_the_pod_from_everywhere(
    host: Host, monkeypatch: pytest.MonkeyPatch, program: str, in_bridge: str
) -> None:
    translate_by(monkeypatch, program)

    async def test() -> None:
        before = set(links())
        world = host.world()
        for family in ("ip", "ip6"):  # whether the kernel translates within a bridge, as kube-proxy wants it
            run("sysctl", "-w", f"net.bridge.bridge-nf-call-{family}tables={in_bridge}")
        run("ip", "addr", "add", "2001:db8::2/64", "dev", "uplink", "nodad")
        world.run("ip", "addr", "add", "2001:db8::1/64", "dev", "eth0", "nodad")
        network = host.network(subnet=SUBNET)
        await network.open()
        pod, other = host.pods(2)
        attachment = await attach(network, pod)
        await network.attach(other.sandbox_id, other.netns_path)
        gateway, gateway_ipv6 = GATEWAYS
        with telling_callers(pod):
            assert seen(world, "tcp", HOST_IN_WORLD, 8080) == WORLD
            assert seen(world, "tcp", "2001:db8::2", 8080) == "2001:db8::1"
            assert seen(world, "udp", HOST_IN_WORLD, 53) == WORLD
            assert seen(None, "tcp", HOST_IN_WORLD, 8080) == HOST_IN_WORLD
            assert seen(None, "tcp", "2001:db8::2", 8080) == "2001:db8::2"
            for protocol, port in (("tcp", 8080), ("tcp", 81), ("udp", 53)):
                assert seen(None, protocol, "127.0.0.1", port) == gateway
            for caller in (pod, other):
                assert seen(caller, "tcp", HOST_IN_WORLD, 8080) == gateway
                assert seen(caller, "tcp", "2001:db8::2", 8080) == gateway_ipv6
                assert seen(caller, "udp", HOST_IN_WORLD, 53) == gateway
            assert seen(other, "tcp", "10.77.0.2", 80) == "10.77.0.3"
            for pods, way in (("10.77.0.0/24", HOST_IN_WORLD), ("fd00:77::/64", "2001:db8::2")):
                world.run("ip", "route", "add", pods, "via", way)
            assert seen(world, "tcp", "10.77.0.2", 80) == WORLD
            assert seen(world, "tcp", "fd00:77::2", 80) == "2001:db8::1"
            assert seen(world, "tcp", HOST_IN_WORLD, 81) == ""
            assert seen(None, "tcp", "::1", 8080) == ""
            await network.detach(pod.sandbox_id, attachment.state)
            await until(lambda: "10.77.0.2" not in rules_of(program))
            assert seen(None, "tcp", HOST_IN_WORLD, 8080) == ""
        await network.teardown()
        assert "wasmlet" not in rules_of(program)
        assert "WL-" not in rules_of(program)
        assert set(links()) - before == {"uplink"}
        await network.close()

    host.run_test(test)


@pytest.mark.parametrize("program", ["nft", "iptables-legacy"])
def test_a_pod_does_not_reach_the_hosts_loopback(host: Host, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    translate_by(monkeypatch, program)

    async def test() -> None:
        network = host.network(subnet=SUBNET)
        await network.open()
        pod = host.pod()
        await attach(network, pod)
        # As a guest with the right to it would send it: to the bridge, for an address that nobody routes.
        pod.run("ip", "link", "set", "lo", "down")
        pod.run("ip", "addr", "del", "127.0.0.1/8", "dev", "lo")
        pod.run("sysctl", "-w", "net.ipv4.conf.eth0.route_localnet=1")
        pod.run("ip", "route", "add", "127.0.0.1/32", "via", "10.77.0.1", "dev", "eth0")
        with socket.socket(type=socket.SOCK_DGRAM) as service:
            service.bind(("127.0.0.1", 9))
            service.settimeout(1)
            send = "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.sendto(b'x', ('127.0.0.1', 9))"
            pod.python(send)
            with pytest.raises(TimeoutError):
                service.recv(1)
            run(*_flush_guard(program))
            service.settimeout(60)
            pod.python(send)
            assert service.recv(1) == b"x", "what the guard keeps away is there without it"
        await network.close()

    host.run_test(test)


def _flush_guard(program: str) -> tuple[str, ...]:
    if program != "nft":
        return program, "-w", "-t", "raw", "-F", "PREROUTING"
    bridge = next(name for name, link in links().items() if link.get("linkinfo", {}).get("info_kind") == "bridge")
    return "nft", "flush", "chain", "ip", f"wasmlet-{bridge}", "guard"


# ---- conflicts ------------------------------------------------------------------------------------------------------


def test_a_port_of_another_pod_is_refused_and_nothing_is_left(host: Host) -> None:
    require_tool("nft")

    async def test() -> None:
        network = host.network(subnet="10.77.0.0/29")
        await network.open()
        first, second, third = host.pods(3)
        attachment = await attach(network, first, name="first")
        before = rules(), ports()
        for _ in range(10):  # more often than the range has addresses
            with pytest.raises(SandboxError, match=r"8080/tcp of pod prod/second is that of pod prod/first \(sandbox"):
                await attach(network, second, name="second")
        assert (rules(), ports()) == before
        await attach(network, third, HostPort(8080, 80, "udp", ""))
        first.end()
        await network.detach(first.sandbox_id, attachment.state)
        await attach(network, second, name="second")
        with telling_callers(second):
            assert seen(None, "tcp", "127.0.0.1", 8080) == "10.77.0.1"
        await network.close()

    host.run_test(test)


def test_a_port_of_a_process_is_refused_and_nothing_is_left(host: Host) -> None:
    require_tool("nft")

    async def test() -> None:
        network = host.network(subnet="10.77.0.0/30")
        await network.open()
        pod = host.pod()
        before = rules(), ports()
        with (
            socket.create_server(("127.0.0.1", 8080)),
            pytest.raises(
                SandboxError, match="8080/tcp of pod prod/web is used by a process of this host, at 127.0.0.1"
            ),
        ):
            await attach(network, pod)
        assert (rules(), ports()) == before
        await attach(network, pod)
        await network.close()

    host.run_test(test)


def test_what_fails_later_takes_the_port_back(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    require_tool("nft")

    async def test() -> None:
        network = host.network(subnet="10.77.0.0/29")
        await network.open()
        pod, other = host.pods(2)
        before = rules()

        def fail(*arguments: object) -> None:
            assert "8080" in rules()
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(veth_pair, "connect", fail)
            with pytest.raises(SandboxError, match="No space left"):
                await attach(network, pod)
        assert rules() == before
        await attach(network, other)
        await network.close()

    host.run_test(test)


def test_without_anything_that_translates_they_are_refused(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        monkeypatch.setattr("sandbox.network.address_translation.Nftables", KernelWithoutNftables)
        monkeypatch.setenv("PATH", "/nowhere")
        network = host.network(subnet="10.77.0.0/30")
        await network.open()
        monkeypatch.undo()
        pod = host.pod()
        with pytest.raises(SandboxError, match="host port 8080 cannot be published: this machine translates no addr"):
            await attach(network, pod)
        assert (await network.attach(pod.sandbox_id, pod.netns_path)).ips == ["10.77.0.2"]
        await network.close()

    host.run_test(test)


# ---- UDP flows ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("program", "filters"), [("nft", True), ("nft", False), ("iptables-legacy", True)])
def test_who_goes_on_sending_is_heard_by_whoever_publishes_the_port(
    host: Host, monkeypatch: pytest.MonkeyPatch, program: str, *, filters: bool
) -> None:
    """``filters``: whether the kernel knows those that the flows of former pods are forgotten by."""
    translate_by(monkeypatch, program)
    if not filters:
        monkeypatch.setattr("sandbox.network.conntrack._FILTER", _ATTRIBUTE_OF_NO_KERNEL)
    port = HostPort(53, 80, "udp", "")

    async def test() -> None:
        network = host.network(subnet=SUBNET)
        await network.open()
        with socket.socket(type=socket.SOCK_DGRAM) as caller:
            caller.settimeout(5)
            caller.connect(("127.0.0.1", 53))

            def answer() -> str:
                try:
                    caller.send(b"x")
                    return caller.recv(100).decode()
                except ConnectionRefusedError:
                    return ""
                except TimeoutError:  # lost while the rules changed
                    return "nothing"

            assert (answer(), answer()) == ("", "")
            for pod in host.pods(2):
                attachment = await attach(network, pod, port)
                with telling_callers(pod):
                    await until(lambda: answer() == "10.77.0.1")
                await network.detach(pod.sandbox_id, attachment.state)
            await until(lambda: answer() == answer() == "")
        await network.close()

    host.run_test(test)


# ---- restarts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["nft", "iptables-legacy"])
def test_they_work_while_the_server_is_away_and_go_with_the_pod(
    host: Host, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    translate_by(monkeypatch, program)

    async def test() -> None:
        first = host.network(subnet=SUBNET)
        await first.open()
        kept, dead = host.pods(2)
        attachment = await attach(first, kept)
        await attach(first, dead, HostPort(99, 80, "tcp", ""))
        await first.close()  # as a killed server leaves it, but for the name
        with telling_callers(kept):
            assert seen(None, "tcp", "127.0.0.1", 8080) == "10.77.0.1"
            dead.end()
            second = host.network(subnet=SUBNET)
            await second.open()
            assert seen(None, "tcp", "127.0.0.1", 8080) == "10.77.0.1", "between start and recovery"
            await second.detach(dead.sandbox_id, {})
            second.restore(kept.sandbox_id, attachment.state)
            await second.sweep({kept.sandbox_id})
            assert "99" not in rules_of(program).split()
            assert seen(None, "tcp", "127.0.0.1", 8080) == "10.77.0.1"
            other = host.pod()
            with pytest.raises(SandboxError, match="is that of pod prod/web"):
                await attach(second, other, name="other")
            await second.detach(kept.sandbox_id, attachment.state)
            await until(lambda: seen(None, "tcp", "127.0.0.1", 8080) == "")
        await second.close()

    host.run_test(test)


@pytest.mark.parametrize("program", ["nft", "iptables-legacy"])
def test_they_come_back_when_somebody_has_removed_all_rules(
    host: Host, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    translate_by(monkeypatch, program)

    async def test() -> None:
        network = host.network(subnet=SUBNET)
        await network.open()
        pod = host.pod()
        await attach(network, pod)
        _flush_all(program)
        other = host.pod()
        await attach(network, other, HostPort(99, 80, "tcp", ""), name="other")
        with telling_callers(pod), telling_callers(other):
            for port in (8080, 99):
                assert seen(other, "tcp", "10.77.0.1", port) == "10.77.0.1"
        await network.close()

    host.run_test(test)


def _flush_all(program: str) -> None:
    if program == "nft":
        run("nft", "flush", "ruleset")
        return
    for each in (program, for_ipv6(program)):
        for command in ("-F", "-X"):
            run(each, "-w", "-t", "nat", command)


def test_what_somebody_else_has_done_to_the_maps_is_put_right(host: Host) -> None:
    require_tool("nft")

    async def test() -> None:
        network = host.network(bridge="br0", subnet="10.77.0.0/24")
        await network.open()
        await network.sweep(set())
        first, second, third = host.pods(3)
        attachment = await attach(network, first, HostPort(81, 80, "tcp", ""))
        await attach(network, second, HostPort(82, 80, "tcp", ""))
        run("nft", "delete", "element", "ip", "wasmlet-br0", "ports", "{ tcp . 81 }")
        await network.detach(first.sandbox_id, attachment.state)
        run("nft", "add", "element", "ip", "wasmlet-br0", "ports", "{ tcp . 83 : 192.0.2.7 . 9 }")
        await attach(network, third, HostPort(83, 80, "tcp", ""))
        elements = run("nft", "list", "map", "ip", "wasmlet-br0", "ports")
        assert "tcp . 81" not in elements
        assert "tcp . 82 : 10.77.0.3 . 80" in elements
        assert "tcp . 83 : 10.77.0.4 . 80" in elements
        await network.close()

    host.run_test(test)


@pytest.mark.parametrize("program", ["nft", "iptables-legacy"])
def test_many_at_once(host: Host, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    translate_by(monkeypatch, program)

    async def test() -> None:
        network = host.network(subnet=SUBNET)
        await network.open()
        await network.sweep(set())
        before = _settings(program), set(links())
        pods = host.pods(50)
        attachments = await asyncio.gather(
            *(attach(network, pod, HostPort(9000 + number, 80, "tcp", "")) for number, pod in enumerate(pods))
        )
        assert len({ip for attachment in attachments for ip in attachment.ips}) == 100
        assert len(ports()) == 50
        published = _settings(program)
        form = "tcp . {} : {} . 80" if program == "nft" else "--dport {} -j DNAT --to-destination {}:80"
        assert all(form.format(9000 + number, each.ips[0]) in published for number, each in enumerate(attachments))
        pods[0].end()
        await asyncio.gather(
            *(network.detach(pod.sandbox_id, each.state) for pod, each in zip(pods, attachments, strict=True))
        )
        for pod in pods:
            pod.end()
        await until(lambda: _settings(program) == before[0] and set(links()) == before[1])
        await network.close()

    host.run_test(test)


def _settings(program: str) -> str:
    """Without what changes by itself: iptables tells the hour and counts packets."""
    lines = rules_of(program).splitlines()
    return "\n".join(line for line in lines if program == "nft" or line.startswith("-A"))
