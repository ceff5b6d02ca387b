"""The measurements, in rounds. In each the servers take turns, so that what else the machine does meets them alike."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc

from tests.bench.http import stream, wrk
from tests.bench.http.plan import FIRST, FIRST_GUESTS, GO, LOADS, MINIMAL, STREAM, Load, Plan
from tests.bench.http.serving import Pods, Serving
from tests.bench.server import BenchError

Figures = dict[str, dict[str, list[float]]]
"""By what was measured, then by server: one figure a round."""
_SECONDS_TO_WARM_UP = 1.0


class Bench:
    """``images``: references by guest; ``names``: of the servers to measure."""

    def __init__(
        self, pods: Pods, images: dict[str, str], names: Sequence[str], folder: Path, say: Callable[[str], None]
    ) -> None:
        self._pods = pods
        self._images = images
        self._names = names
        self._folder = folder
        self._say = say
        self.figures: Figures = {}
        self.failures: list[str] = []
        """What could not be measured, and why."""

    def run(self, plan: Plan) -> None:
        for load in LOADS:
            if load.key in plan.parts:
                self._try(load.label, lambda load=load: self._load(load, plan))  # type: ignore[misc]
        if STREAM in plan.parts:
            self._try("streams", lambda: self._stream(plan))
        if FIRST in plan.parts:
            for guest in FIRST_GUESTS:
                self._try(f"first answer of {guest}", lambda guest=guest: self._first(guest, plan))  # type: ignore[misc]

    def _try(self, subject: str, measure: Callable[[], None]) -> None:
        try:
            measure()
        except (BenchError, grpc.RpcError) as error:
            reason = error.details() if isinstance(error, grpc.Call) else error
            self.failures.append(f"{subject}: {reason}")
            self._say(self.failures[-1])

    def _load(self, load: Load, plan: Plan) -> None:
        with self._servers(load.guest) as servers:
            for server in servers:
                wrk.load(server.url(load.path), load.connections, _SECONDS_TO_WARM_UP, load.script)
            for number in range(plan.rounds):
                self._say(f"round {number + 1} of {plan.rounds}: {load.label}")
                for server in _in_turn(servers, number):
                    report = wrk.load(server.url(load.path), load.connections, plan.seconds, load.script)
                    self._note(server, f"{load.key} rate", report.rate * (load.megabytes or 1))
                    self._note(server, f"{load.key} p50", report.p50)
                    self._note(server, f"{load.key} p99", report.p99)

    def _stream(self, plan: Plan) -> None:
        with self._servers(MINIMAL) as servers:
            for number in range(plan.rounds):
                self._say(f"round {number + 1} of {plan.rounds}: streams of {plan.stream >> 20} MiB")
                for server in _in_turn(servers, number):
                    for way, move in (("down", stream.download), ("up", stream.upload)):
                        streamed = move(server, plan.stream)
                        self._note(server, f"stream {way} rate", streamed.rate)
                        self._note(server, f"stream {way} before", streamed.before)
                        self._note(server, f"stream {way} memory", streamed.memory)

    def _first(self, guest: str, plan: Plan) -> None:
        self._say(f"first answers of {plan.pods} pods of {guest}")
        path = "/hello"
        for _ in range(plan.pods):
            milliseconds = self._pods.first_answer(self._images[guest], path)
            self.figures.setdefault(f"first {guest}", {}).setdefault("wasmlet", []).append(milliseconds)

    @contextmanager
    def _servers(self, guest: str) -> Iterator[list[Serving]]:
        with ExitStack() as stack:
            servers = []
            for name in self._names:
                if name == "wasmlet":
                    servers.append(stack.enter_context(self._pods.wasmlet(self._images[guest])))
                elif guest != GO:
                    servers.append(stack.enter_context(self._pods.wasmtime_serve(guest, self._folder)))
            yield servers

    def _note(self, server: Serving, key: str, value: float) -> None:
        self.figures.setdefault(key, {}).setdefault(server.name, []).append(value)


def _in_turn(servers: Sequence[Serving], number: int) -> list[Serving]:
    """Another one first in every round."""
    order = list(servers)
    return order[::-1] if number % 2 else order
