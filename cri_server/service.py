"""Both CRI services, built from the descriptors of their messages: one table tells which method has which handler.

A method without a handler is answered with UNIMPLEMENTED and a sentence. Handlers of single responses are coroutine
functions, those of streams asynchronous generators; both take the runtime and the request. A response may come already
serialised.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
import structlog
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import NotOffered
from cri_server.rpc_error import status_of
from cri_server.runtime import Runtime

MOST_MESSAGE_BYTES = 16 << 20
"""CRI: both ways, for every method. It is what clients accept."""

OPTIONS = [
    ("grpc.max_receive_message_length", MOST_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MOST_MESSAGE_BYTES),
]

Handler = Callable[[Runtime, Any], Any]
Observe = Callable[[str, str, float | None], None]
"""Told method, status code and seconds of an RPC that has ended; None: it was a stream."""
Behaviour = Callable[..., Any]

log = structlog.get_logger()


def generic_handlers(
    runtime: Runtime, handlers: Mapping[str, Handler], observe: Observe | None = None
) -> "list[grpc.GenericRpcHandler[Any, Any]]":
    """``handlers``: by method name; the names of both services differ."""
    services = cri.DESCRIPTOR.services_by_name.values()
    return [_service_handler(runtime, service, handlers, observe) for service in services]


def _service_handler(
    runtime: Runtime, service: ServiceDescriptor, handlers: Mapping[str, Handler], observe: Observe | None
) -> "grpc.GenericRpcHandler[Any, Any]":
    methods = {
        method.name: _method_handler(runtime, method, handlers.get(method.name), observe) for method in service.methods
    }
    return grpc.method_handlers_generic_handler(service.full_name, methods)


def _method_handler(
    runtime: Runtime, method: MethodDescriptor, handler: Handler | None, observe: Observe | None
) -> Any:
    request_type = message_factory.GetMessageClass(method.input_type)
    streams = method.server_streaming
    make = grpc.unary_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
    if handler is None:
        behaviour = _refusal(method)
    else:
        behaviour = _stream(runtime, method, handler) if streams else _single(runtime, method, handler)
    if observe is not None:
        observed = _observed_stream if streams else _observed_single
        behaviour = observed(method.name, behaviour, observe)
    return make(behaviour, request_deserializer=request_type.FromString, response_serializer=_serialised)


def _serialised(response: Message | bytes) -> bytes:
    return response if isinstance(response, bytes) else response.SerializeToString()


def _single(runtime: Runtime, method: MethodDescriptor, handler: Handler) -> Behaviour:
    async def answer(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> Message | bytes:
        _bind(method, request)
        try:
            response: Message | bytes = await handler(runtime, request)
            return response
        except Exception as error:  # noqa: BLE001 - whatever it was, the client is told
            await _abort(context, method, error)

    return answer


def _stream(runtime: Runtime, method: MethodDescriptor, handler: Handler) -> Behaviour:
    async def answer(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Message | bytes]:
        _bind(method, request)
        try:
            async with aclosing(handler(runtime, request)) as responses:  # also when the client goes away
                async for response in responses:
                    yield response
        except Exception as error:  # noqa: BLE001 - whatever it was, the client is told
            await _abort(context, method, error)

    return answer


def _observed_single(method: str, behaviour: Behaviour, observe: Observe) -> Behaviour:
    async def answer(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> Message | bytes:
        begun = time.monotonic()
        try:
            response: Message | bytes = await behaviour(request, context)
        except BaseException as error:
            observe(method, _code(error, context), time.monotonic() - begun)
            raise
        observe(method, grpc.StatusCode.OK.name, time.monotonic() - begun)
        return response

    return answer


def _observed_stream(method: str, behaviour: Behaviour, observe: Observe) -> Behaviour:
    async def answer(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Message | bytes]:
        try:
            async for response in behaviour(request, context):
                yield response
        except BaseException as error:
            observe(method, _code(error, context), None)
            raise
        observe(method, grpc.StatusCode.OK.name, None)

    return answer


def _code(error: BaseException, context: grpc.aio.ServicerContext[Any, Any]) -> str:
    """What was not refused was abandoned by its client."""
    code = context.code() if isinstance(error, grpc.aio.AbortError) else grpc.StatusCode.CANCELLED
    return grpc.StatusCode(code).name


def _refusal(method: MethodDescriptor) -> Behaviour:
    async def answer(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> Message:
        reason = f"{method.name} is not offered by this release of wasmlet; the documentation lists what is"
        await _abort(context, method, NotOffered(reason))

    return answer


async def _abort(context: grpc.aio.ServicerContext[Any, Any], method: MethodDescriptor, error: Exception) -> NoReturn:
    code, text = status_of(method.name, error)
    log.debug("an RPC was refused", code=code.name, reason=text)
    await context.abort(code, text)
    raise AssertionError("abort always raises")


def _bind(method: MethodDescriptor, request: Message) -> None:
    """Whatever is logged on behalf of this request tells whose it is. Each request has a context of its own."""
    ids = {"rpc": method.name}
    for field, key in (("pod_sandbox_id", "pod"), ("container_id", "container")):
        if field in method.input_type.fields_by_name:
            ids[key] = getattr(request, field)
    structlog.contextvars.bind_contextvars(**ids)
