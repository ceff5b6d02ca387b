"""The guest process as the one who forks it sees it, without any guest."""

import os
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from sandbox import guest_process
from sandbox.wasm import guest as guest_module
from sandbox.wasm.guest import Outcome


def run(monkeypatch: pytest.MonkeyPatch, guest: Any) -> tuple[int, bytes]:
    """Its exit status and what it reported. ``guest``: takes the place of a real one."""
    monkeypatch.setattr(guest_process, "_prepare", lambda *_: None)
    monkeypatch.setattr(guest_module, "run", guest)
    monkeypatch.setattr(guest_module, "memory_size", lambda instance: 65536)
    null, (reader, writer) = os.open("/dev/null", os.O_RDWR), os.pipe()
    pid = os.fork()
    if pid == 0:
        nothing: Any = SimpleNamespace(http=None, environment=-1)
        try:
            guest_process.main(nothing, nothing, nothing, "", -1, [null, null, null, writer], [], -1)
        finally:
            os._exit(1)  # it came back
    os.close(null)
    os.close(writer)
    _, status = os.waitpid(pid, 0)
    with open(reader, "rb") as report:
        return os.waitstatus_to_exitcode(status), report.read()


def fail(instance: Any) -> NoReturn:
    raise MemoryError


def test_whatever_happens_it_never_returns_into_the_pod_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, fail) == (255, b"S")


def test_a_message_is_reported_with_the_memory_and_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, lambda instance: Outcome(134, "why")) == (134, b"SM65536 why")
    assert run(monkeypatch, lambda instance: Outcome(3, "")) == (3, b"SM65536 ")


def test_nothing_is_reported_of_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, lambda instance: Outcome(0, "")) == (0, b"S")
