"""What containers and pods use."""

from pathlib import Path

from tests.e2e.crictl import SHORT
from tests.e2e.terminal import Terminal
from tests.real_node import eventually


def test_stats_of_containers_that_run(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    busy, idle = terminal.start(pod, "busy", "busy"), terminal.start(pod, "sleeper", "idle")
    terminal.exited(terminal.start(pod, "hello", "ended"))
    rows = {row["NAME"]: row for row in terminal.crictl.table("stats")}
    assert {name: row["CONTAINER"] for name, row in rows.items()} == {"busy": busy[:SHORT], "idle": idle[:SHORT]}
    eventually(lambda: cpu(terminal, "stats", "--id", busy) > cpu(terminal, "stats", "--id", idle))
    assert all(row["MEM"] not in ("", "0B") for row in rows.values())
    assert all(int(row["INODES"]) > 0 for row in rows.values())
    [one] = terminal.crictl.json("stats", "--output", "json", "--id", busy[:SHORT])["stats"]
    assert one["attributes"]["id"] == busy
    assert Path(one["writableLayer"]["fsId"]["mountpoint"]).is_dir()


def cpu(terminal: Terminal, *words: str) -> float:
    """Percent of a processor, during the second that crictl looks."""
    [row] = terminal.crictl.table(*words)
    return float(row["CPU %"])


def test_stats_of_pods(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    terminal.start(pod, "busy")
    terminal.crictl("stopp", terminal.run_pod("stopped"))
    [row] = terminal.crictl.table("statsp")
    assert (row["POD"], row["POD ID"]) == ("web", pod[:SHORT])
    eventually(lambda: cpu(terminal, "statsp") > 0)
    [stats] = terminal.crictl.json("statsp", "--output", "json")["stats"]
    assert stats["linux"]["process"]["processCount"]["value"] == "2"
    assert stats["linux"]["network"]["defaultInterface"]["name"] == "eth0"


def test_metrics_and_their_descriptors(terminal: Terminal) -> None:
    pod = terminal.run_pod()
    container = terminal.start(pod, "sleeper")
    labels = {each["name"]: each["labelKeys"] for each in terminal.crictl.json("metricdescs")["descriptors"]}
    [metrics] = terminal.crictl.json("metricsp")["podMetrics"]
    [of_container] = metrics["containerMetrics"]
    assert (metrics["podSandboxId"], of_container["containerId"]) == (pod, container)
    for metric in [*metrics["metrics"], *of_container["metrics"]]:
        named = dict(zip(labels[metric["name"]], metric["labelValues"], strict=True))
        assert (named["namespace"], named["pod"]) == ("default", "web")
