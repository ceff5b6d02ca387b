import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.process_files import open_files, open_files_limit, parse_open_files_limit


def test_descriptors_and_sockets_of_processes() -> None:
    with socket.socket() as kept, waiting() as one, waiting(kept.fileno()) as other:
        before, after = open_files([one.pid]), open_files([other.pid])
        assert after.descriptors == before.descriptors + 1
        assert (before.sockets, after.sockets) == (0, 1)
        assert open_files([one.pid, other.pid]) == tuple(map(sum, zip(before, after, strict=True)))
    assert open_files([2**22 + 1]) == (0, 0)


@contextmanager
def waiting(*descriptors: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that has these and its standard streams."""
    command = ["sh", "-c", "echo; read line"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, pass_fds=descriptors) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


def test_the_limit_of_open_files() -> None:
    assert parse_open_files_limit(b"Max processes  1 2 processes\nMax open files   1024   4096   files\n") == 1024
    assert parse_open_files_limit(b"Max open files   unlimited   unlimited   files\n") is None
    assert parse_open_files_limit(b"") is None
    assert open_files_limit(os.getpid()) == int(os.sysconf("SC_OPEN_MAX"))
    assert open_files_limit(2**22 + 1) is None
