"""What a pod takes away of the sockets that the host makes for a module."""

import os
from pathlib import Path

import pytest

from sandbox import network_access
from sandbox.wasm.host_calls import DATAGRAM, STREAM, HostCalls

_ACCESS = 2


@pytest.mark.parametrize("access", [network_access.INBOUND, network_access.NONE])
@pytest.mark.parametrize("kind", [STREAM, DATAGRAM])
def test_none_is_made_where_the_pod_may_not_call_out(access: str, kind: int) -> None:
    """Refused here, above the filter, so that it is told as what it is."""
    calls = HostCalls(
        lambda address, size: bytes(size), lambda address, data: None, lambda *_: 0, lambda number: number
    )
    calls.attach(-1, access)
    assert calls._sock_connect(kind, 0, 4, 1, 0) == _ACCESS


class Asking(HostCalls):
    """For a guest whose memory starts with a path."""

    def __init__(self, path: str) -> None:
        self.path = os.fsencode(path)
        self.written = b""
        super().__init__(lambda address, size: self.path[:size], self._keep, lambda *_: 0, lambda number: number)

    def _keep(self, address: int, data: bytes) -> None:
        self.written = data


@pytest.mark.parametrize("call", ["path_status", "path_space", "path_mode_set"])
def test_links_of_processes_lead_nowhere(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may have the host's /proc, where links lead a user to all that processes of this user reach."""
    monkeypatch.chdir("/")
    calls = Asking("proc/self/root/tmp")
    arguments = {"path_status": (1, 0), "path_space": (0,), "path_mode_set": (0o1777,)}[call]
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        getattr(calls, f"_{call}")(0, len(calls.path), *arguments)


def test_a_mode_is_changed_of_what_can_be_read_or_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch(0o200)
    calls = Asking("file")
    assert calls._path_mode_set(0, len(calls.path), 0o6751) == 0
    assert (tmp_path / "file").stat().st_mode & 0o7777 == 0o751


@pytest.mark.parametrize(("follows", "kind"), [(1, 0o100000), (0, 0o120000)])
def test_the_status_is_of_a_link_or_of_what_it_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, follows: int, kind: int
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    calls = Asking("link")
    assert calls._path_status(0, len(calls.path), follows, 0) == 0
    assert int.from_bytes(calls.written[:8], "little") & 0o170000 == kind


class Linking(HostCalls):
    """For a guest whose memory is two paths."""

    def __init__(self, target: str, path: str) -> None:
        memory = os.fsencode(target + path)
        super().__init__(
            lambda address, size: memory[address : address + size], lambda *_: None, lambda *_: 0, lambda number: number
        )
        self.places = (0, len(os.fsencode(target)), len(os.fsencode(target)), len(os.fsencode(path)))

    def make(self) -> int:
        return self.make_link(*self.places)


@pytest.mark.parametrize("path", ["link", "folder/link", "round/link"])
def test_a_link_leads_where_it_is_told_to(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "round").symlink_to("/folder")  # the working directory is what a guest has for its root
    assert Linking("/nowhere/ü", path).make() == 0
    assert os.readlink(tmp_path / path.replace("round", "folder")) == "/nowhere/ü"


@pytest.mark.parametrize(
    ("target", "path", "reason"),
    [
        ("/target", "there", "File exists"),
        ("/target", "nowhere/link", "No such file"),
        ("/target", "there/link", "Not a directory"),
        ("/a\0b", "link", "Invalid argument"),
        ("/target", "l\0nk", "Invalid argument"),
        ("/" * 4097, "link", "File name too long"),
    ],
)
def test_a_link_that_cannot_be(
    target: str, path: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").touch()
    with pytest.raises(OSError, match=reason):
        Linking(target, path).make()
    assert os.listdir(tmp_path) == ["there"]


@pytest.mark.parametrize("path", ["../../link", "up/link"])
def test_a_link_is_not_made_above_the_root(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "up").symlink_to("..")
    monkeypatch.chdir(tmp_path / "root")
    assert Linking("/target", path).make() == 0
    assert os.listdir(tmp_path) == ["root"]


def test_a_link_is_not_made_through_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        Linking("/target", "proc/self/cwd/link").make()


@pytest.mark.parametrize(("capacity", "told"), [(64, "/nowhere"), (8, "/nowhere"), (3, "/no"), (0, "")])
def test_a_link_is_read_as_far_as_there_is_room(
    capacity: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("/nowhere")
    written: dict[int, bytes] = {}
    calls = HostCalls(lambda *_: b"link", written.__setitem__, lambda *_: 0, lambda number: number)
    assert calls.read_link(0, 4, 1, capacity, 2) == 0
    assert written == {1: told.encode(), 2: len(told).to_bytes(4, "little")}
