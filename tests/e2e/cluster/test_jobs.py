"""Work that ends: its results are complete and counted right, whatever happens to the node meanwhile."""

from tests.e2e.cluster.disturbance import IS_OVER, KUBELET_IS_DOWN, SERVER_IS_DOWN
from tests.e2e.cluster.kubectl import Object, eventually
from tests.e2e.cluster.together import Case, awaited, together
from tests.e2e.cluster.workloads import job, pod
from tests.e2e.pods import ended, status_of, waiting_for


def ends_of(pods: list[Object]) -> list[tuple[int, int]]:
    """Exit code and restarts of each pod's container."""
    return sorted((ended(each)["exitCode"], status_of(each)["restartCount"]) for each in pods)


@together
def test_a_job_completes(case: Case) -> None:
    """Some of its pods end while there is no server, some while there is no kubelet, some afterwards."""
    moments = (SERVER_IS_DOWN, KUBELET_IS_DOWN, IS_OVER)
    for name in moments:
        container = case.tool("print 'begun\n'", awaited(name), "flood 500", "print done")
        case.kubectl.apply(job(name, container, pod={"volumes": case.volumes()}, completions=3, parallelism=3))
    for name in moments:
        case.kubectl.wait(f"job/{name}", "jsonpath={.status.ready}=3")
    case.strike()
    for name in moments:
        case.kubectl.wait(f"job/{name}", "condition=Complete")
        assert case.kubectl.get(f"job/{name}")["status"]["succeeded"] == 3
        assert "failed" not in case.kubectl.get(f"job/{name}")["status"]
    pods = case.kubectl.objects("pod")
    assert ends_of(pods) == [(0, 0)] * 9
    for each in pods:
        log = case.kubectl("logs", each["metadata"]["name"]).splitlines()
        assert log == ["begun", *(f"line {number}" for number in range(500)), "done"]


@together
def test_a_job_fails_when_its_retries_are_used_up(case: Case) -> None:
    container = case.tool(awaited(SERVER_IS_DOWN), "print 'no good'", "exit 3")
    case.kubectl.apply(job("hopeless", container, pod={"volumes": case.volumes()}, backoffLimit=1))
    case.kubectl.wait("job/hopeless", "jsonpath={.status.ready}=1")
    case.strike()
    case.kubectl.wait("job/hopeless", "condition=Failed")
    status = case.kubectl.get("job/hopeless")["status"]
    assert status["failed"] == 2
    assert status["conditions"][-1]["reason"] == "BackoffLimitExceeded"
    assert ends_of(case.kubectl.objects("pod")) == [(3, 0)] * 2


def runs_told(case: Case) -> int:
    return int(status_of(case.kubectl.get("pod/failing"))["restartCount"]) + 1


@together
def test_a_failing_container_waits_between_its_runs(case: Case) -> None:
    """Each run is counted, and there is none that nobody counts. A kubelet that is restarted waits anew."""
    container = case.tool("append /runs/all x", "print 'giving up'", "exit 3", seen={"runs": "/runs"})
    volumes = case.volumes(runs={"hostPath": {"path": str(case.folder)}})
    case.kubectl.apply(pod("failing", container, restartPolicy="OnFailure", volumes=volumes))
    case.kubectl.when("pod/failing", lambda pod: waiting_for(pod) == "CrashLoopBackOff")
    case.strike()
    found = case.kubectl.when(
        "pod/failing", lambda pod: waiting_for(pod) == "CrashLoopBackOff" and status_of(pod)["restartCount"] > 1
    )
    last = status_of(found)["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (3, "Error")
    assert case.kubectl.log("failing") == ["giving up"]
    eventually(lambda: runs_told(case) == len((case.folder / "all").read_text()), "each run is counted")


@together
def test_each_index_of_a_job_runs_once(case: Case) -> None:
    container = case.tool("append /runs/$(JOB_COMPLETION_INDEX) x", "sleep 0.5", seen={"runs": "/runs"})
    runs = case.folder / "runs"
    runs.mkdir()
    spec = {"completions": 100, "parallelism": 20, "completionMode": "Indexed", "backoffLimit": 0}
    volumes = case.volumes(runs={"hostPath": {"path": str(runs)}})
    case.kubectl.apply(job("counted", container, pod={"volumes": volumes}, **spec))
    case.kubectl.when("job/counted", lambda job: job["status"].get("succeeded", 0) >= 10)
    case.strike()
    case.kubectl.wait("job/counted", "condition=Complete")
    status = case.kubectl.get("job/counted")["status"]
    assert (status["succeeded"], status["completedIndexes"]) == (100, "0-99")
    assert {int(each.name): each.read_text() for each in runs.iterdir()} == dict.fromkeys(range(100), "x")


@together
def test_a_cron_job_starts_jobs(case: Case) -> None:
    container = case.tool(awaited(IS_OVER), "print 'it is time'")
    template = {"spec": job("", container, pod={"volumes": case.volumes()})["spec"]}
    spec = {"schedule": "* * * * *", "jobTemplate": template, "successfulJobsHistoryLimit": 1000}
    case.kubectl.apply({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "hourly"}, "spec": spec})
    case.strike()
    case.kubectl.wait("cronjob/hourly", "jsonpath={.status.lastSuccessfulTime}")
    [started] = case.kubectl.objects("job")[:1]
    assert started["metadata"]["ownerReferences"][0]["name"] == "hourly"
    assert case.kubectl.log(f"job/{started['metadata']['name']}") == ["it is time"]
