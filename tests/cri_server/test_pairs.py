"""Any two RPCs on one container and its sandbox at the same time, on a real server: each is done or refused with a
reason, and afterwards nothing is left, not even a name."""

import asyncio
import itertools
import os

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from tests.cri_client import AsyncCriClient
from tests.real_node import RealNode, container_config

ROUNDS = int(os.environ.get("WASMLET_ROUNDS", "2"))
CALLS = (
    "CreateContainer",
    "StartContainer",
    "StopContainer",
    "RemoveContainer",
    "ContainerStatus",
    "ReopenContainerLog",
    "StopPodSandbox",
    "RemovePodSandbox",
    "PodSandboxStatus",
)
PAIRS = list(itertools.combinations_with_replacement(CALLS, 2))
REFUSALS = {
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ALREADY_EXISTS,
}
IDEMPOTENT = {"StopContainer", "RemoveContainer", "StopPodSandbox", "RemovePodSandbox"}


class Objects:
    """A container in a sandbox, always of the same names."""

    def __init__(self, node: RealNode, client: AsyncCriClient, image: str) -> None:
        self._client = client
        self._pod = node.pod_config("pair")
        self._container = container_config("main", image)
        self.sandbox_id = ""
        self.container_id = ""

    async def make(self, started: bool) -> None:
        answer = await self._client.call("RunPodSandbox", cri.RunPodSandboxRequest(config=self._pod))
        self.sandbox_id = answer.pod_sandbox_id
        self.container_id = (await self.call("CreateContainer")).container_id
        if started:
            await self.call("StartContainer")

    async def call(self, name: str) -> cri.CreateContainerResponse:
        request = getattr(cri, f"{name}Request")()
        if name == "CreateContainer":
            request.config.CopyFrom(self._container)
        if hasattr(request, "container_id"):
            request.container_id = self.container_id
        else:
            request.pod_sandbox_id = self.sandbox_id
        return await self._client.call(name, request)  # type: ignore[no-any-return]

    async def attempt(self, name: str) -> None:
        try:
            await self.call(name)
        except grpc.aio.AioRpcError as error:
            if error.code() not in REFUSALS or name in IDEMPOTENT:
                raise


@pytest.mark.timeout(1500)
def test_any_two_calls_at_the_same_time_are_safe(server: RealNode) -> None:
    image = server.pull("sleeper")
    asyncio.run(_all_pairs(server, image))
    assert not server.call("ListPodSandbox").items
    assert not server.call("ListContainers").containers


async def _all_pairs(server: RealNode, image: str) -> None:
    client = AsyncCriClient(server.server.socket)
    try:
        for first, second in PAIRS:
            for number in range(ROUNDS):
                objects = Objects(server, client, image)
                await objects.make(started=number % 2 == 1)
                await asyncio.gather(objects.attempt(first), objects.attempt(second))
                await _settle(objects, client)
    finally:
        await client.close()


async def _settle(objects: Objects, client: AsyncCriClient) -> None:
    """What the two have left is whole: everything that is listed has a status and goes."""
    for container in (await client.call("ListContainers", cri.ListContainersRequest())).containers:
        request = cri.ContainerStatusRequest(container_id=container.id)
        status = (await client.call("ContainerStatus", request)).status
        if status.state == cri.CONTAINER_EXITED:
            assert status.finished_at >= status.started_at > 0
    await objects.call("RemovePodSandbox")
