"""How fast pods on wasmlet's own bridge may receive and send."""

import json
from typing import Any

import pytest

from sandbox.errors import InvalidSpec, NotSupported, SandboxError
from sandbox.network import bandwidth
from sandbox.network.bandwidth import Bandwidth, wanted
from sandbox.network.names import host_interface
from sandbox.network.netlink import EncodedMessage, NetlinkSocket
from sandbox.network.pod_annotations import ALIASES, EGRESS, INGRESS, IPS, MAC
from sandbox.network.provider import PodRequest
from tests.prerequisites import require_tool
from tests.sandbox.network.conftest import Host, Pod, ports, run

SEND = """
import socket, sys, time
listener = socket.create_server(('0.0.0.0', 7))
print(flush=True)
caller, _ = listener.accept()
caller.sendall(bytes({size}))
"""
RECEIVE = """
import socket, time
start, size = time.monotonic(), 0
server = socket.create_connection(('{address}', 7), 60)
while data := server.recv(1 << 16):
    size += len(data)
print(size, time.monotonic() - start)
"""


def test_annotations_say_how_much() -> None:
    assert wanted({}) == Bandwidth(None, None)
    assert wanted({INGRESS: "10M", EGRESS: "1.5Gi"}) == Bandwidth(10_000_000, 1_610_612_736)
    with pytest.raises(InvalidSpec, match="asks for 999 bits per second"):
        wanted({INGRESS: "999"})


def buckets(text: str) -> list[tuple[int, int]]:
    """Bits per second and burst of the token buckets, as tc shows them."""
    found: list[dict[str, Any]] = json.loads(text)
    return [(8 * each["options"]["rate"], each["options"]["burst"]) for each in found if each["kind"] == "tbf"]


@pytest.mark.parametrize(
    ("ingress", "egress"), [("1k", "10M"), ("10M", None), (None, "1P"), ("40G", "40G"), (None, None)]
)
def test_each_direction_has_its_limit(host: Host, ingress: str | None, egress: str | None) -> None:
    require_tool("tc")

    async def test() -> None:
        network = host.network(subnet="10.77.0.0/24,fd00:77::/64")
        await network.open()
        pod = host.pod()
        asked = {name: text for name, text in ((INGRESS, ingress), (EGRESS, egress)) if text}
        await network.attach(pod.sandbox_id, pod.netns_path, PodRequest("web", annotations=asked))
        limits = wanted(asked)
        received = buckets(run("tc", "-j", "qdisc", "show", "dev", host_interface(pod.sandbox_id)))
        sent = buckets(pod.run("tc", "-j", "qdisc", "show", "dev", "eth0"))
        for found, limit in ((received, limits.ingress), (sent, limits.egress)):
            assert [rate for rate, _ in found] == ([] if limit is None else [limit])
            assert all(burst > 9000 for _, burst in found)
        await network.close()

    host.run_test(test)


def seconds(sender: Pod, receiver: Pod, address: str, size: int) -> float:
    server = sender.start_python(SEND.format(size=size))
    try:
        assert server.stdout
        server.stdout.readline()
        received, took = receiver.python(RECEIVE.format(address=address)).split()
        assert int(received) == size
        return float(took)
    finally:
        server.kill()
        server.communicate()


def test_it_takes_as_long_as_the_limit_says(host: Host) -> None:
    """Only the least: how much longer it takes is the machine's business."""

    async def test() -> None:
        network = host.network(subnet="10.77.0.0/24")
        await network.open()
        limited, other = host.pods(2)
        request = PodRequest("web", annotations={INGRESS: "4M", EGRESS: "8M"})
        address = (await network.attach(limited.sandbox_id, limited.netns_path, request)).ips[0]
        other_address = (await network.attach(other.sandbox_id, other.netns_path)).ips[0]
        assert seconds(limited, other, address, 500_000) > 0.4
        assert seconds(other, limited, other_address, 250_000) > 0.4
        await network.close()

    host.run_test(test)


@pytest.mark.parametrize("annotation", [IPS, MAC, ALIASES])
def test_what_only_plugins_give_is_refused(host: Host, annotation: str) -> None:
    async def test() -> None:
        network = host.network()
        await network.open()
        pod = host.pod()
        request = PodRequest("web", "prod", annotations={annotation: "x"})
        with pytest.raises(
            NotSupported, match=f"pod prod/web has the annotation {annotation}, which wasmlet's own netw"
        ):
            await network.attach(pod.sandbox_id, pod.netns_path, request)
        assert not ports()
        await network.attach(pod.sandbox_id, pod.netns_path)
        await network.close()

    host.run_test(test)


@pytest.mark.parametrize("direction", [INGRESS, EGRESS])
def test_a_kernel_without_the_filter_refuses_and_nothing_is_left(
    host: Host, monkeypatch: pytest.MonkeyPatch, direction: str
) -> None:
    def unknown(*arguments: object) -> EncodedMessage:
        made: EncodedMessage = encode(*arguments)
        made._body = made._body.replace(b"tbf", b"xyz")
        return made

    encode: Any = bandwidth._token_bucket
    monkeypatch.setattr(bandwidth, "_token_bucket", unknown)

    async def test() -> None:
        network = host.network(subnet="10.77.0.0/30")
        await network.open()
        pod = host.pod()
        with pytest.raises(SandboxError, match="this kernel has no token bucket filter; load its module sch_tbf"):
            await network.attach(pod.sandbox_id, pod.netns_path, PodRequest("web", annotations={direction: "1M"}))
        assert not ports()
        assert (await network.attach(pod.sandbox_id, pod.netns_path)).ips == ["10.77.0.2"]
        await network.close()

    host.run_test(test)


def test_the_kernel_refuses_what_is_not_its_own(host: Host) -> None:
    async def test() -> None:
        with NetlinkSocket() as netlink, pytest.raises(OSError, match="No such device"):
            bandwidth.limit(netlink, 4711, 1_000_000, 1500)

    host.run_test(test)
