import os
import socket
from pathlib import Path

from tests.bench.cpu import all_pids, cores_used, server_pid


def test_a_process_that_only_waits_uses_next_to_nothing() -> None:
    own, nobody = cores_used([{os.getpid()}, set()], 0.2)
    assert 0 <= own < 0.9
    assert nobody == 0
    assert os.getpid() in all_pids()


def test_a_server_is_known_by_its_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        assert server_pid(tmp_path / "s") == os.getpid()
