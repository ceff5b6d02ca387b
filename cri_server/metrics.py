"""The server's own figures for Prometheus (docs/metrics.md lists them). Imported only where they are wanted.

What happens is counted as it happens; what there is, is counted when somebody asks.
"""

from collections import Counter as Counts
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from cri_server import version
from cri_server.cri_v1 import api_pb2 as cri
from image_store.observer import StoreObserver

if TYPE_CHECKING:
    from cri_server.runtime import Runtime

_RPC_SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5, 30, 120)
_WORK_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """``registry`` holds all of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.store = StoreMetrics(self.registry)
        self._rpcs = Counter(
            "wasmlet_rpcs", "RPCs of the CRI that have ended.", ["method", "code"], registry=self.registry
        )
        self._rpc_seconds = Histogram(
            "wasmlet_rpc_duration_seconds",
            "Duration of RPCs of the CRI with a single answer.",
            ["method"],
            buckets=_RPC_SECONDS,
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        build = Info("wasmlet_build", "Versions of wasmlet and of its engine.", registry=self.registry)
        build.info({"version": version.wasmlet_version(), "wasmtime": version.engine_version()})

    def rpc(self, method: str, code: str, seconds: float | None) -> None:
        """One has ended with a status code; ``seconds``: None of streams, which last as long as their clients like."""
        self._rpcs.labels(method, code).inc()
        if seconds is not None:
            self._rpc_seconds.labels(method).observe(seconds)

    def show(self, runtime: "Runtime") -> None:
        """From now on, what there is as well."""
        self.registry.register(_Present(runtime))


class StoreMetrics(StoreObserver):
    def __init__(self, registry: CollectorRegistry) -> None:
        self._pulls = Histogram(
            "wasmlet_image_pull_duration_seconds",
            "Duration of pulls, of those that failed too.",
            buckets=_WORK_SECONDS,
            registry=registry,
        )
        self._pull_failures = Counter(
            "wasmlet_image_pull_failures", "Pulls that failed.", ["reason"], registry=registry
        )
        self._bytes = Counter(
            "wasmlet_image_pull_bytes", "Bytes of the blobs that pulls have downloaded.", registry=registry
        )
        self._lookups = Counter(
            "wasmlet_compiled_code_lookups",
            "How often compiled code was wanted, and was there (hit) or had to be made (miss).",
            ["result"],
            registry=registry,
        )
        self._compilations = Histogram(
            "wasmlet_compile_duration_seconds",
            "Duration of compilations, of those that failed too.",
            buckets=_WORK_SECONDS,
            registry=registry,
        )
        self._compile_failures = Counter(
            "wasmlet_compile_failures", "Compilations that failed.", ["reason"], registry=registry
        )
        for result in ("hit", "miss"):
            self._lookups.labels(result)

    def pulled(self, seconds: float, failure: str) -> None:
        self._pulls.observe(seconds)
        if failure:
            self._pull_failures.labels(failure).inc()

    def received(self, size: int) -> None:
        self._bytes.inc(size)

    def looked_up(self, found: bool) -> None:
        self._lookups.labels("hit" if found else "miss").inc()

    def compiled(self, seconds: float, failure: str) -> None:
        self._compilations.observe(seconds)
        if failure:
            self._compile_failures.labels(failure).inc()


class _Present(Collector):
    """Asked in a thread of the metrics server: it reads, and what it reads is copied in one step each."""

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime

    def collect(self) -> Iterator[Metric]:
        runtime = self._runtime
        sandboxes = Counts(sandbox.state for sandbox in runtime.sandboxes.all())
        containers = Counts(container.state for container in runtime.containers.all())
        yield _gauges(
            "wasmlet_pod_sandboxes",
            "Pod sandboxes by state.",
            "state",
            {"ready": sandboxes[cri.SANDBOX_READY], "notready": sandboxes[cri.SANDBOX_NOTREADY]},
        )
        yield _gauges(
            "wasmlet_containers",
            "Containers by state.",
            "state",
            {
                "created": containers[cri.CONTAINER_CREATED],
                "running": containers[cri.CONTAINER_RUNNING],
                "exited": containers[cri.CONTAINER_EXITED],
            },
        )
        yield _gauges(
            "wasmlet_processes",
            "Processes beside the server itself.",
            "kind",
            {
                "zygote": int(runtime.pods.zygote_pid is not None),
                "pod": sandboxes[cri.SANDBOX_READY],
                "guest": containers[cri.CONTAINER_RUNNING] + _executed(runtime),
                "compile": runtime.images.compile_processes,
            },
        )
        yield CounterMetricFamily(
            "wasmlet_zygote_restarts", "Zygotes that were started after another had died.", runtime.pods.zygote_restarts
        )
        yield GaugeMetricFamily(
            "wasmlet_container_event_listeners", "Clients of GetContainerEvents.", runtime.events.listeners
        )
        yield GaugeMetricFamily("wasmlet_images", "Images.", len(runtime.images.images()))
        yield GaugeMetricFamily(
            "wasmlet_image_store_bytes", "What images take on the disk.", runtime.images.usage().used_bytes
        )


def _executed(runtime: "Runtime") -> int:
    """Guests that run beside those of containers."""
    return sum(sandbox.process.streams.executed for sandbox in runtime.sandboxes.all() if sandbox.process is not None)


def _gauges(name: str, documentation: str, label: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family
