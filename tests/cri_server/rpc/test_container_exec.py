from typing import Any

import grpc
import pytest

from cri_server.streaming import tokens
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run


def test_an_address_that_is_good_once(node: Run) -> None:
    async def scenario(node: Node) -> None:
        container_id = await node.start_container(await node.run_pod())
        urls = [
            (await node.client("Exec", container_id=container_id[:20], cmd=["sh"], stdout=True)).url for _ in range(2)
        ]
        assert all(url.startswith("/exec/") for url in urls)
        assert urls[0] != urls[1]

    node(scenario)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"stdout": True, "stderr": True, "tty": True}, "tty and stderr cannot both be true"),
        ({"tty": True}, "one of stdin, stdout and stderr must be set"),
        ({"stdout": True, "cmd": []}, "no command is named"),
        ({"stdout": True, "cmd": [""]}, "no command is named"),
        ({"stdout": True, "cmd": ["sh", "a\0b"]}, "NUL byte"),
        ({"stdout": True, "container_id": ""}, "names no container"),
    ],
)
def test_the_rules_of_the_request(node: Run, fields: dict[str, Any], reason: str) -> None:
    async def scenario(node: Node) -> None:
        container_id = await node.start_container(await node.run_pod())
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await node.client("Exec", **{"container_id": container_id, "cmd": ["sh"], **fields})
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert reason in str(refused.value.details())

    node(scenario)


def test_only_in_a_container_that_runs(node: Run) -> None:
    async def scenario(node: Node) -> None:
        created = await node.create(await node.run_pod())
        codes = {created: grpc.StatusCode.FAILED_PRECONDITION, "unknown": grpc.StatusCode.NOT_FOUND}
        for container_id, code in codes.items():
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await node.client("Exec", container_id=container_id, cmd=["sh"], stdout=True)
            assert refused.value.code() == code

    node(scenario)


def test_more_than_clients_come_for(node: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_SECONDS_TO_COME", 3600)

    async def scenario(node: Node) -> None:
        container_id = await node.start_container(await node.run_pod())
        for _ in range(node.settings.streaming.pending):
            await node.client("Exec", container_id=container_id, cmd=["sh"], stdout=True)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await node.client("Exec", container_id=container_id, cmd=["sh"], stdout=True)
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED

    node(scenario)
