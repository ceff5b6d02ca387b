"""What a run of critest came to, as tables for people."""

from collections import Counter
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table

from tests.e2e.critest.expected import Differences, Expected
from tests.e2e.critest.run import Outcome

_STATES = ("passed", "failed", "skipped")
_SAID = {"failed": "failed", "skipped": "was skipped"}
_COLORS = {"passed": "green", "failed": "red", "skipped": "yellow"}


def show(outcomes: list[Outcome], expected: Mapping[str, Expected], differences: Differences) -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(_table("group", ((outcome.name.partition(" > ")[0], outcome.state) for outcome in outcomes)))
    kinds = {name: row.kind for name, row in expected.items()}
    console.print(_table("class", ((kinds.get(outcome.name, "?"), outcome.state) for outcome in outcomes)))
    for state in ("failed", "skipped"):
        _list(console, f"What {_SAID[state]}", [_why(each, expected) for each in outcomes if each.state == state])
    _list(console, "What passed before and does no longer", differences.worse)
    _list(console, "What the list of expectations does not say", differences.news)


def _table(title: str, states: Iterable[tuple[str, str]]) -> Table:
    counts = Counter(states)
    table = Table(title, *(f"[{_COLORS[state]}]{state}[/]" for state in _STATES))
    for name in sorted({name for name, _ in counts}):
        table.add_row(name, *(str(counts[name, state] or "") for state in _STATES))
    table.add_section()
    totals = Counter(state for _, state in counts.elements())
    table.add_row("all", *(str(totals[state]) for state in _STATES))
    return table


def _why(outcome: Outcome, expected: Mapping[str, Expected]) -> str:
    row = expected.get(outcome.name)
    return f"{outcome.name}: {row.reason if row and row.reason else outcome.reason[:300]}"


def _list(console: Console, title: str, lines: list[str]) -> None:
    if lines:
        console.print(f"\n{title}")
    for line in lines:
        console.print(f"- {line}", markup=False)
