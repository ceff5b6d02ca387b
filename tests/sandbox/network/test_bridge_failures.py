"""Attachments to the bridge that fail, are cancelled, or come many at a time."""

import asyncio
import threading

import pytest

from sandbox.errors import SandboxError
from sandbox.network import veth_pair
from sandbox.network.bridge_device import Device
from sandbox.network.names import host_interface
from sandbox.network.veth_pair import Pair
from tests.sandbox.network.conftest import (
    Host,
    attach,
    ports,
    until,
)


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
        await network.close()

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
        await network.close()

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
