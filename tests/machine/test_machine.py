"""wasmlet where users have it: a service of systemd, on a kernel with cgroup v2 alone, in an emulated machine.

Everything happens inside the machine, by its own systemctl and crictl. It is slow: what one boot can show is shown in
one test after the other.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.guests.compiled import guest
from tests.machine.debian import PYTEST, VENV
from tests.machine.disk import CHECKOUT, make_disk
from tests.machine.machine import booted
from tests.machine.node import SLICE, SLICE_PATH, Node, pod_group, scope
from tests.sandbox.probe.built import probe

pytestmark = pytest.mark.timeout(3600)

MIB = 1 << 20
GUESTS = ("sleeper", "counter", "grower", "toucher")
LIMITS: dict[str, Any] = {
    "cpu_shares": 512,
    "cpu_quota": 50_000,
    "cpu_period": 100_000,
    "memory_limit_in_bytes": 32 * MIB,
    "cpuset_cpus": "0",
    "cpuset_mems": "0",
    "hugepage_limits": [{"page_size": "2MB", "limit": 0}],
    "unified": {"pids.max": "50", "memory.high": str(30 * MIB), "memory.oom.group": "1"},
}


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("machine")
    probe()
    disk = make_disk(folder, {name: guest(name) for name in GUESTS})
    try:
        with booted(disk, folder) as machine:
            yield Node(machine)
    finally:
        disk.image.unlink()


@pytest.fixture
def node(shared_node: Node) -> Iterator[Node]:
    """Serving, without a pod."""
    shared_node.wait_until_serving()
    yield shared_node
    shared_node.remove_pods()


# ---- the service ----------------------------------------------------------------------------------------------------


def test_the_machine_is_up_with_the_service(node: Node) -> None:
    assert node.run("systemctl", "is-system-running", "--wait") == "running"
    assert node.unit("wasmlet", "Type", "ActiveState", "NRestarts") == ["notify", "active", "0"]
    assert node.unit("wasmlet", "StartLimitIntervalUSec", "TimeoutStartUSec") == ["0", "infinity"]
    assert node.unit("wasmlet", "KillMode", "Delegate", "OOMPolicy") == ["process", "yes", "continue"]
    assert node.run("stat", "--file-system", "--format=%T", "/sys/fs/cgroup") == "cgroup2fs"
    assert node.crictl("runtime-config").split()[-1] == "SYSTEMD"
    conditions = node.crictl.json("info")["status"]["conditions"]
    assert {each["type"]: each["status"] for each in conditions} == {"RuntimeReady": True, "NetworkReady": True}


def test_a_killed_server_is_started_again_and_pods_go_on(node: Node) -> None:
    pod, container, before = a_counting_pod(node)
    node.run("systemctl", "kill", "--signal=KILL", "wasmlet.service")
    node.wait_until_serving()
    assert_it_goes_on(node, pod, container, before)
    assert node.unit("wasmlet", "ActiveState", "NRestarts") == ["active", "1"]


def test_a_server_killed_at_each_start_is_started_until_it_serves(node: Node) -> None:
    pod, container, before = a_counting_pod(node)
    started = int(*node.unit("wasmlet", "NRestarts"))
    for restarts in range(started, started + 3):
        kill_once_started(node, restarts)
    node.wait_until_serving()
    assert_it_goes_on(node, pod, container, before)


def kill_once_started(node: Node, restarts: int) -> None:
    """``restarts``: of the unit, until then."""
    node.eventually(lambda: node.unit("wasmlet", "NRestarts") == [str(restarts)])
    node.eventually(lambda: node.unit("wasmlet", "MainPID") != ["0"])
    node.run("systemctl", "kill", "--signal=KILL", "wasmlet.service")


def test_a_restart_leaves_pods_running(node: Node) -> None:
    pod, container, before = a_counting_pod(node)
    node.run("systemctl", "restart", "wasmlet")
    assert_it_goes_on(node, pod, container, before)


def test_a_stop_leaves_pods_running(node: Node) -> None:
    pod, container, before = a_counting_pod(node)
    log = node.log_path(container)
    node.run("systemctl", "stop", "wasmlet")
    assert node.unit("wasmlet", "ActiveState", "ControlGroup") == ["inactive", ""]
    written = len(node.machine.read(log))
    node.eventually(lambda: len(node.machine.read(log)) > written)
    node.run("systemctl", "start", "wasmlet")
    assert_it_goes_on(node, pod, container, before)


def a_counting_pod(node: Node) -> tuple[str, str, list[str]]:
    """A pod, its container, and what is not to change of them."""
    pod = node.run_pod()
    container = node.start(pod, "counter")
    node.eventually(lambda: len(node.log(container)) > 2)
    return pod, container, what_stays(node, pod, container)


def what_stays(node: Node, pod: str, container: str) -> list[str]:
    status = node.status(container)
    sandbox = node.crictl.json("inspectp", pod)["status"]
    shown = [status["state"], status["startedAt"], sandbox["state"], sandbox["createdAt"], sandbox["network"]["ip"]]
    return [*shown, node.pid(container), node.pod_pid(pod), node.run("cat", f"/proc/{node.pid(container)}/cgroup")]


def assert_it_goes_on(node: Node, pod: str, container: str, before: list[str]) -> None:
    assert what_stays(node, pod, container) == before
    ticks = len(node.log(container))
    node.eventually(lambda: len(node.log(container)) > ticks)
    lines = node.log(container)
    assert lines == [f"tick {number:03}" for number in range(1, len(lines) + 1)], "not a line is lost or said twice"
    assert node.unit(scope(pod), "ActiveState") == ["active"]


# ---- resources ------------------------------------------------------------------------------------------------------


def test_limits_are_the_kernels_and_stay(node: Node) -> None:
    pod = node.run_pod()
    container = node.start(pod, "sleeper", **LIMITS)
    group = f"{pod_group(pod)}/{container}"
    assert node.run("cat", f"/proc/{node.pid(container)}/cgroup") == f"0::{group}"
    assert node.run("cat", f"/proc/{node.pod_pid(pod)}/cgroup") == f"0::{pod_group(pod)}/pod"
    assert_limits(node, group)
    node.run("systemctl", "daemon-reload")
    assert_limits(node, group)


def assert_limits(node: Node, group: str) -> None:
    files = ("cpu.weight", "cpu.max", "memory.max", "memory.high", "pids.max", "cpuset.cpus", "cpuset.mems.effective")
    expected = ["59", "50000 100000", str(32 * MIB), str(30 * MIB), "50", "0", "0"]
    assert node.files(group, *files) == expected
    assert node.files(group, "hugetlb.2MB.max") == ["0"]


def test_a_pod_is_a_scope_in_the_slice_that_the_kubelet_names(node: Node) -> None:
    pod = node.run_pod()
    assert node.unit(scope(pod), "ActiveState", "Slice", "ControlGroup") == ["active", SLICE, pod_group(pod)]
    assert node.unit(scope(pod), "Delegate", "OOMPolicy", "TasksMax") == ["yes", "continue", "infinity"]
    node.crictl("stopp", pod)
    assert node.unit(scope(pod), "LoadState", "ActiveState") == ["not-found", "inactive"]
    assert node.machine.try_to_run("ls", f"/sys/fs/cgroup{SLICE_PATH}/{scope(pod)}").status != 0


def test_a_parent_that_is_no_slice_is_refused(node: Node) -> None:
    config = {"cgroup_parent": "/kubepods/burstable/pod1234"}
    with pytest.raises(AssertionError, match="is no systemd slice: set the same cgroup driver in the kubelet"):
        node.run_pod(**config)


def test_a_running_container_is_changed_in_place(node: Node) -> None:
    pod = node.run_pod()
    container = node.start(pod, "grower", memory_limit_in_bytes=32 * MIB, cpu_quota=50_000, cpu_period=100_000)
    group = f"{pod_group(pod)}/{container}"
    pid = node.pid(container)
    node.eventually(lambda: node.log(container) == ["refused"])
    node.crictl("update", f"--memory={64 * MIB}", "--cpu-quota=20000", "--oom-score-adj=300", container)
    node.eventually(lambda: node.log(container) == ["refused", "given more", "refused"])
    assert node.files(group, "memory.max", "memory.swap.max", "cpu.max") == [str(64 * MIB), "0", "20000 100000"]
    assert node.run("cat", f"/proc/{pid}/oom_score_adj") == "300"
    refused = node.crictl.refused("update", f"--memory={16 * MIB}", "--cpu-quota=10000", container)
    assert "are in use; ask for more, or start the container anew" in refused
    node.run("systemctl", "daemon-reload")
    node.run("systemctl", "restart", "wasmlet")
    assert node.files(group, "memory.max", "cpu.max") == [str(64 * MIB), "20000 100000"]
    assert node.status(container)["resources"]["linux"]["memoryLimitInBytes"] == str(64 * MIB)
    assert node.pid(container) == pid


def test_a_guest_that_eats_memory_is_killed_alone(node: Node) -> None:
    pod = node.run_pod()
    neighbour = node.start(pod, "sleeper", "neighbour", memory_limit_in_bytes=32 * MIB)
    hog = node.exited(
        node.start(pod, "toucher", "hog", memory_limit_in_bytes=32 * MIB, unified={"memory.oom.group": "1"})
    )
    assert (hog["exitCode"], hog["reason"]) == (137, "OOMKilled")
    assert node.status(neighbour)["state"] == "CONTAINER_RUNNING"
    assert node.unit(scope(pod), "ActiveState", "Result") == ["active", "success"]
    assert node.crictl.json("inspectp", pod)["status"]["state"] == "SANDBOX_READY"


def test_figures_are_the_kernels(node: Node) -> None:
    pod = node.run_pod()
    container = node.start(pod, "counter", memory_limit_in_bytes=32 * MIB)
    group = f"{pod_group(pod)}/{container}"
    node.eventually(lambda: len(node.log(container)) > 2)
    before = cpu_microseconds(node, group)
    [stats] = node.crictl.json("stats", "--output=json", "--id", container)["stats"]
    after = cpu_microseconds(node, group)
    assert before <= int(stats["cpu"]["usageCoreNanoSeconds"]["value"]) // 1000 <= after
    assert abs(int(stats["memory"]["usageBytes"]["value"]) - int(*node.files(group, "memory.current"))) < MIB
    assert int(stats["memory"]["availableBytes"]["value"]) < 32 * MIB
    assert stats["cpu"]["psi"]["Some"].keys() == {"Total", "Avg10", "Avg60", "Avg300"}
    assert {"psi"} < stats["memory"].keys()


def test_figures_of_a_pod_are_those_of_its_scope(node: Node) -> None:
    pod = node.run_pod()
    container = node.start(pod, "counter")
    before = cpu_microseconds(node, pod_group(pod))
    [stats] = node.crictl.json("statsp", "--output=json", "--id", pod)["stats"]
    after = cpu_microseconds(node, pod_group(pod))
    linux = stats["linux"]
    assert before <= int(linux["cpu"]["usageCoreNanoSeconds"]["value"]) // 1000 <= after
    assert [each["attributes"]["id"] for each in linux["containers"]] == [container]
    assert int(linux["process"]["processCount"]["value"]) == 2
    assert linux["network"]["defaultInterface"]["name"] == "eth0"


def cpu_microseconds(node: Node, group: str) -> int:
    [text] = node.files(group, "cpu.stat")
    words = text.split()
    return int(words[words.index("usage_usec") + 1])


# ---- isolation and network ------------------------------------------------------------------------------------------


def test_a_guest_process_has_no_rights(node: Node) -> None:
    pid = node.pid(node.start(node.run_pod(), "counter"))
    status = dict(line.split(":\t", 1) for line in node.run("cat", f"/proc/{pid}/status").splitlines())
    capabilities = [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")]
    assert capabilities == ["0000000000000000"] * 5
    filters = "2"  # its pod process's, which it inherited, and its own
    assert (status["NoNewPrivs"], status["Seccomp"], status["Seccomp_filters"]) == ("1", "2", filters)


def test_native_code_in_a_guest_process_can_do_nothing(node: Node) -> None:
    """The same test as on this machine, on that kernel. It needs no server."""
    words = ["-m", "pytest", "-p", "no:cacheprovider", "--timeout=3000", "tests/sandbox/test_guest_isolation.py"]
    chosen = ["-k", "test_native_code_in_a_guest_process_can_do_nothing"]
    python = f"cd {CHECKOUT} && PYTHONPATH={PYTEST} exec {VENV}/bin/python"
    ran = node.machine.try_to_run("sh", "-c", f'{python} "$@"', "sh", *words, *chosen)
    assert ran.status == 0, ran.out
    assert "2 passed" in ran.out


LISTEN = """
import socket
with socket.create_server(("192.0.2.2", 8000)) as server:
    connection, peer = server.accept()
    connection.sendall(peer[0].encode())
"""
CONNECT = """
import socket
with socket.create_connection(("192.0.2.2", 8000), timeout=900) as connection:
    print(connection.recv(100).decode())
"""


def test_a_pod_reaches_beyond_its_node_as_the_node(node: Node) -> None:
    pod = node.run_pod()
    network = node.crictl.json("inspectp", pod)["status"]["network"]
    node.run("ip", "netns", "add", "beyond")
    node.run("ip", "link", "add", "to-beyond", "type", "veth", "peer", "eth0", "netns", "beyond")
    for words in ("address add 192.0.2.1/24 dev to-beyond", "link set to-beyond up"):
        node.run("ip", *words.split())
    for words in ("address add 192.0.2.2/24 dev eth0", "link set eth0 up"):
        node.run("ip", "-netns", "beyond", *words.split())
    inside = ["nsenter", f"--net=/proc/{node.pod_pid(pod)}/ns/net"]
    assert f"inet {network['ip']}/" in node.run(*inside, "ip", "address", "show", "eth0")
    beyond = ["ip", "netns", "exec", "beyond"]
    node.run("systemd-run", "--unit=beyond", *beyond, "python3", "-c", LISTEN)
    node.eventually(lambda: node.run(*beyond, "ss", "-Hltn") != "")
    assert node.run(*inside, "python3", "-c", CONNECT) == "192.0.2.1"
    node.run("ip", "netns", "delete", "beyond")


# ---- the machine's end ----------------------------------------------------------------------------------------------


def test_a_machine_that_is_powered_off_records_how_its_guests_ended(node: Node) -> None:
    pods = [node.run_pod(), node.run_pod(cgroup_parent="")]
    containers = [node.start(pod, "counter") for pod in pods]
    node.machine.power_off()
    node.machine.boot()
    node.wait_until_serving()
    for pod, container in zip(pods, containers, strict=True):
        assert node.crictl.json("inspectp", pod)["status"]["state"] == "SANDBOX_NOTREADY"
        status = node.status(container)
        assert (status["state"], status["exitCode"], status["reason"]) == ("CONTAINER_EXITED", 143, "Error")
    journal = node.run("journalctl", "--boot=-1", "--output=cat")
    assert "timed out" not in journal, "nothing held the shutdown up"
    assert not node.run("systemctl", "--failed", "--plain", "--no-legend")
    assert node.exited(node.start(node.run_pod(), "toucher", memory_limit_in_bytes=32 * MIB))["exitCode"] == 137
