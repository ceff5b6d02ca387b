"""What every RPC works with."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cri_server.clock import Clock
from cri_server.config import Settings
from cri_server.container_store import Container, ContainerStore
from cri_server.errors import UnknownObject
from cri_server.event_queue import EventQueue
from cri_server.image_messages import ImageMessages
from cri_server.paths import Paths
from cri_server.sandbox_store import Sandbox, SandboxStore
from cri_server.usage_reader import UsageReader
from cri_server.usage_sampler import UsageSampler
from sandbox.file_system import FileSystem

if TYPE_CHECKING:
    from cri_server.streaming.server import StreamingServer
    from cri_server.toolbox import Toolbox
    from image_store.store import ImageStore
    from sandbox.cgroup.tree import Layout
    from sandbox.network.provider import NetworkProvider
    from sandbox.pod_processes import PodProcesses


@dataclass
class Runtime:
    settings: Settings
    paths: Paths
    pods: "PodProcesses"
    images: "ImageStore"
    network: "NetworkProvider"
    streaming: "StreamingServer"
    toolbox: "Toolbox"
    cgroup_layout: "Layout"
    cgroup_driver: str
    """``cgroupfs`` or ``systemd``."""
    file_system: FileSystem
    """That has the root, and the containers' writable layers below it."""
    clock: Clock = field(default_factory=Clock)
    sandboxes: SandboxStore = field(default_factory=SandboxStore)
    containers: ContainerStore = field(default_factory=ContainerStore)
    usage_reader: UsageReader = field(default_factory=UsageReader)
    usage_sampler: UsageSampler = field(default_factory=UsageSampler)
    image_messages: ImageMessages = field(default_factory=ImageMessages)
    events: EventQueue = field(default_factory=EventQueue)
    """Container events (see ``pod_events``)."""
    operations: set[asyncio.Task[Any]] = field(default_factory=set)
    """Work under way that changes something (see ``operations``)."""

    def sandbox(self, prefix: str) -> Sandbox:
        """Raises UnknownObject, InvalidRequest."""
        sandbox = self.sandboxes.find(prefix)
        if sandbox is None:
            raise UnknownObject(
                f"pod sandbox {prefix} is not known: it was removed or never made; 'crictl pods' lists all"
            )
        return sandbox

    def container(self, prefix: str) -> Container:
        """Raises UnknownObject, InvalidRequest."""
        container = self.containers.find(prefix)
        if container is None:
            raise UnknownObject(
                f"container {prefix} is not known: it was removed or never made; 'crictl ps -a' lists all"
            )
        return container
