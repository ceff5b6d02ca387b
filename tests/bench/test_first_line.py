import time
from pathlib import Path

import pytest

from tests.bench.first_line import FirstLine


def test_a_line_is_seen_after_it_was_written_and_not_before(tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    watch = FirstLine(log)
    log.write_text("half a ")
    begin = time.perf_counter()
    with log.open("a") as file:
        file.write("line\n")
    assert watch.time() >= begin


def test_a_line_that_was_there_already_counts(tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    log.write_text("line\n")
    assert FirstLine(log).time() > 0


def test_a_log_without_a_line_is_told(tmp_path: Path) -> None:
    watch = FirstLine(tmp_path / "0.log")
    with pytest.raises(TimeoutError, match="has no line"):
        watch.time(0.1)
    (tmp_path / "0.log").write_text("\n")  # lets the watching end
    assert watch.time() > 0
