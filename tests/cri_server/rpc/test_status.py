import json
import shutil

from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run


def test_a_healthy_node_is_ready_and_promises_only_what_it_keeps(node: Run) -> None:
    async def scenario(node: Node) -> None:
        answer = await node.client("Status")
        assert {each.type: each.status for each in answer.status.conditions} == {
            "RuntimeReady": True,
            "NetworkReady": True,
        }
        assert [handler.name for handler in answer.runtime_handlers] == ["", "wasmlet"]
        for handler in answer.runtime_handlers:
            assert handler.features.recursive_read_only_mounts
            assert not handler.features.user_namespaces
        assert answer.features.supplemental_groups_policy
        assert not answer.info

    node(scenario)


def test_a_broken_network_is_told_with_its_reason(node: Run) -> None:
    async def scenario(node: Node) -> None:
        node.network.state = (False, "NoAddresses", "subnet 10.0.0.0/30 is used up: configure a larger one")
        _, condition = (await node.client("Status")).status.conditions
        assert (condition.type, condition.status, condition.reason) == ("NetworkReady", False, "NoAddresses")
        assert "configure a larger one" in condition.message

    node(scenario)


def test_a_lost_state_directory_makes_the_node_unready(node: Run) -> None:
    async def scenario(node: Node) -> None:
        shutil.rmtree(node.paths.state)
        condition, _ = (await node.client("Status")).status.conditions
        assert (condition.type, condition.status, condition.reason) == ("RuntimeReady", False, "DirectoryNotWritable")
        node.pods._pods.mkdir(parents=True)

    node(scenario)


def test_verbose_shows_configuration_and_engine(node: Run) -> None:
    async def scenario(node: Node) -> None:
        info = (await node.client("Status", verbose=True)).info
        assert json.loads(info["config"])["compile"]["parallel"] == 1
        assert json.loads(info["wasm"])["engine"] == "wasmtime"

    node(scenario)
