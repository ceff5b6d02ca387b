"""The zygote: one slim thread that holds the engine and the compiled code, and forks pod processes.

It never compiles and never runs a guest: either would leave threads behind whose locks a forked child would wait for.
It ends with the server's connection; the pods it forked do not notice. What it writes between two forks becomes
private memory of the next pod, so it does next to nothing.

    request     fields                              answer
    load        program                             -
    fork        spec; listener, folder (fds)        pid
"""

import gc
import os
import signal
import socket
import sys

from sandbox import control, pod_process, syscalls
from sandbox.cgroup import tree as cgroup
from sandbox.errors import SandboxError
from sandbox.specs import PodSpec, ProgramSpec
from sandbox.wasm.engine import Engine, Loaded


class Zygote:
    def __init__(self, connection: socket.socket, engine: Engine, most_programs: int) -> None:
        self._connection = connection
        self._engine = engine
        self._layout = cgroup.detect()
        self._most_programs = most_programs
        self._programs: dict[str, Loaded] = {}
        self._pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def serve(self) -> None:
        """Until the server is gone."""
        while True:
            request, descriptors = control.receive(self._connection)
            if request is None:
                return
            try:
                answer = self._process_request(request, descriptors)
            except (OSError, SandboxError) as error:
                answer = {"error": type(error).__name__, "message": str(error)}
            for descriptor in descriptors:
                os.close(descriptor)
            control.send(self._connection, {"id": request["id"], **answer})

    def _process_request(self, request: control.Message, descriptors: list[int]) -> control.Message:
        if request["op"] == "load":
            return self._process_load(ProgramSpec(**request["program"]))
        return self._process_fork(PodSpec(**request["spec"]), *descriptors)

    def _process_load(self, program: ProgramSpec) -> control.Message:
        """Most recently used last; the oldest gives way."""
        loaded = self._programs.pop(program.compiled, None)
        if loaded is None:
            loaded = self._engine.load(program.kind, program.compiled, program.entry)
            while len(self._programs) >= self._most_programs:
                self._programs.pop(next(iter(self._programs))).close()
        self._programs[program.compiled] = loaded
        return {}

    def _process_fork(self, spec: PodSpec, listener: int, folder: int) -> control.Message:
        syscalls.unshare(syscalls.CLONE_NEWPID)
        pid = int(syscalls.fork())
        if pid == 0:
            self._become_pod(spec, listener, folder)
        syscalls.setns(self._pid_namespace, syscalls.CLONE_NEWPID)
        if pid < 0:
            raise SandboxError(
                f"pod sandbox {spec.sandbox_id} cannot be forked: no process can be made; raise pids limits"
            )
        return {"pid": pid}

    def _become_pod(self, spec: PodSpec, listener: int, folder: int) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._connection.close()
        os.close(self._pid_namespace)
        pod_process.main(spec, self._engine, self._programs, self._layout, socket.socket(fileno=listener), folder)


def main() -> None:
    """``sys.argv``: descriptor of the server's connection, path of wasmtime's library, how many programs to hold."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # also the guests'
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps: the server hears of a pod's end by itself
    syscalls.set_process_name(b"wasmlet-zygote")
    zygote = Zygote(socket.socket(fileno=int(sys.argv[1])), Engine(sys.argv[2]), int(sys.argv[3]))
    _settle()
    zygote.serve()


def _settle() -> None:
    """Leave as little as possible for a child to copy: no garbage, no collector, no holes to fill."""
    gc.collect()
    gc.freeze()
    gc.disable()
    syscalls.trim_heap()
