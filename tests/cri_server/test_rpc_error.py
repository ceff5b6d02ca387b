import errno

import grpc
import pytest

from cri_server import errors as server
from cri_server.rpc_error import status_of
from image_store import errors as images
from sandbox import errors as sandbox

CODES = [
    (server.InvalidRequest, grpc.StatusCode.INVALID_ARGUMENT),
    (server.UnknownObject, grpc.StatusCode.NOT_FOUND),
    (server.StopFailed, grpc.StatusCode.INTERNAL),
    (sandbox.InvalidSpec, grpc.StatusCode.INVALID_ARGUMENT),
    (sandbox.DiskFull, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (sandbox.StartFailure, grpc.StatusCode.INTERNAL),
    (images.InvalidReference, grpc.StatusCode.INVALID_ARGUMENT),
    (images.ManifestNotFound, grpc.StatusCode.NOT_FOUND),
    (images.Unauthorized, grpc.StatusCode.UNAUTHENTICATED),
    (images.ModuleInvalid, grpc.StatusCode.INVALID_ARGUMENT),
]


@pytest.mark.parametrize(("kind", "code"), CODES)
def test_an_error_keeps_its_sentence_and_gets_its_code(kind: type[Exception], code: grpc.StatusCode) -> None:
    assert status_of("Method", kind("thing x is broken: mend it")) == (code, "thing x is broken: mend it")


def test_a_subclass_has_the_code_of_what_it_specialises() -> None:
    class Special(sandbox.InvalidSpec):
        pass

    assert status_of("Method", Special("x"))[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_an_unreachable_registry_has_the_prefix_that_the_kubelet_looks_for() -> None:
    code, text = status_of("PullImage", images.RegistryUnavailable("registry.test does not answer: check the network"))
    assert code == grpc.StatusCode.UNAVAILABLE
    assert text == "RegistryUnavailable: registry.test does not answer: check the network"


def test_text_that_is_not_unicode_is_made_so() -> None:
    assert status_of("Method", server.InvalidRequest("path \udcff"))[1] == "path ?"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            OSError(errno.ENOSPC, "full"),
            "RunPodSandbox failed: no space is left on the device; free some and try again",
        ),
        (
            OSError(errno.EDQUOT, "full", b"/var/x"),
            "RunPodSandbox failed: no space is left for /var/x on the device; free some and try again",
        ),
    ],
)
def test_a_full_disk_is_told_wherever_it_was_met(error: OSError, text: str) -> None:
    assert status_of("RunPodSandbox", error) == (grpc.StatusCode.RESOURCE_EXHAUSTED, text)
