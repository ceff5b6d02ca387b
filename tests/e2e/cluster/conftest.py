"""One cluster for all the tests in this folder; each has a namespace of its own.

What a test that fails leaves is told: the objects of its namespace, their events, the last words of every component.
"""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster.cluster import Cluster, cluster
from tests.e2e.cluster.kubectl import Kubectl
from tests.e2e.cluster.together import Together, body_of, namespace_of, running_together

_RUNNING = pytest.StashKey[Cluster]()
_SECONDS = 2400
"""For a test: it may wait for several things, each as long as kubectl does."""


@pytest.fixture(scope="package", name="cluster")
def _cluster(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    stash = request.config.stash
    with cluster(tmp_path_factory.mktemp("cluster")) as stash[_RUNNING]:
        yield stash[_RUNNING]
    del stash[_RUNNING]


@pytest.fixture
def kubectl(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """In a namespace of the test's own."""
    inside = cluster.create_namespace(namespace_of(request.node.name))
    yield inside
    cluster.kubectl("delete", "namespace", inside.namespace, "--wait=false")


@pytest.fixture(scope="module")
def together_run(
    cluster: Cluster, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Together]:
    """What the tests marked with ``together`` need."""
    items = [item for item in request.session.items if item.path == request.path]
    with running_together(cluster, tmp_path_factory.mktemp("together"), items) as run:
        yield run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(_SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    running = item.config.stash.get(_RUNNING, None)
    if report.failed and running is not None:
        report.sections += [("objects", kubectl.everything()) for kubectl in _namespaces(item)]
        report.sections.append(("components", running.last_words()))
    return report


def _namespaces(item: pytest.Function) -> Iterator[Kubectl]:
    """Of the test, as kubectl sees them."""
    body = body_of(item)
    for value in item.funcargs.values():
        owner = value.cases[body] if isinstance(value, Together) and body is not None else value
        found = getattr(owner, "kubectl", owner)
        if isinstance(found, Kubectl) and not isinstance(owner, Cluster):
            yield found
