"""The whole suite, by two sessions of pytest side by side: one alone leaves a processor idle most of its time.

    tests/e2e           waits more than it computes
    everything else     the emulated machine alone computes for a third of the time

The first is seen as it goes; what the other has printed follows. Arguments are for both of them.

With ``WASMLET_RETRY_TESTS=1``, as in CI, all tests run, though some fail, and the few that have failed run once more by
themselves, when the machine is quiet. Those that pass then are named as unstable, below what they printed at first.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

import pytest

_RETRY = "WASMLET_RETRY_TESTS"
_MOST_RETRIED = 4
"""Of a session: more do not fail by chance."""
_MOST_SECONDS = 3000
"""Of both sessions: tests that hang until their time limit are not waited for twice."""
_ALL_TESTS = "--maxfail=0"
"""Whatever else the options say: one that has not run has not passed."""


class Session:
    """Of pytest. ``cache``: a folder, where pytest notes which tests have failed."""

    def __init__(self, name: str, selection: str, cache: Path, arguments: list[str]) -> None:
        self.name = name
        self._cache = cache
        self._command = [sys.executable, "-u", "-m", "pytest", selection, "-o", f"cache_dir={cache}", *arguments]
        self._process: subprocess.Popen[bytes]

    def start(self, *options: str, output: IO[bytes] | None = None) -> None:
        """``output``: the caller's own when None."""
        self._process = subprocess.Popen(
            [*self._command, *options], stdin=subprocess.DEVNULL, stdout=output, stderr=output and subprocess.STDOUT
        )

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def wait(self) -> int:
        """Pytest's exit code."""
        return self._process.wait()

    def was_interrupted(self) -> bool:
        """When it ran last."""
        return self._process.returncode == pytest.ExitCode.INTERRUPTED

    def failed_tests(self) -> list[str]:
        noted = self._cache / "v" / "cache" / "lastfailed"
        return sorted(json.loads(noted.read_text())) if noted.exists() else []


def main(arguments: list[str]) -> int:
    """0 when both have succeeded."""
    retries = os.environ.get(_RETRY) == "1"
    options = [*arguments, _ALL_TESTS] if retries else arguments
    with tempfile.TemporaryDirectory() as caches:
        in_front = Session("tests/e2e", "tests/e2e", Path(caches, "e2e"), options)
        behind = Session("everything else", "--ignore=tests/e2e", Path(caches, "else"), options)
        sessions = (in_front, behind)
        began = time.monotonic()
        exit_codes = _side_by_side(in_front, behind)
        retries = retries and time.monotonic() - began < _MOST_SECONDS
        verdicts = []
        for session in sessions:
            again = retries and not any(each.was_interrupted() for each in sessions)
            verdicts.append(_verdict(session, exit_codes[session], again))
    for session, verdict in zip(sessions, verdicts, strict=True):
        print(f"{session.name}: {verdict}", flush=True)
    return int(any(verdict.startswith("FAILED") for verdict in verdicts))


def _side_by_side(in_front: Session, behind: Session) -> dict[Session, int]:
    signal.signal(signal.SIGINT, _leave_it_to_them)
    with tempfile.TemporaryFile() as output:
        behind.start(output=output)
        in_front.start()
        signal.signal(signal.SIGTERM, lambda *_: _interrupt(in_front, behind))
        exit_codes = {session: session.wait() for session in (in_front, behind)}
        output.seek(0)
        shutil.copyfileobj(output, sys.stdout.buffer)
        sys.stdout.flush()
    return exit_codes


def _verdict(session: Session, exit_code: int, retries: bool) -> str:
    if exit_code == pytest.ExitCode.OK:
        return "passed"
    failed = session.failed_tests()
    chance = exit_code == pytest.ExitCode.TESTS_FAILED and 0 < len(failed) <= _MOST_RETRIED
    if not (chance and retries):
        return "FAILED"
    print(f"{session.name}: run once more: {', '.join(failed)}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: _interrupt(session))
    session.start("--last-failed", "--last-failed-no-failures=none")
    again = session.wait() != pytest.ExitCode.OK
    return "FAILED, twice" if again else f"passed, and UNSTABLE, for they failed at first: {', '.join(failed)}"


def _interrupt(*sessions: Session) -> None:
    for session in sessions:
        session.interrupt()


def _leave_it_to_them(*_: object) -> None:
    """A terminal interrupts the sessions too, and they clean up before they end."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
