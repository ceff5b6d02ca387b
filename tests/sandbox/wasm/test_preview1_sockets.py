"""Modules with listening sockets, each with a client (see ``forking_host``). Those that serve a pod:
``tests/cri_server/test_listening_sockets.py``."""

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


def test_each_call_does_what_wasi_says_of_it(host: Host) -> None:
    nonblocking, blocking, hung_up = 4, 0, 1
    assert told(host, "details", listeners=2) == [
        f"type 6, flags {nonblocking}",
        "preopened 0 8",
        "type 1, 5 bytes, flags 0",
        "type 2, 1 bytes, flags 0",
        "he (0, 0)",
        "ll (0, 0)",
        "llo ther (0, 0)",
        "e (0, 0)",
        f"type 1, 0 bytes, flags {hung_up}",
        *(["event 1 of type 0, error 0"] * 5),
        "1 with error 8",
        f"flags {blocking}",
        "how 28",
    ]
