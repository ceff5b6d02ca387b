"""Ends of guests that were refused memory."""

import pytest

from sandbox import last_words
from sandbox.pod_process_link import PodProcess
from sandbox.pod_processes import PodProcesses
from sandbox.specs import GuestSpec, PodSpec, Run
from tests.sandbox.conftest import Exits, Node, log_lines
from tests.sandbox.one_pod import in_pod, start, until

MIB = 1 << 20
LIMIT = 32 * MIB


def limited(node: Node, pod: PodSpec, guest: str, **changes: object) -> GuestSpec:
    return node.guest_spec(pod, guest, memory_limit=LIMIT, **changes)


async def end_of(process: PodProcess, node: Node, spec: GuestSpec) -> Run:
    exits = Exits(process)
    await start(process, node, spec)
    return await exits.next()


@pytest.mark.parametrize("tty", [False, True])
@pytest.mark.parametrize(("guest", "own"), [("gives_up", 2), ("gives_up_in_pieces", 2), ("gives_up_by_trap", 134)])
def test_who_says_so_and_fails_was_ended_by_the_limit(node: Node, guest: str, own: int, tty: bool) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        run = await end_of(process, node, limited(node, pod, guest, tty=tty))
        assert (run.exit_code, run.reason) == (137, "OOMKilled")
        had = LIMIT - (LIMIT - 65536) % MIB if guest == "gives_up" else 65536
        told = f"the guest said that it was out of memory, of which it had {had} bytes and may have {LIMIT}, "
        assert run.message.startswith(f"{told}and ended with {own}")
        assert ("unreachable" in run.message) == (guest == "gives_up_by_trap")

    in_pod(node, scenario)


@pytest.mark.parametrize("tty", [False, True])
def test_who_lacks_another_memory_has_its_own_exit_code(node: Node, tty: bool) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        run = await end_of(process, node, limited(node, pod, "lacks_another_memory", tty=tty))
        assert (run.exit_code, run.reason) == (3, "Error")
        assert f"of which it had 65536 bytes and may have {LIMIT}, and ended with 3" in run.message

    in_pod(node, scenario)


def test_of_a_component_it_counts_what_its_group_has_used(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        spec = node.guest_spec(pod, "component", "x", "accelerator is out of memory", memory_limit=LIMIT, tty=True)
        run = await end_of(process, node, spec)
        assert (run.exit_code, run.reason) == (1, "Error")
        assert "the guest said that it was out of memory, of which it had " in run.message

    in_pod(node, scenario)


def test_a_limit_that_was_lifted_ends_nobody(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        spec, exits = limited(node, pod, "gives_up_in_pieces"), Exits(process)
        await start(process, node, spec)
        await until(lambda: bool(said(spec)))
        await process.limit_memory(spec.container_id, 0)
        run = await exits.next()
        assert (run.exit_code, run.reason, run.message) == (2, "Error", "")

    in_pod(node, scenario)


@pytest.mark.parametrize(
    ("said_so", "memory", "limit", "true"),
    [
        (b"out of memory", 50, 100, True),
        (b"out of memory", 49, 100, False),
        (b"bad_alloc", 0, 100, True),  # nobody knows how much it had
        (b"memory allocation of 60 bytes failed", 41, 100, True),
        (b"memory allocation of 60 bytes failed", 40, 100, False),
        (b"out of memory: cannot allocate 100-byte block (1 in use)", 1, 100, True),
        (b"out of memory: cannot allocate x-byte block", 1, 100, False),
        (b"out of memory: cannot allocate 100 bytes of the device", 1, 100, False),
        (b"memory allocation of 999", 1, 100, False),
    ],
)
def test_when_the_words_are_true(said_so: bytes, memory: int, limit: int, true: bool) -> None:
    assert last_words.are_true(said_so, memory, limit) == true


def test_who_copes_is_no_failure(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        run = await end_of(process, node, limited(node, pod, "goes_on"))
        assert (run.exit_code, run.reason, run.message) == (0, "Completed", "")

    in_pod(node, scenario)


def test_a_failure_without_the_words_is_its_own(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        run = await end_of(process, node, limited(node, pod, "exit3"))
        assert (run.exit_code, run.reason) == (3, "Error")

    in_pod(node, scenario)


@pytest.mark.parametrize(("limit", "is_told"), [(8 << 20, True), (64 << 20, False)])
def test_a_trap_near_the_limit_tells_so(node: Node, limit: int, is_told: bool) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        run = await end_of(process, node, node.guest_spec(pod, "trap_with_memory", limits={"memory_limit": limit}))
        assert (run.exit_code, run.reason) == (134, "Error")
        reason = run.message.splitlines()[0]
        assert reason.startswith("wasm trap: wasm `unreachable` instruction executed")
        assert reason.endswith(f"bytes of memory of the {limit} that it may)") == is_told

    in_pod(node, scenario)


def test_words_of_long_ago_do_not_count(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        run = await end_of(process, node, limited(node, pod, "fails_later"))
        assert (run.exit_code, run.reason) == (2, "Error")

    in_pod(node, scenario)


def test_a_new_limit_reaches_a_running_guest(node: Node) -> None:
    async def scenario(processes: PodProcesses, pod: PodSpec, process: PodProcess) -> None:
        spec = node.guest_spec(pod, "grower", memory_limit=8 << 20, uid=1000, gid=1000)
        exits = Exits(process)
        await start(process, node, spec)
        await until(lambda: said(spec) == ["refused"])
        await process.limit_memory(spec.container_id, 16 << 20)
        await until(lambda: said(spec) == ["refused", "given more", "refused"])
        await process.limit_memory(spec.container_id, 32 << 20)
        await until(lambda: said(spec) == ["refused", "given more", "refused", "given more", "refused"])
        await process.signal(spec.container_id, 9)
        assert (await exits.next()).reason == "Error"

    in_pod(node, scenario)


def said(spec: GuestSpec) -> list[str]:
    return [content for _, _, content in log_lines(spec)]
