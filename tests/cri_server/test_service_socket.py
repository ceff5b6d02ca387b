import socket
from pathlib import Path

import pytest

from cri_server.errors import StartupError
from cri_server.service_socket import clear_way


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "wasmlet.sock"


def bound(path: Path) -> socket.socket:
    path.parent.mkdir(exist_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    return listener


def test_the_directory_is_made(path: Path) -> None:
    clear_way(str(path))
    assert path.parent.is_dir()


def test_a_socket_that_a_dead_server_left_is_removed(path: Path) -> None:
    bound(path).close()
    clear_way(str(path))
    assert not path.exists()


def test_a_living_server_is_not_replaced(path: Path) -> None:
    with bound(path) as listener:
        listener.listen()
        with pytest.raises(StartupError, match="a server is listening on"):
            clear_way(str(path))
    assert path.exists()


def test_something_that_is_not_a_socket_is_not_removed(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(StartupError, match="exists and is not a socket; remove it or choose another path"):
        clear_way(str(path))
    assert path.read_text() == "precious"


def test_a_path_that_no_socket_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="longer than the 107 bytes"):
        clear_way(str(tmp_path / ("x" * 120)))
