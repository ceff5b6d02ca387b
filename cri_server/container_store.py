"""Containers in memory.

                    StartContainer              the guest ends, or
                                                StopContainer ends it
    CREATED ────────────────────────▶ RUNNING ────────────────────────▶ EXITED
       └───────── start fails: 128 StartError ─────────────────────────────┘
       └──────────────────── RemoveContainer ends each of them ─────────────────▶ gone

The state is that of the container's one run (``sandbox.run_record``), which the pod process writes: the server follows.
There is no UNKNOWN, for a guest cannot outlive its pod process: a run whose end nobody recorded is EXITED 255
``Unknown``.

The CRI messages are kept ready and serialised; ``refresh`` is called at every change. Reading takes no lock.
"""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from google.protobuf.message import DecodeError

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.names import Names, container_name
from cri_server.object_index import ObjectIndex
from cri_server.wire import field_1
from sandbox import records
from sandbox.specs import GuestSpec, Run

_KIND = "container"


@dataclass
class ContainerRecord:
    """What is on disk of a container, next to its guest's spec and its run."""

    id: str
    sandbox_id: str
    created_at: int
    """Nanoseconds since the epoch."""
    config: bytes
    """The request's ContainerConfig, serialised."""
    image: dict[str, Any]
    """The image it was made of, which may be removed while it exists (see ``image_held``)."""
    image_name: str
    """CRI: ContainerStatus.image, a tag when there is one."""
    image_ref: str
    """CRI: ``name@digest``, else the image's id."""
    program: dict[str, Any]
    stop_signal: str
    """Name in the enum ``Signal`` of CRI; the signal that StopContainer sends."""
    volumes: list[list[str]] = field(default_factory=list)
    """Kind and name of what it has mounted of images, and which is held for it."""

    def save(self, path: str) -> None:
        """Raises DiskFull."""
        fields = asdict(self)
        fields["config"] = base64.b64encode(self.config).decode("ascii")
        records.write_record(path, _KIND, fields)

    @classmethod
    def load(cls, path: str) -> "ContainerRecord":
        """Raises FileNotFoundError, TornRecord."""
        fields = records.read_record(path, _KIND)
        try:
            fields["config"] = base64.b64decode(fields["config"])
            cri.ContainerConfig.FromString(fields["config"])
            return cls(**fields)
        except (KeyError, TypeError, ValueError, DecodeError) as error:
            raise records.TornRecord(f"{path} lacks what a container record has: {error}") from error


class Container:
    def __init__(self, record: ContainerRecord, guest: GuestSpec, run: Run, sandbox: cri.PodSandboxMetadata) -> None:
        self.record = record
        self.guest = guest
        self.config = cri.ContainerConfig.FromString(record.config)
        self.name = container_name(self.config.metadata, sandbox)
        self.lock = asyncio.Lock()
        """Held by start and remove."""
        self.removing = False
        self.signalled = False
        """The stop signal was sent: once is enough."""
        self.exited = asyncio.Event()
        self.attributes_field = field_1(_attributes(self))
        self._set_run(run)

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def labels(self) -> Mapping[str, str]:
        return self.config.labels

    @property
    def cgroup(self) -> str:
        return f"{self.guest.pod_cgroup}/{self.id}"

    @property
    def state(self) -> cri.ContainerState:
        if self.run.finished_at:
            return cri.CONTAINER_EXITED
        return cri.CONTAINER_RUNNING if self.run.started_at else cri.CONTAINER_CREATED

    def follow(self, run: Run) -> None:
        """The run has come this far. An end is never taken back."""
        if not self.exited.is_set() and run != self.run:
            self._set_run(run)

    def _set_run(self, run: Run) -> None:
        self.run = run
        self.refresh()
        if run.finished_at:
            self.exited.set()

    def change(self, record: ContainerRecord, config: cri.ContainerConfig, guest: GuestSpec) -> None:
        """What is on disk now says so."""
        self.record, self.config, self.guest = record, config, guest
        self.refresh()

    def refresh(self) -> None:
        """Make the messages again, after a change."""
        self.status = _status(self)
        self.status_field = field_1(self.status)
        self.list_field = field_1(_listed(self))


def _attributes(container: Container) -> cri.ContainerAttributes:
    """In statistics they come first. They never change."""
    config = container.config
    return cri.ContainerAttributes(
        id=container.id, metadata=config.metadata, labels=config.labels, annotations=config.annotations
    )


def _listed(container: Container) -> cri.Container:
    return cri.Container(
        id=container.id,
        pod_sandbox_id=container.record.sandbox_id,
        metadata=container.config.metadata,
        image=container.config.image,
        image_ref=container.record.image_ref,
        state=container.state,
        created_at=container.record.created_at,
        labels=container.config.labels,
        annotations=container.config.annotations,
        image_id=container.record.image["id"],
    )


def _status(container: Container) -> cri.ContainerStatus:
    config, record, run = container.config, container.record, container.run
    status = cri.ContainerStatus(
        id=record.id,
        metadata=config.metadata,
        state=container.state,
        created_at=record.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        exit_code=run.exit_code,
        image=config.image,
        image_ref=record.image_ref,
        reason=run.reason,
        message=_printable(run.message),
        labels=config.labels,
        annotations=config.annotations,
        mounts=config.mounts,
        log_path=container.guest.log_path,
        image_id=record.image["id"],
        user=_user(container.guest),
        stop_signal=record.stop_signal,
    )
    status.image.image = record.image_name
    if config.linux.HasField("resources"):
        status.resources.linux.CopyFrom(config.linux.resources)
    return status


def _printable(text: str) -> str:
    """Messages may hold bytes of a guest's file names; CRI strings hold UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _user(guest: GuestSpec) -> cri.ContainerUser:
    user = cri.LinuxContainerUser(uid=guest.uid, gid=guest.gid, supplemental_groups=guest.groups)
    return cri.ContainerUser(linux=user)


class ContainerStore(ObjectIndex[Container]):
    """All that clients see, and the names, which are reserved before and until after."""

    def __init__(self) -> None:
        super().__init__("container")
        self.names = Names("container")
        self._by_sandbox: dict[str, dict[str, Container]] = {}

    def add(self, item: Container) -> None:
        super().add(item)
        self._by_sandbox.setdefault(item.record.sandbox_id, {})[item.id] = item

    def discard(self, item_id: str) -> None:
        item = self.get(item_id)
        super().discard(item_id)
        if item is not None:
            siblings = self._by_sandbox[item.record.sandbox_id]
            del siblings[item_id]
            if not siblings:
                del self._by_sandbox[item.record.sandbox_id]

    def of_sandbox(self, sandbox_id: str) -> list[Container]:
        return list(self._by_sandbox.get(sandbox_id, {}).values())

    def newest_first(self, sandbox_id: str) -> list[Container]:
        """CRI: of the containers of one name the kubelet takes the first, in the statuses of a pod, for the current."""
        return sorted(self.of_sandbox(sandbox_id), key=lambda each: each.record.created_at, reverse=True)

    def remove(self, container: Container) -> None:
        self.discard(container.id)
        self.names.release(container.name, container.id)
