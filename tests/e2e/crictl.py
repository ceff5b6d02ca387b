"""The real crictl against one server: a command line, what it prints, and how it ends."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from tests.prerequisites import require_tool

SHORT = 13
"""Characters of an id in its tables."""

_PATIENCE = "500s"
"""For a connection and for each answer: the machine may be busy. crictl's own default is two seconds."""

_FATAL = re.compile(r'level=fatal msg=("(?:[^"\\]|\\.)*")')
_CLEAR_SCREEN = "\x1b[2J\x1b[H"
"""Before tables that it can repeat."""

_TITLE = re.compile(r"\S+(?: \S+)*")


class Printed(NamedTuple):
    status: int
    out: str
    err: str


class Crictl:
    def __init__(self, socket: Path, folder: Path) -> None:
        """``folder``: for its settings, so that the machine's do not count. Skips the test without crictl."""
        self._program = require_tool("crictl")
        self._settings = folder / "crictl.yaml"
        self._settings.touch()
        self._endpoint = f"unix://{socket}"

    def command(self, *words: str) -> list[str]:
        options = {
            "config": str(self._settings),
            "runtime-endpoint": self._endpoint,
            "image-endpoint": self._endpoint,
            "timeout": _PATIENCE,
        }
        return [str(self._program), *(f"--{name}={value}" for name, value in options.items()), *words]

    def printed(self, *words: str) -> Printed:
        done = subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return Printed(done.returncode, done.stdout, done.stderr)

    def __call__(self, *words: str) -> str:
        """What it prints, without the last newline. It has to succeed."""
        printed = self.printed(*words)
        assert printed.status == 0, f"crictl {' '.join(words)}: {printed.err}"
        return printed.out.removesuffix("\n")

    def lines(self, *words: str) -> list[str]:
        return self(*words).splitlines()

    def json(self, *words: str) -> Any:
        return json.loads(self(*words))

    def table(self, *words: str) -> list[dict[str, str]]:
        """The rows of a table for people, by the titles of its columns."""
        header, *rows = [line.removeprefix(_CLEAR_SCREEN) for line in self.lines(*words)]
        starts = {match[0]: match.start() for match in _TITLE.finditer(header)}
        ends = [*list(starts.values())[1:], None]
        return [
            {title: row[start:end].strip() for (title, start), end in zip(starts.items(), ends, strict=True)}
            for row in rows
        ]

    def refused(self, *words: str) -> str:
        """The reason that it gives. It has to fail."""
        printed = self.printed(*words)
        assert printed.status == 1, f"crictl {' '.join(words)} ended with {printed.status}: {printed.out}"
        fatal = _FATAL.search(printed.err)
        assert fatal, printed.err
        reason: str = json.loads(fatal[1])
        return reason
