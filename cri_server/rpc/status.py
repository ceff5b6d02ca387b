"""Status: is the node able to run pods? Every five seconds from the kubelet, so it waits for nothing."""

import os
import platform

from cri_server import info, version
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime
from cri_server.sandbox_rules import HANDLERS

_READY = "RuntimeReady"
_NETWORK_READY = "NetworkReady"


async def status(runtime: Runtime, request: cri.StatusRequest) -> cri.StatusResponse:
    conditions = [_runtime_condition(runtime), _network_condition(runtime)]
    return cri.StatusResponse(
        status=cri.RuntimeStatus(conditions=conditions),
        info=_info(runtime) if request.verbose else {},
        runtime_handlers=[_handler(name) for name in HANDLERS],
        features=_features(),
    )


def _runtime_condition(runtime: Runtime) -> cri.RuntimeCondition:
    """A dead zygote is no reason: the next pod starts another."""
    for folder in (runtime.paths.root, runtime.paths.state):
        if not _is_writable(folder):
            message = f"{folder} cannot be written: mount it read-write"
            return cri.RuntimeCondition(type=_READY, status=False, reason="DirectoryNotWritable", message=message)
    return cri.RuntimeCondition(type=_READY, status=True)


def _is_writable(folder: str) -> bool:
    try:
        return not os.statvfs(folder).f_flag & os.ST_RDONLY
    except OSError:
        return False


def _network_condition(runtime: Runtime) -> cri.RuntimeCondition:
    ready, reason, message = runtime.network.condition()
    return cri.RuntimeCondition(type=_NETWORK_READY, status=ready, reason=reason, message=message)


def _handler(name: str) -> cri.RuntimeHandler:
    features = cri.RuntimeHandlerFeatures(recursive_read_only_mounts=True, user_namespaces=False)
    return cri.RuntimeHandler(name=name, features=features)


def _features() -> cri.RuntimeFeatures:
    return cri.RuntimeFeatures(supplemental_groups_policy=True)


def _info(runtime: Runtime) -> dict[str, str]:
    wasm = {
        "engine": "wasmtime",
        "version": version.engine_version(),
        "kinds": ["WASI preview 1 module", "WASI 0.2 component"],
        "zygote": runtime.pods.zygote_pid,
        "wasi:sockets": runtime.pods.socket_refusal or "granted",
    }
    return {
        "config": info.encoded(runtime.settings.model_dump()),
        "streaming": runtime.streaming.address,
        "wasm": info.encoded(wasm),
        "python": platform.python_version(),
    }
