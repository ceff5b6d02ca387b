"""Runs critest against a fresh server and shows how far wasmlet is.

make critest
make critest ARGS="--focus Streaming"      the specs whose names match
make critest ARGS=--update                 write what came out into the list of expectations
"""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from tests.e2e.critest.expected import FILE, compare, read_expected, updated, written
from tests.e2e.critest.run import run_critest
from tests.e2e.critest.scoreboard import show


def critest(
    focus: Annotated[str, typer.Option(help="Regular expression: run the specs that it matches.")] = "",
    update: Annotated[bool, typer.Option(help="Write what came out into the list of expectations.")] = False,
    folder: Annotated[Path | None, typer.Option(help="For critest's report and the logs, kept then.")] = None,
) -> None:
    """Run critest and compare with what is expected. Fails if a spec that passed does no longer."""
    with tempfile.TemporaryDirectory(prefix="critest-") as temporary:
        kept = folder or Path(temporary)
        kept.mkdir(parents=True, exist_ok=True)
        outcomes = run_critest(kept.absolute(), focus)
    if focus:
        outcomes = [outcome for outcome in outcomes if outcome.state != "skipped" or outcome.reason]
    expected = read_expected(FILE.read_text())
    chosen = {name: row for name, row in expected.items() if not focus or name in {each.name for each in outcomes}}
    differences = compare(chosen, outcomes)
    show(outcomes, expected, differences)
    if update and not focus:
        FILE.write_text(written(updated(expected, outcomes)))
    raise typer.Exit(1 if differences.worse and not update else 0)


if __name__ == "__main__":
    typer.run(critest)
