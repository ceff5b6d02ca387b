"""``wasi:http/types`` 0.2 for a component that serves requests: its resources, and what each function does.

The streams of bodies are wasmtime's own (see ``sandbox.wasm.http_streams``), so that neither the bytes nor the waiting
pass through here.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sandbox.wasm.component_values import IGNORED, NATIVE, Codec, Codecs, Err, Native, Ok
from sandbox.wasm.http_calls import (
    CallBody,
    FutureResponse,
    IncomingResponse,
    OutgoingRequest,
    RequestOptions,
    ResponseBody,
    ResponseTrailers,
    send,
)
from sandbox.wasm.http_exchange import Exchange, ResponseHead
from sandbox.wasm.http_fields import Fields, FieldsError
from sandbox.wasm.http_scope import HttpScope
from sandbox.wasm.http_variants import METHODS, error_code, method, scheme

RESOURCES = {
    name: number
    for number, name in enumerate(
        (
            *("fields", "incoming-request", "outgoing-request", "request-options", "response-outparam"),
            *("incoming-response", "incoming-body", "future-trailers", "outgoing-response", "outgoing-body"),
            "future-incoming-response",
        ),
        start=1,
    )
}
"""Numbers that tell the host's types apart."""

_LOWEST_STATUS, _HIGHEST_STATUS = 100, 999


class HostFunction(NamedTuple):
    parameters: list[Codec]
    result: Codec | None
    call: Callable[..., Any]
    """With the scope of the store, then the arguments."""


class IncomingBody:
    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.is_streamed = False


class IncomingRequest:
    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.is_consumed = False


class FutureTrailers:
    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.is_taken = False


class OutgoingBody:
    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.is_written = False


class OutgoingResponse:
    def __init__(self, headers: Fields) -> None:
        self.headers = headers.frozen()
        self.status = 200
        self.body: OutgoingBody | None = None


class ResponseOutparam:
    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange


def functions(codecs: Codecs) -> dict[str, HostFunction]:
    """Of the interface, by their names."""
    return {
        **_of_fields(codecs),
        **_of_requests(codecs),
        **_of_responses(codecs),
        **_of_options(codecs),
        **_of_calls(codecs),
    }


def handler(codecs: Codecs) -> dict[str, HostFunction]:
    """Of ``wasi:http/outgoing-handler``."""
    parameters = [codecs.own("outgoing-request"), codecs.option(codecs.own("request-options"))]
    result = codecs.result(codecs.own("future-incoming-response"), error_code(codecs))
    return {"handle": HostFunction(parameters, result, send)}


def _of_fields(codecs: Codecs) -> dict[str, HostFunction]:
    own, this = codecs.own("fields"), codecs.borrow("fields")
    name, value = codecs.string, codecs.bytes
    entries = codecs.list(codecs.tuple(name, value))
    plain = dict.fromkeys(("invalid-syntax", "forbidden", "immutable"))
    refused = codecs.variant({**plain, "size-exceeded": None, "other": codecs.option(name)})
    done = codecs.result(None, refused)
    return {
        "[constructor]fields": HostFunction([], own, lambda scope: Fields()),
        "[static]fields.from-list": HostFunction([entries], codecs.result(own, refused), _from_list),
        "[method]fields.get": HostFunction([this, name], codecs.list(value), _plain(Fields.get)),
        "[method]fields.has": HostFunction([this, name], codecs.bool, _plain(Fields.has)),
        "[method]fields.set": HostFunction([this, name, codecs.list(value)], done, _refusable(Fields.set)),
        "[method]fields.delete": HostFunction([this, name], done, _refusable(Fields.delete)),
        "[method]fields.append": HostFunction([this, name, value], done, _refusable(Fields.append)),
        "[method]fields.entries": HostFunction([this], entries, lambda scope, fields: fields.items),
        "[method]fields.clone": HostFunction([this], own, _plain(Fields.clone)),
    }


def _plain(method: Callable[..., Any]) -> Callable[..., Any]:
    return lambda scope, *arguments: method(*arguments)


def _refusable(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(scope: HttpScope, *arguments: Any) -> Any:
        try:
            return method(*arguments)
        except FieldsError as error:
            return Err((error.case, None))

    return call


_from_list = _refusable(Fields.from_list)


def _of_requests(codecs: Codecs) -> dict[str, HostFunction]:
    request, body = codecs.borrow("incoming-request"), codecs.borrow("incoming-body")
    text, trailers = codecs.option(codecs.string), codecs.borrow("future-trailers")
    arrived = codecs.option(codecs.result(codecs.result(codecs.option(codecs.own("fields")), error_code(codecs))))
    schemes = codecs.option(scheme(codecs))
    return {
        "[method]incoming-request.method": HostFunction([request], method(codecs), _method),
        "[method]incoming-request.path-with-query": HostFunction(
            [request], text, lambda _, it: it.exchange.head.target
        ),
        "[method]incoming-request.scheme": HostFunction(
            [request], schemes, lambda _, it: (it.exchange.head.scheme, None)
        ),
        "[method]incoming-request.authority": HostFunction([request], text, lambda _, it: it.exchange.head.authority),
        "[method]incoming-request.headers": HostFunction([request], codecs.own("fields"), _request_headers),
        "[method]incoming-request.consume": HostFunction(
            [request], codecs.result(codecs.own("incoming-body")), _consume
        ),
        "[method]incoming-body.stream": HostFunction([body], codecs.result(NATIVE), _stream),
        "[static]incoming-body.finish": HostFunction(
            [codecs.own("incoming-body")],
            codecs.own("future-trailers"),
            _finish_incoming,
        ),
        "[method]future-trailers.subscribe": HostFunction([trailers], NATIVE, _await_trailers),
        "[method]future-trailers.get": HostFunction([trailers], arrived, _trailers),
    }


def _method(scope: HttpScope, request: IncomingRequest) -> tuple[str, str | None]:
    name = request.exchange.head.method
    lowered = name.lower()
    return (lowered, None) if lowered in METHODS and name.isupper() else ("other", name)


def _request_headers(scope: HttpScope, request: IncomingRequest) -> Fields:
    return Fields(request.exchange.head.headers, mutable=False)


def _consume(scope: HttpScope, request: IncomingRequest) -> IncomingBody | Err:
    if request.is_consumed:
        return Err()
    request.is_consumed = True
    return IncomingBody(request.exchange)


def _finish_incoming(scope: HttpScope, body: IncomingBody | ResponseBody) -> FutureTrailers | ResponseTrailers:
    return body.finish(scope) if isinstance(body, ResponseBody) else FutureTrailers(body.exchange)


def _await_trailers(scope: HttpScope, future: FutureTrailers | ResponseTrailers) -> Native:
    return future.subscribe(scope) if isinstance(future, ResponseTrailers) else scope.streams.ready()


def _stream(scope: HttpScope, body: IncomingBody | ResponseBody) -> Any:
    if isinstance(body, ResponseBody):
        return body.stream(scope)
    if body.is_streamed:
        return Err()
    body.is_streamed = True
    return scope.streams.input()


def _trailers(scope: HttpScope, future: FutureTrailers | ResponseTrailers) -> Any:
    """WASI: once they are taken there is an error in their place."""
    if isinstance(future, ResponseTrailers):
        return future.get(scope)
    if future.is_taken:
        return Err()
    future.is_taken = True
    try:
        items = future.exchange.request_trailers()
    except OSError:
        return Ok(Err(("connection-terminated", None)))
    return Ok(None if items is None else Fields(items, mutable=False))


def _of_responses(codecs: Codecs) -> dict[str, HostFunction]:
    response, body = codecs.borrow("outgoing-response"), codecs.borrow("outgoing-body")
    trailers, code = codecs.option(codecs.own("fields")), error_code(codecs)
    answer = codecs.result(codecs.own("outgoing-response"), code)
    return {
        "[static]response-outparam.set": HostFunction([codecs.own("response-outparam"), answer], None, _respond),
        "[constructor]outgoing-response": HostFunction(
            [codecs.own("fields")], codecs.own("outgoing-response"), lambda scope, it: OutgoingResponse(it)
        ),
        "[method]outgoing-response.status-code": HostFunction([response], codecs.u16, lambda scope, it: it.status),
        "[method]outgoing-response.set-status-code": HostFunction(
            [response, codecs.u16], codecs.result(None), _set_status
        ),
        "[method]outgoing-response.headers": HostFunction(
            [response], codecs.own("fields"), lambda scope, it: it.headers
        ),
        "[method]outgoing-response.body": HostFunction(
            [response], codecs.result(codecs.own("outgoing-body")), _response_body
        ),
        "[method]outgoing-body.write": HostFunction([body], codecs.result(NATIVE), _write),
        "[static]outgoing-body.finish": HostFunction(
            [codecs.own("outgoing-body"), trailers], codecs.result(None, code), _finish
        ),
        "http-error-code": HostFunction([IGNORED], codecs.option(code), lambda scope, error: None),
    }


def _respond(scope: HttpScope, outparam: ResponseOutparam, answer: Any) -> None:
    if isinstance(answer, Err):
        outparam.exchange.refuse(answer.value[0])
        return
    outparam.exchange.respond(ResponseHead(answer.status, answer.headers.items, answer.body is not None))


def _set_status(scope: HttpScope, response: OutgoingResponse, status: int) -> Err | None:
    if not _LOWEST_STATUS <= status <= _HIGHEST_STATUS:
        return Err()
    response.status = status
    return None


def _response_body(scope: HttpScope, response: OutgoingResponse) -> OutgoingBody | Err:
    if response.body is not None:
        return Err()
    response.body = OutgoingBody(scope.exchange)
    return response.body


def _write(scope: HttpScope, body: OutgoingBody | CallBody) -> Any:
    if isinstance(body, CallBody):
        return body.write(scope)
    if body.is_written:
        return Err()
    body.is_written = True
    body.exchange.begin_body()
    return scope.streams.output()


def _finish(scope: HttpScope, body: OutgoingBody | CallBody, trailers: Fields | None) -> Err | None:
    if isinstance(body, CallBody):
        return body.finish(scope, trailers)
    if body.exchange.finish(trailers.items if trailers else []):
        return None
    return Err(("HTTP-response-body-size", None))


def _of_options(codecs: Codecs) -> dict[str, HostFunction]:
    options, duration = codecs.borrow("request-options"), codecs.option(codecs.u64)
    made = HostFunction([], codecs.own("request-options"), lambda scope: RequestOptions())
    found = {"[constructor]request-options": made}
    for name in ("connect", "first-byte", "between-bytes"):
        get, put = _accessors(name.replace("-", "_"))
        found[f"[method]request-options.{name}-timeout"] = HostFunction([options], duration, get)
        found[f"[method]request-options.set-{name}-timeout"] = HostFunction(
            [options, duration], codecs.result(None), put
        )
    return found


def _accessors(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return (lambda scope, it: getattr(it, name)), (lambda scope, it, value: setattr(it, name, value))


def _of_calls(codecs: Codecs) -> dict[str, HostFunction]:
    request, response = codecs.borrow("outgoing-request"), codecs.borrow("incoming-response")
    future, fields = codecs.borrow("future-incoming-response"), codecs.own("fields")
    came = codecs.option(codecs.result(codecs.result(codecs.own("incoming-response"), error_code(codecs))))
    body = codecs.result(codecs.own("outgoing-body"))
    return {
        "[constructor]outgoing-request": HostFunction(
            [fields], codecs.own("outgoing-request"), lambda scope, headers: OutgoingRequest(headers)
        ),
        "[method]outgoing-request.body": HostFunction([request], body, _with_scope(OutgoingRequest.body)),
        "[method]outgoing-request.headers": HostFunction([request], fields, lambda scope, it: it.headers),
        **_of_request_parts(codecs),
        "[method]future-incoming-response.subscribe": HostFunction(
            [future], NATIVE, _with_scope(FutureResponse.subscribe)
        ),
        "[method]future-incoming-response.get": HostFunction([future], came, _with_scope(FutureResponse.get)),
        "[method]incoming-response.status": HostFunction([response], codecs.u16, _with_scope(IncomingResponse.status)),
        "[method]incoming-response.headers": HostFunction([response], fields, _with_scope(IncomingResponse.headers)),
        "[method]incoming-response.consume": HostFunction(
            [response], codecs.result(codecs.own("incoming-body")), _with_scope(IncomingResponse.consume)
        ),
    }


def _of_request_parts(codecs: Codecs) -> dict[str, HostFunction]:
    request, text = codecs.borrow("outgoing-request"), codecs.option(codecs.string)
    parts = {
        "method": ("method", method(codecs)),
        "path-with-query": ("path", text),
        "scheme": ("scheme", codecs.option(scheme(codecs))),
        "authority": ("authority", text),
    }
    found = {}
    for name, (attribute, codec) in parts.items():
        get, put = _accessors(attribute)
        found[f"[method]outgoing-request.{name}"] = HostFunction([request], codec, get)
        found[f"[method]outgoing-request.set-{name}"] = HostFunction([request, codec], codecs.result(None), put)
    return found


def _with_scope(method: Callable[..., Any]) -> Callable[..., Any]:
    return lambda scope, it: method(it, scope)
