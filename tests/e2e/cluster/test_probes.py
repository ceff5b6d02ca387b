"""Probes and hooks by which the kubelet talks to guests: failing, and well again."""

from collections.abc import Callable
from typing import Any

import urllib3

from tests.e2e.cluster.kubectl import Object
from tests.e2e.cluster.together import Case, together
from tests.e2e.cluster.web import PORT, each_second, flags, health, web
from tests.e2e.cluster.workloads import pod
from tests.e2e.pods import restarts, status_of

READY, NOT_READY = "condition=Ready", "condition=Ready=false"
EXIT_BY_SIGTERM = 143


def run(case: Case, container: Object) -> None:
    """The container in a pod of the name probed; its flags are already raised. It ends by SIGTERM, however long that
    takes."""
    case.kubectl.apply(pod("probed", container, volumes=flags(case), terminationGracePeriodSeconds=600))


def raise_flag(case: Case, flag: str) -> None:
    (case.folder / flag).touch()


def lower_flag(case: Case, flag: str) -> None:
    (case.folder / flag).unlink()


def wait(case: Case, condition: str) -> None:
    case.kubectl.wait("pod/probed", condition)


def wait_for_restart(case: Case) -> Object:
    """For the first. How the run before ended."""
    found = case.kubectl.when("pod/probed", lambda pod: restarts(pod) >= 1)
    last: Object = status_of(found)["lastState"]["terminated"]
    return last


def probes(of_flag: Callable[[str], Object]) -> dict[str, Any]:
    """One of each kind, of a container. The container may take long to start and to be ready, and says so rarely: of
    more than some 25 events of a pod a kubelet tells nothing."""
    rarely = {"periodSeconds": 3}
    return {
        "startupProbe": {**each_second(of_flag("startup"), failures=1000), **rarely},
        "readinessProbe": {**each_second(of_flag("readiness")), **rarely},
        "livenessProbe": each_second(of_flag("liveness")),
    }


def go_through_all_probes(case: Case, container: Object) -> None:
    """Of a container whose probes fail while a flag named like the probe is raised."""
    for flag in ("startup", "readiness", "liveness"):
        raise_flag(case, flag)
    run(case, container)
    case.kubectl.wait_for_event("probed", "Unhealthy", "Startup probe failed")
    found = case.kubectl.when("pod/probed", lambda pod: "running" in status_of(pod).get("state", {}))
    assert (status_of(found)["started"], restarts(found)) == (False, 0)
    lower_flag(case, "liveness")
    lower_flag(case, "startup")
    case.kubectl.wait_for_event("probed", "Unhealthy", "Readiness probe failed")
    lower_flag(case, "readiness")
    wait(case, READY)
    case.strike_unnoticed()
    raise_flag(case, "readiness")
    wait(case, NOT_READY)
    lower_flag(case, "readiness")
    wait(case, READY)
    assert restarts(case.kubectl.get("pod/probed")) == 0
    raise_flag(case, "liveness")
    assert wait_for_restart(case)["exitCode"] == EXIT_BY_SIGTERM
    case.kubectl.wait_for_event("probed", "Unhealthy", "Liveness probe failed")
    lower_flag(case, "liveness")
    wait(case, READY)


@together
def test_http_probes_fail_and_recover(case: Case) -> None:
    go_through_all_probes(case, web(case, **probes(health)))


@together
def test_grpc_probes_fail_and_recover(case: Case) -> None:
    def serving(service: str) -> Object:
        return {"grpc": {"port": PORT, "service": service}}

    go_through_all_probes(case, web(case, "health", **probes(serving)))


@together
def test_tcp_probes_fail_and_recover(case: Case) -> None:
    """The guest closes its socket; when it is started again it has a new one. It is not ready in between."""
    probe = each_second({"tcpSocket": {"port": "web"}})
    starting, living = {**probe, "failureThreshold": 1000}, {**probe, "failureThreshold": 3}
    run(case, web(case, startupProbe=starting, readinessProbe=probe, livenessProbe=living))
    wait(case, READY)
    case.strike_unnoticed()
    before = case.kubectl.get("pod/probed")
    assert restarts(before) == 0
    address = before["status"]["podIP"]
    urllib3.request("GET", f"http://{address}:{PORT}/close", retries=False)
    assert wait_for_restart(case)["exitCode"] == EXIT_BY_SIGTERM
    case.kubectl.wait_for_event("probed", "Unhealthy", f"{address}:{PORT}: connect: connection refused")
    wait(case, READY)
    assert ready_since(case.kubectl.get("pod/probed")) > ready_since(before)


def ready_since(found: Object) -> str:
    [since] = [each["lastTransitionTime"] for each in found["status"]["conditions"] if each["type"] == "Ready"]
    return str(since)


@together
def test_a_container_that_does_not_start_in_time_is_started_again(case: Case) -> None:
    raise_flag(case, "startup")
    run(case, web(case, startupProbe=each_second(health("startup"), failures=5)))
    assert wait_for_restart(case)["exitCode"] == EXIT_BY_SIGTERM
    lower_flag(case, "startup")
    wait(case, READY)


@together
def test_hooks_reach_the_guest_after_its_start_and_before_its_end(case: Case) -> None:
    def noted(words: str) -> Object:
        headers = [{"name": "X-Noted-By", "value": "the kubelet"}]
        return {"httpGet": {"path": f"/note/{words}", "port": "web", "httpHeaders": headers}}

    run(case, web(case, lifecycle={"postStart": noted("started"), "preStop": noted("leaving")}))
    wait(case, READY)
    case.strike_unnoticed()
    case.kubectl.delete("pod/probed")
    assert (case.folder / "notes").read_text() == "started the kubelet\nleaving the kubelet\n"


@together
def test_a_container_whose_hook_fails_is_started_again(case: Case) -> None:
    """It fails when there is no answer; whichever answer there is, the kubelet is content."""
    raise_flag(case, "hook")
    hook = {"httpGet": {"path": "/abort/hook", "port": "web"}}
    run(case, web(case, lifecycle={"postStart": hook}))
    case.kubectl.wait_for_event("probed", "FailedPostStartHook", "PostStartHook failed")
    assert wait_for_restart(case)["exitCode"] == EXIT_BY_SIGTERM
    lower_flag(case, "hook")
    wait(case, READY)
