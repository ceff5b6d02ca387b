"""What the server tells the processes below it: plain data that travels as JSON.

Every class is a NamedTuple of JSON values, so that a spec costs a forked process nothing but the fields it reads.
Strings that may hold any bytes (arguments, environment, paths) use the file system encoding with surrogate escapes.
"""

from typing import Any, NamedTuple

from sandbox import network_access

_HIGHEST_PID = 1 << 31
_MOST_CODES = 1 << 8
_LATEST = (1 << 63) - 1


class PodSpec(NamedTuple):
    """One pod sandbox, as its pod process needs to know it."""

    sandbox_id: str
    hostname: str
    """Set in a UTS namespace of the pod's own; empty: the host's."""
    host_network: bool
    host_ipc: bool
    cgroup: str
    """The pod's group (see ``sandbox.cgroup.tree.pod_group``)."""
    cgroup_by_systemd: bool
    """The group is a scope that the server asks systemd for; else the pod process makes it."""
    sysctls: dict[str, str]


class MountSpec(NamedTuple):
    """A directory or a single file of the host, bound into the container's root."""

    source: str
    target: str
    readonly: bool
    propagate: bool
    """Later mounts of the host below the source appear in the container (CRI: HOST_TO_CONTAINER)."""
    recursive: bool = False
    """Read-only are the mounts below the source, too."""
    device: bool = False
    """The source is a device node of the host that may be used through this mount."""

    def to_json(self) -> dict[str, Any]:
        """What is not set is left out: pod processes of earlier versions know the first four fields."""
        fields = self._asdict()
        return {name: value for name, value in fields.items() if value or name not in self._field_defaults}


class ProgramSpec(NamedTuple):
    kind: str
    """``module``, ``component``, or ``handler``: a component that is given requests."""
    compiled: str
    """Path of the compiled code."""
    entry: str


class GuestSpec(NamedTuple):
    """One container, as its guest process needs to know it."""

    container_id: str
    argv: list[str]
    env: list[str]
    """``NAME=value`` items, each name once."""
    working_dir: str
    """Made when it is missing. A WASI guest has no current directory: it learns of this one by ``PWD``."""
    program: ProgramSpec
    lower: str
    """Read-only tree below the container's own writable layer; empty: the writable layer is all there is."""
    layer: str
    """Directory of the container's writable layer; it holds the empty directories ``upper``, ``work`` and ``root``."""
    readonly_root: bool
    mounts: list[MountSpec]
    uid: int
    gid: int
    groups: list[int]
    pod_cgroup: str
    limits: dict[str, Any]
    """Fields of ``sandbox.cgroup.tree.Limits`` that are set."""
    oom_score_adj: int
    memory_limit: int
    """Bytes that each linear memory of the guest may grow to; 0: no limit of its own."""
    log_path: str
    """Absolute path of the CRI log; empty: output is discarded."""
    stdin: bool
    stdin_once: bool
    tty: bool
    run_path: str
    """File with the two slots of the run's record (see ``sandbox.run_record``)."""
    masked_paths: list[str] = []  # noqa: RUF012 - nobody changes it
    """What is there is covered by something empty that nobody may open; the rest is skipped."""
    readonly_paths: list[str] = []  # noqa: RUF012
    """What is there becomes read-only; the rest is skipped."""
    listen: list[int] = []  # noqa: RUF012
    """TCP ports whose listening sockets the guest, a module, gets from descriptor 3 on."""
    socket_shim: list[str] = []  # noqa: RUF012
    """Paths of the compiled code of the shim's front and back, for a module; one needs it that has listening sockets
    or asks the host."""
    network: str = network_access.FULL
    """What it may do in the pod's network, one of ``sandbox.network_access.ALL``."""
    asks_host: bool = False
    """It is a module that imports functions of wasmlet's own (see ``image_store.host_interface``)."""
    changes_modes: bool = True
    """What asks the host may have the modes of its files changed: a profile of the node may refuse that."""
    container_name: str = ""
    """As its pod calls it: what the pod's guests are told."""
    opens_sockets: bool = False
    """It is a component that uses ``wasi:sockets``; any other guest's process can make no socket."""
    calls_http: bool = False
    """A component that makes HTTP calls."""

    http: dict[str, Any] = {}  # noqa: RUF012
    """Of a component that is given requests: fields of ``sandbox.http.limits.HttpLimits``. It listens on one port."""
    http_components: list[str] = []  # noqa: RUF012
    """Paths of the compiled components of streams and of calls, which such a one needs."""

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "GuestSpec":
        known = {name: fields[name] for name in cls._fields if name in fields}
        known["program"] = ProgramSpec(**known["program"])
        known["mounts"] = [MountSpec(**mount) for mount in known["mounts"]]
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        fields = self._asdict()
        fields["program"] = self.program._asdict()
        fields["mounts"] = [mount.to_json() for mount in self.mounts]
        return fields


class Run(NamedTuple):
    """What became of a container's one run. Times in nanoseconds since the epoch, 0: not yet."""

    pid: int = 0
    """Of the guest process: on disk and in messages as its pod numbers it, in the server as the host does.
    There 0 of one that ended before anybody looked."""
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Run":
        """Raises TypeError, ValueError for what no pod process writes that is still itself."""
        run = cls(**fields)
        if any(type(value) is not type(default) for value, default in zip(run, cls(), strict=True)):
            raise TypeError("a field of a run has the type of another")
        if not (0 <= run.pid < _HIGHEST_PID and 0 <= run.exit_code < _MOST_CODES):
            raise ValueError("a run has a number that is none of a process, or no exit code")
        if not (0 <= run.started_at <= _LATEST and 0 <= run.finished_at <= _LATEST):
            raise ValueError("a run has a time that does not exist")
        return run

    def to_json(self) -> dict[str, Any]:
        """As ``_asdict``, without what that costs a forked process."""
        return {
            "pid": self.pid,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "exit_code": self.exit_code,
            "reason": self.reason,
            "message": self.message,
        }
