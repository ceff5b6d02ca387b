"""RuntimeConfig: the cgroup driver, which the kubelet takes over at its start."""

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime

_DRIVERS = {"systemd": cri.SYSTEMD, "cgroupfs": cri.CGROUPFS}


async def runtime_config(runtime: Runtime, request: cri.RuntimeConfigRequest) -> cri.RuntimeConfigResponse:
    linux = cri.LinuxRuntimeConfiguration(cgroup_driver=_DRIVERS[runtime.cgroup_driver])
    return cri.RuntimeConfigResponse(linux=linux)
