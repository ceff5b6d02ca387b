"""One cluster for all the tests in this folder; each has a namespace of its own.

What a test that fails leaves is told: the objects of its namespace, their events, the last words of every component.
"""

import re
from collections.abc import Generator, Iterator

import pytest

from tests.e2e.cluster.cluster import Cluster, cluster
from tests.e2e.cluster.kubectl import Kubectl


@pytest.fixture(scope="package", name="cluster")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def kubectl(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """In a namespace of the test's own."""
    inside = cluster.create_namespace(_namespace(request.node.name))
    yield inside
    cluster.kubectl("delete", "namespace", inside.namespace, "--wait=false")


def _namespace(test: str) -> str:
    return re.sub("[^a-z0-9]+", "-", test.removeprefix("test_").lower())[:63].strip("-")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    kubectl, whole = item.funcargs.get("kubectl"), item.funcargs.get("cluster")
    if report.when == "call" and report.failed and isinstance(kubectl, Kubectl) and isinstance(whole, Cluster):
        report.sections.append(("objects", kubectl.everything()))
        report.sections.append(("components", whole.last_words()))
    return report
