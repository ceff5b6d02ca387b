"""Sets whose pods have names, places and storage of their own."""

from pathlib import Path

from tests.e2e.cluster.kubectl import Object, eventually
from tests.e2e.cluster.together import Case, together
from tests.e2e.cluster.workloads import (
    claim,
    daemon_set,
    from_field,
    local_volume,
    running_containers,
    stateful_set,
    template,
)

READ = "cat /etc/hostname"


def disks(case: Case, number: int) -> list[Path]:
    """Folders that are volumes of the class ``disk``."""
    folders = [case.folder / f"disk-{each}" for each in range(number)]
    for folder in folders:
        folder.mkdir()
    case.kubectl.apply(*(local_volume(folder.name, "disk", folder) for folder in folders))
    return folders


def starts(folders: list[Path]) -> list[str]:
    """Who has started with each of the folders, and how often; nothing of one that nobody has started with."""
    return sorted(path.read_text().strip() if (path := folder / "starts").exists() else "" for folder in folders)


def wait_for_starts(folders: list[Path], *expected: str) -> None:
    """A rollout may count the pod that has just been deleted, and one whose guest is about to write."""
    eventually(lambda: starts(folders) == list(expected), f"{expected} have started")


@together
def test_pods_of_a_stateful_set_start_in_order_and_keep_names_and_volumes(case: Case) -> None:
    """The first runs when the node is disturbed, and waits for the others."""
    folders = disks(case, 3)
    pod_name = from_field("POD", "metadata.name")
    container = case.tool("append /data/starts '$(POD) '", READ, "sleep 1000", env=[pod_name], seen={"data": "/data"})
    pods = template("db", container, volumes=case.volumes())
    case.kubectl.apply(stateful_set("db", 3, pods, claim("data", "disk")))
    case.kubectl.when("statefulset/db", lambda found: found["status"].get("readyReplicas", 0) > 0)
    begun = running_containers(case.kubectl.objects("pod"))
    case.strike()
    case.kubectl.wait_for_rollout("statefulset/db")
    assert begun.items() <= running_containers(case.kubectl.objects("pod")).items()
    wait_for_starts(folders, "db-0", "db-1", "db-2")
    assert [case.kubectl.log(f"db-{number}") for number in range(3)] == [["db-0"], ["db-1"], ["db-2"]]
    created = {pod["metadata"]["name"]: pod["metadata"]["creationTimestamp"] for pod in case.kubectl.objects("pod")}
    assert created["db-0"] <= created["db-1"] <= created["db-2"]

    case.kubectl.delete("pod/db-1", "--grace-period=1")
    case.kubectl.wait_for_rollout("statefulset/db")
    wait_for_starts(folders, "db-0", "db-1 db-1", "db-2")
    case.kubectl("scale", "statefulset/db", "--replicas=1")
    case.kubectl.wait("pod/db-1 pod/db-2", "delete")
    assert begun.items() <= running_containers(case.kubectl.objects("pod")).items()


@together
def test_a_daemon_set_runs_on_the_node(case: Case) -> None:
    pods = template("agent", case.tool("count 0.1"), volumes=case.volumes())
    case.kubectl.apply(daemon_set("agent", pods))
    case.kubectl.wait_for_rollout("daemonset/agent")
    case.strike_unnoticed()
    case.kubectl.when("daemonset/agent", lambda found: found["status"]["numberReady"] == 1)


@together
def test_a_daemon_set_is_updated(case: Case) -> None:
    def edition(text: str) -> Object:
        container = case.tool(f"print '{text}\n'", "sleep 1000")
        return daemon_set("agent", template("agent", container, volumes=case.volumes()))

    case.kubectl.apply(edition("first"))
    case.kubectl.wait_for_rollout("daemonset/agent")
    case.strike(lambda: case.kubectl.apply(edition("second")))
    case.kubectl.wait_for_rollout("daemonset/agent")
    case.kubectl.when("daemonset/agent", lambda found: found["status"]["numberReady"] == 1)
    [pod] = [pod for pod in case.kubectl.objects("pod") if "deletionTimestamp" not in pod["metadata"]]
    assert case.kubectl.log(pod["metadata"]["name"]) == ["second"]
