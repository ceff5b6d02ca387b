"""Sandboxes and containers in the terms of an OCI runtime configuration, as far as they have them: from ``info`` of
verbose answers scripts pick the namespaces, the limits, the mounts and the arguments."""

from typing import Any

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.etc_files import hostname
from cri_server.sandbox_store import Sandbox
from sandbox.cgroup.tree import Limits
from sandbox.specs import GuestSpec, MountSpec

_OF_THE_POD = {"pid": "pid", "ipc": "ipc", "uts": "uts", "network": "net"}
"""Names of the namespaces of a pod process, in OCI's words and in those of ``/proc``."""

_CAPABILITY_SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")


def of_sandbox(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "hostname": hostname(sandbox.config),
        "linux": {"cgroupsPath": sandbox.record.cgroup, "namespaces": _pod_namespaces(sandbox)},
    }


def of_container(guest: GuestSpec, sandbox: Sandbox) -> dict[str, Any]:
    return {
        "process": {
            "args": guest.argv,
            "env": guest.env,
            "cwd": guest.working_dir,
            "terminal": guest.tty,
            "user": {"uid": guest.uid, "gid": guest.gid, "additionalGids": guest.groups},
            "capabilities": {kind: [] for kind in _CAPABILITY_SETS},  # whatever the container adds
            "noNewPrivileges": True,
            "oomScoreAdj": guest.oom_score_adj,
        },
        "root": {"path": guest.lower or guest.layer, "readonly": guest.readonly_root},
        "hostname": hostname(sandbox.config),
        "mounts": [_mount(mount) for mount in guest.mounts],
        "linux": {
            "cgroupsPath": f"{guest.pod_cgroup}/{guest.container_id}",
            "resources": _resources(Limits(**guest.limits)),
            "namespaces": [*_pod_namespaces(sandbox), {"type": "mount"}],
            "maskedPaths": guest.masked_paths,
            "readonlyPaths": guest.readonly_paths,
        },
        "wasm": guest.program._asdict(),
    }


def _mount(mount: MountSpec) -> dict[str, Any]:
    access = "rro" if mount.recursive else "ro" if mount.readonly else "rw"
    options = ["rbind", access, "rslave" if mount.propagate else "rprivate"]
    return {"destination": mount.target, "source": mount.source, "type": "bind", "options": options}


def _resources(limits: Limits) -> dict[str, Any]:
    cpu = {
        "shares": limits.cpu_shares,
        "quota": limits.cpu_quota,
        "period": limits.cpu_period,
        "cpus": limits.cpuset_cpus,
        "mems": limits.cpuset_mems,
    }
    resources = {
        "cpu": _set(cpu),
        "memory": _set({"limit": limits.memory_limit, "swap": limits.memory_swap}),
        "hugepageLimits": [{"pageSize": size, "limit": limit} for size, limit in limits.hugepages.items()],
        "unified": limits.unified,
    }
    return _set(resources)


def _set(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _pod_namespaces(sandbox: Sandbox) -> list[dict[str, str]]:
    """OCI: those that are the host's are left out."""
    shared = _shared_with_host(sandbox)
    own = {kind: name for kind, name in _OF_THE_POD.items() if kind not in shared}
    if sandbox.process is None or not sandbox.ready:
        return [{"type": kind} for kind in own]
    return [{"type": kind, "path": f"/proc/{sandbox.process.pid}/ns/{name}"} for kind, name in own.items()]


def _shared_with_host(sandbox: Sandbox) -> set[str]:
    options = sandbox.config.linux.security_context.namespace_options
    shared = {"network", "uts"} if sandbox.record.host_network else set()
    return shared | {"ipc"} if options.ipc == cri.NODE else shared
