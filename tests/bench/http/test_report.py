from tests.bench.http.report import table


def _cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_figures_are_medians_and_ratios_of_rounds() -> None:
    figures = {
        "minimal rate": {"a": [10.0, 30.0, 20.0], "b": [20.0, 20.0, 20.0]},
        "go rate": {"a": [2500.0, 2500.0, 2500.0]},
        "stream up memory": {"a": [30e6], "b": [60e6]},
    }
    header, _, *lines = _cells(table(["a", "b"], figures, 1 << 30))
    assert header == ["", "a", "b", "a / b"]
    assert lines == [
        ["minimal component, requests/s, 32 connections", "20.0", "20.0", "1.00"],
        ["Go server (wasip1), requests/s, 32 connections", "2500", "", ""],
        ["request of 1024 MiB, most memory, MB", "30.0", "60.0", "0.50"],
    ]
