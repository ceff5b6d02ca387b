"""Whom a pod process means by a number."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sandbox import process_numbers


@contextmanager
def family() -> Iterator[list[int]]:
    """A process and its two children, in the order of their births. Unlike the tests' own it adopts nobody."""
    command = ["sh", "-c", "sleep 600 & echo $!; sleep 600 & echo $!; wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as parent:
        assert parent.stdout
        try:
            yield [parent.pid, *(int(parent.stdout.readline()) for _ in range(2))]
        finally:
            os.killpg(parent.pid, signal.SIGKILL)


def test_a_child_is_found_by_its_number() -> None:
    with family() as (parent, *children):
        assert [process_numbers.in_host(parent, child) for child in children] == children


def test_what_is_no_child_is_not_found() -> None:
    assert process_numbers.in_host(os.getpid(), os.getpid()) == 0
    assert process_numbers.in_host(1 << 30, 1) == 0


def test_the_youngest_are_looked_at_and_no_more_than_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was taken over may have as many children as it likes."""
    monkeypatch.setattr(process_numbers, "MOST_CHILDREN", 1, raising=False)
    with family() as (parent, older, younger):
        assert process_numbers.in_host(parent, younger) == younger
        assert process_numbers.in_host(parent, older) == 0
