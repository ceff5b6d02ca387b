from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run


def announced(cidr: str) -> cri.RuntimeConfig:
    return cri.RuntimeConfig(network_config=cri.NetworkConfig(pod_cidr=cidr))


def test_the_pod_cidr_reaches_the_network(node: Run) -> None:
    async def scenario(node: Node) -> None:
        await node.client("UpdateRuntimeConfig", runtime_config=announced("10.1.0.0/24"))
        assert node.network.cidr == "10.1.0.0/24"

    node(scenario)


def test_the_answer_is_ok_even_when_the_network_fails(node: Run) -> None:
    async def scenario(node: Node) -> None:
        node.gate.fail["set_pod_cidr"] = OSError("no")
        await node.client("UpdateRuntimeConfig", runtime_config=announced("10.1.0.0/24"))
        await node.client("UpdateRuntimeConfig")

    node(scenario)
