"""What takes too long for a call, or more than one look: the writable layers' sizes and the CPU usage of late.

Every ten seconds in a thread. A layer is walked only if its container has used CPU time since: nothing else writes to
it. So an idle container costs one small file of the kernel.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import structlog

from cri_server.blocking import in_thread
from cri_server.container_store import Container
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.sandbox_store import Sandbox
from image_store.usage import of_folder, of_small_folder
from sandbox.cgroup.usage import read_cpu_ns

if TYPE_CHECKING:
    from cri_server.runtime import Runtime
    from sandbox.cgroup.layout import Layout

_PERIOD_SECONDS = 10.0
_SHORTEST_WINDOW_NS = 5_000_000_000
_REST = 20
"""A layer whose walk takes long is left alone for so many times as long."""

_NEW_LAYER_NAMES = 1000
_ENDED = -1
"""In place of the CPU time of a container that uses no more."""

log = structlog.get_logger()


class LayerUsage(NamedTuple):
    used_bytes: int
    inodes_used: int
    timestamp: int
    """Nanoseconds since the epoch: until then it is true."""
    cpu_ns: int
    """What the container had used before the layer was walked."""
    due_ns: int
    """On the monotonic clock: not to be walked before."""


class _CpuSample(NamedTuple):
    at_ns: int
    """On the monotonic clock."""
    cpu_ns: int


class UsageSampler:
    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._layers: dict[str, LayerUsage] = {}
        self._samples: dict[str, tuple[_CpuSample, ...]] = {}
        """By container or sandbox, older first."""

    def nano_cores(self, object_id: str, cpu_ns: int) -> int | None:
        """Billionths of a core that a container or sandbox, which has used ``cpu_ns`` by now, used in the last ten to
        twenty seconds; None until it is known."""
        now = self._clock()
        for sample in self._samples.get(object_id, ()):
            if now - sample.at_ns >= _SHORTEST_WINDOW_NS:
                return max(cpu_ns - sample.cpu_ns, 0) * 1_000_000_000 // (now - sample.at_ns)
        return None

    def layer(self, container: Container) -> LayerUsage | None:
        """As it was last measured. Of a new one that is done here and now, if it is small."""
        known = self._layers.get(container.id)
        if known is None:
            taken = of_small_folder(_upper(container), _NEW_LAYER_NAMES)
            if taken is not None:
                known = LayerUsage(*taken, time.time_ns(), cpu_ns=0, due_ns=0)
                self._layers[container.id] = known
        return known

    def layers(self) -> list[LayerUsage]:
        return list(self._layers.values())

    def sample(self, layout: "Layout", containers: Iterable[Container], sandboxes: Iterable[Sandbox]) -> None:
        """Blocking."""
        containers = list(containers)
        samples: dict[str, tuple[_CpuSample, ...]] = {}
        for sandbox in sandboxes:
            if sandbox.ready:
                self._sample_cpu(layout, sandbox.id, sandbox.record.cgroup, samples)
        for container in containers:
            running = container.state == cri.CONTAINER_RUNNING
            cpu_ns = self._sample_cpu(layout, container.id, container.cgroup, samples) if running else _ENDED
            self._measure_layer(container, cpu_ns)
        self._samples = samples
        self._forget({container.id for container in containers})

    def _sample_cpu(
        self, layout: "Layout", object_id: str, cgroup: str, samples: dict[str, tuple[_CpuSample, ...]]
    ) -> int:
        cpu_ns = read_cpu_ns(layout, cgroup)
        if cpu_ns is None:
            return _ENDED
        samples[object_id] = (*self._samples.get(object_id, ())[-1:], _CpuSample(self._clock(), cpu_ns))
        return cpu_ns

    def _measure_layer(self, container: Container, cpu_ns: int) -> None:
        known, began = self._layers.get(container.id), self._clock()
        if known is not None and known.cpu_ns == cpu_ns:
            self._layers[container.id] = known._replace(timestamp=time.time_ns())
        elif known is None or known.due_ns <= began:
            taken, ended = of_folder(_upper(container)), self._clock()
            due = ended + _REST * (ended - began)
            self._layers[container.id] = LayerUsage(*taken, time.time_ns(), cpu_ns, due)

    def _forget(self, all_but: set[str]) -> None:
        for container_id in self._layers.keys() - all_but:
            self._layers.pop(container_id, None)


async def keep_sampling(runtime: "Runtime") -> None:
    """Until it is cancelled."""
    while True:
        try:
            await in_thread(
                runtime.usage_sampler.sample,
                runtime.cgroup_layout,
                runtime.containers.all(),
                runtime.sandboxes.all(),
            )
        except Exception:
            log.exception("the usage of containers cannot be sampled: until it can, the last figures stay")
        await asyncio.sleep(_PERIOD_SECONDS)


def _upper(container: Container) -> Path:
    return Path(container.guest.layer, "upper")
