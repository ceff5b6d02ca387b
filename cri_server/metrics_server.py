"""Serves the metrics over HTTP, in threads of its own: whoever asks slowly keeps nobody waiting."""

import asyncio
import socket
import socketserver
import threading
from contextlib import AsyncExitStack

import structlog
from prometheus_client import CollectorRegistry, MetricsHandler

from cri_server.errors import UnusableSetting
from cri_server.listen_address import parse_address
from cri_server.metrics import Metrics

_SECONDS_FOR_A_REQUEST = 10

log = structlog.get_logger()


def open_metrics(address: str, stack: AsyncExitStack) -> Metrics:
    """Metrics that are served until the stack is closed. Raises UnusableSetting."""
    metrics = Metrics()
    host, port = parse_address(address)
    server = _listen(host, port, metrics.registry)
    stack.callback(server.server_close)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    stack.push_async_callback(asyncio.to_thread, server.shutdown)
    log.info("metrics are served", host=host, port=port)
    return metrics


def _listen(host: str, port: int, registry: CollectorRegistry) -> "_Server":
    try:
        [(family, _, _, _, place), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return _Server(family, place, registry)
    except OSError as error:
        raise UnusableSetting(
            "metrics.address",
            f'port {port} of {host} cannot be listened on: {error.strerror}; choose another, or "" for none',
        ) from error


class _Server(socketserver.ThreadingTCPServer):
    """The library's own looks its name up in the DNS before it serves, and that may take long."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, family: int, place: tuple[object, ...], registry: CollectorRegistry) -> None:
        class Handler(MetricsHandler):
            timeout = _SECONDS_FOR_A_REQUEST

        Handler.registry = registry
        self.address_family = family
        super().__init__(place, Handler)  # type: ignore[arg-type]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that left, as a rule."""
        log.debug("a client of the metrics was not served", client=str(client_address), exc_info=True)
