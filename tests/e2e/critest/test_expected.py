"""The list of expectations, and how a run is compared with it."""

from tests.e2e.critest.expected import FILE, Differences, Expected, compare, read_expected, updated, written
from tests.e2e.critest.run import Outcome, Report, merged, outcomes

PASSED = Expected("A0", "passed", "Group > spec", "")
FAILED = Expected("A1", "failed", "Group > other", "it needs what is not there")


def outcome(name: str, state: str, reason: str = "") -> Outcome:
    return Outcome(name, state, reason, 1.0)


def test_the_list_is_ordered_and_says_why() -> None:
    rows = read_expected(FILE.read_text())
    assert written(rows.values()) == FILE.read_text()
    for row in rows.values():
        assert row.kind in ("A0", "A1", "A2", "A3", "B"), row
        assert bool(row.reason) == (row.state != "passed"), row


def test_what_is_written_is_read() -> None:
    rows = [FAILED, PASSED]
    assert list(read_expected(written(rows)).values()) == rows


def test_a_run_as_expected() -> None:
    found = [outcome(PASSED.name, "passed"), outcome(FAILED.name, "failed", "some reason")]
    assert compare({row.name: row for row in (PASSED, FAILED)}, found) == Differences([], [])


def test_what_passed_has_to_pass() -> None:
    expected = {PASSED.name: PASSED}
    worse = compare(expected, [outcome(PASSED.name, "failed", "broken")]).worse
    assert worse == [f"failed, expected passed: {PASSED.name}: broken"]
    assert compare(expected, [outcome(PASSED.name, "skipped", "no more")]).worse
    assert compare(expected, []).worse == [f"no longer run: {PASSED.name}"]


def test_what_passes_now_is_news() -> None:
    found = [outcome(FAILED.name, "passed"), outcome("Group > new", "failed", "why")]
    differences = compare({FAILED.name: FAILED}, found)
    assert differences.worse == []
    assert differences.news == ["not in the list: Group > new", f"passed, expected failed: {FAILED.name}"]
    rows = updated({FAILED.name: FAILED}, found)
    assert rows == [Expected("A1", "passed", FAILED.name, ""), Expected("?", "failed", "Group > new", "why")]


def test_ginkgos_report() -> None:
    spec = {
        "ContainerHierarchyTexts": ["[k8s.io] Group", "of specs"],
        "LeafNodeType": "It",
        "LeafNodeText": "works",
        "State": "failed",
        "Failure": {"Message": "not\n  at all"},
        "RunTime": 2_500_000_000,
    }
    benchmark = {**spec, "LeafNodeText": "benchmark of something"}
    setup = {**spec, "LeafNodeType": "BeforeSuite"}
    report: Report = [{"SpecReports": [benchmark, setup, spec]}, {"SpecReports": None}]
    assert outcomes(report) == [Outcome("Group > of specs > works", "failed", "not at all", 2.5)]


def test_a_spec_that_panics_has_failed() -> None:
    spec = {
        "ContainerHierarchyTexts": [],
        "LeafNodeType": "It",
        "LeafNodeText": "works",
        "State": "panicked",
        "RunTime": 0,
    }
    assert [each.state for each in outcomes([{"SpecReports": [spec]}])] == ["failed"]


def test_parts_of_a_run_are_merged() -> None:
    first = [outcome("a", "passed"), outcome("b", "skipped"), outcome("c", "skipped", "no such feature")]
    second = [outcome("a", "skipped"), outcome("b", "failed", "why"), outcome("c", "skipped")]
    assert merged([first, second]) == [first[0], second[1], first[2]]
    assert merged([second, first]) == [first[0], second[1], first[2]]
