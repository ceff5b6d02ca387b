"""A worker's events without its guests: what it does between them."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from sandbox.http import worker as module
from sandbox.http.body_pipes import BodyPipes, OutputPipes
from sandbox.http.limits import HttpLimits
from sandbox.http.tallies import Tallies, Tally
from sandbox.http.worker import Worker
from sandbox.wasm.http_guest import HttpGuest

_MOST_CONNECTIONS = 2


class _Made:
    def __init__(self, folder: int) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        tallies = Tallies(2)
        self.other = Tally(tallies, 1)
        pipes = BodyPipes(folder, 0), OutputPipes(folder, 0)
        guest = cast("HttpGuest", None)
        self.worker = Worker(guest, HttpLimits(), self.listener, -1, *pipes, Tally(tallies, 0), lambda: 0)
        self.worker._listen()

    def connect(self) -> socket.socket:
        return socket.create_connection(self.listener.getsockname())


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Made]:
    monkeypatch.setattr(module, "_DEFERENCE_SECONDS", 1000.0)
    monkeypatch.setattr(module, "_bounds", lambda concurrency: (_MOST_CONNECTIONS, concurrency))
    folder = os.open(tmp_path, os.O_RDONLY)
    made = _Made(folder)
    yield made
    for connection in list(made.worker._connections):
        connection.close()
    made.worker.epoll.close()
    made.listener.close()
    os.close(folder)


def test_one_that_is_full_but_for_a_client_that_has_gone_listens_on(made: _Made) -> None:
    """The last place is taken and free again before it has listened again after a deference."""
    with made.connect():
        made.worker._wait()
        made.other.tell(0)
        made.connect().close()
        made.worker._wait()
        assert made.worker._defers_until
        made.worker.now = made.worker._defers_until
        made.worker._defer_no_more()
        assert len(made.worker._connections) == 1
        with made.connect():
            made.other.leave()
            made.worker._wait()
            assert len(made.worker._connections) == _MOST_CONNECTIONS


def test_one_that_ends_while_a_client_goes_leaves_nothing_watched(made: _Made) -> None:
    listener = made.listener.fileno()
    with made.connect():
        made.connect().close()
        made.worker._stop_accepting()
    assert listener not in made.worker._handlers
    assert made.worker._listener.fileno() < 0


def test_what_has_happened_to_a_descriptor_before_it_was_another_is_not_told_to_that(made: _Made) -> None:
    worker, told = made.worker, list[int]()
    first, second = os.pipe(), os.pipe()

    def replace(events: int) -> None:
        worker.unwatch(first[0])
        worker.unwatch(second[0])
        os.dup2(made.listener.fileno(), second[0])
        worker.watch(second[0], told.append)

    for reader, writer in (first, second):
        worker.watch(reader, replace)
        os.write(writer, b"x")
    worker._wait()
    assert not told
    worker.unwatch(second[0])
    for descriptor in (*first, *second):
        os.close(descriptor)


def test_what_those_do_who_are_there_is_heard_before_who_comes(made: _Made) -> None:
    """After the first one the kernel looks at the listener before all else."""
    worker, told = made.worker, list[int]()
    reader, writer = os.pipe()
    with made.connect():
        worker._wait()
        worker.watch(reader, lambda events: told.append(len(worker._connections)))
        os.write(writer, b"x")
        with made.connect():
            worker._wait()
    assert told == [1]
    worker.unwatch(reader)
    os.close(reader)
    os.close(writer)
