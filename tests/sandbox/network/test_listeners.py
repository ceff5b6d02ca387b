"""Ports that processes of the host have."""

import errno
import socket
from ipaddress import ip_address
from typing import NoReturn

import pytest

from sandbox.errors import SandboxError
from sandbox.network import listeners
from sandbox.network.host_ports import PublishedPort
from tests.sandbox.network.conftest import Host

TABLE = """\
   0: 0100007F:0277 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1 0000000000000000 100
   1: 0200000A:1F90 0100000A:C350 01 00000000:00000000 00:00000000 00000000     0        0 1235 1 0000000000000000 20
"""
TABLE_IPV6 = """\
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000
   1: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000
   2: B80D0120000000000000000001000000:0052 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000
"""


def test_sockets_in_the_state_that_counts_are_found() -> None:
    assert list(listeners.parse(TABLE.splitlines(), "0A")) == [(ip_address("127.0.0.1"), 631)]
    assert [(str(address), port) for address, port in listeners.parse(TABLE_IPV6.splitlines(), "0A")] == [
        ("::", 80),
        ("127.0.0.1", 81),
        ("2001:db8::1", 82),
    ]


def not_told(protocol: str) -> NoReturn:
    raise OSError(errno.ENOENT, "No such file or directory")


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(
    ("family", "kind", "bound", "wanted", "taken"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1", "0.0.0.0", True),
        (socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1", "127.0.0.1", True),
        (socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1", "127.0.0.2", False),
        (socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1", "::", False),
        (socket.AF_INET6, socket.SOCK_STREAM, "::", "127.0.0.2", True),
        (socket.AF_INET6, socket.SOCK_STREAM, "::1", "0.0.0.0", False),
        (socket.AF_INET, socket.SOCK_DGRAM, "0.0.0.0", "127.0.0.1", True),
    ],
)
def test_a_port_that_a_process_has_is_not_taken_from_it(
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    family: int,
    kind: int,
    bound: str,
    wanted: str,
    taken: bool,
    told: bool,
) -> None:
    """``told``: whether the kernel has sock_diag."""
    protocol = "tcp" if kind == socket.SOCK_STREAM else "udp"
    if not told:
        monkeypatch.setattr(listeners, "_asked_for", not_told)

    async def test() -> None:
        with socket.socket(family, kind) as process:
            process.bind((bound, 8080))
            if kind == socket.SOCK_STREAM:
                process.listen()
            others = [PublishedPort(protocol, ip_address(wanted), 8081, ip_address("10.0.0.2"), 80)]
            listeners.refuse_used("prod/web", others)
            port = others[0]._replace(host_port=8080)
            if taken:
                with pytest.raises(
                    SandboxError, match=r"8080/\w+ of pod prod/web is used by a process of this host, at"
                ):
                    listeners.refuse_used("prod/web", [port])
            else:
                listeners.refuse_used("prod/web", [port])
        listeners.refuse_used("prod/web", [port])

    host.run_test(test)
