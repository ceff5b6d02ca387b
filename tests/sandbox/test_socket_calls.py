import os
import socket
from collections.abc import Iterator

import pytest

from sandbox import socket_calls
from sandbox.errors import StartFailure


@pytest.fixture
def listener() -> Iterator[int]:
    descriptor = socket_calls.listen(0, "web")
    yield descriptor
    os.close(descriptor)


def port_of(listener: int) -> int:
    with socket.socket(fileno=os.dup(listener)) as same:
        return int(same.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_both_families_are_listened_to_without_delay(listener: int, host: str) -> None:
    number = port_of(listener)
    with (
        socket.create_connection((host, number), 60),
        socket.socket(fileno=socket_calls.accept(listener, nonblocking=False)) as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert not os.get_inheritable(accepted.fileno())
        assert os.get_blocking(accepted.fileno())


def test_an_accepted_socket_need_not_block(listener: int) -> None:
    number = port_of(listener)
    with socket.create_connection(("::1", number), 60):
        accepted = socket_calls.accept(listener, nonblocking=True)
        assert not os.get_blocking(accepted)
        os.close(accepted)


def test_a_port_that_is_taken_is_named(listener: int) -> None:
    number = port_of(listener)
    with pytest.raises(StartFailure, match=f"container web cannot listen on its port {number}: Address already in use"):
        socket_calls.listen(number, "web")


def test_how_much_waits_is_known_of_a_connection_alone(listener: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.send(b"12345")
        assert socket_calls.readable_bytes(ours.fileno()) == 5
    assert socket_calls.readable_bytes(listener) == 1
