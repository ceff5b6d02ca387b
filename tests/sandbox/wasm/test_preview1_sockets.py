"""Modules with listening sockets, each with a client that waits. Those that serve: ``test_listening_sockets``."""

from tests.guests.compiled import compiled_shim
from tests.sandbox.wasm.conftest import Host


def told(host: Host, task: str, listeners: int = 1, stdin: bytes = b"") -> list[str]:
    ran = host.run("acceptor", task, shim=compiled_shim(listeners), listeners=listeners, stdin=stdin)
    assert ran.exit_code == 0, ran
    return ran.stdout.decode().splitlines()[1:]


def test_input_and_sockets_can_be_waited_for_together(host: Host) -> None:
    assert told(host, "input", stdin=b"abc") == ["a", "b", "c", "end"]


def test_a_number_that_gets_another_socket_gets_its_ways(host: Host) -> None:
    assert told(host, "renumber", listeners=2) == [
        "listener blocks 0",
        "connection blocks 1",
        "old number 8",
        "none 8",
        "to itself 0",
    ]


def test_what_cannot_be_waited_for_is_an_error(host: Host) -> None:
    assert told(host, "subscriptions") == ["many 28", "clock 28", "none 28", "both 0 of 2"]


def test_what_has_no_memory_runs_all_the_same(host: Host) -> None:
    assert host.run("no_memory", shim=compiled_shim(0)).exit_code == 108
