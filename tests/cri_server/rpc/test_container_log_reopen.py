import grpc
import pytest

from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run


def test_the_pod_process_reopens_the_log_of_a_running_container(node: Run) -> None:
    async def scenario(node: Node) -> None:
        sandbox_id = await node.run_pod()
        container_id = await node.start_container(sandbox_id)
        await node.client("ReopenContainerLog", container_id=container_id[:20])
        assert node.pods.processes[sandbox_id].reopened == [container_id]

    node(scenario)


def test_without_a_writer_there_is_nothing_to_reopen(node: Run) -> None:
    async def scenario(node: Node) -> None:
        created = await node.create(await node.run_pod())
        codes = {created: grpc.StatusCode.FAILED_PRECONDITION, "unknown": grpc.StatusCode.NOT_FOUND}
        for container_id, code in codes.items():
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await node.client("ReopenContainerLog", container_id=container_id)
            assert refused.value.code() == code

    node(scenario)
