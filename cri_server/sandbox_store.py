"""Pod sandboxes in memory.

    RunPodSandbox            the pod process ends, or
    (phase "creating")       StopPodSandbox ends it         RemovePodSandbox
          ──────────▶ READY ───────────────────▶ NOTREADY ──────────────────▶ gone

The way is one way: a sandbox never becomes READY again (CRI: the kubelet then makes a new one). READY means that its
pod process lives, so there is nothing to record when it ends. Before the last step of RunPodSandbox nobody sees the
sandbox.

The CRI messages are kept ready and serialised; ``refresh`` is called at every change. Reading takes no lock.
"""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.names import Names, sandbox_name
from cri_server.object_index import ObjectIndex
from cri_server.wire import field_1
from sandbox import records
from sandbox.errors import PodProcessGone

if TYPE_CHECKING:
    from sandbox.pod_process_link import PodProcess

CREATING = "creating"
READY = "ready"
_KIND = "sandbox"


@dataclass
class SandboxRecord:
    """What is on disk of a sandbox."""

    id: str
    phase: str
    boot_id: str
    created_at: int
    """Nanoseconds since the epoch."""
    config: bytes
    """The request's PodSandboxConfig, serialised."""
    runtime_handler: str
    host_network: bool
    cgroup: str
    cgroup_by_systemd: bool
    ips: list[str]
    """Primary first; empty in the host's network."""
    network_state: dict[str, Any] | None
    """What the network provider needs to detach it; None: not attached."""

    def save(self, path: str) -> None:
        """Raises DiskFull."""
        fields = asdict(self)
        fields["config"] = base64.b64encode(self.config).decode("ascii")
        records.write_record(path, _KIND, fields)

    @classmethod
    def load(cls, path: str) -> "SandboxRecord":
        """Raises FileNotFoundError, TornRecord."""
        fields = records.read_record(path, _KIND)
        try:
            fields["config"] = base64.b64decode(fields["config"])
            cri.PodSandboxConfig.FromString(fields["config"])
            return cls(**fields)
        except (KeyError, TypeError, ValueError, DecodeError) as error:
            raise records.TornRecord(f"{path} lacks what a sandbox record has: {error}") from error


class Sandbox:
    def __init__(self, record: SandboxRecord, process: "PodProcess | None") -> None:
        self.record = record
        self.config = cri.PodSandboxConfig.FromString(record.config)
        self.name = sandbox_name(self.config.metadata)
        self.process = process
        self.lock = asyncio.Lock()
        """Held by stop and remove, and by what puts a container into the sandbox."""
        self.stopping = False
        """Nothing new begins in it."""
        self.torn_down = False
        """Cgroup, scope and network are released."""
        self.attributes_field = field_1(_attributes(self))
        self.refresh()

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def ready(self) -> bool:
        return self.process is not None and self.process.alive

    @property
    def accepts(self) -> bool:
        """Containers may be created and started in it."""
        return self.ready and not self.stopping

    @property
    def labels(self) -> Mapping[str, str]:
        return self.config.labels

    def change(self, record: SandboxRecord, config: cri.PodSandboxConfig) -> None:
        """What is on disk now says so."""
        self.record, self.config = record, config
        self.refresh()

    def refresh(self) -> None:
        """Make the messages again, after a change."""
        self.state = cri.SANDBOX_READY if self.ready else cri.SANDBOX_NOTREADY
        self.status = _status(self)
        self.status_field = field_1(self.status)
        self.list_field = field_1(_listed(self))


def running_process(sandbox: Sandbox) -> "PodProcess":
    """Raises PodProcessGone."""
    if sandbox.process is None or not sandbox.process.alive:
        raise PodProcessGone(f"pod process of {sandbox.id} is gone: make the pod anew")
    return sandbox.process


def has_host_network(config: cri.PodSandboxConfig) -> bool:
    return bool(config.linux.security_context.namespace_options.network == cri.NODE)


def _attributes(sandbox: Sandbox) -> cri.PodSandboxAttributes:
    """In statistics they come first. They never change."""
    config = sandbox.config
    return cri.PodSandboxAttributes(
        id=sandbox.id, metadata=config.metadata, labels=config.labels, annotations=config.annotations
    )


def _listed(sandbox: Sandbox) -> cri.PodSandbox:
    return cri.PodSandbox(
        id=sandbox.id,
        metadata=sandbox.config.metadata,
        state=sandbox.state,
        created_at=sandbox.record.created_at,
        labels=sandbox.config.labels,
        annotations=sandbox.config.annotations,
        runtime_handler=sandbox.record.runtime_handler,
    )


def _status(sandbox: Sandbox) -> cri.PodSandboxStatus:
    """CRI: the kubelet recreates a sandbox whose namespace options or IP are missing."""
    options = sandbox.config.linux.security_context.namespace_options
    return cri.PodSandboxStatus(
        id=sandbox.id,
        metadata=sandbox.config.metadata,
        state=sandbox.state,
        created_at=sandbox.record.created_at,
        network=_network_status(sandbox),
        linux=cri.LinuxPodSandboxStatus(namespaces=cri.Namespace(options=options)),
        labels=sandbox.config.labels,
        annotations=sandbox.config.annotations,
        runtime_handler=sandbox.record.runtime_handler,
    )


def _network_status(sandbox: Sandbox) -> cri.PodSandboxNetworkStatus:
    ips = sandbox.record.ips if sandbox.ready else []
    others = [cri.PodIP(ip=ip) for ip in ips[1:]]
    return cri.PodSandboxNetworkStatus(ip=ips[0] if ips else "", additional_ips=others)


class SandboxStore(ObjectIndex[Sandbox]):
    """All that clients see, and the names, which are reserved before and until after."""

    def __init__(self) -> None:
        super().__init__("pod sandbox")
        self.names = Names("sandbox")

    def remove(self, sandbox: Sandbox) -> None:
        self.discard(sandbox.id)
        self.names.release(sandbox.name, sandbox.id)
