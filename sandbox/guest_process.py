"""The guest process: one container's one instance, from the fork to ``os._exit``.

What it tells the pod process goes through the report pipe, descriptor 3:

    B           one that was a spare one begins with the guest's start section, if it has one
    S           all is in place, the guest's first instruction is next
    F<text>     it could not be started
    M<bytes> <text>
                a container's own has failed: how far its memory had grown (0: not known), and why it ended, when it
                trapped
    E<code>     one that is executed is at its end: so that nobody waits until the kernel has taken its memory apart
"""

import os
from collections.abc import Mapping
from typing import NoReturn

from sandbox import control, kernel_files, lean_json, network_access, records, syscalls
from sandbox.cgroup import tree as cgroup
from sandbox.errors import SandboxError
from sandbox.http import supervisor
from sandbox.http.limits import HttpLimits
from sandbox.place_names import ENVIRONMENT, ROOT, SHIM
from sandbox.seccomp.filter import guest_filter
from sandbox.seccomp.socket_policy import ALL, NO_SOCKETS, policy_of, serving
from sandbox.specs import GuestSpec
from sandbox.wasm import guest
from sandbox.wasm.engine import Loaded
from sandbox.wasm.http_guest import HttpGuest
from sandbox.wasm.socket_shim import SocketShim

REPORT = 3
STREAMS = ("stdin", "stdout", "stderr")
START_ERROR = 128
_FILTERS = [(policy, syscalls.SystemCallFilter(guest_filter(os.uname().machine, policy))) for policy in ALL]
_WORKER_FILTERS = [
    (policy, syscalls.SystemCallFilter(guest_filter(os.uname().machine, serving(policy))))
    for policy in (NO_SOCKETS, *ALL)
]
_LOST = 255
"""Of a guest that something other than itself ended."""


def prepare(spec: GuestSpec, loaded: Loaded, files: Mapping[str, int]) -> guest.Prepared:
    """In the pod process, before the fork. ``files``: descriptors, among them those of the shim, if it has one, for the
    pod process has none of the host's files. Raises StartFailure."""
    setup = guest.WasiSetup(
        argv=[os.fsencode(word) for word in spec.argv],
        env=_variables(spec.env),
        preopens=[("/", "/", True)],  # what is read-only is so by its mount
        memory_limit=spec.memory_limit,
        socket_shim=_shim(spec, loaded, files),
        network=spec.network if spec.opens_sockets else network_access.NONE,
        denies_calls=spec.calls_http and not network_access.calls_out(spec.network),
        host_network=spec.network if spec.asks_host else network_access.NONE,
    )
    return guest.prepare(loaded, setup)._replace(environment=files.get(ENVIRONMENT, -1))


def _variables(items: list[str]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, _, value in (os.fsencode(item).partition(b"=") for item in items)]


def read_environment(descriptor: int) -> list[tuple[bytes, bytes]]:
    """After the fork, so that it is in no memory but the guest's."""
    return _variables(lean_json.read(kernel_files.read_open(descriptor).decode("ascii")))


def _shim(spec: GuestSpec, loaded: Loaded, files: Mapping[str, int]) -> SocketShim | None:
    if not spec.socket_shim:
        return None
    front, back = (files[name] for name in SHIM)
    return loaded.engine.socket_shim(spec.socket_shim, front, back)


def main(
    spec: GuestSpec,
    prepared: guest.Prepared,
    layout: cgroup.Layout,
    group: str,
    folder: int,
    descriptors: list[int],
    listeners: list[int],
    questions: int,
    is_executed: bool = False,
) -> NoReturn:
    """``folder``: where the container's root is, as ``mount_places`` made it. ``descriptors``: what becomes 0 to 3.
    ``listeners``: its listening sockets; of one that is given requests then the folder of pipes. ``questions``: the
    socket by which it asks the pod process, -1 for none.
    """
    try:
        _take_descriptors(descriptors)
        if prepared.environment >= 0:  # else an earlier server has put it into the spec
            prepared = guest.with_environment(prepared, read_environment(prepared.environment))
        if prepared.http is not None:
            _supervise(spec, prepared, layout, group, folder, listeners)
        syscalls.heed_sigterm()
        instance = _prepare(spec, prepared, layout, group, folder, listeners, questions)
    except (SandboxError, OSError) as error:
        _fail(str(error))
    except BaseException as error:  # noqa: BLE001 - a forked process ends here, whatever it was
        _fail(f"{type(error).__name__}: {error}")
    _run(instance, is_executed)


def wait(
    prepared: guest.Prepared,
    layout: cgroup.Layout,
    descriptors: list[int],
    orders: int,
    questions: int,
) -> NoReturn:
    """Of a spare one (see ``sandbox.spare_guest``). What it is to be is in the packet that comes through ``orders``;
    until then it is in no container, and no instruction of the guest has run. ``prepared``: without what only that
    tells; ``descriptors``, ``questions``: see ``main``."""
    files: list[int] = []
    try:
        _take_descriptors(descriptors)
        syscalls.set_process_name(b"wasmlet-spare")
        syscalls.heed_sigterm()
        asked = [questions] if questions >= 0 else []
        syscalls.close_descriptors(REPORT + 1, [prepared.loaded.descriptor, orders, *asked])
        ahead = guest.instantiate_ahead(prepared, questions)
        order = control.read(orders, files)
    except BaseException:  # noqa: BLE001 - as in ``main``; who gives it an order finds it gone
        os._exit(START_ERROR)
    if order is None:
        os._exit(0)
    try:
        named = dict(zip(order["carried"].split(), files, strict=True))
        instance = _begin(prepared, ahead, layout, order["group"], named, questions)
    except (SandboxError, OSError) as error:
        _fail(str(error))
    except BaseException as error:  # noqa: BLE001 - as in ``main``
        _fail(f"{type(error).__name__}: {error}")
    _run(instance, is_executed=True)


def _begin(
    prepared: guest.Prepared,
    ahead: guest.Instance | None,
    layout: cgroup.Layout,
    group: str,
    files: dict[str, int],
    questions: int,
) -> guest.Instance:
    spec = read_spec(files["spec"])
    _take_descriptors([files[name] for name in STREAMS])
    prepared = guest.with_arguments(prepared, [os.fsencode(word) for word in spec.argv], spec.memory_limit)
    variables = read_environment(files[ENVIRONMENT]) if ENVIRONMENT in files else _variables(spec.env)
    prepared = guest.with_environment(prepared, variables)
    _confine(spec, prepared, layout, group, files["folder"], [], questions)
    _close_ways(spec, prepared)
    if ahead is not None:
        instance = guest.complete(ahead, prepared)
    else:
        os.write(REPORT, b"B")
        instance = guest.instantiate(prepared, [], questions)
    os.close(prepared.loaded.descriptor)
    return instance


def read_spec(descriptor: int) -> GuestSpec:
    """From where it is. Raises TornRecord."""
    return GuestSpec.from_json(records.decode("guest", kernel_files.read_open(descriptor), "the guest's record"))


def _run(instance: guest.Instance, is_executed: bool) -> NoReturn:
    exit_code = _LOST
    try:
        os.write(REPORT, b"S")
        outcome = guest.run(instance)
        exit_code = outcome.exit_code
        if exit_code and not is_executed:
            _tell(guest.memory_size(instance), outcome.message)
        if outcome.message:
            os.write(2, os.fsencode(outcome.message).rstrip(b"\n") + b"\n")
        if is_executed:
            _tell_end(exit_code)
    finally:
        os._exit(exit_code)


def _fail(text: str) -> NoReturn:
    os.write(REPORT, b"F" + os.fsencode(text)[:4000])
    os._exit(START_ERROR)


def _tell(memory: int, text: str) -> None:
    os.write(REPORT, b"M%d %b" % (memory, os.fsencode(text)[:4000]))


def _tell_end(exit_code: int) -> None:
    """Once nothing more can be written: its output has an end before it is known to have ended."""
    for descriptor in range(REPORT):
        os.close(descriptor)
    os.write(REPORT, b"E%d" % exit_code)


def _take_descriptors(descriptors: list[int]) -> None:
    """To their numbers. They come from the pod process and are all above 3."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number, inheritable=False)


def _prepare(
    spec: GuestSpec,
    prepared: guest.Prepared,
    layout: cgroup.Layout,
    group: str,
    folder: int,
    listeners: list[int],
    questions: int,
) -> guest.Instance:
    _confine(spec, prepared, layout, group, folder, listeners, questions)
    _close_ways(spec, prepared)
    # A module's start section runs: the guest's first instructions.
    instance = guest.instantiate(prepared, listeners, questions)
    os.close(prepared.loaded.descriptor)
    return instance


def _confine(
    spec: GuestSpec,
    prepared: guest.Prepared,
    layout: cgroup.Layout,
    group: str,
    folder: int,
    listeners: list[int],
    questions: int = -1,
) -> None:
    os.setsid()
    if spec.tty:
        syscalls.control_terminal(0)
        if spec.asks_host:
            syscalls.give_keys(0)
    syscalls.set_process_name(b"wasmlet-guest")
    cgroup.enter_guest_group(layout, group)
    _enter_root(folder)
    _drop_rights(spec)
    asked = [questions] if questions >= 0 else []
    syscalls.close_descriptors(REPORT + 1, [prepared.loaded.descriptor, *listeners, *asked])


def _supervise(
    spec: GuestSpec,
    prepared: guest.Prepared,
    layout: cgroup.Layout,
    group: str,
    folder: int,
    listeners: list[int],
) -> NoReturn:
    """Of a component that is given requests: here runs no guest (see ``sandbox.http.supervisor``)."""
    assert prepared.http is not None
    _confine(spec, prepared, layout, group, folder, listeners)
    handler, limit = HttpGuest(prepared), prepared.http.memory_limit
    service = supervisor.Service(
        guest=handler,
        limits=HttpLimits(**spec.http),
        listener=listeners[0],
        pipes=listeners[1],
        report=REPORT,
        memory_limit=lambda: limit.value,
        close_ways=lambda: _close_ways_of_worker(spec, prepared, handler),
        code=prepared.loaded.descriptor,
    )
    supervisor.Supervisor(service, syscalls.catch_sigterm()).run()


def _close_ways_of_worker(spec: GuestSpec, prepared: guest.Prepared, handler: HttpGuest) -> None:
    for address in (prepared.loaded.engine.proc_exit.code, *handler.linker.code()):
        syscalls.seal_code(address)
    policy = policy_of(spec.network, spec.opens_sockets, spec.calls_http, False)
    next(made for known, made in _WORKER_FILTERS if known is policy).install()


def _close_ways(spec: GuestSpec, prepared: guest.Prepared) -> None:
    """To code that was not there before, and to the kernel."""
    syscalls.seal_code(prepared.loaded.engine.proc_exit.code)
    syscalls.seal_code(prepared.loaded.engine.absent_host.code)
    if prepared.loaded.engine.denied_calls is not None:
        syscalls.seal_code(prepared.loaded.engine.denied_calls.code)
    if prepared.socket_shim is not None:
        syscalls.seal_code(prepared.socket_shim.sockets.code)
    uses = (spec.opens_sockets, spec.calls_http, bool(spec.listen), spec.asks_host, spec.changes_modes)
    policy = policy_of(spec.network, *uses)
    next(made for known, made in _FILTERS if known is policy).install()


def _enter_root(folder: int) -> None:
    os.fchdir(folder)
    os.chroot(ROOT)
    os.chdir("/")


def _drop_rights(spec: GuestSpec) -> None:
    os.setgroups(spec.groups)
    os.setresgid(spec.gid, spec.gid, spec.gid)
    os.setresuid(spec.uid, spec.uid, spec.uid)
    syscalls.drop_capabilities()
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)  # nothing of its memory is written to a file or shown to its equals
