"""What kubectl shows of pods and their node."""

import json
import re
from ipaddress import ip_address, ip_network

from tests.e2e.cluster.kubectl import Kubectl, eventually
from tests.e2e.cluster.together import Case, together
from tests.e2e.cluster.workloads import pod
from tests.e2e.kubelet import NODE
from tests.e2e.pods import restarts, status_of

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")


def columns(kubectl: Kubectl, name: str, *options: str) -> list[str]:
    """What ``kubectl get pod`` has in its line: name, ready containers, status, restarts and so on."""
    return kubectl("get", "pod", name, "--no-headers", *options).split()


@together
def test_get_shows_how_pods_are(case: Case) -> None:
    ends = {"Completed": "print done", "Error": "exit 3"}
    case.kubectl.apply(
        pod("running", case.tool("sleep 1000"), case.tool("sleep 1000", name="other"), volumes=case.volumes()),
        pod("unpullable", case.tool("sleep 1", name="main") | {"image": "127.0.0.1:1/none"}, volumes=case.volumes()),
        *(
            pod(name.lower(), case.tool(command), restartPolicy="Never", volumes=case.volumes())
            for name, command in ends.items()
        ),
    )
    case.kubectl.wait("pod/running", "condition=Ready")
    name, ready, status, restarted, _, address, node, *_ = columns(case.kubectl, "running", "--output=wide")
    assert (name, ready, status, restarted, node) == ("running", "2/2", "Running", "0", NODE)
    addresses = case.kubectl.get(f"node/{NODE}")["spec"]["podCIDR"]
    assert ip_address(address) in ip_network(addresses)
    eventually(lambda: [columns(case.kubectl, name.lower())[2] for name in ends] == list(ends), "each has ended")
    eventually(lambda: "Pull" in columns(case.kubectl, "unpullable")[2], "the status tells of the image")


@together
def test_describe_tells_what_happened(case: Case) -> None:
    case.kubectl.apply(pod("told", case.tool("sleep 1000"), volumes=case.volumes()))
    case.kubectl.wait("pod/told", "condition=Ready")
    told = case.kubectl("describe", "pod", "told")
    assert re.search(r"Container ID: +wasmlet://[0-9a-f]{64}\n", told)
    assert re.search(r"Image ID: +127\.0\.0\.1:\d+/tool@sha256:[0-9a-f]{64}\n", told)
    assert re.search(r"State: +Running\n", told)
    eventually(lambda: "Container started" in case.kubectl("describe", "pod", "told"), "its events are told")
    reasons = [event["reason"] for event in case.kubectl.objects("events")]
    assert [reason for reason in reasons if reason in ("Scheduled", "Created", "Started")]
    assert "wasmlet://" in case.kubectl("describe", "node", NODE)


@together
def test_logs_of_all_containers(case: Case) -> None:
    first = case.tool("print 'prepared\n'", name="first")
    others = [case.tool(f"print '{name} here\n'", "sleep 1000", name=name) for name in ("main", "other")]
    case.kubectl.apply(pod("talking", *others, initContainers=[first], volumes=case.volumes()))
    assert case.kubectl.log("talking", "--container=other") == ["other here"]
    assert case.kubectl.log("talking", "--container=first") == ["prepared"]
    lines = case.kubectl.log("talking", "--all-containers", "--prefix", lines=3)
    assert sorted(lines) == [
        "[pod/talking/first] prepared",
        "[pod/talking/main] main here",
        "[pod/talking/other] other here",
    ]


@together
def test_logs_with_times_from_the_end_and_of_a_while(case: Case) -> None:
    case.kubectl.apply(pod("counting", case.tool("count 0.1"), volumes=case.volumes()))
    first, second = case.kubectl.log("counting", "--timestamps", lines=2)[:2]
    (first_time, first_text), (second_time, second_text) = first.split(), second.split()
    assert TIMESTAMP.fullmatch(first_time)
    assert first_time < second_time
    assert (first_text, second_text) == ("1", "2")

    def last_time() -> str:
        return case.kubectl.log("counting", "--timestamps", "--tail=1")[0].split()[0]

    eventually(lambda: second_of(last_time()) > second_of(first_time), "lines of a later second")
    assert case.kubectl.log("counting", f"--since-time={last_time()}")[0] != "1"
    assert len(case.kubectl.log("counting", "--tail=2")) == 2
    assert case.kubectl("logs", "counting", "--limit-bytes=4") == "1\n2\n"


def second_of(time: str) -> str:
    """kubectl asks by whole seconds."""
    return time.partition(".")[0]


@together
def test_a_followed_log_ends_with_its_container(case: Case) -> None:
    case.kubectl.apply(
        pod("ending", case.tool("flood 1000", "sleep 2", "print end"), restartPolicy="Never", volumes=case.volumes())
    )
    case.kubectl.when("pod/ending", lambda pod: "waiting" not in status_of(pod).get("state", {"waiting": {}}))
    lines = case.kubectl("logs", "ending", "--follow").splitlines()
    assert lines == [*(f"line {number}" for number in range(1000)), "end"]


@together
def test_the_previous_log_is_that_of_the_run_before(case: Case) -> None:
    source = {"runs": {"hostPath": {"path": str(case.folder)}}}
    commands = ["append /runs/all x", "cat /runs/all", "await /runs/go", "rm /runs/go", "exit 3"]
    case.kubectl.apply(pod("again", case.tool(*commands, seen={"runs": "/runs"}), volumes=case.volumes(**source)))
    case.kubectl.wait("pod/again", "condition=Ready")
    (case.folder / "go").touch()
    case.kubectl.when("pod/again", lambda pod: restarts(pod) > 0)
    found = case.kubectl.when("pod/again", lambda pod: "running" in status_of(pod)["state"])
    assert case.kubectl("logs", "again", "--previous") == "x" * restarts(found)


@together
def test_run_and_forced_deletion(case: Case) -> None:
    arguments = ("print", "hello\n", "then", "count", "1")
    case.kubectl("run", "quick", f"--image={case.image}", "--restart=Never", "--", *arguments)
    assert case.kubectl.log("quick", lines=2)[:2] == ["hello", "1"]
    case.kubectl("delete", "pod", "quick", "--force", "--grace-period=0")
    eventually(lambda: not case.cluster.node.is_running("quick"), "nothing of it runs")


@together
def test_the_summary_of_usage_tells_of_pods(case: Case) -> None:
    """By way of the API server, where metrics are scraped from."""
    case.kubectl.apply(pod("used", case.tool("alloc 20", "count 0.1"), volumes=case.volumes()))
    case.kubectl.wait("pod/used", "condition=Ready")

    def usage() -> dict[str, int]:
        summary = json.loads(case.kubectl("get", "--raw", f"/api/v1/nodes/{NODE}/proxy/stats/summary"))
        mine = [each for each in summary["pods"] if each["podRef"]["namespace"] == case.kubectl.namespace]
        return {
            each["name"]: each.get("memory", {}).get("workingSetBytes", 0) for pod in mine for each in pod["containers"]
        }

    eventually(lambda: usage().get("main", 0) > 20 << 20, "the summary has the container with its memory")
