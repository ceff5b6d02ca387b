"""A pod's life: what comes first, what stays beside, what is added later, and how it ends."""

from datetime import UTC, datetime

from tests.e2e.cluster.disturbance import IS_OVER, KUBELET_IS_DOWN, SERVER_IS_DOWN
from tests.e2e.cluster.kubectl import Object, eventually
from tests.e2e.cluster.together import Case, awaited, together
from tests.e2e.cluster.workloads import pod, running_containers
from tests.e2e.pods import ended, is_ready, restarts, status_of


def folder_of(case: Case) -> Object:
    """Source of a volume: the test's folder on the node."""
    return {"hostPath": {"path": str(case.folder), "type": "Directory"}}


@together
def test_init_containers_run_once_each_one_after_the_other(case: Case) -> None:
    """The first ends without a server, the second without a kubelet."""
    seen = {"runs": "/runs"}
    first = case.tool(awaited(SERVER_IS_DOWN), "append /runs/all first,", name="first", seen=seen)
    second = case.tool(awaited(KUBELET_IS_DOWN), "append /runs/all second,", name="second", seen=seen)
    main = case.tool("append /runs/all main", "sleep 1000", seen=seen)
    case.kubectl.apply(pod("staged", main, initContainers=[first, second], volumes=case.volumes(runs=folder_of(case))))
    case.kubectl.when("pod/staged", lambda pod: "running" in status_of(pod, "first").get("state", {}))
    case.strike()
    case.kubectl.wait("pod/staged", "condition=Ready")
    found = case.kubectl.get("pod/staged")
    assert [ended(found, name)["exitCode"] for name in ("first", "second")] == [0, 0]
    assert [restarts(found, name) for name in ("first", "second", "main")] == [0, 0, 0]
    eventually(lambda: (case.folder / "all").read_text() == "first,second,main", "each has run once")


@together
def test_a_failing_init_container_holds_up_the_pod(case: Case) -> None:
    case.kubectl.apply(
        pod(
            "held", case.tool("print never"), initContainers=[case.tool("exit 3", name="first")], volumes=case.volumes()
        )
    )
    case.kubectl.when("pod/held", lambda pod: restarts(pod, "first") > 0)
    case.strike()
    found = case.kubectl.when(
        "pod/held", lambda pod: restarts(pod, "first") > 1 and "terminated" in status_of(pod, "first")["lastState"]
    )
    assert found["status"]["phase"] == "Pending"
    assert status_of(found, "first")["lastState"]["terminated"]["exitCode"] == 3
    assert not status_of(found).get("started")


@together
def test_a_sidecar_stays_until_the_others_have_ended(case: Case) -> None:
    sidecar = case.tool("print 'beside\n'", "count 1", name="beside", restartPolicy="Always")
    main = case.tool(awaited(IS_OVER), "print done")
    spec = {"initContainers": [sidecar], "restartPolicy": "Never", "volumes": case.volumes()}
    case.kubectl.apply(pod("pair", main, **spec))
    assert case.kubectl.log("pair", "--container=beside", lines=2)[:2] == ["beside", "1"]
    case.kubectl.wait("pod/pair", "condition=Ready")
    before = running_containers(case.kubectl.objects("pod"))
    case.strike()
    case.kubectl.wait("pod/pair", "jsonpath={.status.phase}=Succeeded")
    found = case.kubectl.get("pod/pair")
    assert before["pair", "beside"][0] == status_of(found, "beside")["containerID"]
    assert ended(found)["finishedAt"] <= ended(found, "beside")["finishedAt"]
    assert (restarts(found), restarts(found, "beside")) == (0, 0)


@together
def test_a_sidecar_that_ends_is_started_again(case: Case) -> None:
    sidecar = case.tool(awaited(SERVER_IS_DOWN), name="beside", restartPolicy="Always")
    case.kubectl.apply(pod("pair", case.tool("sleep 1000"), initContainers=[sidecar], volumes=case.volumes()))
    case.kubectl.wait("pod/pair", "condition=Ready")
    before = running_containers(case.kubectl.objects("pod"))
    case.strike()
    found = case.kubectl.when("pod/pair", lambda pod: restarts(pod, "beside") > 0)
    assert before["pair", "main"] == running_containers([found])["pair", "main"]


@together
def test_an_ephemeral_container_joins_a_running_pod(case: Case) -> None:
    case.kubectl.apply(pod("running", case.tool("sleep 1000"), volumes=case.volumes()))
    case.kubectl.wait("pod/running", "condition=Ready")
    case.kubectl(
        *("debug", "running", f"--image={case.image}", "--container=look", "--target=main"),
        *("--arguments-only", "--", "print", "looking\n", "then", "count", "1"),
    )
    case.kubectl.when("pod/running", lambda pod: "running" in status_of(pod, "look").get("state", {}))
    case.strike_unnoticed()
    assert case.kubectl.log("running", "--container=look", lines=2)[:2] == ["looking", "1"]


@together
def test_an_ephemeral_container_sees_volumes_and_ends_alone(case: Case) -> None:
    main = case.tool("write /work/note 'from main'", "sleep 1000", seen={"work": "/work"})
    case.kubectl.apply(pod("running", main, volumes=case.volumes(work={"emptyDir": {}})))
    case.kubectl.wait("pod/running", "condition=Ready")
    commands = ["expect /work/note main", "cat /work/note", awaited(KUBELET_IS_DOWN), "exit 3"]
    look = case.tool(*commands, name="look", seen={"work": "/work"})
    added = {"spec": {"ephemeralContainers": [look]}}
    case.kubectl.patch("pod/running", added, "--subresource=ephemeralcontainers")
    case.kubectl.when("pod/running", lambda pod: "running" in status_of(pod, "look").get("state", {}))
    case.strike()
    found = case.kubectl.when("pod/running", lambda pod: bool(ended(pod, "look")))
    assert (ended(found, "look")["exitCode"], restarts(found, "look")) == (3, 0)
    assert is_ready(found)
    assert case.kubectl("logs", "running", "--container=look") == "from main"


@together
def test_a_container_sleeps_after_its_start_before_it_counts_as_started(case: Case) -> None:
    """As long as the hook takes the container runs, but is not told to run. A kubelet that starts again lets it be."""
    sleep = {"postStart": {"sleep": {"seconds": 600}}}
    container = case.tool("append /runs/all x", "sleep 1000", lifecycle=sleep, seen={"runs": "/runs"})
    spec = {"terminationGracePeriodSeconds": 600, "volumes": case.volumes(runs=folder_of(case))}
    case.kubectl.apply(pod("waking", container, **spec))
    eventually(lambda: (case.folder / "all").exists(), "the guest runs")
    assert not is_ready(case.kubectl.get("pod/waking"))
    case.strike()
    case.kubectl.wait("pod/waking", "condition=Ready")
    assert restarts(case.kubectl.get("pod/waking")) == 0
    assert (case.folder / "all").read_text() == "x"


@together
def test_a_container_sleeps_before_it_is_stopped(case: Case) -> None:
    """It still does when the kubelet has begun again, which lets it sleep anew."""
    sleep = {"preStop": {"sleep": {"seconds": 60}}}
    commands = [awaited(IS_OVER), "write /runs/said 'still here'", "sleep 1000"]
    container = case.tool(*commands, lifecycle=sleep, seen={"runs": "/runs"})
    spec = {"terminationGracePeriodSeconds": 600, "volumes": case.volumes(runs=folder_of(case))}
    case.kubectl.apply(pod("leaving", container, **spec))
    case.kubectl.wait("pod/leaving", "condition=Ready")
    case.strike(lambda: case.kubectl.start_to_delete("pod/leaving"))
    case.kubectl.wait("pod/leaving", "delete")
    assert (case.folder / "said").read_text() == "still here"


@together
def test_a_pod_ends_at_its_deadline(case: Case) -> None:
    """Which it is given while it runs, so that it does not come before the pod does."""
    spec = {"terminationGracePeriodSeconds": 600, "restartPolicy": "Never"}
    case.kubectl.apply(pod("late", case.tool("print 'on time\n'", "sleep 1000"), volumes=case.volumes(), **spec))
    assert case.kubectl.log("late") == ["on time"]
    begun = datetime.fromisoformat(case.kubectl.get("pod/late")["status"]["startTime"])

    def give_eight_seconds_more() -> None:
        deadline = int((datetime.now(UTC) - begun).total_seconds()) + 8
        case.kubectl.patch("pod/late", {"spec": {"activeDeadlineSeconds": deadline}})

    case.strike(give_eight_seconds_more)
    case.kubectl.wait("pod/late", "jsonpath={.status.phase}=Failed")
    found = case.kubectl.get("pod/late")
    assert found["status"]["reason"] == "DeadlineExceeded"
    assert (ended(found)["exitCode"], restarts(found)) == (143, 0)
    assert case.kubectl("logs", "late") == "on time\n"


@together
def test_a_pod_deleted_in_the_middle_ends_within_its_grace(case: Case) -> None:
    """The guest ends at the signal: nobody waits for the grace period to pass."""
    spec = {"terminationGracePeriodSeconds": 600, "volumes": case.volumes()}
    case.kubectl.apply(pod("leaving", case.tool("sleep 1000"), **spec))
    case.kubectl.wait("pod/leaving", "condition=Ready")
    case.strike(lambda: case.kubectl.start_to_delete("pod/leaving"))
    case.kubectl.wait("pod/leaving", "delete")


@together
def test_a_pod_without_grace_ends_at_once(case: Case) -> None:
    """It is gone from the cluster before the kubelet has ended it, which then happens whatever is between."""
    case.kubectl.apply(pod("abrupt", case.tool("sleep 1000"), terminationGracePeriodSeconds=0, volumes=case.volumes()))
    case.kubectl.wait("pod/abrupt", "condition=Ready")
    case.strike(lambda: case.kubectl.start_to_delete("pod/abrupt"))
    case.kubectl.wait("pod/abrupt", "delete")
    eventually(lambda: not case.cluster.node.sandboxes("abrupt"), "nothing of it is left")


@together
def test_a_pod_that_runs_goes_on_and_its_log_is_complete(case: Case) -> None:
    case.kubectl.apply(pod("steady", case.tool("count 0.05"), volumes=case.volumes()))
    case.kubectl.wait("pod/steady", "condition=Ready")
    case.strike_unnoticed()
    lines = case.kubectl("logs", "steady").splitlines()
    assert lines == [str(number + 1) for number in range(len(lines))]
