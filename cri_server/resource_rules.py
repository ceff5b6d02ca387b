"""What a container's resources may be on this node, at its creation and at every change of them."""

from cri_server.container_limits import limits_of
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox
from sandbox.cgroup.checks import check_limits
from sandbox.errors import InvalidSpec, NotSupported


def check_resources(runtime: Runtime, sandbox: Sandbox, container: str, resources: cri.LinuxContainerResources) -> None:
    """Reads the files of the pod's group. Raises InvalidRequest, which names the ``container``."""
    try:
        check_limits(runtime.cgroup_layout, sandbox.record.cgroup, limits_of(resources))
    except (InvalidSpec, NotSupported) as error:
        raise InvalidRequest(f"resources of container {container}: {error}") from error
