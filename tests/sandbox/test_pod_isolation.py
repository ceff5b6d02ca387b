"""What a pod process may do that was taken over, seen from inside it: what its own guests need, and nothing else."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import zygote_link
from sandbox.pod_process_link import PodProcess
from sandbox.specs import MountSpec, PodSpec
from sandbox.syscalls import POD_CAPABILITIES
from tests.sandbox.conftest import Node
from tests.sandbox.probe.built import start_of_zygote
from tests.sandbox.test_guest_isolation import ASKED_WITHOUT_FILTER, ATTEMPTS, CAN, LEFT_WITH

MAY = {
    *CAN,
    *("fork_process", "change_root", "open_pidfd", "kill_pod", "kill_all", "kill_thread", "kill_thread_of_pod"),
    *("queue_signal", "limit_pod", "schedule_pod", "be_root", "be_roots_group", "take_groups", "write_pods_memory"),
    *("be_dumped", "own_signals_of_files", "make_handle", "share_pages", "share_memory", "make_memory_file"),
    *("make_message_queue", "inet_stream", "inet6_datagram", "socket_pair", "map_code", "make_code"),
    *("read_implies_execute", "bind_stream", "listen_for_streams", "keep_alive", "read_error", "send_broadcasts"),
}
"""To itself and to the processes of its own pod, which are all that it can name."""

BY_KERNEL = {"multipath_socket", "ping_socket"}
"""Sockets of the internet's families that a kernel may have."""

FILTERED_ALONE = {
    *("clone_user_namespace", "unshare_users", "fork_by_clone3", "change_segments", "other_architecture"),
    *("add_key", "read_keyring", "request_key", "compare_with_pod", "count_events", "handle_faults", "hide_memory"),
    *("netlink_socket", "unix_socket", "cipher_socket", "read_pods_memory", "trace_me", "trace_pod", "set_quota"),
    *("load_bpf", "set_up_ring", "advise_pod", "watch_all_files"),
}
"""What any process may do, on one kernel or another, or this one to its own pod."""


def in_probed_pod(
    node: Node,
    monkeypatch: pytest.MonkeyPatch,
    scenario: Callable[[PodSpec, PodProcess], Awaitable[None]],
    mode: str = "filtered",
) -> None:
    monkeypatch.setattr(zygote_link, "_START", start_of_zygote(mode, "probing_pod"))

    async def run() -> None:
        async with node.processes() as processes:
            other, pod = node.pod_spec(), node.pod_spec()
            await processes.run(other)
            await scenario(pod, await processes.run(pod))

    asyncio.run(run())


async def try_all(process: PodProcess) -> dict[str, Any]:
    """Of each attempt its result, its error, or how the process ended that made it."""
    return {name: await tried(process, name) for name in sorted(ATTEMPTS - LEFT_WITH - ASKED_WITHOUT_FILTER)}


async def tried(process: PodProcess, name: str) -> int | str:
    answer = await process._link.request("probe", attempt=name)
    if answer["status"]:
        return f"ended with {answer['status']}"
    told = json.loads(answer["line"])
    return str(told["error"]) or int(told["result"])


def succeeded(found: dict[str, int | str]) -> set[str]:
    return {name for name, result in found.items() if type(result) is int}


def test_native_code_in_a_pod_process_reaches_its_own_pod_alone(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(pod: PodSpec, process: PodProcess) -> None:
        assert (succeeded(await try_all(process)) ^ (MAY & ATTEMPTS)) - BY_KERNEL == set()

    in_probed_pod(node, monkeypatch, scenario)


def test_without_its_filter_it_still_has_no_right_beyond_its_pod(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(pod: PodSpec, process: PodProcess) -> None:
        assert succeeded(await try_all(process)) - MAY - FILTERED_ALONE - BY_KERNEL == set()

    in_probed_pod(node, monkeypatch, scenario, "unfiltered")


def test_a_pod_process_sees_no_file_and_no_process_of_others(
    node: Node, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither by a path nor from a directory that it holds open for a container."""
    image = tmp_path / "image"
    image.mkdir()
    mounts = [MountSpec(str(tmp_path), "/data", readonly=False, propagate=False)]

    async def scenario(pod: PodSpec, process: PodProcess) -> None:
        spec = node.guest_spec(pod, "sleeper", lower=str(image), mounts=mounts)
        run = await process.start(spec.container_id, node.write(spec))
        places = (await process._link.request("look"))["places"]
        groups = {place: names.split() for place, names in places.items() if place.startswith("/cgroup/")}
        assert {name for names in groups.values() for name in names} <= {spec.container_id, "pod"}
        assert places["/"] == "cgroup root"
        assert places["/root"] == ""
        above = [names for place, names in places.items() if place.startswith("above")]
        assert set(above) == {"cgroup program root"}
        paths = [str(node.folder), spec.layer, spec.log_path, spec.program.compiled, "/proc", "/sys", "/etc", "/dev"]
        pids = [str(pid) for pid in (os.getpid(), os.getppid(), process.pid, run.pid)]
        assert (await process._link.request("reach", paths=paths, pids=pids))["found"] == ""

    in_probed_pod(node, monkeypatch, scenario)


def test_a_pod_process_has_few_rights(node: Node) -> None:
    async def scenario() -> None:
        async with node.processes() as processes:
            process = await processes.run(node.pod_spec())
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            status = dict(line.split(":\t", 1) for line in lines)
            rights = f"{sum(1 << number for number in POD_CAPABILITIES):016x}"
            assert (status["CapPrm"], status["CapEff"]) == (rights, rights)
            assert {status[kind] for kind in ("CapInh", "CapBnd", "CapAmb")} == {"0" * 16}
            assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")

    asyncio.run(scenario())
