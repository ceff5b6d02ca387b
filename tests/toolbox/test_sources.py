"""The toolbox's own tests, run natively, where its Go compiler is."""

import subprocess

from tests.prerequisites import require_tool
from tests.toolbox.tree import SOURCES


def test_what_its_own_tests_say() -> None:
    go = require_tool("go")
    done = subprocess.run([go, "test", "./..."], cwd=SOURCES, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_go_finds_nothing_suspicious() -> None:
    go = require_tool("go")
    done = subprocess.run([go, "vet", "./..."], cwd=SOURCES, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_its_format_is_gos() -> None:
    gofmt = require_tool("gofmt")
    done = subprocess.run([gofmt, "-l", "."], cwd=SOURCES, capture_output=True, text=True, check=True)
    assert done.stdout == ""
