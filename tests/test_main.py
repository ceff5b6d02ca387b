"""The suite's two sessions, with a suite of one test each that fails once, or always."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import __main__ as suite

MAIN = Path(__file__).parent / "__main__.py"
PASSES = "def test_passes(): pass\n"
FAILS = "def test_fails(): assert False\n"
FAILS_AT_FIRST = """
def test_unstable(request):
    noted = request.path.with_suffix(".noted")
    seen = noted.exists()
    noted.touch()
    assert seen
"""


IS_INTERRUPTED = "def test_is_interrupted(): raise KeyboardInterrupt\n"
FAILS_IN_A_FIXTURE = """
import pytest

@pytest.fixture
def broken(): assert False

def test_passes(broken): pass
"""


@pytest.fixture
def keeps_signals() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def write_suite(folder: Path, in_front: str, behind: str) -> None:
    (folder / "tests" / "e2e").mkdir(parents=True)
    (folder / "tests" / "e2e" / "test_in_front.py").write_text(in_front)
    (folder / "tests" / "test_behind.py").write_text(behind)


def run(folder: Path, in_front: str, behind: str, retry: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    write_suite(folder, in_front, behind)
    environment = {**os.environ, "WASMLET_RETRY_TESTS": retry, **variables}
    return subprocess.run([sys.executable, MAIN], cwd=folder, env=environment, capture_output=True, text=True)


def test_both_pass(tmp_path: Path) -> None:
    done = run(tmp_path, PASSES, PASSES, "1")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-2:] == ["tests/e2e: passed", "everything else: passed"]


def test_a_test_and_a_fixture_fail(tmp_path: Path) -> None:
    done = run(tmp_path, FAILS_IN_A_FIXTURE, FAILS, "1")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == ["tests/e2e: FAILED, twice", "everything else: FAILED, twice"]


def test_one_that_passes_when_it_runs_again_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, FAILS_AT_FIRST, PASSES, "1")
    assert done.returncode == 0
    assert "assert seen" in done.stdout
    verdict = "passed, and UNSTABLE, for they failed at first: tests/e2e/test_in_front.py::test_unstable"
    assert done.stdout.splitlines()[-2] == f"tests/e2e: {verdict}"


def test_nothing_runs_again_unless_asked_for(tmp_path: Path) -> None:
    done = run(tmp_path, PASSES, FAILS_AT_FIRST, "")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "everything else: FAILED"


def test_many_failures_are_no_chance(tmp_path: Path) -> None:
    done = run(tmp_path, PASSES, "".join(f"def test_{n}(): assert False\n" for n in range(9)), "1")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "everything else: FAILED"


def test_what_fails_beside_the_tests_is_no_chance(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("def pytest_sessionfinish(session): session.exitstatus = 1")
    done = run(tmp_path, PASSES, PASSES, "1")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "everything else: FAILED"


def test_an_option_to_stop_at_a_failure_leaves_no_test_out(tmp_path: Path) -> None:
    done = run(tmp_path, FAILS_AT_FIRST + FAILS, PASSES, "1", PYTEST_ADDOPTS="-x")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2] == "tests/e2e: FAILED, twice"


def test_nothing_runs_again_after_an_interrupt(tmp_path: Path) -> None:
    done = run(tmp_path, FAILS_AT_FIRST, IS_INTERRUPTED, "1")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == ["tests/e2e: FAILED", "everything else: FAILED"]


def test_an_interrupt_of_tests_that_run_again_ends_it(tmp_path: Path) -> None:
    interrupted_later = FAILS_AT_FIRST.replace("assert seen", "if seen: raise KeyboardInterrupt\n    assert False")
    done = run(tmp_path, interrupted_later, FAILS_AT_FIRST, "1")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == ["tests/e2e: FAILED, twice", "everything else: FAILED"]


def test_what_has_taken_too_long_does_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], keeps_signals: None
) -> None:
    write_suite(tmp_path, FAILS_AT_FIRST, PASSES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WASMLET_RETRY_TESTS", "1")
    monkeypatch.setattr(suite, "_MOST_SECONDS", 0)
    assert suite.main([]) == 1
    assert capfd.readouterr().out.splitlines()[-2:] == ["tests/e2e: FAILED", "everything else: passed"]
