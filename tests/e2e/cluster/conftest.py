"""One cluster for all the tests in this folder; each has a namespace of its own.

What a test that fails leaves is told: the objects of its namespace, their events, the last words of every component.
"""

from collections.abc import Generator, Iterator

import pytest

from tests.e2e.cluster.cluster import Cluster, cluster
from tests.e2e.cluster.kubectl import Kubectl
from tests.e2e.cluster.together import Together, body_of, namespace_of, running_together


@pytest.fixture(scope="package", name="cluster")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    whole, kubectl = item.funcargs.get("cluster"), item.funcargs.get("kubectl")
    run, body = item.funcargs.get("together_run"), body_of(item)
    if isinstance(run, Together) and body is not None:
        whole, kubectl = run.cases[body].cluster, run.cases[body].kubectl
    if report.when == "call" and report.failed and isinstance(whole, Cluster) and isinstance(kubectl, Kubectl):
        report.sections += [("objects", kubectl.everything()), ("components", whole.last_words())]
    return report
