import grpc
import pytest

from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run


def test_an_address(node: Run) -> None:
    async def scenario(node: Node) -> None:
        response = await node.client("PortForward", pod_sandbox_id=(await node.run_pod())[:20], port=[80])
        assert response.url.startswith("/portforward/")

    node(scenario)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_what_is_no_port(node: Run, port: int) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await node.client("PortForward", pod_sandbox_id=sandbox_id, port=[port])
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT

    node(scenario)


def test_only_into_a_pod_that_is_ready(node: Run) -> None:
    async def scenario(node: Node) -> None:
        stopped = await node.run_pod()
        await node.client("StopPodSandbox", pod_sandbox_id=stopped)
        codes = {stopped: grpc.StatusCode.FAILED_PRECONDITION, "unknown": grpc.StatusCode.NOT_FOUND}
        for sandbox_id, code in codes.items():
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await node.client("PortForward", pod_sandbox_id=sandbox_id)
            assert refused.value.code() == code

    node(scenario)
