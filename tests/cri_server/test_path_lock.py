import errno
import os
from pathlib import Path

import pytest

from cri_server.errors import StartupError
from cri_server.path_lock import locked


def test_a_second_server_is_told_who_has_the_path(tmp_path: Path) -> None:
    lock = str(tmp_path / "lock")
    with (
        locked(lock, "root", "/x"),
        pytest.raises(StartupError) as caught,
        locked(lock, "root", "/x"),
    ):
        pytest.fail("both have the lock")
    assert str(caught.value) == (
        f"root: /x is in use by another wasmlet (process {os.getpid()}); give each server a root of its own"
    )


def test_the_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    lock = str(tmp_path / "lock")
    for _ in range(2):
        with locked(lock, "root", "/x"):
            pass


def test_an_error_under_the_lock_is_not_taken_for_another_server(tmp_path: Path) -> None:
    with pytest.raises(BlockingIOError), locked(str(tmp_path / "lock"), "root", "/x"):
        raise BlockingIOError


def test_a_lock_that_cannot_be_made_is_the_settings_fault(tmp_path: Path) -> None:
    with (
        pytest.raises(StartupError, match=r"^socket: .* cannot be made: File name too long; choose another path$"),
        locked(str(tmp_path / ("x" * 300)), "socket", "/x"),
    ):
        pytest.fail("there is no such lock")


def test_a_full_disk_is_no_reason_not_to_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with locked(str(tmp_path / "lock"), "root", "/x"):
        pass
