"""critest, the CRI's own validation: what passed goes on passing."""

import warnings
from pathlib import Path

import pytest

from tests.e2e.critest.expected import FILE, compare, read_expected
from tests.e2e.critest.run import run_critest


@pytest.mark.timeout(1200)
def test_what_passed_before_passes(tmp_path: Path) -> None:
    differences = compare(read_expected(FILE.read_text()), run_critest(tmp_path))
    for each in differences.news:
        warnings.warn(f"critest: {each}; 'make critest ARGS=--update' writes it down", stacklevel=1)
    assert differences.worse == []
