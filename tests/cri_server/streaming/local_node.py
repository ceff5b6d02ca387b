"""Serves the three RPCs of streams over processes of this machine, for real clients: the name of a container is a shell
command, and ports are this machine's."""

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import Any

import grpc

from cri_server.config import StreamingSettings
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.service import OPTIONS, generic_handlers
from cri_server.streaming.server import StreamingServer, open_streaming
from tests.cri_server.streaming.local_processes import LocalTarget, port_target


async def serve(socket: str, stack: AsyncExitStack, settings: StreamingSettings) -> StreamingServer:
    streaming = await open_streaming(settings, stack)
    server = grpc.aio.server(options=OPTIONS)
    runtime: Any = streaming
    server.add_generic_rpc_handlers(generic_handlers(runtime, _HANDLERS))
    server.add_insecure_port(f"unix://{socket}")
    await server.start()
    stack.push_async_callback(server.stop, None)
    return streaming


async def _version(_streaming: Any, _request: cri.VersionRequest) -> cri.VersionResponse:
    return cri.VersionResponse(version="0.1.0", runtime_name="local", runtime_version="0", runtime_api_version="v1")


async def _exec(streaming: Any, request: cri.ExecRequest) -> cri.ExecResponse:
    target = LocalTarget(*request.cmd).target(
        "exec", request.stdin, request.stdout, request.stderr and not request.tty, request.tty
    )
    return cri.ExecResponse(url=streaming.url(target))


async def _attach(streaming: Any, request: cri.AttachRequest) -> cri.AttachResponse:
    target = LocalTarget("sh", "-c", request.container_id).target(
        "attach", request.stdin, request.stdout, request.stderr and not request.tty, request.tty
    )
    return cri.AttachResponse(url=streaming.url(target))


async def _port_forward(streaming: Any, request: cri.PortForwardRequest) -> cri.PortForwardResponse:
    return cri.PortForwardResponse(url=streaming.url(port_target(*request.port)))


async def _image_fs_info(_streaming: Any, _request: cri.ImageFsInfoRequest) -> cri.ImageFsInfoResponse:
    return cri.ImageFsInfoResponse()


_HANDLERS: Any = {
    "Version": _version,
    "ImageFsInfo": _image_fs_info,
    "Exec": _exec,
    "Attach": _attach,
    "PortForward": _port_forward,
}


async def _main(socket: str, certificate: str = "", key: str = "", client_ca: str = "") -> None:
    settings = StreamingSettings(tls_certificate=certificate, tls_key=key, tls_client_ca=client_ca)
    async with AsyncExitStack() as stack:
        await serve(socket, stack, settings)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
