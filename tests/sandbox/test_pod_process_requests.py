"""Requests to a pod process: of other versions, without sense, of clients that leave or do not read."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox import control, run_record, start_files
from sandbox.errors import StartFailure
from sandbox.mount_places import MountPlaces, apart
from sandbox.pod_process_link import PodProcess, open_connection
from sandbox.pod_processes import PodProcesses
from sandbox.specs import GuestSpec, PodSpec
from sandbox.start_files import StartFiles
from tests.sandbox.conftest import Exits, Node
from tests.sandbox.one_pod import connections, descriptors, in_pod, start, until


def next_answer(connection: socket.socket) -> control.Message:
    while True:
        message, _ = control.receive(connection)
        assert message is not None
        if "id" in message:
            return message


@contextlib.asynccontextmanager
async def handed(node: Node, spec: GuestSpec) -> AsyncIterator[StartFiles]:
    """What a server opens for a start."""
    places, path = MountPlaces(str(node.folder)), node.write(spec)
    await places.open()
    files = await apart(lambda: start_files.open_all(places, path, "/proc/self/ns/net"), StartFiles.close)
    try:
        yield files
    finally:
        files.close()
        places.close()


def test_a_request_from_a_newer_server_is_refused_with_a_sentence(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        connection = open_connection(processes.folder(pod.sandbox_id))
        control.send(connection, {"version": 9, "id": 1, "op": "levitate"})
        answer, _ = await asyncio.to_thread(control.receive, connection)
        connection.close()
        assert answer is not None
        assert "levitate" in answer["message"]

    in_pod(node, scenario)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'"id"',
        b"[" * 30_000,
        b"x" * control.PACKET_BYTES,
        b'{"op":"hello"}',
        b'{"id":1}',
        b'{"id":1,"op":["start"]}',
        b'{"id":1,"op":"start"}',
        b'{"id":1,"op":"start","container":"x","spec":7}',
        b'{"id":1,"op":"signal","number":9}',
    ],
)
def test_a_request_that_makes_no_sense_harms_nobody(node: Node, packet: bytes) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        with open_connection(processes.folder(pod.sandbox_id)) as connection:
            connection.send(packet)
            await asyncio.to_thread(connection.recv, control.PACKET_BYTES)  # an answer or the end
        assert (await start(process, node, node.guest_spec(pod, "sleeper"))).pid

    in_pod(node, scenario)


@pytest.mark.parametrize("change", [{"limits": {"levity": 1}}, {"argv": 7}])
def test_a_spec_of_another_version_fails_the_start_alone(node: Node, change: dict[str, Any]) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        with pytest.raises(StartFailure, match="another version"):
            await start(process, node, node.guest_spec(pod, "hello", **change))
        assert (await exits.next()).reason == "StartError"
        assert (await start(process, node, node.guest_spec(pod, "sleeper"))).pid

    in_pod(node, scenario)


def test_the_answer_to_a_client_that_left_reaches_no_other(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        spec = node.guest_spec(pod, "busy_at_start")
        folder = processes.folder(pod.sandbox_id)
        async with handed(node, spec) as files:
            with open_connection(folder) as leaving:
                control.send(leaving, {"id": 1, "op": "hello"})
                await asyncio.to_thread(control.receive, leaving)
                request = {"id": 2, "op": "start", "container": spec.container_id, "carried": files.names}
                control.send(leaving, request, tuple(files.descriptors))
        await until(lambda: spec.log_path in descriptors(process.pid).values() and connections(process.pid) == 1)
        with open_connection(folder) as coming:
            control.send(coming, {"id": 3, "op": "signal", "container": spec.container_id, "number": 9})
            await until(lambda: run_record.read(spec.run_path).finished_at > 0)
            for number in (3, 4):
                assert (await asyncio.to_thread(next_answer, coming))["id"] == number
                control.send(coming, {"id": 4, "op": "hello"})

    in_pod(node, scenario)


def test_the_longest_reason_of_a_failed_start_is_heard(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        limits = {"unified": {"memory." + "\U0001f600" * 50_000: "1"}}
        with pytest.raises(StartFailure, match="memory"):
            await start(process, node, node.guest_spec(pod, "hello", limits=limits))
        assert "memory" in (await exits.next()).message

    in_pod(node, scenario)


def test_a_client_that_does_not_read_is_cut_off_and_nobody_else(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        exits = Exits(process)
        before = connections(process.pid)
        with open_connection(processes.folder(pod.sandbox_id)):
            await until(lambda: connections(process.pid) == before + 1)
            for _ in range(1000):
                await start(process, node, node.guest_spec(pod, "hello"))
                assert (await exits.next()).exit_code == 0
                if connections(process.pid) == before:
                    break
            assert connections(process.pid) == before

    in_pod(node, scenario)
