"""Where things are in the mount namespaces that the server makes (see ``sandbox.mount_places``)."""

CGROUPS = 16
"""More hierarchies than a pod has groups in."""
LISTENER, SHIM = "listener", ("shim_front", "shim_back")
"""What the files of a start are called that a guest with listening sockets needs besides."""

PROGRAM = "program"
ROOT = "root"


def cgroup_folder(number: int) -> str:
    return f"/cgroup/{number}"
