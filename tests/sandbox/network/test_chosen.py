"""A server whose setting changes while pods are there."""

from sandbox.network.chosen import ChosenNetwork
from sandbox.network.cni.network import CniNetwork, CniSettings
from tests.sandbox.network.cni.conftest import Installation, cni
from tests.sandbox.network.conftest import Host

__all__ = ["cni"]


def test_pods_of_plugins_are_detached_by_plugins_after_a_change_to_the_own_network(
    host: Host, cni: Installation
) -> None:
    cni.describe(cni.program())

    async def test() -> None:
        former = ChosenNetwork(cni.network(host), None)
        await former.open()
        pod = host.pod()
        attachment = await former.attach(pod.sandbox_id, pod.netns_path)
        await former.close()
        without = CniNetwork(host.folder / "root", host.folder / "state", CniSettings(None, (cni.bin_dir,), 60))
        network = ChosenNetwork(without, host.network())
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


def test_pods_of_the_own_network_go_on_after_a_change_to_plugins(host: Host, cni: Installation) -> None:
    async def test() -> None:
        without = CniNetwork(host.folder / "root", host.folder / "state", CniSettings(None, (cni.bin_dir,), 60))
        former = ChosenNetwork(without, host.network())
        await former.open()
        pod = host.pod()
        attachment = await former.attach(pod.sandbox_id, pod.netns_path)
        await former.close()
        network = ChosenNetwork(cni.network(host), None)
        await network.open()
        network.restore(pod.sandbox_id, attachment.state)
        await network.sweep({pod.sandbox_id})
        assert pod.addresses()
        await network.detach(pod.sandbox_id, attachment.state)
        await network.close()

    host.run_test(test)
