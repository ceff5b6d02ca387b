"""The server's end of the connection to a pod process, with a stand-in for that."""

import array
import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import control, pod_process_link, records, run_record
from sandbox.errors import Garbled, PodProcessGone, SandboxError, StartFailure
from sandbox.mount_places import MountPlaces
from sandbox.pod_process_link import CONTROL_SOCKET, PodProcess, open_connection
from sandbox.rehearsal import guest_of_nothing
from sandbox.specs import MountSpec, Run
from sandbox.start_files import StartFiles
from tests.sandbox.one_pod import descriptors


def test_a_server_that_was_cut_off_comes_back_and_is_told_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(tmp_path / CONTROL_SOCKET))
            listener.listen()
            pod = PodProcess("pod", tmp_path, MountPlaces(str(tmp_path)), open_connection(tmp_path), os.getpid())
            returned = asyncio.Event()
            pod.on_return = returned.set
            listener.accept()[0].close()
            await asyncio.to_thread(_answer_one, listener)
            await returned.wait()
            assert pod.alive
            pod.release()

    asyncio.run(asyncio.wait_for(scenario(), 240))


def test_a_server_that_lets_a_pod_go_does_not_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the connection was lost just before."""
    monkeypatch.setattr(pod_process_link, "_RECONNECT_SECONDS", 0.0)

    async def scenario() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(tmp_path / CONTROL_SOCKET))
            listener.listen()
            pod = PodProcess("pod", tmp_path, MountPlaces(str(tmp_path)), open_connection(tmp_path), os.getpid())
            listener.accept()[0].close()
            while pod.link.is_open:
                await asyncio.sleep(0)
            pod.release()
            await asyncio.sleep(0.05)  # in which it would come back
            assert not pod.link.is_open

    asyncio.run(asyncio.wait_for(scenario(), 240))


def test_a_pod_process_of_version_1_is_asked_as_it_was_by_its_server(tmp_path: Path) -> None:
    """It opens files by path, numbers its guests as the host does, and knows four fields of a mount."""
    asked: list[control.Message] = []

    async def scenario() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(tmp_path / CONTROL_SOCKET))
            listener.listen()
            answering = asyncio.create_task(asyncio.to_thread(_be_version_1, listener, asked))
            pod = await PodProcess.connect("pod", tmp_path, MountPlaces(str(tmp_path)))
            assert (await pod.start("c", _spec(tmp_path))).pid == 4711
            with pytest.raises(StartFailure, match="make its pod anew"):
                await pod.start("c", _spec(tmp_path, masked_paths=["/bin/ls"]))
            await pod.reopen_log("c", "/no/such/log")
            pod.release()
            await answering

    asyncio.run(asyncio.wait_for(scenario(), 240))
    assert [request["op"] for request in asked] == ["start", "reopen_log"]
    spec = asked[0]["content"]
    assert [mount["target"] for mount in spec["mounts"]] == ["/data"]
    assert set(spec["mounts"][0]) == {"source", "target", "readonly", "propagate"}
    assert run_record.read(str(tmp_path / "run")).reason == "StartError"


def _spec(folder: Path, **changes: Any) -> str:
    """Path of a guest's record."""
    mounts = [
        MountSpec("/volume", "/data", False, False),
        MountSpec("/dev/null", "/dev/null", readonly=True, propagate=False, device=True),
    ]
    run, path = str(folder / "run"), str(folder / "guest.record")
    run_record.prepare(run)
    spec = guest_of_nothing()._replace(mounts=mounts, run_path=run, **changes)
    records.write_record(path, "guest", spec.to_json())
    return path


def _be_version_1(listener: socket.socket, asked: list[control.Message]) -> None:
    """Answer each connection until the server leaves; what is asked beside greetings is kept."""
    for _ in range(2):  # one to prove that it listens, one to stay
        connection, _ = listener.accept()
        with connection:
            while (request := control.receive(connection)[0]) is not None:
                if request["op"] == "start":
                    request["content"] = records.read_record(request["spec"], "guest")
                if request["op"] != "hello":
                    asked.append(request)
                run = Run(pid=4711, started_at=1).to_json()
                control.send(connection, {"id": request["id"], "version": 1, "run": run})


def _answer_one(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        request, _ = control.receive(connection)
        assert request is not None
        control.send(connection, {"id": request["id"], "version": control.VERSION})


Scenario = Callable[[PodProcess, socket.socket], Awaitable[None]]


def with_stand_in(folder: Path, scenario: Scenario) -> None:
    """``scenario`` has the server's end, and the end of a process that was taken over."""

    async def main() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(folder / CONTROL_SOCKET))
            listener.listen()
            pod = PodProcess("pod", folder, MountPlaces(str(folder)), open_connection(folder), os.getpid())
            with listener.accept()[0] as connection:
                await scenario(pod, connection)
            pod.release()

    asyncio.run(asyncio.wait_for(main(), 240))


RUN = Run(pid=7, started_at=5).to_json()


@pytest.mark.parametrize(
    "packet",
    [
        b"{",
        b"\xff",
        b"[]",
        b"7",
        b"[" * 60000,
        b'{"event": "ended"}',
        b'{"event": "ended", "container": "c", "run": []}',
        b'{"event": "ended", "container": "c", "run": {"finished_at": 9223372036854775808}}',
        b'{"event": "ended", "container": "c", "run": {"message": 7}}',
    ],
)
def test_a_pod_process_that_talks_nonsense_is_cut_off(tmp_path: Path, packet: bytes) -> None:
    async def scenario(pod: PodProcess, connection: socket.socket) -> None:
        told: list[Run] = []
        pod.on_start = pod.on_exit = lambda container_id, run: told.append(run)
        connection.send(packet)
        assert await asyncio.to_thread(connection.recv, 1) == b""
        assert told == []

    with_stand_in(tmp_path, scenario)


@pytest.mark.parametrize("number", [b"null", b"[]", b'{"a": 1}', b"1e3", b"99"])
def test_an_answer_to_no_question_is_overheard(tmp_path: Path, number: bytes) -> None:
    async def scenario(pod: PodProcess, connection: socket.socket) -> None:
        connection.send(b'{"id": ' + number + b"}")
        asking = asyncio.ensure_future(pod.signal("c", 15))
        request = await asyncio.to_thread(control.receive, connection)
        assert request[0] is not None
        control.send(connection, {"id": request[0]["id"]})
        await asking

    with_stand_in(tmp_path, scenario)


@pytest.mark.parametrize(
    "answer",
    [{"error": "__doc__", "message": "x"}, {"error": [], "message": "x"}, {"error": "int"}, {"run": []}, {"more": 1}],
)
def test_a_start_that_is_answered_with_nonsense_is_an_error(
    tmp_path: Path, answer: control.Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def opened(*_: str) -> StartFiles:
        return StartFiles([], [])

    monkeypatch.setattr(PodProcess, "_open_files", opened)

    async def scenario(pod: PodProcess, connection: socket.socket) -> None:
        starting = asyncio.ensure_future(pod.start("c", "/spec"))
        request, _ = await asyncio.to_thread(control.receive, connection)
        assert request is not None
        connection.send(control.encode({"id": request["id"], **answer}))
        with pytest.raises(SandboxError) as error:
            await starting
        assert type(error.value) is (SandboxError if "error" in answer else Garbled)

    with_stand_in(tmp_path, scenario)


def test_descriptors_that_a_pod_process_sends_are_not_kept(tmp_path: Path) -> None:
    """Else it could use up all that the server may have, and with them every other pod's."""

    async def scenario(pod: PodProcess, connection: socket.socket) -> None:
        told = asyncio.Event()
        pod.on_start = lambda container_id, run: told.set()
        before = descriptors(os.getpid()).items()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]
        message = control.encode({"event": "started", "container": "c", "run": RUN})
        for packet in [b'{"id": 0}'] * 20 + [message]:
            await asyncio.to_thread(connection.sendmsg, [packet], rights)
        await told.wait()
        assert descriptors(os.getpid()).items() <= before

    with_stand_in(tmp_path, scenario)


MORE_THAN_A_SOCKET_HOLDS = 2000


async def _asked(pod: PodProcess) -> list["asyncio.Task[None]"]:
    """So often that some questions wait until others were read."""
    asking = [asyncio.create_task(pod.signal("c", 15)) for _ in range(MORE_THAN_A_SOCKET_HOLDS)]
    await asyncio.sleep(0.1)
    return asking


def _answer_all(connection: socket.socket) -> None:
    for _ in range(MORE_THAN_A_SOCKET_HOLDS):
        request, _ = control.receive(connection)
        assert request is not None
        control.send(connection, {"id": request["id"]})


def test_a_pod_process_that_reads_late_is_asked_everything(tmp_path: Path) -> None:
    async def scenario(pod: PodProcess, connection: socket.socket) -> None:
        asking = await _asked(pod)
        await asyncio.to_thread(_answer_all, connection)
        await asyncio.gather(*asking)

    with_stand_in(tmp_path, scenario)


def test_nobody_waits_for_a_pod_process_that_never_reads_and_dies(tmp_path: Path) -> None:
    async def scenario(pod: PodProcess, connection: socket.socket) -> None:
        asking = await _asked(pod)
        connection.close()
        results = await asyncio.gather(*asking, return_exceptions=True)
        assert {type(result) for result in results} == {PodProcessGone}

    with_stand_in(tmp_path, scenario)
