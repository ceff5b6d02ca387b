"""What a pod's group is called, by the rules of both cgroup drivers."""

from sandbox.errors import InvalidSpec

DEFAULT_PARENT = "/wasmlet"
"""Of pods that name none, with the cgroupfs driver."""

_DEFAULT_SLICE = "system.slice"


def pod_group(parent: str, sandbox_id: str, driver: str) -> str:
    """The path of the pod's group below the hierarchies' mount points.

    ``parent`` is what the pod's configuration says (CRI: LinuxPodSandboxConfig.cgroup_parent), ``driver`` is
    ``cgroupfs`` or ``systemd``. Raises InvalidSpec.
    """
    if ".." in parent.split("/"):
        raise InvalidSpec(f'cgroup parent {parent} of pod sandbox {sandbox_id} climbs: write it without ".."')
    if driver == "systemd":
        return f"{_slice_path(parent, sandbox_id)}/wasmlet-{sandbox_id}.scope"
    return f"{_clean(parent) or DEFAULT_PARENT}/{sandbox_id}"


def _clean(parent: str) -> str:
    return "".join("/" + name for name in parent.split("/") if name not in ("", "."))


def _slice_path(parent: str, sandbox_id: str) -> str:
    """From the root down: ``/a.slice/a-b.slice`` for ``a-b.slice`` (systemd.slice(5)); only the last name counts."""
    name = parent.rstrip("/").rpartition("/")[2] or _DEFAULT_SLICE
    stem = name.removesuffix(".slice")
    if name == "-.slice":
        return ""
    if stem == name or not all(stem.split("-")):
        raise InvalidSpec(
            f"cgroup parent {parent} of pod sandbox {sandbox_id} is no systemd slice: "
            "set the same cgroup driver in the kubelet and in wasmlet"
        )
    steps = stem.split("-")
    return "".join(f"/{'-'.join(steps[: depth + 1])}.slice" for depth in range(len(steps)))
