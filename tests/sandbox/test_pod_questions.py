"""Questions of guests to their pod process, asked of real sockets about real processes."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from sandbox.cgroup import tree as cgroup
from sandbox.event_loop import EventLoop
from sandbox.pod_questions import Asker, PodGuest

_SUCCESS, _INVAL, _PERM, _SRCH = b"0", b"28", b"63", b"71"


class Pod:
    """With one guest, of user 1000. An asker's process is this one."""

    def __init__(self) -> None:
        self.loop = EventLoop()
        self.process = subprocess.Popen(["sleep", "600"])
        pidfd = os.pidfd_open(self.process.pid)
        self.guest = PodGuest(self.process.pid, pidfd, "main", "container", ["sleep", "600"], 1000, 1, "")

    def asker(self, uid: int) -> socket.socket:
        """The guest's end."""
        asker = Asker(self.loop, cgroup.detect(), lambda: [self.guest], uid)
        theirs = socket.socket(fileno=os.dup(asker.theirs))
        asker.follow(os.getpid())
        return theirs

    def answer(self, asker: socket.socket, question: bytes) -> bytes:
        asker.send(question)
        self.loop.run_once()
        return asker.recv(1 << 18)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.guest.pidfd)
        self.loop.close()


@pytest.fixture
def pod() -> Iterator[Pod]:
    pod = Pod()
    yield pod
    pod.close()


@pytest.mark.parametrize("uid", [0, 1000])
def test_signals_to_guests_of_the_same_user_and_from_root(pod: Pod, uid: int) -> None:
    with pod.asker(uid) as asker:
        assert pod.answer(asker, b"signal %d %d" % (pod.process.pid, signal.SIGTERM)) == _SUCCESS
    assert pod.process.wait() == -signal.SIGTERM


def test_no_signals_to_guests_of_another_user(pod: Pod) -> None:
    with pod.asker(1001) as asker:
        assert pod.answer(asker, b"signal %d %d" % (pod.process.pid, signal.SIGKILL)) == _PERM
    assert pod.process.poll() is None


def test_no_signals_to_what_is_no_guest_of_the_pod(pod: Pod) -> None:
    with subprocess.Popen(["sleep", "600"]) as other, pod.asker(0) as asker:
        assert pod.answer(asker, b"signal %d 9" % other.pid) == _SRCH
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("question", [b"signal", b"signal -1 9", b"signal 1", b"kill 1 9", b"\xff" * 64, b"list all"])
def test_what_is_not_understood_is_refused(pod: Pod, question: bytes) -> None:
    with pod.asker(0) as asker:
        assert pod.answer(asker, question) == _INVAL
        assert pod.answer(asker, b"signal %d 65" % pod.process.pid) == _INVAL


def test_the_guests(pod: Pod) -> None:
    with pod.asker(1001) as asker:
        [told] = json.loads(pod.answer(asker, b"list"))
    assert (told["process"], told["container"], told["user"], told["self"]) == (pod.process.pid, "main", 1000, 0)
    assert told["command"] == "sleep\x00600"
