"""Whom a pod process means by a number."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from sandbox import process_numbers


@contextmanager
def children(count: int) -> Iterator[list[int]]:
    """In the order of their births."""
    with ExitStack() as stack:
        made = [stack.enter_context(subprocess.Popen(["sleep", "60"])) for _ in range(count)]
        try:
            yield [child.pid for child in made]
        finally:
            for child in made:
                child.kill()


def test_a_child_is_found_by_its_number() -> None:
    with children(2) as pids:
        assert [process_numbers.in_host(os.getpid(), pid) for pid in pids] == pids


def test_what_is_no_child_is_not_found() -> None:
    assert process_numbers.in_host(os.getpid(), os.getpid()) == 0
    assert process_numbers.in_host(1 << 30, 1) == 0


def test_the_youngest_are_looked_at_and_no_more_than_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was taken over may have as many children as it likes."""
    monkeypatch.setattr(process_numbers, "MOST_CHILDREN", 1, raising=False)
    with children(2) as (older, younger):
        assert process_numbers.in_host(os.getpid(), younger) == younger
        assert process_numbers.in_host(os.getpid(), older) == 0
