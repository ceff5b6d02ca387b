import os
import socket

from sandbox.process_files import open_files, open_files_limit, parse_open_files_limit


def test_descriptors_and_sockets_of_processes() -> None:
    before = open_files([os.getpid()])
    with socket.socket():
        after = open_files([os.getpid()])
    assert after.descriptors == before.descriptors + 1
    assert after.sockets == before.sockets + 1
    assert open_files([2**22 + 1]) == (0, 0)


def test_the_limit_of_open_files() -> None:
    assert parse_open_files_limit(b"Max processes  1 2 processes\nMax open files   1024   4096   files\n") == 1024
    assert parse_open_files_limit(b"Max open files   unlimited   unlimited   files\n") is None
    assert parse_open_files_limit(b"") is None
    assert open_files_limit(os.getpid()) == int(os.sysconf("SC_OPEN_MAX"))
    assert open_files_limit(2**22 + 1) is None
