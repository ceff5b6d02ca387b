"""Guests run as they are in a pod: forked from a slim process, which is not the tests' own."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sandbox.zygote_link import library_path
from tests.guests.compiled import compiled_guest

ROOT = Path(__file__).resolve().parents[3]
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from tests.sandbox.wasm.forking_host import main; import os; os.dup2(int(sys.argv.pop(1)), 3); main()"
)


class Ran(NamedTuple):
    stdout: bytes
    stderr: bytes
    outcomes: list[dict[str, Any]]
    """Of each guest ``exit_code`` and ``message``, or ``failure``."""

    @property
    def outcome(self) -> dict[str, Any]:
        [outcome] = self.outcomes
        return outcome

    @property
    def exit_code(self) -> int:
        return int(self.outcome["exit_code"])


class Host:
    """``environment``: of the slim process."""

    def __init__(self) -> None:
        self.environment = {"TOKIO_WORKER_THREADS": "1"}
        self.library = library_path()

    def run(self, name: str, *arguments: str, stdin: bytes = b"", **changes: Any) -> Ran:
        """Fork a guest, or as many as ``times`` says. ``changes``: of the request, as below."""
        kind, compiled = compiled_guest(name)
        request = {
            "library": str(self.library),
            "kind": kind,
            "compiled": str(compiled),
            "entry": "_start",
            "times": 1,
            "levels": 1,
            "argv": [name, *arguments],
            "env": [],
            "preopens": [],
            "memory_limit": 0,
            "lacks_place": False,
            "denies_calls": False,
            "shim": [],
            "listeners": 0,
        }
        return self._run({**request, **changes}, stdin)

    def _run(self, request: dict[str, Any], stdin: bytes) -> Ran:
        with tempfile.TemporaryFile() as outcomes:
            words = [sys.executable, "-S", "-E", "-s", "-c", _START, str(ROOT), str(outcomes.fileno())]
            ended = subprocess.run(
                [*words, json.dumps(request)],
                input=stdin,
                capture_output=True,
                check=False,
                env=self.environment,
                pass_fds=[outcomes.fileno()],
                timeout=240,
            )
            assert ended.returncode == 0, ended.stderr.decode()
            outcomes.seek(0)
            return Ran(ended.stdout, ended.stderr, [json.loads(line) for line in outcomes])


@pytest.fixture
def host() -> Host:
    return Host()
