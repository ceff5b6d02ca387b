"""A process that a pod process keeps for the next command that is executed in the pod.

Most of what an exec takes is there before: the fork, the instance, and the pages that the process writes to. It waits
where its pod process is, in no container, with nothing of the host open, and no instruction of a guest has run in it.
It is of one program. Whoever is executed next with that program takes it, in whichever container; it is told all the
rest then, as the environment, by descriptors that nobody else reads.

    Spares.keep() ── fork ──▶ waiting ── Spares.take() ──▶ an ``ExecGuest`` like any other
                                 └── IDLE_SECONDS, another program, no client: killed
"""

import os
import signal
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from sandbox import control, guest_process
from sandbox.errors import SandboxError
from sandbox.guest_fork import Forked, end, fork_guest
from sandbox.guest_process import STREAMS
from sandbox.place_names import ENVIRONMENT, SHIM
from sandbox.specs import GuestSpec
from sandbox.surroundings import Surroundings
from sandbox.wasm.engine import Loaded

IDLE_SECONDS = 30.0
"""Longer than probes wait for their next time as a rule."""
TIGHT_MEMORY = 64 << 20
"""A container with less gets none: a spare one has a megabyte of its own."""


class Spares:
    """One at most, of the program that was executed last."""

    def __init__(self) -> None:
        self._spare: SpareGuest | None = None
        self._cancel: Callable[[], None] = lambda: None
        """What would end it for want of use."""

    def keep(self, pod: Surroundings, spec: GuestSpec, loaded: Loaded) -> None:
        """Have one for what is like this, which was just executed."""
        if 0 < spec.limits.get("memory_limit", 0) < TIGHT_MEMORY:
            return
        if self._spare is None or not self._spare.fits(spec):
            self.end()
            try:
                self._spare = SpareGuest(pod, spec, loaded, self._forget)
            except (OSError, SandboxError):
                return  # the next one is forked when it is needed, and told why it cannot be
        self._cancel()
        pod.loop.call_later(IDLE_SECONDS, self.end)
        self._cancel = partial(pod.loop.cancel, self.end)

    def take(self, spec: GuestSpec, group: str, files: dict[str, int]) -> tuple[Forked, int] | None:
        """One that becomes what the record ``files["spec"]`` says, in that group, and the end of its report pipe; None
        if there is none like it."""
        spare, self._spare = self._spare, None
        if spare is None:
            return None
        self._cancel()
        if spare.fits(spec):
            return spare.send(spec, group, files)
        spare.end()  # now, for the one that is forked instead may need its place below a limit of processes
        return None

    def end(self) -> None:
        if self._spare is not None:
            self._cancel()
            self._spare.kill()
            self._spare = None

    def _forget(self, spare: "SpareGuest") -> None:
        """It has ended by itself, or was killed for its memory."""
        if self._spare is spare:
            self._cancel()
            self._spare = None


class SpareGuest:
    def __init__(
        self, pod: Surroundings, spec: GuestSpec, loaded: Loaded, on_ended: Callable[["SpareGuest"], None]
    ) -> None:
        """Raises SandboxError, OSError."""
        self._pod = pod
        self._kind = _kind(spec)
        self._on_ended = on_ended
        ours: list[int] = []
        theirs: list[int] = []
        try:
            self._open(ours, theirs)
            self._orders, self._report = ours
            self._forked = self._fork(spec, loaded, *theirs)
        except BaseException:
            _close(ours)
            raise
        finally:
            _close(theirs)

    def _open(self, ours: list[int], theirs: list[int]) -> None:
        """One by one, so that none is forgotten when the next cannot be opened."""
        for make in (_socket_pair, os.pipe):
            our, their = make()
            ours.append(our)
            theirs.append(their)
        theirs.append(os.dup(0))  # of a pod process it is /dev/null

    def _fork(self, spec: GuestSpec, loaded: Loaded, orders: int, report: int, null: int) -> Forked:
        pod, nothing = self._pod, spec._replace(argv=[], env=[], memory_limit=0)
        prepared = guest_process.prepare(nothing, loaded, dict.fromkeys(SHIM, -1))  # the shim is loaded already
        become = partial(guest_process.wait, prepared, pod.layout, [null, null, null, report], orders)
        forked = fork_guest(pod, nothing, become)
        try:
            pod.loop.watch(forked.pidfd, self._process_exit)
        except OSError:
            end(forked)
            raise
        return forked

    def fits(self, spec: GuestSpec) -> bool:
        return _kind(spec) == self._kind

    def send(self, spec: GuestSpec, group: str, files: dict[str, int]) -> tuple[Forked, int] | None:
        """Its order: it is no spare one then. None when it has just died."""
        os.lseek(files["spec"], 0, os.SEEK_SET)
        names = [name for name in ("spec", "folder", *STREAMS, ENVIRONMENT) if name in files]
        try:
            order = {"group": group, "carried": " ".join(names)}
            control.hand_over(self._orders, order, [files[name] for name in names])
        except OSError:
            self.end()
            return None
        if self._forked.asker is not None:
            self._forked.asker.uid = spec.uid
        self._pod.loop.unwatch(self._forked.pidfd)
        os.close(self._orders)
        return self._forked, self._report

    def kill(self) -> None:
        """It is reaped by itself."""
        signal.pidfd_send_signal(self._forked.pidfd, signal.SIGKILL)

    def end(self) -> None:
        """Kill it, and return when it is gone."""
        self._pod.loop.unwatch(self._forked.pidfd)
        end(self._forked)
        _close([self._report, self._orders])

    def _process_exit(self) -> None:
        self.end()
        self._on_ended(self)


def _socket_pair() -> tuple[int, int]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return ours.detach(), theirs.detach()


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _kind(spec: GuestSpec) -> tuple[Any, ...]:
    """What it cannot be told after the fork."""
    uses = (spec.asks_host, spec.changes_modes, spec.opens_sockets, spec.calls_http)
    return (spec.program, spec.socket_shim, spec.network, spec.oom_score_adj, *uses)
