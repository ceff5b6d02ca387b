"""Load by wrk, and its report read."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.bench.server import BenchError

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
"""Milliseconds."""
_PERCENTILE = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s|m)$", re.MULTILINE)
_RATE = re.compile(r"^Requests/sec:\s+([\d.]+)$", re.MULTILINE)
_WRONG = re.compile(r"^\s+(?:Socket errors: (?!connect 0, read 0, write 0, timeout 0).*|Non-2xx.*)$", re.MULTILINE)


class Report(NamedTuple):
    """Requests per second; milliseconds that half and 99 of a hundred took at most."""

    rate: float
    p50: float
    p99: float


def load(url: str, connections: int, seconds: float, script: Path | None = None) -> Report:
    """One thread: what it takes is little, and the server needs the other processor. Raises BenchError."""
    program = shutil.which("wrk")
    if program is None:
        raise BenchError("wrk is not installed: install the package wrk")
    options = ["-t", "1", "-c", str(connections), "-d", f"{seconds:g}s", "--timeout", "30s", "--latency"]
    command = [program, *options, *(["-s", str(script)] if script else []), url]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 120)
    if ended.returncode:
        raise BenchError(f"wrk cannot load {url}: {ended.stdout}{ended.stderr}")
    return parsed(ended.stdout, url)


def parsed(text: str, url: str) -> Report:
    """Raises BenchError where a request failed: figures of errors say nothing."""
    if wrong := _WRONG.search(text):
        raise BenchError(f"requests to {url} failed: {wrong.group().strip()}")
    rate, times = _RATE.search(text), {number: _milliseconds(*time) for number, *time in _PERCENTILE.findall(text)}
    if rate is None or len(times) != 2:
        raise BenchError(f"wrk's report of {url} cannot be read: {text}")
    return Report(float(rate.group(1)), times["50"], times["99"])


def _milliseconds(number: str, unit: str) -> float:
    return float(number) * _UNITS[unit]
