"""The figures as one table that can be read and pasted: medians over the rounds, and their ratios."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from tests.bench.http.plan import FIRST_GUESTS, GO, JAVASCRIPT, LOADS, MINIMAL, PYTHON
from tests.bench.http.rounds import Figures
from tests.bench.table import aligned, number

_FIRST = {MINIMAL: "minimal component", JAVASCRIPT: "JavaScript component", PYTHON: "Python component", GO: "Go server"}


class Row(NamedTuple):
    key: str
    label: str
    scale: float = 1


def rows(stream: int) -> list[Row]:
    found = []
    for load in LOADS:
        unit = "MB/s" if load.megabytes else "requests/s"
        found.append(Row(f"{load.key} rate", f"{load.label}, {unit}, {load.connections} connections"))
        found.append(Row(f"{load.key} p50", f"{load.label}, p50, ms"))
        found.append(Row(f"{load.key} p99", f"{load.label}, p99, ms"))
    for way, label in (("down", "answer"), ("up", "request")):
        found.append(Row(f"stream {way} rate", f"{label} of {stream >> 20} MiB, MB/s"))
        found.append(Row(f"stream {way} before", f"{label} of {stream >> 20} MiB, memory before, MB", 1e-6))
        found.append(Row(f"stream {way} memory", f"{label} of {stream >> 20} MiB, most memory, MB", 1e-6))
    answers = [Row(f"first {guest}", f"{_FIRST[guest]}, Running to first answer, p50, ms") for guest in FIRST_GUESTS]
    return found + answers


def table(names: Sequence[str], figures: Figures, stream: int) -> str:
    """Markdown. A ratio is the median of the rounds' quotients."""
    header = ["", *names, *(f"{names[0]} / {other}" for other in names[1:])]
    lines = [_cells(row, names, figures[row.key]) for row in rows(stream) if row.key in figures]
    return "\n".join(aligned([header, *lines]))


def _cells(row: Row, names: Sequence[str], measured: dict[str, list[float]]) -> list[str]:
    values = [number(statistics.median(measured[name]) * row.scale) if name in measured else "" for name in names]
    return [row.label, *values, *(_quotient(measured, names[0], other) for other in names[1:])]


def _quotient(measured: dict[str, list[float]], first: str, other: str) -> str:
    if first not in measured or other not in measured:
        return ""
    return f"{statistics.median(a / b for a, b in zip(measured[first], measured[other], strict=True)):.2f}"
