"""HTTP calls that a component makes while it is given a request: its resources are the host's, which keep wasmtime's
own behind them. Streams of bodies and what is waited for are wasmtime's, handed on.
"""

from typing import Any

from sandbox import network_access
from sandbox.wasm.component_values import Err, Native, Ok
from sandbox.wasm.http_client import Client
from sandbox.wasm.http_fields import Fields
from sandbox.wasm.http_scope import HttpScope

_DISTRUSTED = "TLS-certificate-error"


class RequestOptions:
    """Nanoseconds, or None for wasmtime's own."""

    def __init__(self) -> None:
        self.connect: int | None = None
        self.first_byte: int | None = None
        self.between_bytes: int | None = None


class OutgoingRequest:
    def __init__(self, headers: Fields) -> None:
        self.headers = headers.frozen()
        self.method: tuple[str, str | None] = ("get", None)
        self.path: str | None = None
        self.scheme: tuple[str, str | None] | None = None
        self.authority: str | None = None
        self._native: Native | None = None
        self._has_body = False

    def native(self, client: Client) -> Native:
        if self._native is None:
            self._native = client.call("new-request", native_fields(client, self.headers))
        return self._native

    def body(self, scope: HttpScope) -> "CallBody | Err":
        if self._has_body:
            return Err()
        self._has_body = True
        return CallBody(scope.client.call("request-body", self.native(scope.client)))

    def describe(self, client: Client) -> bool:
        """Tell wasmtime all that the guest has set. False where it does not take it."""
        native = self.native(client)
        told = (("method", self.method), ("path", self.path), ("scheme", self.scheme), ("authority", self.authority))
        return not any(isinstance(client.call(f"set-{name}", native, value), Err) for name, value in told)


class CallBody:
    """Of a request that the guest sends."""

    def __init__(self, native: Native) -> None:
        self._native = native

    def write(self, scope: HttpScope) -> Native | Err:
        written = scope.client.call("body-write", self._native)
        return written if isinstance(written, Err) else scope.client.give(written)

    def finish(self, scope: HttpScope, trailers: Fields | None) -> Err | None:
        given = native_fields(scope.client, trailers) if trailers else None
        finished: Err | None = scope.client.call("body-finish", self._native, given)
        return finished


class FutureResponse:
    """``authority``: who is asked."""

    def __init__(self, native: Native, authority: str) -> None:
        self._native = native
        self._authority = authority

    def subscribe(self, scope: HttpScope) -> Native:
        return scope.client.give(scope.client.call("response-subscribe", self._native))

    def get(self, scope: HttpScope) -> Any:
        came = scope.client.call("response-get", self._native)
        if _is_distrusted(came):
            scope.exchange.distrust(self._authority)
        return Ok(IncomingResponse(came.value)) if _is_there(came) else came


class IncomingResponse:
    def __init__(self, native: Native) -> None:
        self._native = native

    def status(self, scope: HttpScope) -> int:
        return int(scope.client.call("response-status", self._native))

    def headers(self, scope: HttpScope) -> Fields:
        return host_fields(scope.client, scope.client.call("response-headers", self._native))

    def consume(self, scope: HttpScope) -> "ResponseBody | Err":
        body = scope.client.call("response-consume", self._native)
        return body if isinstance(body, Err) else ResponseBody(body)


class ResponseBody:
    """Of what the guest has asked for."""

    def __init__(self, native: Native) -> None:
        self._native = native

    def stream(self, scope: HttpScope) -> Native | Err:
        stream = scope.client.call("body-stream", self._native)
        return stream if isinstance(stream, Err) else scope.client.give(stream)

    def finish(self, scope: HttpScope) -> "ResponseTrailers":
        return ResponseTrailers(scope.client.call("incoming-finish", self._native))


class ResponseTrailers:
    def __init__(self, native: Native) -> None:
        self._native = native

    def subscribe(self, scope: HttpScope) -> Native:
        return scope.client.give(scope.client.call("trailers-subscribe", self._native))

    def get(self, scope: HttpScope) -> Any:
        came = scope.client.call("trailers-get", self._native)
        return Ok(host_fields(scope.client, came.value)) if _is_there(came) else came


def send(scope: HttpScope, request: OutgoingRequest, options: RequestOptions | None) -> FutureResponse | Err:
    """``handle`` of ``wasi:http/outgoing-handler``."""
    if not network_access.calls_out(scope.network):
        return Err(("HTTP-request-denied", None))
    client = scope.client
    if not request.describe(client):
        return Err(("HTTP-request-URI-invalid", None))
    future = client.call("handle", request.native(client), _native_options(client, options))
    return future if isinstance(future, Err) else FutureResponse(future, request.authority or "")


def _native_options(client: Client, options: RequestOptions | None) -> Native | None:
    if options is None:
        return None
    native: Native = client.call("new-options")
    client.call("set-connect", native, options.connect)
    client.call("set-first-byte", native, options.first_byte)
    client.call("set-between-bytes", native, options.between_bytes)
    return native


def native_fields(client: Client, fields: Fields) -> Native:
    made = client.call("fields-from-list", fields.items)
    if not isinstance(made, Native):
        raise ValueError("wasmtime does not take headers that the host has taken")
    return made


def host_fields(client: Client, native: Native) -> Fields:
    """As a message shows its own."""
    return Fields([(name, value) for name, value in client.call("entries", native)], mutable=False)


def _is_distrusted(came: Any) -> bool:
    is_error = isinstance(came, Ok) and isinstance(came.value, Err)
    return is_error and came.value.value[0] == _DISTRUSTED


def _is_there(came: Any) -> bool:
    """Rather than nothing yet, an error, or that there is none."""
    return isinstance(came, Ok) and isinstance(came.value, Native)
