"""What is measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

UPLOAD = Path(__file__).with_name("mebibyte.lua")
MINIMAL, JAVASCRIPT, PYTHON, GO = "http_minimal", "http_javascript", "http_python", "web"
"""Guests of the tests."""


class Load(NamedTuple):
    """``connections``: kept open, one request at a time on each."""

    key: str
    label: str
    guest: str
    path: str
    connections: int
    script: Path | None = None
    megabytes: float = 0
    """In a request or an answer; 0: what counts is the number of requests."""


LOADS = (
    Load("minimal", "minimal component", MINIMAL, "/", 32),
    Load("javascript", "JavaScript component", JAVASCRIPT, "/hello", 16),
    Load("python", "Python component", PYTHON, "/hello", 16),
    Load("down", "1 MiB answers", MINIMAL, "/mebibyte", 8, None, 1.048576),
    Load("up", "1 MiB requests", MINIMAL, "/count", 8, UPLOAD, 1.048576),
    Load("go", "Go server (wasip1)", GO, "/", 32),
)
STREAM, FIRST = "stream", "first"
PARTS = (*(load.key for load in LOADS), STREAM, FIRST)
FIRST_GUESTS = (MINIMAL, JAVASCRIPT, PYTHON, GO)


@dataclass(frozen=True)
class Plan:
    """``seconds``: of each load in each round; ``stream``: bytes each way; ``pods``: started for their first answer."""

    rounds: int
    seconds: float
    stream: int
    pods: int
    parts: Sequence[str]

    def guests(self) -> set[str]:
        found = {load.guest for load in LOADS if load.key in self.parts}
        return found | ({MINIMAL} if STREAM in self.parts else set()) | set(FIRST_GUESTS if FIRST in self.parts else ())
