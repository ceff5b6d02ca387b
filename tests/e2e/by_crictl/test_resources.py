"""What containers may use, and changes of it."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.terminal import Terminal
from tests.real_node import eventually

MIB = 1 << 20


@pytest.mark.parametrize(
    ("resources", "reason"),
    [
        ({"memory_limit_in_bytes": 4096}, "a memory limit of 4096 bytes leaves a guest no room: give it 4194304"),
        ({"cpuset_cpus": "4000"}, "cpuset.cpus 4000 names 4000, which the pod does not have: choose from 0"),
        ({"cpuset_cpus": "0-"}, "cpuset.cpus 0- is no list of numbers such as 0-2,7: correct it"),
        ({"cpu_quota": 500, "cpu_period": 100000}, "cpu_quota of 500 µs is below the kernel's least of 1000: raise it"),
        ({"cpu_period": 1}, "cpu_period of 1 µs is not between 1 ms and 1 s: set another"),
        ({"hugepage_limits": [{"page_size": "3MB", "limit": 1}]}, "this node has no huge pages for hugetlb.3MB"),
        ({"oom_score_adj": 1001}, "oom_score_adj 1001 of container main is not between -1000 and 1000: set another"),
        ({"memory_swap_limit_in_bytes": 1 << 30}, "needs a memory limit beside it: set both"),
        ({"unified": {"cgroup.procs": "1"}}, "cgroup"),
    ],
)
def test_resources_that_no_container_can_have(terminal: Terminal, resources: dict[str, Any], reason: str) -> None:
    pod = terminal.run_pod()
    words = terminal.words_of_create(pod, terminal.pull("hello"), linux={"resources": resources})
    assert reason in terminal.crictl.refused(*words)


def test_update_changes_a_running_container(terminal: Terminal) -> None:
    limited = {"resources": {"memory_limit_in_bytes": 32 * MIB}}
    container = terminal.start(terminal.run_pod(), "grower", linux=limited)
    eventually(lambda: terminal.crictl("logs", container) == "refused")
    pid = terminal.crictl.json("inspect", container)["info"]["pid"]
    options = {
        "cpu-period": 50_000,
        "cpu-quota": 25_000,
        "cpu-share": 512,
        "cpuset-cpus": "0",
        "cpuset-mems": "0",
        "memory": 48 * MIB,
        "oom-score-adj": 500,
    }
    terminal.crictl("update", *(f"--{name}={value}" for name, value in options.items()), container)
    eventually(lambda: terminal.crictl.lines("logs", container) == ["refused", "given more", "refused"])
    assert terminal.status(container)["resources"]["linux"] == {
        "cpuPeriod": "50000",
        "cpuQuota": "25000",
        "cpuShares": "512",
        "cpusetCpus": "0",
        "cpusetMems": "0",
        "hugepageLimits": [],
        "memoryLimitInBytes": str(48 * MIB),
        "memorySwapLimitInBytes": "0",
        "oomScoreAdj": "500",
        "unified": {},
    }
    assert terminal.crictl.json("inspect", container)["info"]["pid"] == pid
    assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "500\n"


def test_memory_that_is_in_use_cannot_be_taken_away(terminal: Terminal) -> None:
    limited = {"resources": {"cpu_shares": 512, "memory_limit_in_bytes": 64 * MIB}}
    container = terminal.start(terminal.run_pod(), "grower", linux=limited)
    eventually(lambda: terminal.crictl("logs", container) == "refused")
    before = terminal.status(container)
    refused = terminal.crictl.refused("update", "--cpu-share=1024", f"--memory={16 * MIB}", container)
    assert "code = FailedPrecondition" in refused
    assert "in use" in refused
    assert terminal.status(container) == before


def test_a_created_container_starts_with_what_it_was_updated_to(terminal: Terminal) -> None:
    limited = {"resources": {"memory_limit_in_bytes": 32 * MIB}}
    container = terminal.create(terminal.run_pod(), "sleeper", linux=limited)
    terminal.crictl("update", f"--memory={16 * MIB}", "--oom-score-adj=300", container)
    terminal.node.server.kill()
    terminal.node.server.start()
    assert terminal.status(container)["resources"]["linux"]["memoryLimitInBytes"] == str(16 * MIB)
    terminal.crictl("start", container)
    info = terminal.crictl.json("inspect", container)["info"]
    assert Path(f"/proc/{info['pid']}/oom_score_adj").read_text() == "300\n"
    assert info["runtimeSpec"]["linux"]["resources"]["memory"]["limit"] == 16 * MIB


def test_a_container_that_has_exited_has_no_resources_to_update(terminal: Terminal) -> None:
    container = terminal.start(terminal.run_pod(), "hello")
    terminal.exited(container)
    refused = terminal.crictl.refused("update", "--cpu-share=512", container)
    assert f"container {container} has exited: its resources do not matter any more" in refused
