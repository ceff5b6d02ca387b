from typing import Any

import grpc
import pytest

from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run


def test_an_address(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await node.start_container(await node.run_pod(), stdin=True, tty=True)
        response = await node.client("Attach", container_id=container_id[:20], stdin=True, stdout=True, tty=True)
        assert response.url.startswith("/attach/")

    node(scenario)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"stdout": True, "stderr": True, "tty": True}, "tty and stderr cannot both be true"),
        ({}, "one of stdin, stdout and stderr must be set"),
        ({"stdout": True, "tty": True}, "has no terminal: attach with tty=False"),
        ({"stdin": True}, "was made without standard input"),
    ],
)
def test_the_rules_of_the_request(node: Run, fields: dict[str, Any], reason: str) -> None:
    async def scenario(node: Node) -> None:
        container_id = await node.start_container(await node.run_pod())
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await node.client("Attach", container_id=container_id, **fields)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert reason in str(refused.value.details())

    node(scenario)


def test_only_to_a_container_that_runs(node: Run) -> None:
    async def scenario(node: Node) -> None:
        created = await node.create(await node.run_pod())
        codes = {created: grpc.StatusCode.FAILED_PRECONDITION, "unknown": grpc.StatusCode.NOT_FOUND}
        for container_id, code in codes.items():
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await node.client("Attach", container_id=container_id, stdout=True)
            assert refused.value.code() == code

    node(scenario)
