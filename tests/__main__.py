"""The whole suite, by two sessions of pytest side by side: one alone leaves a processor idle most of its time.

    tests/e2e           waits more than it computes
    everything else     the emulated machine alone computes for a third of the time

The first is seen as it goes; what the other has printed follows. Arguments are for both of them.
"""

import shutil
import signal
import subprocess
import sys
import tempfile

_IN_FRONT = "tests/e2e"
_BEHIND = "--ignore=tests/e2e"
_PYTEST = [sys.executable, "-u", "-m", "pytest"]


def main(arguments: list[str]) -> int:
    """0 when both have succeeded."""
    with tempfile.TemporaryFile() as output:
        signal.signal(signal.SIGINT, _leave_it_to_them)
        behind = subprocess.Popen(
            [*_PYTEST, _BEHIND, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        in_front = subprocess.Popen([*_PYTEST, _IN_FRONT, *arguments])
        signal.signal(signal.SIGTERM, lambda *_: _interrupt(in_front, behind))
        failed = [session.wait() != 0 for session in (in_front, behind)]
        output.seek(0)
        shutil.copyfileobj(output, sys.stdout.buffer)
    for failure, tests in zip(failed, (_IN_FRONT, "everything else"), strict=True):
        print(f"{tests}: {'FAILED' if failure else 'passed'}", flush=True)
    return int(any(failed))


def _leave_it_to_them(*_: object) -> None:
    """A terminal interrupts the sessions too, and they clean up before they end."""


def _interrupt(*sessions: "subprocess.Popen[bytes]") -> None:
    for session in sessions:
        session.send_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
