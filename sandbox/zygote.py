"""The zygote: one slim thread that holds the engine and the compiled code, and forks pod processes.

It never compiles and never runs a guest: either would leave threads behind whose locks a forked child would wait for.
It ends with the server's connection; the pods it forked do not notice. What it writes between two forks becomes
private memory of the next pod, so it does next to nothing.

    request     fields                              answer
    load        program                             -
    load_shim   paths                               -           (of the socket shim's front and back)
    fork        spec; listener, folder, its         pid         (its namespaces stand)
                network namespace, if it has one (fds)
"""

import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from typing import NoReturn

from sandbox import control, name_lookup, pod_process, syscalls
from sandbox.errors import SandboxError
from sandbox.rehearsal import rehearse
from sandbox.shared_heap import settle
from sandbox.specs import PodSpec, ProgramSpec
from sandbox.wasm.engine import Engine, Loaded
from sandbox.wasm.socket_grant import FlagPlaces

MOST_DESCRIPTORS = 65536
"""Of one process. What a guest opens beyond is refused to it."""


class Zygote:
    def __init__(self, connection: socket.socket, engine: Engine, most_programs: int) -> None:
        self._connection = connection
        self._engine = engine
        self._most_programs = most_programs
        self._programs: dict[str, Loaded] = {}
        self._pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def serve(self) -> None:
        """Until the server is gone."""
        while True:
            packet, descriptors = control.receive_packet(self._connection)
            if not packet:
                return
            if descriptors:
                self._fork(packet, descriptors)
            else:
                self._answer(control.decode(packet), self._process)

    def _fork(self, packet: bytes, descriptors: list[int]) -> None:
        """Whatever can be left to the child is: the request is read and answered there."""
        syscalls.unshare(syscalls.CLONE_NEWPID)
        pid = syscalls.fork()
        if pid == 0:
            self._become_pod(control.decode(packet), *descriptors)
        syscalls.setns(self._pid_namespace, syscalls.CLONE_NEWPID)
        for descriptor in descriptors:
            os.close(descriptor)
        if pid < 0:
            self._answer(control.decode(packet), _refuse_fork)

    def _become_pod(self, request: control.Message, listener: int, folder: int, network: int = -1) -> NoReturn:
        spec = PodSpec(**request["spec"])
        if "error" in self._answer(request, lambda _: _isolate(spec, network)):
            os._exit(1)
        if network >= 0:
            os.close(network)
        os.close(self._connection.fileno())
        os.close(self._pid_namespace)
        syscalls.reset_signal(syscalls.SIGCHLD)
        pod_process.main(spec, self._engine, self._programs, listener, folder)

    def _answer(
        self, request: control.Message, process: Callable[[control.Message], control.Message]
    ) -> control.Message:
        try:
            answer = process(request)
        except (OSError, SandboxError) as error:
            answer = {"error": type(error).__name__, "message": str(error)}
        try:
            control.write(self._connection.fileno(), {"id": request["id"], **answer})
        except ConnectionError:  # the server has been killed: nobody waits for the zygote, or the pod, any more
            os._exit(0)
        return answer

    def _process(self, request: control.Message) -> control.Message:
        return self._load_shim(request["paths"]) if request["op"] == "load_shim" else self._load(request)

    def _load_shim(self, paths: list[str]) -> control.Message:
        front, back = (os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in paths)
        try:
            self._engine.socket_shim(paths, front, back)
        finally:
            os.close(front)
            os.close(back)
        return {}

    def _load(self, request: control.Message) -> control.Message:
        """Most recently used last; the oldest gives way."""
        program = ProgramSpec(**request["program"])
        loaded = self._programs.pop(program.compiled, None)
        if loaded is None:
            loaded = self._engine.load(program.kind, program.compiled, program.entry)
            while len(self._programs) >= self._most_programs:
                self._programs.pop(next(iter(self._programs))).close()
        self._programs[program.compiled] = loaded
        return {}


def _isolate(spec: PodSpec, network: int) -> control.Message:
    pod_process.enter_namespaces(spec, network)
    return {"pid": int(os.readlink("/proc/self"))}  # this /proc is the host's: its number, not the namespace's 1


def _refuse_fork(request: control.Message) -> control.Message:
    sandbox_id = request["spec"]["sandbox_id"]
    raise SandboxError(
        f"pod sandbox {sandbox_id} cannot be forked: no process can be made; raise the limit of processes"
    )


def _limit_all_below() -> None:
    """Here once, for all pods and guests: no process below executes a program or needs more than this."""
    syscalls.bound_capabilities()
    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = min(most, MOST_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))


def main() -> None:
    """``sys.argv``: descriptor of the server's connection, path of wasmtime's library, how many programs to hold, and
    where the library keeps the flags for sockets."""
    engine = Engine(sys.argv[2], FlagPlaces.decoded(sys.argv[4]))
    name_lookup.settle_sources()
    rehearse(engine)
    engine.serving.http_linker  # noqa: B018 - made here once, for all pods
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # also the guests'
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps: the server hears of a pod's end by itself
    syscalls.set_process_name(b"wasmlet-zygote")
    _limit_all_below()
    zygote = Zygote(socket.socket(fileno=int(sys.argv[1])), engine, int(sys.argv[3]))
    settle()
    zygote.serve()
