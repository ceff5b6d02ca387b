"""The suite's two sessions, with a suite of one test each that fails once, or always."""

import os
import subprocess
import sys
from pathlib import Path

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


def run(folder: Path, in_front: str, behind: str, retry: str) -> "subprocess.CompletedProcess[str]":
    (folder / "tests" / "e2e").mkdir(parents=True)
    (folder / "tests" / "e2e" / "test_in_front.py").write_text(in_front)
    (folder / "tests" / "test_behind.py").write_text(behind)
    environment = {**os.environ, "WASMLET_RETRY_TESTS": retry}
    return subprocess.run([sys.executable, MAIN], cwd=folder, env=environment, capture_output=True, text=True)


def test_both_pass(tmp_path: Path) -> None:
    done = run(tmp_path, PASSES, PASSES, "1")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-2:] == ["tests/e2e: passed", "everything else: passed"]


def test_one_fails(tmp_path: Path) -> None:
    done = run(tmp_path, PASSES, FAILS, "1")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "everything else: FAILED, twice"


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
