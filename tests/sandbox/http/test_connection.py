"""A client's connection without its worker's events and guests: what is left of it when the client goes."""

import gc
import os
import select
import socket
import struct
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from sandbox.http.body_pipes import BodyPipes
from sandbox.http.connection import PATIENCE, Connection
from sandbox.http.exchange import GuestExchange
from sandbox.http.limits import HttpLimits
from sandbox.http.request_reader import Request
from sandbox.http.worker import Worker

_HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n"
_PATIENCE_IS_OVER = 1000.0


class _Worker:
    """What a connection asks of one, without threads."""

    def __init__(self, folder: int) -> None:
        self.limits = HttpLimits()
        self.pipes = BodyPipes(folder, 0)
        self.share = 1 << 20
        self.epoll = select.epoll()
        self.authority = "localhost"
        self.now = 0.0
        self.is_ending = False
        self.watched: dict[int, Callable[[int], None]] = {}
        self.submitted: list[GuestExchange] = []

    def watch(self, descriptor: int, handler: Callable[[int], None], events: int = select.EPOLLIN) -> None:
        self.watched[descriptor] = handler
        self.epoll.register(descriptor, events)

    def unwatch(self, descriptor: int) -> None:
        if self.watched.pop(descriptor, None):
            self.epoll.unregister(descriptor)

    def forget(self, connection: Connection) -> None:
        self.unwatch(connection.descriptor)

    def submit(self, exchange: GuestExchange) -> bool:
        self.submitted.append(exchange)
        return True

    def log_answer(self, exchange: GuestExchange) -> None:
        return

    def log_refusal(self, connection: Connection, request: Request | None, status: int) -> None:
        return


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Worker]:
    folder = os.open(tmp_path, os.O_RDONLY)
    monkeypatch.chdir(tmp_path)
    worker = _Worker(folder)
    yield worker
    worker.epoll.close()
    os.close(folder)


def connect(worker: _Worker) -> tuple[Connection, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    accepted.setblocking(False)
    connection = Connection(cast("Worker", worker), accepted.detach(), "127.0.0.1")
    worker.watch(connection.descriptor, connection.process)
    return connection, client


def say(connection: Connection, client: socket.socket, data: bytes) -> None:
    client.sendall(data)
    select.select([connection.descriptor], [], [])
    connection.process(select.EPOLLIN)


def begun(worker: _Worker, connection: Connection, client: socket.socket) -> tuple[GuestExchange, int]:
    """A guest that reads its body while it comes, and where it does."""
    say(connection, client, _HEAD + b"piece")
    worker.now = _PATIENCE_IS_OVER
    connection.advance()
    (exchange,) = worker.submitted
    reader = os.open(exchange.body_path(), os.O_RDONLY | os.O_NONBLOCK)
    exchange.body_is_open()
    assert os.read(reader, 100) == b"piece"
    return exchange, reader


def cut_off(connection: Connection, client: socket.socket) -> None:
    """And the other side's kernel has noticed."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    gone = select.poll()
    gone.register(connection.descriptor, 0)
    gone.poll()


def test_a_guest_whose_client_is_found_gone_by_writing_reads_to_an_end(worker: _Worker) -> None:
    connection, client = connect(worker)
    exchange, reader = begun(worker, connection, client)
    cut_off(connection, client)
    with connection.lock:
        connection.output += b"HTTP/1.1 200 OK\r\n\r\n"
        connection.send()
    connection.process(select.EPOLLHUP)
    assert exchange.is_dead
    assert os.read(reader, 100) == b""
    os.close(reader)


@pytest.mark.parametrize("pieces", [[b"GET / HT"], [_HEAD, b"x"], [_HEAD + b"x", b"y"], [b"nonsense\r\n\r\n"]])
def test_nothing_is_kept_of_a_client_that_has_gone(worker: _Worker, pieces: list[bytes]) -> None:
    """Bodies are large, and the collector of what refers to itself comes seldom."""
    connection, client = connect(worker)
    gc.disable()
    try:
        for piece in pieces:
            say(connection, client, piece)
        cut_off(connection, client)
        connection.process(select.EPOLLHUP)
        gone: Any = weakref.ref(connection), weakref.ref(connection._reader)
        del connection
        assert [each() for each in gone] == [None, None]
    finally:
        gc.enable()


def test_nothing_is_kept_of_one_that_went_while_its_guest_read(worker: _Worker) -> None:
    connection, client = connect(worker)
    exchange, reader = begun(worker, connection, client)
    gc.disable()
    try:
        say(connection, client, b"more")
        cut_off(connection, client)
        connection.process(select.EPOLLHUP)
        connection.finished(exchange)
        worker.submitted.clear()
        gone: Any = weakref.ref(connection), weakref.ref(connection._reader)
        del connection, exchange
        assert [each() for each in gone] == [None, None]
    finally:
        gc.enable()
        os.close(reader)


def test_a_body_that_ends_with_its_client_is_waited_for_by_no_guest(worker: _Worker) -> None:
    """Which went while an earlier request was answered."""
    connection, client = connect(worker)
    say(connection, client, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + _HEAD + b"x")
    (first,) = worker.submitted
    client.shutdown(socket.SHUT_WR)
    connection.process(select.EPOLLIN)
    connection.finished(first)
    worker.now = 2 * PATIENCE
    connection.check(worker.now)
    assert worker.submitted == [first]
    with client:
        assert client.recv(1000).startswith(b"HTTP/1.1 400 ")
