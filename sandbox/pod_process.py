"""The pod process: the anchor of one pod sandbox.

It is process 1 of the pod's PID namespace, so that its death is the death of every guest, by the kernel's hand. It
holds the pod's other namespaces, forks the guests, reaps them, and writes their logs and exits. It answers whoever
connects to its socket; when the server is gone it goes on. A single thread, an epoll loop. SIGTERM, which a node that
is shut down sends to all, ends its guests and then itself.

A guest that broke out of wasmtime and took its pod process over should find nothing there. So it gives away the host's
files and all capabilities that it can do without before its first guest, and is handed what a container needs, opened.

    request         fields; descriptors         answer
    hello           -                           version
    confine         layout; namespace           -               (the pod's group stands; before the first start)
    start           container, carried; files   run             (when the guest runs)
    signal          container, number           -
    reopen_log      container; file, if any     -
    limit_memory    container, size             -               (bytes a memory of the guest may grow to; 0: any)
    exec            container, exec, carried;   pid             (when it runs. ``exec``: a number of the client's own)
                    files
    end_exec        exec                        -               (it is killed)
    attach          container, attach, carried; -               (``attach``: likewise)
                    files
    detach          attach                      -
    end_input       container                   -               (as far as it is so with its first attacher's)
    resize          container, width, height    -               (columns and rows)
    shutdown        -                           none: the end of the connection is the answer

    event           fields
    started         container, run
    ended           container, run
    exec_ended      exec, exit_code             (to the client that asked, as those that follow)
    input_ended     attach
    detached        attach, reason              (the container has ended; ``stalled``: the client took no output)

The files of an exec: ``spec``, the record of what the guest is to be; its streams ``stdin``, ``stdout``, ``stderr``, or
its ``terminal``; and, unless this process has it already, the compiled code in ``folder``, which ``namespace`` keeps.
"""

import errno
import os
import sys
from typing import NoReturn

from sandbox import control, kernel_files, syscalls
from sandbox.cgroup import tree as cgroup
from sandbox.errors import GuestGone, InvalidSpec, SandboxError, StartFailure
from sandbox.event_loop import EventLoop
from sandbox.guest_process import REPORT, read_spec
from sandbox.place_names import PROGRAM, cgroup_folder
from sandbox.pod_clients import PodClients
from sandbox.pod_container import PodContainer
from sandbox.pod_questions import PodGuest
from sandbox.seccomp.filter import pod_filter
from sandbox.specs import GuestSpec, PodSpec
from sandbox.surroundings import Surroundings
from sandbox.wasm.engine import Engine, Loaded

OOM_SCORE = "/proc/self/oom_score_adj"
_FILTER = syscalls.SystemCallFilter(pod_filter(os.uname().machine))
_LOW_PORTS = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
_OOM_SCORE = b"-998"
"""The pod's anchor is among the last to be killed for memory, as a pause container is."""


def main(
    spec: PodSpec,
    engine: Engine,
    programs: dict[str, Loaded],
    listener: int,
    folder: int,
) -> NoReturn:
    """The forked child's whole life, in its namespaces. ``folder``: open directory of the pod's volatile state."""
    try:
        _detach(folder)
        loop = EventLoop()
        pod = PodProcess(loop, spec, engine, programs, listener, kernel_files.open_to_change(OOM_SCORE))
        pod.open()
        pod.heed(syscalls.catch_sigterm())
        loop.run_forever()
    finally:
        sys.excepthook(*sys.exc_info())  # into the pod's complaints: the loop ends no other way
        os._exit(1)


def _detach(folder: int) -> None:
    """Leave the server's session and its files; occupy the numbers that a guest's descriptors will take."""
    os.setsid()
    syscalls.set_process_name(b"wasmlet-pod")
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    complaints = os.open("complaints", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600, dir_fd=folder)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.dup2(complaints, 2)
    if null != REPORT:
        os.dup2(null, REPORT, inheritable=False)
    for descriptor in (complaints, folder):
        if descriptor != REPORT:
            os.close(descriptor)


def enter_namespaces(spec: PodSpec, network: int = -1) -> None:
    """The pod's own, but for its PID namespace, and a keyring of its own. ``network``: descriptor of that which was
    made for it, unless it is in the host's. Raises SandboxError."""
    try:
        flags = 0 if spec.host_network else syscalls.CLONE_NEWUTS
        syscalls.unshare(flags | (0 if spec.host_ipc else syscalls.CLONE_NEWIPC))
        if not spec.host_network:
            syscalls.setns(network, syscalls.CLONE_NEWNET)
        if spec.hostname and not spec.host_network:
            syscalls.sethostname(spec.hostname)
        if not spec.host_network:
            _free_low_ports()
        for name, value in spec.sysctls.items():
            _set_sysctl(name, value)
        syscalls.join_new_keyring()
        _set_oom_score()
    except (OSError, SandboxError) as error:
        raise SandboxError(f"pod sandbox {spec.sandbox_id} cannot be isolated: {error}") from error


def _free_low_ports() -> None:
    """As other runtimes do: in a network of the pod's own there is nothing that ports below 1024 were kept for, and no
    guest has the right to take one that is."""
    try:
        kernel_files.write(_LOW_PORTS, b"0")
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.ENOENT, errno.EACCES):
            raise
        return  # a nested node may not write there: then guests that make their own sockets need higher ports


def _set_sysctl(name: str, value: str) -> None:
    try:
        kernel_files.write("/proc/sys/" + name.replace(".", "/"), value.encode())
    except OSError as error:
        raise InvalidSpec(f"sysctl {name}={value!r} was refused by the kernel: {error.strerror}") from error


def _set_oom_score() -> None:
    try:
        kernel_files.write(OOM_SCORE, _OOM_SCORE)
    except PermissionError:
        pass  # a nested node lacks CAP_SYS_RESOURCE: there the pod process keeps the server's score


class PodProcess:
    """Connections, containers, and the requests that bring them together."""

    def __init__(
        self,
        loop: EventLoop,
        spec: PodSpec,
        engine: Engine,
        programs: dict[str, Loaded],
        listener: int,
        oom_score: int,
    ) -> None:
        """``oom_score``: descriptor of its own."""
        self._loop = loop
        self._spec = spec
        self._engine = engine
        self._programs = programs
        self._listener = listener
        self._oom_score = oom_score
        self._surroundings: Surroundings | None = None
        """None until it is confined."""
        self._connections: set[int] = set()
        self._containers: dict[str, PodContainer] = {}
        self._starting: dict[str, tuple[int, int]] = {}
        self._clients = PodClients(self._send)
        self._ending = False

    def open(self) -> None:
        """Be there for clients, as far as the loop runs."""
        syscalls.listen(self._listener)  # once more: a client now sees this process as its peer
        self._loop.watch(self._listener, self._process_connection)

    def surround(self, layout: cgroup.Layout) -> None:
        """From now on containers can be started. ``layout``: with the pod's group as its root."""
        self._surroundings = Surroundings(self._loop, layout, self._oom_score, self._guests)

    def _guests(self) -> list[PodGuest]:
        return [guest for container in self._containers.values() for guest in container.guests()]

    def heed(self, termination: int) -> None:
        """End, after the guests, once this descriptor is readable."""
        self._loop.watch(termination, lambda: self._process_termination(termination))

    def _process_termination(self, termination: int) -> None:
        self._loop.unwatch(termination)
        self._ending = True
        for container in self._containers.values():
            container.signal(syscalls.SIGTERM)
        self._end_if_empty()

    def _end_if_empty(self) -> None:
        if self._ending and not self._containers:
            os._exit(0)

    def _process_connection(self) -> None:
        connection = syscalls.accept(self._listener)
        self._connections.add(connection)
        self._loop.watch(connection, lambda: self._process_readable(connection))

    def _process_readable(self, connection: int) -> None:
        carried: list[int] = []
        request = self._receive(connection, carried)
        answer = None
        if request is None:
            self._disconnect(connection)
        else:
            answer = self._answer(connection, request, carried)
        for descriptor in carried:  # what nobody has taken
            os.close(descriptor)
        if request is not None and answer is not None:
            self._send(connection, {"id": request["id"], **answer})

    def _answer(self, connection: int, request: control.Message, carried: list[int]) -> control.Message | None:
        try:
            return self._process_request(connection, request, carried)
        except (OSError, SandboxError) as error:
            return {"error": type(error).__name__, "message": str(error)}
        except Exception as error:  # noqa: BLE001 - no request, of whatever version, may end the pod
            return {"error": InvalidSpec.__name__, "message": self._not_understood(error)}

    def _receive(self, connection: int, carried: list[int]) -> control.Message | None:
        """None from a peer that is gone, or that speaks no language to answer in."""
        try:
            request = control.read(connection, carried)
            return request if type(request) is dict and "id" in request else None
        except Exception:  # noqa: BLE001 - as above
            return None

    def _process_request(self, connection: int, request: control.Message, carried: list[int]) -> control.Message | None:
        """What it takes over it removes from ``carried``."""
        match request["op"]:
            case "hello":
                return {"version": control.VERSION}
            case "confine":
                return self._process_confine(request, *carried)
            case "start":
                self._process_start(connection, request, carried)
                return None  # answered when the guest runs, or failed to
            case "signal":
                return self._process_signal(request)
            case "reopen_log":
                return self._process_reopen_log(request, carried)
            case "limit_memory":
                return self._process_limit_memory(request)
            case "exec":
                self._process_exec(connection, request, carried)
                return None  # answered as a start is
            case "end_exec":
                self._clients.end(connection, request["exec"])
                return {}
            case "attach":
                return self._process_attach(connection, request, carried)
            case "detach":
                self._clients.detach(connection, request["attach"])
                return {}
            case "end_input":
                self._running(request).end_input()
                return {}
            case "resize":
                self._running(request).resize(request["width"], request["height"])
                return {}
            case "shutdown":
                os._exit(0)  # process 1: the kernel ends the guests
            case unknown:
                raise InvalidSpec(
                    f"pod process of {self._spec.sandbox_id} knows no request {unknown!r}: it is of an older version"
                )

    def _not_understood(self, error: Exception) -> str:
        return (
            f"pod process of {self._spec.sandbox_id} does not understand the request "
            f"({type(error).__name__}: {error}): it is of another version; make the pod anew"
        )

    def _process_confine(self, request: control.Message, namespace: int) -> control.Message:
        """From here on there are only the pod's cgroups, and what is handed to it."""
        layout = cgroup.Layout(**request["layout"])
        cgroup.enter_pod_group(layout, self._spec.cgroup)
        syscalls.setns(namespace, syscalls.CLONE_NEWNS)
        os.chdir("/")
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
        syscalls.keep_pod_capabilities()
        _FILTER.install()
        self.surround(_from_within(layout))
        return {}

    def _process_start(self, connection: int, request: control.Message, carried: list[int]) -> None:
        files = self._named(request, carried)
        spec = read_spec(files["spec"])
        if self._ending or self._surroundings is None:
            raise SandboxError(f"pod sandbox {self._spec.sandbox_id} is ending: make it anew")
        if spec.container_id in self._containers:
            raise InvalidSpec(f"container {spec.container_id} was started before: a container runs once")
        carried.clear()
        os.close(files.pop("spec"))  # it occupies memory
        container = PodContainer(self._surroundings, spec, files, self._report_started, self._report_ended)
        self._containers[spec.container_id] = container
        self._starting[spec.container_id] = (connection, request["id"])
        try:
            container.start(self._load(spec, container.folder))
        except (OSError, SandboxError) as error:
            container.fail(str(error))
        except Exception as error:  # noqa: BLE001 - as above
            container.fail(self._not_understood(error))

    def _named(self, request: control.Message, carried: list[int]) -> dict[str, int]:
        """The kernel leaves out of a message those for which there is no room."""
        names = request["carried"]
        if len(carried) < len(names):
            raise SandboxError(
                f"pod process of {self._spec.sandbox_id} has too many open files: end something that runs in the pod"
            )
        return dict(zip(names, carried, strict=True))

    def _load(self, spec: GuestSpec, folder: int) -> Loaded:
        """The compiled code: inherited, or loaded here once for all guests of this pod."""
        program = spec.program
        loaded = self._programs.get(program.compiled)
        if loaded is None:
            os.fchdir(folder)
            try:
                loaded = self._engine.load(program.kind, PROGRAM, program.entry)
            finally:
                os.chdir("/")
            self._programs[program.compiled] = loaded
        return loaded

    def _process_signal(self, request: control.Message) -> control.Message:
        container = self._containers.get(request["container"])
        if container is not None:
            container.signal(request["number"])
        return {}

    def _process_reopen_log(self, request: control.Message, carried: list[int]) -> control.Message:
        container = self._containers.get(request["container"])
        if container is None:
            raise GuestGone(f"container {request['container']} is not running: its log has no writer to reopen it")
        if carried:  # one without a log has none to go on in
            container.log.go_on_in(carried[0])
            carried.clear()
        return {}

    def _process_limit_memory(self, request: control.Message) -> control.Message:
        container = self._containers.get(request["container"])
        if container is None:
            raise GuestGone(f"container {request['container']} does not run: its memory cannot be limited")
        container.limit_memory(request["size"])
        return {}

    def _process_exec(self, connection: int, request: control.Message, carried: list[int]) -> None:
        files = self._named(request, carried)
        spec = read_spec(files["spec"])
        container = self._running(request)
        if self._ending or self._surroundings is None:
            raise SandboxError(f"pod sandbox {self._spec.sandbox_id} is ending: make it anew")
        loaded = self._load(spec, files.get("folder", -1))
        try:
            self._clients.execute(connection, request, self._surroundings, container, spec, loaded, files)
        finally:
            carried[:] = files.values()  # those that were not taken

    def _process_attach(self, connection: int, request: control.Message, carried: list[int]) -> control.Message:
        files = self._named(request, carried)
        try:
            self._clients.attach(connection, request, self._running(request), files)
        finally:
            carried[:] = files.values()  # those that were not taken
        return {}

    def _running(self, request: control.Message) -> PodContainer:
        container = self._containers.get(request["container"])
        if container is None:
            raise GuestGone(f"container {request['container']} is not running: start another one")
        return container

    def _report_started(self, container: PodContainer) -> None:
        self._answer_start(container, {"run": container.run.to_json()})
        self._broadcast("started", container)

    def _report_ended(self, container: PodContainer) -> None:
        del self._containers[container.spec.container_id]
        failed = {"error": StartFailure.__name__, "message": container.run.message}
        self._answer_start(container, failed)  # nobody waits any more for one that had started
        self._broadcast("ended", container)
        self._end_if_empty()

    def _answer_start(self, container: PodContainer, answer: control.Message) -> None:
        waiting = self._starting.pop(container.spec.container_id, None)
        if waiting is not None:
            self._send(waiting[0], {"id": waiting[1], **answer})

    def _broadcast(self, event: str, container: PodContainer) -> None:
        message = {"event": event, "container": container.spec.container_id, "run": container.run.to_json()}
        for connection in list(self._connections):
            self._send(connection, message)

    def _send(self, connection: int, message: control.Message) -> None:
        """A peer that does not read is cut off: it finds everything on disk when it comes back."""
        try:
            control.write(connection, message)
        except OSError:
            self._disconnect(connection)

    def _disconnect(self, connection: int) -> None:
        """The next connection may get the same number: no answer that this one waits for may reach it."""
        if connection in self._connections:
            self._connections.remove(connection)
            waiting = self._starting.items()
            self._starting = {container: asker for container, asker in waiting if asker[0] != connection}
            self._loop.unwatch(connection)
            os.close(connection)
            self._clients.forget(connection)
            if not self._connections:
                self._clients.end_spare()


def _from_within(layout: cgroup.Layout) -> cgroup.Layout:
    """Where the pod's own group of each hierarchy is, once there is nothing else."""
    folders = {mount: cgroup_folder(number) for number, mount in enumerate(layout.mounts)}
    controllers = {name: folders[mount] for name, mount in layout.controllers.items()}
    return cgroup.Layout(layout.unified, tuple(folders.values()), controllers)
