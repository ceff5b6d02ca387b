"""A server whose setting changes while pods are there."""

from sandbox.network.chosen import ChosenNetwork
from sandbox.network.cni.network import CniNetwork, CniSettings
from sandbox.network.provider import HostPort, PodRequest
from tests.prerequisites import require_tool
from tests.sandbox.network.cni.conftest import Installation, cni
from tests.sandbox.network.conftest import Host, links, run, until

__all__ = ["cni"]


def test_pods_of_plugins_are_detached_by_plugins_after_a_change_to_the_own_network(
    host: Host, cni: Installation
) -> None:
    cni.describe(cni.program())

    async def test() -> None:
        former = ChosenNetwork(cni.network(host), host.network(), by_plugins=True)
        await former.open()
        pod = host.pod()
        attachment = await former.attach(pod.sandbox_id, pod.netns_path)
        await former.close()
        without = CniNetwork(host.folder / "root", host.folder / "state", CniSettings(None, (cni.bin_dir,), 60))
        network = ChosenNetwork(without, host.network(), by_plugins=False)
        await network.open()
        assert network.condition() == (True, "BridgeReady", "")
        network.restore(pod.sandbox_id, attachment.state)
        await network.sweep({pod.sandbox_id})
        await network.detach(pod.sandbox_id, attachment.state)
        assert cni.calls()[-1] == "DEL"
        other = host.pod()
        attachment = await network.attach(other.sandbox_id, other.netns_path)
        assert other.addresses()
        await network.detach(other.sandbox_id, attachment.state)
        await network.close()

    host.run_test(test)


def test_pods_of_the_own_network_go_on_after_a_change_to_plugins_and_take_it_along(
    host: Host, cni: Installation
) -> None:
    require_tool("nft")
    cni.describe(cni.program())

    async def test() -> None:
        before = set(links())
        without = CniNetwork(host.folder / "root", host.folder / "state", CniSettings(None, (cni.bin_dir,), 60))
        former = ChosenNetwork(without, host.network(), by_plugins=False)
        await former.open()
        await former.sweep(set())
        pod = host.pod()
        wanted = PodRequest("web", host_ports=(HostPort(8080, 80, "tcp", ""),))
        attachment = await former.attach(pod.sandbox_id, pod.netns_path, wanted)
        await former.close()
        network = ChosenNetwork(cni.network(host), host.network(), by_plugins=True)
        await network.open()
        network.restore(pod.sandbox_id, attachment.state)
        await network.sweep({pod.sandbox_id})
        assert pod.addresses()
        assert "8080" in run("nft", "list", "ruleset")
        other = host.pod()
        assert (await network.attach(other.sandbox_id, other.netns_path)).ips == ["10.5.0.9"]
        await network.detach(other.sandbox_id, {})
        await network.detach(pod.sandbox_id, attachment.state)
        await until(lambda: "8080" not in run("nft", "list", "ruleset"))
        pod.end()
        await network.close()
        await until(lambda: set(links()) == before)
        assert "wasmlet" not in run("nft", "list", "ruleset")

    host.run_test(test)


def test_a_bridge_without_pods_is_removed_after_a_change_to_plugins(host: Host, cni: Installation) -> None:
    require_tool("nft")

    async def test() -> None:
        before = set(links())
        former = host.network()
        await former.open()
        pod = host.pod()
        await former.attach(pod.sandbox_id, pod.netns_path)
        await former.close()
        pod.end()
        network = ChosenNetwork(cni.network(host), host.network(), by_plugins=True)
        await network.open()
        await network.sweep(set())
        await until(lambda: set(links()) == before)
        assert "wasmlet" not in run("nft", "list", "ruleset")
        await network.close()

    host.run_test(test)
