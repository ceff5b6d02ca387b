import json

import grpc
import pytest

from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run


def test_an_unknown_sandbox_is_not_found_and_an_empty_id_is_refused(node: Run) -> None:
    async def scenario(node: Node) -> None:
        codes = {"unknown": grpc.StatusCode.NOT_FOUND, "": grpc.StatusCode.INVALID_ARGUMENT}
        for sandbox_id, code in codes.items():
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id)
            assert refused.value.code() == code

    node(scenario)


def test_a_beginning_of_the_id_is_enough(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        assert (await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id[:13])).status.id == sandbox_id

    node(scenario)


def test_verbose_tells_pid_and_config(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        response = await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id, verbose=True)
        info = json.loads(response.info["info"])
        assert info["pid"] == 4242
        assert info["config"]["metadata"]["name"] == "web"
        await node.client("StopPodSandbox", pod_sandbox_id=sandbox_id)
        response = await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id, verbose=True)
        assert json.loads(response.info["info"])["pid"] == 0

    node(scenario)
