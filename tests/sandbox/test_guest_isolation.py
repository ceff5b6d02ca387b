"""What a guest process may do, seen from inside it: all that guests need, and nothing else."""

import asyncio
import ctypes
import json
import os
import resource
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import zygote_link
from sandbox.pod_process_link import PodProcess
from sandbox.process_files import open_files_limit
from sandbox.specs import GuestSpec, MountSpec, PodSpec, Run
from sandbox.stream_ends import of_process
from tests.guests.compiled import guest
from tests.sandbox.conftest import Exits, Node, log_lines
from tests.sandbox.probe.built import attempts, start_of_zygote
from tests.sandbox.process_memory import contents

MACHINE = os.uname().machine
OF_X86_64 = {"other_architecture", "x32_call", "use_ports", "change_segments"}
ATTEMPTS = attempts() - (set() if MACHINE == "x86_64" else OF_X86_64)

CAN = {"start_thread", "signal_itself", "open_own_root", "map_memory"}
"""Without these, failure would prove nothing."""

LEFT_WITH = {
    *("other_descriptors", "other_directory_than_root", "other_creation_mask"),
    *("core_limit", "locked_memory_limit", "more_descriptors_than_65536"),
}
"""Each counts what should not be there."""

ASKED_WITHOUT_FILTER = {"is_dumped_or_traced", "other_secure_bits"}
"""As above, but for questions that the filter refuses."""

NOT_THERE = {
    *("open_proc", "open_own_status", "open_environment_of_pod", "open_sys", "open_cgroups", "open_memory_device"),
    *("open_terminal", "open_passwords", "open_state", "open_above", "open_above_root"),
}

KILLED = {
    *("execute", "execute_at", "fork_process", "clone_user_namespace", "trace_pod", "trace_me", "read_pods_memory"),
    *("write_pods_memory", "compare_with_pod", "advise_pod", "open_pidfd", "take_descriptor", "signal_by_pidfd"),
    *("mount_disk", "mount_proc", "bind_root", "make_writable", "unmount_root", "pivot", "change_root"),
    *("move_mount_away", "clone_tree", "open_file_system", "configure_file_system", "pick_file_system"),
    *("set_mount_attributes", "unshare_users", "unshare_mounts", "unshare_network", "enter_namespace"),
    *("open_by_handle", "watch_all_files", "set_quota", "account", "swap_on", "swap_off", "load_bpf", "count_events"),
    *("handle_faults", "add_key", "request_key", "read_keyring", "search_keys_of_server", "load_module"),
    *("load_module_file", "unload_module", "load_kernel", "restart", "read_kernel_log", "set_time", "set_clock"),
    *("adjust_clock", "set_hostname", "hide_memory", "take_capabilities", *OF_X86_64),
}

ABSENT = {"fork_by_clone3", "set_up_ring", "enter_ring", "unknown_call"}

LISTENING = {"bind_stream", "listen_for_streams", "accept_stream"}
CONNECTING = {"connect_stream", "send_to_anybody", "send_datagram", "inet6_datagram"}
WITH_ANY_SOCKET = {"inet_stream", "keep_alive", "read_error"}
WITH_NONE = {
    *("raw_socket", "packet_socket", "unix_socket", "netlink_socket", "cipher_socket", "socket_pair", "ping_socket"),
    *("multipath_socket", "connect_by_sending", "connect_by_message", "attach_program", "send_broadcasts"),
    *("bind_to_device", "choose_congestion", "set_upper_protocol", "see_packet_headers", "join_group"),
    "receive_message",
}
OF_SOCKETS = LISTENING | CONNECTING | WITH_ANY_SOCKET | WITH_NONE
"""By whether the filter lets them be tried: which of them succeed is the kernel's to say."""

FILTERED_ALONE = {
    *("be_dumped", "change_segments", "other_architecture", "read_implies_execute", "make_code", "map_code"),
    *("fork_process", "fork_by_clone3", "clone_user_namespace", "unshare_users", "trace_me"),
    *("kill_all", "open_pidfd", "own_signals_of_files", "make_handle", "watch_all_files", "set_quota"),
    *("add_key", "request_key", "read_keyring", "load_bpf", "count_events", "handle_faults", "hide_memory"),
    *("set_up_ring", "read_kernel_log", "share_pages", "share_memory", "make_memory_file", "make_message_queue"),
    *("unix_socket", "netlink_socket", "cipher_socket", "socket_pair"),
    *OF_SOCKETS,
}
"""What any process may do, however few its rights, on one kernel or another."""

FILTERED_ALONE_OF_ROOT = {
    *("be_root", "be_roots_group", "kill_pod", "kill_thread", "kill_thread_of_pod", "queue_signal", "limit_pod"),
    "schedule_pod",
}
"""What a process without a capability may do to others of its user."""


def occurrences(pid: int, text: str) -> int:
    """How often a process has the text in its memory."""
    return sum(content.count(text.encode()) for content in contents(pid))


SYS_ADD_KEY, SYS_KEYCTL = (248, 250) if MACHINE == "x86_64" else (217, 219)
JOIN_SESSION_KEYRING, SESSION_KEYRING = 1, -3


def add_session_key(name: bytes) -> int:
    """To a fresh session keyring of this process', which those that it starts inherit. Its serial number."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.syscall(SYS_KEYCTL, JOIN_SESSION_KEYRING, None) > 0
    return int(libc.syscall(SYS_ADD_KEY, b"user", name, b"secret", 6, SESSION_KEYRING))


class Probe:
    """``mode``: see ``tests.sandbox.probe.built.start_of_zygote``."""

    def __init__(self, node: Node, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
        self._node = node
        monkeypatch.setattr(zygote_link, "_START", start_of_zygote(mode))

    def try_all(self, names: Iterable[str], **changes: Any) -> dict[str, Any]:
        """Of each attempt its result, its error, or the exit code of the process that it was the end of."""
        return asyncio.run(self._try_all(names, changes))

    async def _try_all(self, names: Iterable[str], changes: dict[str, Any]) -> dict[str, Any]:
        async with self._node.processes() as processes:
            pod = self._node.pod_spec()
            process = await processes.run(pod)
            exits = Exits(process)
            return {name: await self._try(process, exits, pod, name, changes) for name in sorted(names)}

    async def _try(
        self, process: PodProcess, exits: Exits, pod: PodSpec, name: str, changes: dict[str, Any]
    ) -> int | str:
        spec = self._node.guest_spec(pod, "hello", name, **changes)
        await process.start(spec.container_id, self._node.write(spec))
        run = await exits.next()
        if run.exit_code:
            return run.exit_code
        [(_, _, line)] = log_lines(spec)
        told = json.loads(line)
        assert told["attempt"] == name
        return str(told["error"]) or int(told["result"])


def in_guests(node: Node, look: Callable[[int], None]) -> None:
    """``look`` at a process of each kind of guest while it runs."""

    async def scenario() -> None:
        async with node.processes() as processes:
            pod = node.pod_spec()
            process = await processes.run(pod)
            for spec in (node.guest_spec(pod, "sleeper"), node.guest_spec(pod, "tool", "sleep", "600")):
                look((await process.start(spec.container_id, node.write(spec))).pid)

    asyncio.run(scenario())


def ran(node: Node, spec: GuestSpec) -> tuple[Run, list[str]]:
    """Its run and its log."""

    async def scenario() -> Run:
        async with node.processes() as processes:
            process = await processes.run(node.pod_spec(cgroup=spec.pod_cgroup))
            exits = Exits(process)
            await process.start(spec.container_id, node.write(spec))
            return await exits.next()

    run = asyncio.run(scenario())
    return run, [content for _, _, content in log_lines(spec)]


@pytest.mark.parametrize(("name", "last"), [("preview1", "0 failures"), ("goroutines", "done true")])
@pytest.mark.parametrize("uid", [0, 1000])
def test_a_guest_does_all_that_wasi_offers(node: Node, tmp_path: Path, name: str, last: str, uid: int) -> None:
    guest(name)
    volume = tmp_path / "volume"
    volume.mkdir(mode=0o777)
    volume.chmod(0o777)
    mounts = [MountSpec(str(volume), "/data", readonly=False, propagate=False)]
    spec = node.guest_spec(node.pod_spec(), name, "/data", mounts=mounts, uid=uid, gid=uid, groups=[uid])
    run, lines = ran(node, spec)
    assert (run.exit_code, lines[-1:]) == (0, [last]), lines


@pytest.mark.parametrize("uid", [0, 1000])
def test_native_code_in_a_guest_process_can_do_nothing(node: Node, monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    """It is started exactly as a guest is, in the place of the guest's own code."""
    found = Probe(node, monkeypatch, "filtered").try_all(ATTEMPTS, uid=uid, gid=uid, groups=[uid])
    expected: dict[str, int | str] = dict.fromkeys(ATTEMPTS, "EPERM")
    expected |= dict.fromkeys(CAN | LEFT_WITH, 0)
    expected |= dict.fromkeys(NOT_THERE, "ENOENT")
    expected |= dict.fromkeys(KILLED & ATTEMPTS, 159)
    expected |= dict.fromkeys(ABSENT, "ENOSYS")
    expected["give_up"] = 134
    assert {name: result for name, result in found.items() if result != expected[name]} == {}


@pytest.mark.parametrize("uid", [0, 1000])
def test_without_its_filter_it_still_has_no_right_of_roots(
    node: Node, monkeypatch: pytest.MonkeyPatch, uid: int
) -> None:
    found = Probe(node, monkeypatch, "unfiltered").try_all(ATTEMPTS, uid=uid, gid=uid, groups=[uid])
    may = FILTERED_ALONE | (FILTERED_ALONE_OF_ROOT if uid == 0 else set())
    expected = CAN | LEFT_WITH | ASKED_WITHOUT_FILTER
    assert {name: found[name] for name in expected if found[name] != 0} == {}
    succeeded = {name for name, result in found.items() if not isinstance(result, str)}
    assert succeeded - expected - may == {"give_up"}


@pytest.mark.parametrize(
    ("access", "allowed"),
    [
        ("full", LISTENING | CONNECTING | WITH_ANY_SOCKET),
        ("outbound", CONNECTING | WITH_ANY_SOCKET),
        ("inbound", LISTENING | WITH_ANY_SOCKET),
        ("none", set()),
    ],
)
def test_who_may_use_sockets_has_the_calls_for_what_its_pod_allows(
    node: Node, monkeypatch: pytest.MonkeyPatch, access: str, allowed: set[str]
) -> None:
    """What else it cannot do is the same table's part for all guests (see ``tests/sandbox/seccomp``)."""
    changes = {"network": access, "opens_sockets": True, "uid": 1000, "gid": 1000, "groups": [1000]}
    found = Probe(node, monkeypatch, "filtered").try_all(OF_SOCKETS, **changes)
    assert {name for name, result in found.items() if result != "EPERM"} == allowed


def test_no_memory_is_both_written_and_executed(node: Node) -> None:
    def look(pid: int) -> None:
        permissions = [line.split()[1] for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
        assert "r-xp" in permissions
        assert not [each for each in permissions if "w" in each and "x" in each]

    in_guests(node, look)


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    """For whoever starts the server."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("few_descriptors")
def test_the_limit_of_descriptors_is_the_guests_own(node: Node) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    found: list[int | None] = []
    in_guests(node, lambda pid: found.append(open_files_limit(pid)))
    assert set(found) == {min(most, 65536)}


def test_no_process_holds_a_secret_of_another_pod(node: Node) -> None:
    secrets = [f"secret-{os.urandom(8).hex()}" for _ in range(2)]

    async def scenario() -> None:
        async with node.processes() as processes:
            pids = []
            for secret in secrets:
                pod = node.pod_spec()
                process = await processes.run(pod)
                spec = node.guest_spec(pod, "sleeper", env=[f"TOKEN={secret}"])
                pids.append((process.pid, (await process.start(spec.container_id, node.write(spec))).pid))
            assert processes.zygote_pid is not None
            first, second = secrets
            assert occurrences(pids[0][1], first) > 0
            assert [occurrences(pid, first) for pid in (processes.zygote_pid, *pids[1])] == [0, 0, 0]
            assert [occurrences(pid, second) for pid in (processes.zygote_pid, *pids[0])] == [0, 0, 0]

    asyncio.run(scenario())


def test_a_pod_process_never_reads_an_environment(node: Node) -> None:
    """So that no later guest of the pod inherits what it would have left in memory."""
    secrets = [f"secret-{os.urandom(8).hex()}" for _ in range(4)]

    async def scenario() -> None:
        async with node.processes() as processes:
            pod = node.pod_spec()
            process = await processes.run(pod)
            for secret in secrets:
                spec = node.guest_spec(pod, "sleeper", env=[f"TOKEN={secret}"])
                started = await process.start(spec.container_id, node.write(spec))
            executed = await process.streams.execute(
                spec._replace(env=[f"TOKEN={secrets[0]}"]), of_process(False, True, True, False)
            )
            assert occurrences(started.pid, secrets[-1]) > 0
            assert [occurrences(started.pid, secret) for secret in secrets[:-1]] == [0, 0, 0]
            assert [occurrences(process.pid, secret) for secret in secrets] == [0, 0, 0, 0]
            await executed.end()

    asyncio.run(scenario())


def test_keys_of_the_server_are_not_inherited(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    serial = add_session_key(b"wasmlet-probe")
    assert serial > 0
    attempts = {"search_keys_of_server"}
    assert Probe(node, monkeypatch, "unfiltered").try_all(attempts) == dict.fromkeys(attempts, "ENOKEY")


def test_a_terminal_is_not_typed_into(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = {"type_into_terminal", "set_window_size"}
    assert set(Probe(node, monkeypatch, "filtered").try_all(attempts, tty=True).values()) == {"EPERM"}


def test_a_hostile_call_is_named_in_the_status(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote_link, "_START", start_of_zygote("filtered"))
    run, _ = ran(node, node.guest_spec(node.pod_spec(), "hello", "mount_disk"))
    assert (run.exit_code, run.reason) == (159, "Error")
    assert "may have broken out" in run.message
