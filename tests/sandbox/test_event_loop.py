"""The event loop of a pod process."""

import os
import time
from collections.abc import Iterator

import pytest

from sandbox.event_loop import EventLoop


@pytest.fixture
def loop() -> EventLoop:
    return EventLoop()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    pipe = os.pipe()
    yield pipe
    for descriptor in pipe:
        os.close(descriptor)


def test_what_becomes_readable_is_told_again_and_again(loop: EventLoop, pipe: tuple[int, int]) -> None:
    told: list[int] = []
    loop.watch(pipe[0], lambda: told.append(1))
    os.write(pipe[1], b"x")
    loop.run_once()
    loop.run_once()
    assert told == [1, 1]


def test_a_number_that_is_taken_again_within_a_round_is_not_told_of_its_past(loop: EventLoop) -> None:
    """Each of two readable pipes, when told, closes both and opens a silent one in their place."""
    pipes = [os.pipe(), os.pipe()]
    told: list[str] = []

    def replace_all() -> None:
        told.append("old")
        for descriptors in pipes:
            loop.unwatch(descriptors[0])
            for descriptor in descriptors:
                os.close(descriptor)
        pipes[:] = [os.pipe(), os.pipe()]
        for reader, _ in pipes:
            loop.watch(reader, lambda: told.append("new"))

    for reader, writer in pipes:
        loop.watch(reader, replace_all)
        os.write(writer, b"x")
    before = {reader for reader, _ in pipes}
    loop.run_once()
    assert told == ["old"]
    assert {reader for reader, _ in pipes} == before
    for descriptors in pipes:
        for descriptor in descriptors:
            os.close(descriptor)


def test_an_unwatched_descriptor_is_not_told(loop: EventLoop, pipe: tuple[int, int]) -> None:
    loop.watch(pipe[0], os.abort)
    os.write(pipe[1], b"x")
    loop.unwatch(pipe[0])
    loop.unwatch(pipe[0])
    loop.call_later(0, lambda: None)
    loop.run_once()


def test_timers_run_once_when_they_are_due(loop: EventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    now, told = 100.0, list[str]()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    loop.call_later(7, lambda: told.append("later"))
    loop.call_later(0, lambda: told.append("now"))
    loop.call_later(0, os.abort)
    loop.cancel(os.abort)
    loop.run_once()
    assert told == ["now"]
    now += 7
    loop.run_once()
    assert told == ["now", "later"]


def test_it_waits_until_a_timer_is_due(loop: EventLoop) -> None:
    told: list[float] = []
    start = time.monotonic()
    loop.call_later(0.02, lambda: told.append(time.monotonic() - start))
    while not told:
        loop.run_once()
    assert told[0] >= 0.02
