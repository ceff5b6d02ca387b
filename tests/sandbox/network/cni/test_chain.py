import asyncio
import json

import pytest

from sandbox.network.cni import chain
from sandbox.network.cni.chain import CniAttachment
from sandbox.network.cni.invocation import Invocation, Target
from sandbox.network.cni.network_config import NetworkConfig
from sandbox.network.cni.results import PluginFailed

TARGET = Target("abc", "/run/netns/abc", "", {})


def network(version: str = "1.1.0", disable_check: bool = False, disable_gc: bool = False) -> NetworkConfig:
    return NetworkConfig("pods", version, [{"type": "one"}, {"type": "two"}], disable_check, disable_gc)


class Plugins:
    """Each answers with its name."""

    def __init__(self, failing: str = "") -> None:
        self.calls: list[str] = []
        self.previous: list[object] = []
        self._failing = failing

    async def run(self, call: Invocation) -> bytes:
        self.calls.append(f"{call.verb} {call.plugin}")
        self.previous.append(json.loads(call.input).get("prevResult"))
        if call.plugin == self._failing:
            raise PluginFailed("no")
        return json.dumps({"by": call.plugin}).encode()


def attachment(config: NetworkConfig) -> CniAttachment:
    return CniAttachment(config, TARGET, {"by": "two"})


def test_each_plugin_adds_to_the_result_of_the_one_before() -> None:
    plugins = Plugins()
    assert asyncio.run(chain.add(plugins.run, network(), TARGET)) == {"by": "two"}
    assert plugins.calls == ["ADD one", "ADD two"]
    assert plugins.previous == [None, {"by": "one"}]


@pytest.mark.parametrize(("version", "known"), [("0.3.1", None), ("0.4.0", {"by": "two"})])
def test_deletion_goes_backwards_with_the_result_of_all(version: str, known: object) -> None:
    plugins = Plugins()
    asyncio.run(chain.delete(plugins.run, attachment(network(version))))
    assert plugins.calls == ["DEL two", "DEL one"]
    assert plugins.previous == [known, known]


def test_the_first_failure_ends_a_chain() -> None:
    for work in (chain.add(Plugins("one").run, network(), TARGET), chain.status(Plugins("one").run, network())):
        with pytest.raises(PluginFailed):
            asyncio.run(work)
    plugins = Plugins("two")
    with pytest.raises(PluginFailed):
        asyncio.run(chain.delete(plugins.run, attachment(network())))
    assert plugins.calls == ["DEL two"]


@pytest.mark.parametrize(
    ("config", "calls"),
    [
        (network("1.0.0"), ["CHECK one", "CHECK two"]),
        (network("0.3.1"), []),
        (network("1.1.0", disable_check=True), []),
    ],
)
def test_check_where_the_network_has_it(config: NetworkConfig, calls: list[str]) -> None:
    plugins = Plugins()
    asyncio.run(chain.check(plugins.run, attachment(config)))
    assert plugins.calls == calls
    assert plugins.previous == [{"by": "two"}] * len(calls)


@pytest.mark.parametrize(
    ("config", "calls"),
    [
        (network("1.1.0"), ["GC one", "GC two"]),
        (network("1.0.0"), []),
        (network("1.1.0", disable_gc=True), []),
    ],
)
def test_garbage_is_collected_where_the_network_has_it(config: NetworkConfig, calls: list[str]) -> None:
    plugins = Plugins()
    asyncio.run(chain.collect_garbage(plugins.run, config, []))
    assert plugins.calls == calls


def test_garbage_of_one_plugin_does_not_depend_on_another() -> None:
    plugins = Plugins("one")
    with pytest.raises(PluginFailed):
        asyncio.run(chain.collect_garbage(plugins.run, network(), []))
    assert plugins.calls == ["GC one", "GC two"]


def test_status_is_of_version_1_1() -> None:
    plugins = Plugins()
    asyncio.run(chain.status(plugins.run, network()))
    assert plugins.calls == ["STATUS one", "STATUS two"]
    assert not chain.has_status(network("1.0.0"))
