from hypothesis import given
from hypothesis import strategies as st

from tests.bench.table import p50, p90, ratio, table, table_alone

TIMES = st.lists(st.floats(0.01, 1000), min_size=1)


@given(TIMES)
def test_nine_tenths_of_the_samples_are_at_most_p90(samples: list[float]) -> None:
    assert sum(sample <= p90(samples) for sample in samples) >= 0.9 * len(samples)
    assert p90(samples) in samples
    assert p50(samples) <= p90(samples) or len(samples) < 10


def test_a_ratio_reads_as_a_fraction_or_a_multiple() -> None:
    assert ratio([0.125, 0.1, 0.5]) == "1/8.0"
    assert ratio([5.24]) == "5.2"
    assert ratio([0.0]) == "0"


def test_each_figure_is_the_median_of_the_rounds() -> None:
    rounds = [
        {"a": {"pod up": [up], "rate": [rate]}, "b": {"pod up": [10 * up], "rate": [rate / 2]}}
        for up, rate in ((1.0, 10.0), (2.0, 20.0), (9.0, 12.0))
    ]
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table(["a", "b"], rounds, 100).splitlines()
    ]
    assert lines[0][1:] == ["a p50 · p90", "b p50 · p90", "a / b"]
    assert lines[2] == ["pod up (the three), ms", "2.00 · 2.00", "20.0 · 20.0", "1/10.0"]
    assert lines[3] == ["pods per second, 10 at a time", "12.0", "6.00", "2.0"]


def test_what_was_measured_once_has_a_table_of_its_own() -> None:
    samples = {"memory of all": [1.5e9], "idle server": [0.0123], "ListPodSandbox": [4.0, 6.0, 5.0]}
    lines = [line.strip("| ").split(" | ") for line in table_alone("a", samples, 1000, 200).splitlines()]
    assert [[cell.strip() for cell in line] for line in lines[2:]] == [
        ["memory of 1000 pods, GB", "1.50"],
        ["ListPodSandbox of 1000, ms", "5.00 · 6.00"],
        ["server with 1000 idle pods, % of a core", "1.23"],
    ]


def test_one_server_alone_has_nothing_to_compare_with() -> None:
    assert "/" not in table(["a"], [{"a": {"rate": [1.0]}}], 5).splitlines()[0]
