"""The one place where errors become gRPC status codes.

The text of an error is what ``kubectl describe pod`` shows, so it goes out as it is. The kubelet looks at few codes
(CRI: NOT_FOUND of status and stop, DEADLINE_EXCEEDED of ExecSync, UNIMPLEMENTED) and at prefixes of texts.
"""

import errno
import os

import grpc
import structlog

from cri_server import errors as server
from image_store import errors as images
from sandbox import errors as sandbox

log = structlog.get_logger()

REGISTRY_UNAVAILABLE = "RegistryUnavailable"
"""CRI: a PullImage error that begins so is a waiting reason of its own."""

_MOST_BYTES = 6000
"""Status messages travel in HTTP/2 headers, percent-encoded, and beyond 8 KiB of those clients get to see none."""

_CODES: dict[type[Exception], grpc.StatusCode] = {
    server.InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    server.UnknownObject: grpc.StatusCode.NOT_FOUND,
    server.NameReserved: grpc.StatusCode.ALREADY_EXISTS,
    server.WrongState: grpc.StatusCode.FAILED_PRECONDITION,
    server.NotOffered: grpc.StatusCode.UNIMPLEMENTED,
    server.AnswerTooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    server.TooManyStreams: grpc.StatusCode.RESOURCE_EXHAUSTED,
    server.ListenerTooSlow: grpc.StatusCode.RESOURCE_EXHAUSTED,
    server.Ending: grpc.StatusCode.UNAVAILABLE,
    server.ExecTimedOut: grpc.StatusCode.DEADLINE_EXCEEDED,
    server.CommandFailed: grpc.StatusCode.INVALID_ARGUMENT,
    server.ServerError: grpc.StatusCode.INTERNAL,
    sandbox.MemoryInUse: grpc.StatusCode.FAILED_PRECONDITION,
    sandbox.InvalidSpec: grpc.StatusCode.INVALID_ARGUMENT,
    sandbox.NotSupported: grpc.StatusCode.INVALID_ARGUMENT,
    sandbox.GuestGone: grpc.StatusCode.FAILED_PRECONDITION,
    sandbox.Stalled: grpc.StatusCode.RESOURCE_EXHAUSTED,
    sandbox.PodProcessGone: grpc.StatusCode.FAILED_PRECONDITION,
    sandbox.DiskFull: grpc.StatusCode.RESOURCE_EXHAUSTED,
    sandbox.SandboxError: grpc.StatusCode.INTERNAL,
    images.InvalidReference: grpc.StatusCode.INVALID_ARGUMENT,
    images.ManifestNotFound: grpc.StatusCode.NOT_FOUND,
    images.RegistryUnavailable: grpc.StatusCode.UNAVAILABLE,
    images.Unauthorized: grpc.StatusCode.UNAUTHENTICATED,
    images.RegistryConfigInvalid: grpc.StatusCode.FAILED_PRECONDITION,
    images.DigestMismatch: grpc.StatusCode.DATA_LOSS,
    images.UnsupportedImage: grpc.StatusCode.INVALID_ARGUMENT,
    images.ModuleInvalid: grpc.StatusCode.INVALID_ARGUMENT,
    images.ProgramNotFound: grpc.StatusCode.INVALID_ARGUMENT,
    images.NotWebAssembly: grpc.StatusCode.INVALID_ARGUMENT,
    images.LimitExceeded: grpc.StatusCode.INVALID_ARGUMENT,
    images.DiskFull: grpc.StatusCode.RESOURCE_EXHAUSTED,
    images.ImageStoreError: grpc.StatusCode.INTERNAL,
}


def status_of(method: str, error: Exception) -> tuple[grpc.StatusCode, str]:
    """Code and text. What nobody expected is INTERNAL, and its traceback is in the log."""
    if code := expected_code(error):
        return code, _text(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return grpc.StatusCode.RESOURCE_EXHAUSTED, _fitting(_without_space(method, error))
    log.exception("an RPC failed unexpectedly", exc_info=error)
    text = f"{method} failed unexpectedly ({type(error).__name__}: {error}); the log of wasmlet has the details"
    return grpc.StatusCode.INTERNAL, _fitting(text)


def expected_code(error: BaseException) -> grpc.StatusCode | None:
    """The code of an error that wasmlet raises itself; None of one that nobody expected."""
    return next((code for kind in type(error).__mro__ if (code := _CODES.get(kind))), None)


def _without_space(method: str, error: OSError) -> str:
    place = f"for {os.fsdecode(error.filename)} " if error.filename else ""
    return f"{method} failed: no space is left {place}on the device; free some and try again"


def _text(error: Exception) -> str:
    text = str(error)
    if isinstance(error, images.RegistryUnavailable) and not text.startswith(REGISTRY_UNAVAILABLE):
        text = f"{REGISTRY_UNAVAILABLE}: {text}"
    return _fitting(text)


def _fitting(text: str) -> str:
    text = text.encode("utf-8", "replace").decode("utf-8")
    if _encoded_bytes(text) <= _MOST_BYTES:
        return text
    while _encoded_bytes(text) > _MOST_BYTES:
        text = text[: len(text) * 7 // 8]
    return text + "…"


def _encoded_bytes(text: str) -> int:
    return sum(1 if 0x20 <= byte < 0x7F and byte != 0x25 else 3 for byte in text.encode())
