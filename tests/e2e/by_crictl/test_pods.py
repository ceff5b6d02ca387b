"""Pods: run, listed, inspected, stopped, removed, and their events."""

import re
from pathlib import Path

from tests.e2e.crictl import SHORT
from tests.e2e.terminal import Terminal

NETWORK_OF_HOST = {"security_context": {"namespace_options": {"network": 2}}}


def test_the_life_of_a_pod(terminal: Terminal) -> None:
    crictl = terminal.crictl
    pod = terminal.run_pod("web", attempt=2)
    assert re.fullmatch("[0-9a-f]{64}", pod)
    [row] = crictl.table("pods")
    assert row.pop("CREATED")
    assert row == {
        "POD ID": pod[:SHORT],
        "STATE": "Ready",
        "NAME": "web",
        "NAMESPACE": "default",
        "ATTEMPT": "2",
        "RUNTIME": "(default)",
    }
    assert crictl.refused("rmp", pod) == f'pod sandbox "{pod}" is running, please stop it first'
    assert crictl("stopp", pod[:SHORT]) == f"Stopped sandbox {pod[:SHORT]}"
    assert [row["STATE"] for row in crictl.table("pods")] == ["NotReady"]
    status = crictl.json("inspectp", pod)["status"]
    assert (status["state"], status["network"]["ip"]) == ("SANDBOX_NOTREADY", "")
    assert crictl("stopp", pod) == f"Stopped sandbox {pod}"
    assert crictl("rmp", pod) == f"Removed sandbox {pod}"
    assert crictl.table("pods") == []
    assert "is not known" in crictl.refused("inspectp", pod)


def test_lists_of_pods(terminal: Terminal) -> None:
    front = terminal.run_pod("front", labels={"tier": "front", "app": "shop"})
    back = terminal.run_pod("back", labels={"tier": "back", "app": "shop"})
    stopped = terminal.run_pod("stopped", labels={"app": "other"})
    terminal.crictl("stopp", stopped)

    def listed(*filters: str) -> list[str]:
        return terminal.crictl.lines("pods", "--quiet", *filters)

    assert listed() == [stopped, back, front], "newest first"
    assert listed("--state", "ready") == [back, front]
    assert listed("--state", "notready") == [stopped]
    assert listed("--label", "app=shop") == [back, front]
    assert listed("--label", "app=shop", "--label", "tier=back") == [back]
    assert listed("--name", "^fro") == [front]
    assert listed("--namespace", "default", "--latest") == [stopped]
    assert listed("--namespace", "elsewhere") == []
    assert listed("--id", front[:SHORT]) == [front]
    assert [item["labels"] for item in terminal.crictl.json("pods", "--id", front, "-o", "json")["items"]] == [
        {"tier": "front", "app": "shop"}
    ]


def test_inspectp(terminal: Terminal) -> None:
    labels, annotations = {"app": "web"}, {"example.com/note": "kept: as it is\n\u2713"}
    pod = terminal.run_pod(labels=labels, annotations=annotations, dns_config={"servers": ["192.0.2.53"]})
    inspected = terminal.crictl.json("inspectp", pod)
    status, info = inspected["status"], inspected["info"]
    assert (status["id"], status["state"]) == (pod, "SANDBOX_READY")
    assert status["metadata"] == {"name": "web", "namespace": "default", "uid": "uid-web", "attempt": 0}
    assert (status["labels"], status["annotations"]) == (labels, annotations)
    assert status["linux"]["namespaces"]["options"]["network"] == "POD"
    assert info["config"]["dns_config"] == {"servers": ["192.0.2.53"]}
    [network] = [item for item in info["runtimeSpec"]["linux"]["namespaces"] if item["type"] == "network"]
    assert Path(network["path"]).samefile(f"/proc/{info['pid']}/ns/net")
    assert not Path(network["path"]).samefile("/proc/self/ns/net")
    address = status["network"]["ip"]
    assert address in Path(f"/proc/{info['pid']}/net/fib_trie").read_text(), "an address of the pod's own"
    assert f"IP Addresses: {address}" in terminal.crictl.lines("inspectp", "-o", "table", pod)


def test_events(terminal: Terminal) -> None:
    with terminal.events() as events:
        pod = terminal.run_pod(labels={"app": "web"})
        container = terminal.start(pod, "exit3")
        terminal.exited(container)
        terminal.crictl("rmp", "--force", pod)
        told: list[tuple[str, str]] = []
        while told[-1:] != [(pod, "CONTAINER_DELETED_EVENT")]:
            event = next(events)
            if event["podSandboxStatus"]["id"] == pod:
                told.append((event["containerId"], event["containerEventType"]))
                assert event["podSandboxStatus"]["labels"] == {"app": "web"}
    assert told == [
        (pod, "CONTAINER_CREATED_EVENT"),
        (pod, "CONTAINER_STARTED_EVENT"),
        (container, "CONTAINER_CREATED_EVENT"),
        (container, "CONTAINER_STARTED_EVENT"),
        (container, "CONTAINER_STOPPED_EVENT"),
        (pod, "CONTAINER_STOPPED_EVENT"),
        (container, "CONTAINER_DELETED_EVENT"),
        (pod, "CONTAINER_DELETED_EVENT"),
    ]


def test_a_pod_in_the_network_of_the_host(terminal: Terminal) -> None:
    pod = terminal.run_pod(linux=NETWORK_OF_HOST)
    inspected = terminal.crictl.json("inspectp", pod)
    assert inspected["status"]["network"]["ip"] == ""
    assert inspected["status"]["linux"]["namespaces"]["options"]["network"] == "NODE"
    assert Path(f"/proc/{inspected['info']['pid']}/ns/net").samefile("/proc/self/ns/net")
    assert terminal.exited(terminal.start(pod, "hello"))["exitCode"] == 0


def test_rmp_with_force_ends_all_that_is_in_the_pod(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    container = terminal.start(pod, "sleeper")
    pid = terminal.crictl.json("inspect", container)["info"]["pid"]
    assert terminal.crictl.lines("rmp", "--force", pod) == [f"Stopped sandbox {pod}", f"Removed sandbox {pod}"]
    assert not terminal.crictl.table("ps", "--all")
    assert not Path(f"/proc/{pid}").exists()


def test_a_runtime_handler_by_its_name(terminal: Terminal) -> None:
    terminal.crictl("runp", "--runtime", "wasmlet", terminal.pod_file("named"))
    assert [row["RUNTIME"] for row in terminal.crictl.table("pods")] == ["wasmlet"]
    refused = terminal.crictl.refused("runp", "--runtime", "runc", terminal.pod_file("native"))
    assert 'runtime handler "runc" of pod sandbox native is not known; use "" or "wasmlet"' in refused
