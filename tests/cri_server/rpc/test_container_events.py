"""Events of whole lives, with the pod as it was at each of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import Ending
from sandbox.errors import StartFailure
from tests.cri_server.client import Client
from tests.cri_server.conftest import Node
from tests.cri_server.fakes import FakePodProcess
from tests.cri_server.rpc.test_pod_sandbox_run import Run
from tests.real_node import RealNode

CREATED, STARTED = cri.CONTAINER_CREATED_EVENT, cri.CONTAINER_STARTED_EVENT
STOPPED, DELETED = cri.CONTAINER_STOPPED_EVENT, cri.CONTAINER_DELETED_EVENT


class Listener:
    """Has subscribed when it is made by ``of``."""

    def __init__(self, call: Any) -> None:
        self._call = call

    @classmethod
    async def of(cls, node: Node) -> "Listener":
        listener = cls(node.client.open("GetContainerEvents"))
        await until(lambda: node.runtime.events.is_heard)
        return listener

    async def next(self) -> cri.ContainerEventResponse:
        event: cri.ContainerEventResponse = await self._call.read()
        return event

    async def kinds(self, count: int) -> list[tuple[str, int]]:
        """Whose and which, of the next events."""
        events = [await self.next() for _ in range(count)]
        return [(event.container_id, event.container_event_type) for event in events]

    async def hear_all(self) -> None:
        """Raises what ends it."""
        await _read_all(self._call)

    def leave(self) -> None:
        self._call.cancel()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def test_the_events_of_a_pods_life(node: Run) -> None:
    async def scenario(node: Node) -> None:
        listener = await Listener.of(node)
        pod = await node.run_pod()
        container = await node.start_container(pod)
        node.pods.processes[pod].exit(container, 3)
        await node.client("RemoveContainer", container_id=container)
        await node.client("StopPodSandbox", pod_sandbox_id=pod)
        await node.client("RemovePodSandbox", pod_sandbox_id=pod)
        assert await listener.kinds(8) == [
            *((pod, kind) for kind in (CREATED, STARTED)),
            *((container, kind) for kind in (CREATED, STARTED, STOPPED, DELETED)),
            *((pod, kind) for kind in (STOPPED, DELETED)),
        ]

    node(scenario)


def test_a_guest_that_is_gone_at_once_has_started(node: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakePodProcess, "number", 0)

    async def scenario(node: Node) -> None:
        pod = await node.run_pod()
        listener = await Listener.of(node)
        container = await node.start_container(pod)
        node.pods.processes[pod].exit(container, 0)
        assert await listener.kinds(3) == [(container, kind) for kind in (CREATED, STARTED, STOPPED)]

    node(scenario)


def test_each_event_shows_the_pod_as_it_is_then(node: Run) -> None:
    async def scenario(node: Node) -> None:
        pod = await node.run_pod(labels={"app": "web"})
        first = await node.start_container(pod, name="first")
        listener = await Listener.of(node)
        second = await node.create(pod, name="second")
        node.pods.processes[pod].exit(first, 3)
        await node.client("StopPodSandbox", pod_sandbox_id=pod)
        created, exited, stopped = [await listener.next() for _ in range(3)]
        ids = [second, first]
        assert [[status.id for status in event.containers_statuses] for event in (created, exited, stopped)] == [
            ids
        ] * 3
        assert [status.state for status in created.containers_statuses] == [
            cri.CONTAINER_CREATED,
            cri.CONTAINER_RUNNING,
        ]
        assert exited.containers_statuses[1] == await node.status(first)
        assert exited.containers_statuses[1].exit_code == 3
        assert [event.pod_sandbox_status.state for event in (created, exited, stopped)] == [
            cri.SANDBOX_READY,
            cri.SANDBOX_READY,
            cri.SANDBOX_NOTREADY,
        ]
        assert all(event.pod_sandbox_status.labels == {"app": "web"} for event in (created, exited, stopped))
        status = await node.client("PodSandboxStatus", pod_sandbox_id=pod)
        assert 0 < created.created_at < exited.created_at < stopped.created_at < status.timestamp

    node(scenario)


def test_the_last_event_still_shows_the_sandbox(node: Run) -> None:
    async def scenario(node: Node) -> None:
        pod = await node.run_pod()
        containers = [await node.create(pod, name=name) for name in ("a", "b")]
        await node.client("StopPodSandbox", pod_sandbox_id=pod)
        listener = await Listener.of(node)
        await node.client("RemovePodSandbox", pod_sandbox_id=pod)
        events = [await listener.next() for _ in range(3)]
        assert [event.container_id for event in events] == [*containers, pod]
        assert {event.container_event_type for event in events} == {DELETED}
        assert {event.pod_sandbox_status.id for event in events} == {pod}
        assert [len(event.containers_statuses) for event in events] == [1, 0, 0]

    node(scenario)


def test_a_start_that_fails_is_an_end_alone(node: Run) -> None:
    async def scenario(node: Node) -> None:
        pod = await node.run_pod()
        container = await node.create(pod)
        listener = await Listener.of(node)
        node.gate.fail["start"] = StartFailure("no")
        with pytest.raises(grpc.aio.AioRpcError):
            await node.client("StartContainer", container_id=container)
        event = await listener.next()
        assert (event.container_id, event.container_event_type) == (container, STOPPED)
        assert event.containers_statuses[0].exit_code == 128

    node(scenario)


def test_a_pod_process_that_dies_ends_its_containers_and_then_the_sandbox(node: Run) -> None:
    async def scenario(node: Node) -> None:
        pod = await node.run_pod()
        containers = [await node.start_container(pod, name=name) for name in ("a", "b")]
        listener = await Listener.of(node)
        node.pods.processes[pod].die()
        assert await listener.kinds(3) == [*((container, STOPPED) for container in containers), (pod, STOPPED)]

    node(scenario)


def test_several_clients_hear_the_same_and_one_may_leave(node: Run) -> None:
    async def scenario(node: Node) -> None:
        leaver, stayer = await Listener.of(node), await Listener.of(node)
        await until(lambda: len(node.runtime.events._listeners) == 2)
        pod = await node.run_pod()
        expected = [(pod, CREATED), (pod, STARTED)]
        assert await leaver.kinds(2) == await stayer.kinds(2) == expected
        leaver.leave()
        await until(lambda: len(node.runtime.events._listeners) == 1)
        await node.client("StopPodSandbox", pod_sandbox_id=pod)
        assert await stayer.kinds(1) == [(pod, STOPPED)]

    node(scenario)


def test_a_client_that_reads_nothing_is_dropped_and_delays_nobody(node: Run) -> None:
    """Its connection takes some events before they queue."""

    async def scenario(node: Node) -> None:
        listener = await Listener.of(node)
        pod = await node.run_pod(annotations={"note": "x" * 100_000})
        container = await node.create(pod)
        while node.runtime.events.is_heard:
            await node.client("RemoveContainer", container_id=container)
            container = await node.create(pod)
        with pytest.raises(grpc.aio.AioRpcError, match="came faster than this client took them"):
            await listener.hear_all()

    node(scenario)


def test_the_end_of_the_server_is_told(node: Run) -> None:
    async def scenario(node: Node) -> None:
        listener = await Listener.of(node)
        pod = await node.run_pod()
        node.runtime.events.close(Ending("the end"))
        assert await listener.kinds(2) == [(pod, CREATED), (pod, STARTED)]
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await listener.next()
        assert (ended.value.code(), ended.value.details()) == (grpc.StatusCode.UNAVAILABLE, "the end")

    node(scenario)


def test_a_server_with_a_listener_ends_at_once(server: RealNode) -> None:
    async def scenario() -> None:
        async with listening(server) as call:
            await asyncio.to_thread(server.server.stop)
            with pytest.raises(grpc.aio.AioRpcError) as ended:
                await _read_all(call)
            assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
            assert ended.value.details() == "the server is about to end, and pods live on: subscribe again"

    asyncio.run(scenario())
    server.server.start()


def test_a_real_guest_that_exits_by_itself(server: RealNode) -> None:
    async def scenario() -> None:
        async with listening(server) as call:
            pod = await asyncio.to_thread(server.run_pod)
            container = await asyncio.to_thread(server.start, pod, "exit3")
            told: list[tuple[int, int]] = []
            while not told or told[-1][0] != STOPPED:
                event = await call.read()
                if event.container_id == container:
                    told.append((event.container_event_type, event.containers_statuses[0].exit_code))
            assert told == [(CREATED, 0), (STARTED, 0), (STOPPED, 3)]

    asyncio.run(scenario())


@asynccontextmanager
async def listening(server: RealNode) -> AsyncIterator[Any]:
    """A stream that has brought its first event."""
    async with grpc.aio.insecure_channel(f"unix://{server.server.socket}") as channel:
        call = Client(channel).open("GetContainerEvents")
        first = asyncio.ensure_future(call.read())
        while not first.done():
            await asyncio.to_thread(_run_and_remove, server)
        yield call


def _run_and_remove(server: RealNode) -> None:
    server.call("RemovePodSandbox", pod_sandbox_id=server.run_pod("herald"))


async def _read_all(call: Any) -> None:
    while True:
        await call.read()
