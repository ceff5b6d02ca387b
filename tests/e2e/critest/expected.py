"""What critest is expected to say: one line for each of its specs, in a file beside this one.

A line holds the spec's class, its expected state, its name and, unless it is expected to pass, why not. The classes:

    A0  calls of the CRI, no command of a guest runs
    A1  commands in WebAssembly, with no more than WASI has
    A2  commands, and the runtime supplies something beyond WASI: listening sockets, hostname, user, read-only trees
    A3  about Linux, but what is asserted is true of WebAssembly too
    B   a feature of the Linux kernel, applied to the guest itself
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.e2e.critest.run import Outcome

FILE = Path(__file__).with_name("expected.tsv")


class Expected(NamedTuple):
    kind: str
    state: str
    name: str
    reason: str


class Differences(NamedTuple):
    """Between a run and the list, as sentences. ``worse``: what passed does no longer."""

    worse: list[str]
    news: list[str]


def read_expected(text: str) -> dict[str, Expected]:
    """By the specs' names."""
    lines = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    rows = [Expected(kind, state, name, "".join(reason)) for kind, state, name, *reason in lines]
    return {row.name: row for row in rows}


def written(rows: Iterable[Expected]) -> str:
    ordered = sorted(rows, key=lambda row: row.name)
    return "".join("\t".join(row[: 4 if row.reason else 3]) + "\n" for row in ordered)


def updated(expected: Mapping[str, Expected], outcomes: Iterable[Outcome]) -> list[Expected]:
    """The list that a run makes true. Reasons are kept as they are; those of new rows are critest's words."""
    return [_updated(expected.get(outcome.name), outcome) for outcome in outcomes]


def _updated(row: Expected | None, outcome: Outcome) -> Expected:
    if outcome.state == "passed":
        return Expected(row.kind if row else "?", "passed", outcome.name, "")
    return Expected(row.kind if row else "?", outcome.state, outcome.name, row.reason if row else outcome.reason)


def compare(expected: Mapping[str, Expected], outcomes: Iterable[Outcome]) -> Differences:
    found = {outcome.name: outcome for outcome in outcomes}
    worse = [f"no longer run: {name}" for name, row in expected.items() if row.state == "passed" and name not in found]
    news = [f"not in the list: {name}" for name in found if name not in expected]
    for name, row in expected.items():
        outcome = found.get(name)
        if outcome is None or outcome.state == row.state:
            continue
        change = f"{outcome.state}, expected {row.state}: {name}"
        if row.state == "passed":
            worse.append(f"{change}: {outcome.reason}")
        else:
            news.append(change)
    return Differences(worse, news)
