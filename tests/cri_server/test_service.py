import asyncio

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.handlers import HANDLERS
from cri_server.service import MOST_MESSAGE_BYTES
from tests.cri_server.client import METHODS
from tests.cri_server.conftest import Node
from tests.cri_server.rpc.test_pod_sandbox_run import Run

LATER = sorted(METHODS.keys() - HANDLERS.keys())


def test_every_handler_answers_a_method_of_the_interface() -> None:
    assert HANDLERS.keys() < METHODS.keys()
    assert len(METHODS) == 43


@pytest.mark.parametrize("method", LATER)
def test_what_is_not_offered_is_refused_with_a_sentence(node: Run, method: str) -> None:
    async def scenario(node: Node) -> None:
        call = node.client.stream if METHODS[method].server_streaming else node.client
        with pytest.raises(grpc.aio.AioRpcError, match=f"{method} is not offered by this release") as refused:
            await call(method)
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED

    node(scenario)


def test_an_unexpected_failure_is_internal_with_a_sentence_and_the_server_goes_on(node: Run) -> None:
    async def scenario(node: Node) -> None:
        node.gate.fail["run"] = ZeroDivisionError("by zero")
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await node.run_pod()
        assert failed.value.code() == grpc.StatusCode.INTERNAL
        assert failed.value.details() == (
            "RunPodSandbox failed unexpectedly (ZeroDivisionError: by zero); the log of wasmlet has the details"
        )
        node.gate.fail.clear()
        await node.run_pod()

    node(scenario)


def test_messages_of_almost_16_mebibytes_pass_both_ways(node: Run) -> None:
    async def scenario(node: Node) -> None:
        text = "x" * (MOST_MESSAGE_BYTES - 4096)
        sandbox_id = await node.run_pod(annotations={"large": text})
        status = (await node.client("PodSandboxStatus", pod_sandbox_id=sandbox_id)).status
        assert status.annotations["large"] == text

    node(scenario)


@pytest.mark.parametrize("character", ["x", "ü", "%", "\n", "🦀"])
def test_a_long_error_text_still_reaches_the_client(node: Run, character: str) -> None:
    async def scenario(node: Node) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await node.client("RunPodSandbox", config=node.pod(), runtime_handler=character * 100_000)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert character in str(refused.value.details())
        assert str(refused.value.details()).endswith("…")

    node(scenario)


def test_many_calls_at_once_are_answered(node: Run) -> None:
    async def scenario(node: Node) -> None:
        node.gate.hold("run")
        stuck = [node.client("RunPodSandbox", config=node.pod(attempt=number)) for number in range(50)]
        await node.gate.reached["run"].wait()
        answers = await asyncio.gather(*(node.client("Status") for _ in range(50)))
        assert all(answer.status.conditions[0].status for answer in answers)
        node.gate.release("run")
        assert len({response.pod_sandbox_id for response in await asyncio.gather(*stuck)}) == 50

    node(scenario)


def test_a_service_of_another_version_is_unknown(node: Run) -> None:
    async def scenario(node: Node) -> None:
        channel = grpc.aio.insecure_channel(f"unix://{node.socket}")
        call = channel.unary_unary("/runtime.v1alpha2.RuntimeService/Version", None, None)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(cri.VersionRequest().SerializeToString())
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
        await channel.close(None)

    node(scenario)
