"""Where things are in the mount namespaces that the server makes (see ``sandbox.mount_places``)."""

CGROUPS = 16
"""More hierarchies than a pod has groups in."""
ENVIRONMENT = "environment"
"""What the file of a start is called that the guest process alone reads."""
LISTENER, SHIM = "listener", ("shim_front", "shim_back")
"""What the files of a start are called that a guest with listening sockets needs besides."""
HTTP_COMPONENTS, HTTP_PIPES = ("http_output", "http_streams", "http_client"), "http_pipes"
"""What those of a component that is given requests are called."""

PROGRAM = "program"
ROOT = "root"


def cgroup_folder(number: int) -> str:
    return f"/cgroup/{number}"
