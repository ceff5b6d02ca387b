"""Tests of a module that wait at the same time and are disturbed at the same time.

Most of a test's time in a cluster is waiting, and a disturbance of the node costs ten seconds. So the tests of a module
that are marked with ``together`` run in threads, from the moment on when the first of them is due, as far as they are
selected; each is then told as pytest tells any test.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.disturbance import SharedDisturbance, nothing
from tests.e2e.cluster.kubectl import Kubectl, Object
from tests.e2e.cluster.workloads import running_containers
from tests.e2e.pods import seen_at, tool, volumes

_BODY = "together_with_others"
_MOMENTS = "/moments"


@dataclass(frozen=True)
class Case:
    """What one of these tests has of its own, and the disturbance that it shares. ``folder``: on the node; ``image``:
    of the guest of many uses."""

    cluster: Cluster
    kubectl: Kubectl
    folder: Path
    image: str
    disturbance: SharedDisturbance

    def tool(self, *commands: str, seen: dict[str, str] | None = None, **fields: Any) -> Object:
        """A container that runs commands of that guest, quoted as for a shell. It sees the moments of the disturbance
        and, at the paths of ``seen``, other volumes of its pod."""
        mounts = seen_at(moments=_MOMENTS, **(seen or {}))
        return tool(self.image, *commands, volumeMounts=mounts, **fields)

    def volumes(self, **sources: Object) -> list[Object]:
        """Of a pod: the moments of the disturbance, and others."""
        moments = {"hostPath": {"path": str(self.disturbance.moments), "type": "Directory"}}
        return volumes(moments=moments, **sources)

    def strike(self, just_before: Callable[[], None] = nothing) -> None:
        """The middle of the test: the server is killed and started, the kubelet restarted."""
        self.disturbance.strike(just_before)

    def strike_unnoticed(self) -> None:
        """All that runs in the namespace goes on running."""
        before = running_containers(self.kubectl.objects("pod"))
        self.strike()
        assert running_containers(self.kubectl.objects("pod")) == before


Body = Callable[[Case], None]


def awaited(moment: str) -> str:
    """The guest's command that waits for a moment of the disturbance."""
    return f"await {_MOMENTS}/{moment}"


def together(body: Body) -> Callable[["Together"], None]:
    """Make a test of it."""

    def test(together_run: Together) -> None:
        together_run.outcome(body)

    test.__name__, test.__doc__ = body.__name__, body.__doc__
    setattr(test, _BODY, body)
    return test


class Together:
    """The tests of one module, under way."""

    def __init__(self, cluster: Cluster, folder: Path, bodies: list[Body]) -> None:
        self.cases: dict[Body, Case] = {}
        self._outcomes: dict[Body, Future[None]] = {}
        moments = folder / "moments"
        moments.mkdir()
        image = cluster.node.image("tool")
        disturbance = SharedDisturbance(cluster.node, moments, len(bodies))
        for body in bodies:
            own = folder / body.__name__
            own.mkdir()
            kubectl = cluster.kubectl.inside(namespace_of(body.__name__))
            self.cases[body] = Case(cluster, kubectl, own, image, disturbance)

    def outcome(self, body: Body) -> None:
        """Return when it has passed; raises what it raised."""
        self._outcomes[body].result()

    def start(self, threads: ThreadPoolExecutor) -> None:
        self._outcomes = {body: threads.submit(_run, body, case) for body, case in self.cases.items()}


@contextmanager
def running_together(cluster: Cluster, folder: Path, items: list[pytest.Item]) -> Iterator[Together]:
    """The marked tests among the items. ``folder``: of their own."""
    bodies = [body for item in items if (body := body_of(item)) is not None]
    run = Together(cluster, folder, bodies)
    with ThreadPoolExecutor(max_workers=len(bodies)) as threads:
        run.start(threads)
        yield run
    namespaces = [case.kubectl.namespace for case in run.cases.values()]
    cluster.kubectl("delete", "namespace", *namespaces, "--wait=false")


def body_of(item: pytest.Item) -> Body | None:
    body: Body | None = getattr(getattr(item, "function", None), _BODY, None)
    return body


def namespace_of(test: str) -> str:
    return re.sub("[^a-z0-9]+", "-", test.removeprefix("test_").lower())[:63].strip("-")


def _run(body: Body, case: Case) -> None:
    try:
        case.cluster.create_namespace(case.kubectl.namespace)
        body(case)
    finally:
        case.disturbance.leave()
