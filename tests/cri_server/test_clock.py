import time

import pytest

from cri_server.clock import Clock


def test_timestamps_increase_strictly_even_when_the_system_clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1000)
    clock = Clock()
    assert [clock.now(), clock.now(), clock.now()] == [1000, 1001, 1002]


def test_a_clock_that_was_set_back_does_not_make_new_objects_older_than_recorded_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1000)
    clock = Clock()
    clock.observe(5000)
    clock.observe(3000)
    assert clock.now() == 5001
