"""The life of a pod, played in the zygote before there is one.

What runs for the first time makes Python write: into the code, to specialise it, into its cache of attributes, into the
heap. What was written before the fork is shared by all pods.
"""

import os
import select
import socket

from sandbox import control, guest_process, lean_json, records, run_record
from sandbox.cgroup.layout import Layout
from sandbox.event_loop import EventLoop
from sandbox.pod_process import PodProcess
from sandbox.specs import GuestSpec, PodSpec, ProgramSpec
from sandbox.wasm.engine import Engine, Loaded

_TIMES = 2
_NAME = "rehearsal"
_PROGRAM = ProgramSpec("module", _NAME, "_start")
_POD = PodSpec(_NAME, "", host_network=True, host_ipc=True, cgroup="", cgroup_by_systemd=False, sysctls={})
_NO_CGROUPS = Layout(unified=False, mounts=(), controllers={})


def rehearse(engine: Engine) -> None:
    """The guest's part ends where it would enter its root, for there is none. SIGCHLD must not be ignored."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind("")  # the kernel chooses an abstract address
        programs = {_PROGRAM.compiled: Loaded(engine, _PROGRAM.kind, None, None, _PROGRAM.entry, -1)}
        for _ in range(_TIMES):
            _play(engine, programs, listener)


def _play(engine: Engine, programs: dict[str, Loaded], listener: socket.socket) -> None:
    loop = EventLoop()
    oom_score, run = os.memfd_create(_NAME), os.memfd_create(_NAME)
    pod = PodProcess(loop, _POD, engine, programs, listener.fileno(), oom_score)
    pod.surround(_NO_CGROUPS)
    pod.open()
    spec = os.memfd_create(_NAME)
    os.write(spec, records.encode("guest", guest_of_nothing().to_json()))
    os.lseek(spec, 0, os.SEEK_SET)
    os.ftruncate(run, 2 * run_record.SLOT_BYTES)
    _read_environment()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(listener.getsockname())
        for request, descriptors in _requests(spec, run):
            control.send(server, request, descriptors)
            _await_answer(loop, server)
    loop.run_once()  # it sees that its client has gone
    loop.close()
    for descriptor in (spec, run, oom_score):
        os.close(descriptor)


def _read_environment() -> None:
    """As a guest process does, which leaves nothing behind."""
    environment = os.memfd_create(_NAME)
    os.write(environment, lean_json.write(guest_of_nothing().env).encode())
    os.lseek(environment, 0, os.SEEK_SET)
    guest_process.read_environment(environment)
    os.close(environment)


def _requests(spec: int, run: int) -> list[tuple[control.Message, tuple[int, ...]]]:
    common = {"version": control.VERSION, "id": 1, "container": _NAME}
    carried = ["spec", "run", "log", "namespace", "folder"]
    return [
        ({**common, "op": "hello"}, ()),
        ({**common, "op": "start", "carried": carried}, (spec, run, run, run, run)),
        ({**common, "op": "signal", "number": 0}, ()),
    ]


def _await_answer(loop: EventLoop, server: socket.socket) -> None:
    while not _is_readable(server):
        loop.run_once()
    while _is_readable(server):
        control.receive(server)


def _is_readable(server: socket.socket) -> bool:
    return bool(select.select([server], [], [], 0)[0])


def guest_of_nothing() -> GuestSpec:
    """A spec of which nothing is true."""
    return GuestSpec(
        container_id=_NAME,
        argv=[_NAME],
        env=["PATH=/"],
        working_dir="/",
        program=_PROGRAM,
        lower="",
        layer="/",
        readonly_root=False,
        mounts=[],
        uid=0,
        gid=0,
        groups=[0],
        pod_cgroup="",
        limits={},
        oom_score_adj=0,
        memory_limit=0,
        log_path="/dev/null",
        stdin=False,
        stdin_once=False,
        tty=False,
        run_path="/",
    )
