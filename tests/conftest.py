"""The test session adopts orphans and leaves no process behind."""

import pytest

from tests import orphans

_HYPOTHESIS = "hypothesispytest"

LEFT_BEHIND = pytest.StashKey[dict[int, str]]()


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.has_plugin(_HYPOTHESIS):  # the emulated machine has pytest alone
        _be_patient()


def _be_patient() -> None:
    """An example may take as long as a loaded machine needs for it."""
    from hypothesis import HealthCheck, settings

    settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("patient")


def pytest_sessionstart() -> None:
    orphans.adopt_orphans()


def pytest_sessionfinish(session: pytest.Session) -> None:
    left = session.config.stash[LEFT_BEHIND] = orphans.end_children()
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for pid, command in config.stash[LEFT_BEHIND].items():
        terminalreporter.section("left behind")
        terminalreporter.line(f"FAILED: process {pid} outlived its test and was killed: {command}")
