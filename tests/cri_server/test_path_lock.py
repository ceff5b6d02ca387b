import os
from pathlib import Path

import pytest

from cri_server.errors import StartupError
from cri_server.path_lock import locked


def test_a_second_server_is_told_who_has_the_path(tmp_path: Path) -> None:
    lock = str(tmp_path / "lock")
    with (
        locked(lock, "root: /x", "choose another"),
        pytest.raises(StartupError) as caught,
        locked(lock, "root: /x", "choose another"),
    ):
        pytest.fail("both have the lock")
    assert str(caught.value) == f"root: /x is in use by another wasmlet (process {os.getpid()}); choose another"


def test_the_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    lock = str(tmp_path / "lock")
    for _ in range(2):
        with locked(lock, "root: /x", "choose another"):
            pass


def test_an_error_under_the_lock_is_not_taken_for_another_server(tmp_path: Path) -> None:
    with pytest.raises(BlockingIOError), locked(str(tmp_path / "lock"), "root: /x", "choose another"):
        raise BlockingIOError
