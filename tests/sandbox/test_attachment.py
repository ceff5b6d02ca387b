"""Who watches a container, and types to it: for real, and the streams alone where time would decide."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from sandbox import attachment, stream_ends
from sandbox.attachment import STALLED, AttachedInput, AttachedOutput, GuestInput
from sandbox.errors import GuestGone, InvalidSpec, NotSupported, PodProcessGone
from sandbox.event_loop import EventLoop
from sandbox.pod_process_link import PodProcess
from sandbox.specs import GuestSpec
from sandbox.streamed_guest import AttachedGuest
from tests.sandbox.conftest import Exits, Node, log_lines
from tests.sandbox.one_pod import descriptors, in_container, until

_PIPE_BYTES = 65536


async def attach(process: PodProcess, spec: GuestSpec, stdin: bool = False) -> AttachedGuest:
    return await process.streams.attach(spec.container_id, stream_ends.of_process(stdin, True, not spec.tty, tty=False))


async def read(descriptor: int, until: bytes = b"") -> bytes:
    """To these bytes, else to the end, where it is closed."""
    os.set_blocking(descriptor, True)
    data = b""
    while not until or until not in data:
        piece = await asyncio.to_thread(os.read, descriptor, 65536)
        if not piece:
            os.close(descriptor)
            return data
        data += piece
    return data


def close(guest: AttachedGuest) -> None:
    for end in guest.ends:
        if end >= 0:
            os.close(end)


def test_all_who_watch_see_it_and_so_does_the_log(node: Node) -> None:
    async def scenario(process: PodProcess, spec: GuestSpec) -> None:
        first, second = await attach(process, spec, stdin=True), await attach(process, spec)
        os.write(first.ends.stdin, b"typed\n")
        os.close(first.ends.stdin)
        for guest in (first, second):
            assert await read(guest.ends.stdout) == b"typed\neof\n"
            assert await guest.wait() == 0
        assert [content for _, _, content in log_lines(spec)] == ["typed", "eof"]

    in_container(node, "stdin_block", scenario, stdin=True, stdin_once=True)


def test_what_was_written_before_is_in_the_log_alone(node: Node) -> None:
    async def scenario(process: PodProcess, spec: GuestSpec) -> None:
        early = await attach(process, spec, stdin=True)
        os.write(early.ends.stdin, b"early\n")
        assert await read(early.ends.stdout, b"early\n") == b"early\n"
        late = await attach(process, spec)
        os.write(early.ends.stdin, b"late\n")
        assert await read(late.ends.stdout, b"late\n") == b"late\n"

    in_container(node, "stdin_block", scenario, stdin=True)


def test_with_stdin_once_input_ends_with_a_watcher_that_goes_away(node: Node) -> None:
    async def scenario(process: PodProcess, spec: GuestSpec) -> None:
        only_watches, types = await attach(process, spec), await attach(process, spec, stdin=True)
        os.write(types.ends.stdin, b"one\n")
        assert await read(only_watches.ends.stdout, b"one\n") == b"one\n"
        exits = Exits(process)
        close(types)
        await types.end()
        assert await read(only_watches.ends.stdout) == b"eof\n"
        assert (await exits.next()).exit_code == 0

    in_container(node, "stdin_block", scenario, stdin=True, stdin_once=True)


def test_with_stdin_once_input_goes_on_without_one_that_only_watched(node: Node) -> None:
    async def scenario(process: PodProcess, spec: GuestSpec) -> None:
        only_watches, types = await attach(process, spec), await attach(process, spec, stdin=True)
        close(only_watches)
        await only_watches.end()
        os.write(types.ends.stdin, b"one\n")
        assert await read(types.ends.stdout, b"one\n") == b"one\n"

    in_container(node, "stdin_block", scenario, stdin=True, stdin_once=True)


def test_without_stdin_once_input_goes_on_with_the_next(node: Node) -> None:
    async def scenario(process: PodProcess, spec: GuestSpec) -> None:
        for word in (b"one\n", b"two\n"):
            guest = await attach(process, spec, stdin=True)
            os.write(guest.ends.stdin, word)
            assert await read(guest.ends.stdout, word) == word
            os.close(guest.ends.stdin)
            await guest.end()
            assert await guest.wait() == 0

    in_container(node, "stdin_block", scenario, stdin=True)


def test_a_terminal_has_a_size_and_no_end_of_input(node: Node) -> None:
    async def scenario(process: PodProcess, spec: GuestSpec) -> None:
        guest = await attach(process, spec, stdin=True)
        guest.resize(101, 43)
        os.write(guest.ends.stdin, b"typed\n")
        assert await read(guest.ends.stdout, b"typed\r\ntyped\r\n") == b"typed\r\ntyped\r\n"  # echoed, then written
        pid = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
        terminal = os.open(f"/proc/{pid}/fd/0", os.O_RDWR | os.O_NOCTTY)
        await until(lambda: os.get_terminal_size(terminal) == (101, 43))
        os.close(terminal)
        os.close(guest.ends.stdin)
        again = await attach(process, spec, stdin=True)
        exits = Exits(process)
        os.write(again.ends.stdin, b"\x03")
        assert (await exits.next()).exit_code == 128 + signal.SIGINT
        assert await again.wait() == 0

    in_container(node, "stdin_block", scenario, stdin=True, stdin_once=True, tty=True)


def test_a_slow_watcher_misses_nothing(node: Node) -> None:
    async def scenario(process: PodProcess, spec: GuestSpec) -> None:
        guest = await attach(process, spec, stdin=True)
        exits = Exits(process)
        sent = b"".join(b"%d\n" % number for number in range(100_000))
        os.set_blocking(guest.ends.stdin, True)
        await asyncio.gather(asyncio.to_thread(write, guest.ends.stdin, sent), late(read, guest.ends.stdout, sent))
        assert (await exits.next()).exit_code == 0
        assert len(log_lines(spec)) == 100_001

    async def late(read: Callable[[int], Awaitable[bytes]], output: int, sent: bytes) -> None:
        await asyncio.sleep(0.2)
        assert await read(output) == sent + b"eof\n"

    def write(descriptor: int, data: bytes) -> None:
        with open(descriptor, "wb") as file:
            file.write(data)

    in_container(node, "stdin_block", scenario, stdin=True, stdin_once=True)


def test_a_server_that_ends_ends_no_input(node: Node) -> None:
    """With ``stdin_once`` the input ends with its first watcher, but that of a server that dies has done nothing."""

    async def scenario(process: PodProcess, spec: GuestSpec) -> None:
        guest = await attach(process, spec, stdin=True)
        process.streams.let_go()
        close(guest)
        await asyncio.sleep(0.1)
        again = await attach(process, spec, stdin=True)
        os.write(again.ends.stdin, b"still\n")
        assert await read(again.ends.stdout, b"still\n") == b"still\n"

    in_container(node, "stdin_block", scenario, stdin=True, stdin_once=True)


def test_what_cannot_be_attached_to(node: Node) -> None:
    async def scenario(process: PodProcess, spec: GuestSpec) -> None:
        with pytest.raises(InvalidSpec, match="no open standard input"):
            await attach(process, spec, stdin=True)
        with pytest.raises(GuestGone, match="is not running"):
            await attach(process, spec._replace(container_id="another"))
        process.version = 2
        with pytest.raises(NotSupported, match="make the pod anew"):
            await attach(process, spec)

    in_container(node, "sleeper", scenario)


def test_the_pods_death_is_told(node: Node) -> None:
    async def scenario(process: PodProcess, spec: GuestSpec) -> None:
        guest = await attach(process, spec)
        await process.shutdown()
        with pytest.raises(PodProcessGone):
            await guest.wait()
        await guest.end()
        close(guest)

    in_container(node, "sleeper", scenario)


def test_nothing_of_it_stays_open(node: Node) -> None:
    async def scenario(process: PodProcess, spec: GuestSpec) -> None:
        def open_files() -> int:
            return len(os.listdir(f"/proc/{process.pid}/fd"))

        before, ours = open_files(), descriptors(os.getpid()).items()
        for _ in range(3):
            guest = await attach(process, spec, stdin=True)
            close(guest)
            await guest.end()
        assert open_files() == before
        assert descriptors(os.getpid()).items() <= ours

    in_container(node, "stdin_block", scenario, stdin=True)


# ---- the streams alone ---------------------------------------------------------------------------------------------


class Pipe:
    def __init__(self) -> None:
        self.output, self.input = os.pipe()
        os.set_blocking(self.output, False)
        os.set_blocking(self.input, False)

    def read(self) -> bytes:
        try:
            return os.read(self.output, 1 << 20)
        except BlockingIOError:
            return b""


@pytest.fixture
def loop() -> Iterator[EventLoop]:
    loop = EventLoop()
    yield loop
    loop.close()


def turn(loop: EventLoop) -> None:
    """What is due now, and no waiting."""
    loop.call_later(0, lambda: None)
    loop.run_once()


def test_a_watcher_that_takes_nothing_is_let_go(loop: EventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachment, "STALL_SECONDS", 0.0)
    pipe, free, gone = Pipe(), [], list[str]()
    output = AttachedOutput(loop, pipe.input, lambda: free.append(1), gone.append)
    output.write(bytes(2 * _PIPE_BYTES))
    assert output.is_behind
    loop.run_once()
    assert (gone, free, output.is_open, output.is_behind) == ([STALLED], [1], False, False)
    os.close(pipe.output)


def test_a_watcher_that_takes_some_is_kept(loop: EventLoop) -> None:
    pipe, free, gone = Pipe(), [], list[str]()
    output = AttachedOutput(loop, pipe.input, lambda: free.append(1), gone.append)
    output.write(bytes(2 * _PIPE_BYTES))
    taken = len(pipe.read())
    turn(loop)
    output.finish()
    while output.is_open:
        taken += len(pipe.read())
        turn(loop)
    assert (taken + len(pipe.read()), gone) == (2 * _PIPE_BYTES, [""])
    os.close(pipe.output)


@pytest.mark.parametrize("written", [b"", bytes(2 * _PIPE_BYTES)])
def test_a_watcher_that_has_gone_is_noticed(loop: EventLoop, written: bytes) -> None:
    pipe, gone = Pipe(), list[str]()
    output = AttachedOutput(loop, pipe.input, lambda: None, gone.append)
    output.write(written)
    os.close(pipe.output)
    turn(loop)
    assert (gone, output.is_open) == ([""], False)


def test_typing_waits_for_a_slow_guest(loop: EventLoop) -> None:
    guest, typed = Pipe(), Pipe()
    sink = GuestInput(loop, guest.input)
    AttachedInput(loop, typed.output, sink, sink.end)
    sent = 0
    for _ in range(5):
        sent += os.write(typed.input, bytes(32768))
        turn(loop)
    os.close(typed.input)
    received = 0
    while sink.is_open or sent > received:
        received += len(guest.read())
        turn(loop)
    assert received == sent
    assert guest.read() == b""
    os.close(guest.output)


def test_a_guest_that_has_closed_its_input(loop: EventLoop) -> None:
    guest, typed = Pipe(), Pipe()
    sink = GuestInput(loop, guest.input)
    AttachedInput(loop, typed.output, sink, lambda: None)
    os.close(guest.output)
    os.write(typed.input, b"x")
    turn(loop)
    assert not sink.is_open
    with pytest.raises(BrokenPipeError):
        os.write(typed.input, b"x")
    os.close(typed.input)
