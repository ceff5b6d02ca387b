"""The server's end of the connection to a pod process, with a stand-in for that."""

import asyncio
import os
import socket
from pathlib import Path

from sandbox import control
from sandbox.pod_process_link import CONTROL_SOCKET, PodProcess, open_connection


def test_a_server_that_was_cut_off_comes_back_and_is_told_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(tmp_path / CONTROL_SOCKET))
            listener.listen()
            pod = PodProcess("pod", tmp_path, open_connection(tmp_path), os.getpid())
            returned = asyncio.Event()
            pod.on_return = returned.set
            listener.accept()[0].close()
            await asyncio.to_thread(_answer_one, listener)
            await returned.wait()
            assert pod.alive
            pod.release()

    asyncio.run(asyncio.wait_for(scenario(), 30))


def _answer_one(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        request, _ = control.receive(connection)
        assert request is not None
        control.send(connection, {"id": request["id"], "version": control.VERSION})
