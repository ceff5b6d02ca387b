"""What a sandbox holds of the node, given back: by stop, by recovery, and when its creation failed. Every step is
idempotent."""

import structlog

from cri_server.blocking import in_thread
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox, SandboxRecord
from sandbox.cgroup import systemd_scope, tree

log = structlog.get_logger()


async def release_cgroup(runtime: Runtime, record: SandboxRecord) -> None:
    """Kills what is left in it."""
    if record.cgroup_by_systemd:
        await systemd_scope.stop_scope(record.cgroup)
    await in_thread(tree.remove, runtime.cgroup_layout, record.cgroup)


async def release_network(runtime: Runtime, record: SandboxRecord) -> None:
    """CRI: when this fails the sandbox is NOTREADY all the same, and the next stop tries again."""
    if not record.host_network:
        await runtime.network.detach(record.id, record.network_state or {})


async def release_node(runtime: Runtime, sandbox: Sandbox) -> None:
    """Everything, once; the pod process is dead."""
    if sandbox.torn_down:
        return
    await release_cgroup(runtime, sandbox.record)
    await runtime.pods.destroy(sandbox.id)
    await release_network(runtime, sandbox.record)
    sandbox.torn_down = True
