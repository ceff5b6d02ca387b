"""Registries that fail, lie and stall: a pull ends with a clear error or with the right content, and leaves nothing."""

import asyncio
import base64
import itertools
import json
import threading
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from image_store.errors import (
    DigestMismatch,
    ImageStoreError,
    LimitExceeded,
    ManifestNotFound,
    RegistryUnavailable,
    Unauthorized,
    UnsupportedImage,
)
from image_store.image import Image
from image_store.references import parse
from image_store.registry import Registry
from image_store.registry_connection import Sockets
from image_store.registry_host import upstream
from image_store.store import Credentials, StoreSettings
from tests import images
from tests.guests.compiled import guest
from tests.image_store.conftest import StoreRunner
from tests.image_store.registry import (
    BadHandler,
    BadRegistry,
    HasNoEnd,
    bad_registry,
    drops,
    fails,
    is_silent,
    no_listener,
    on_blobs,
    on_manifests,
    sends,
    stalls,
    times,
)

HELLO = guest("hello")
LONG = {"app.wasm": HELLO, "data": bytes(range(256)) * 20_000}


def assert_nothing_is_left(runner: StoreRunner) -> None:
    assert runner.store.images() == ()
    assert runner.files("ingest") == []
    assert runner.files("work") == []
    runner.collect()
    assert runner.files("blobs/sha256") == []
    assert runner.files("trees") == []


def push_long(address: str) -> str:
    return images.push_wasi_image(address, "app", LONG, compression="")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_trouble_that_passes_is_waited_out(runner: StoreRunner, status: int) -> None:
    with bad_registry(times(2, on_manifests(fails(status))), times(2, on_blobs(fails(status)))) as registry:
        assert runner.pull(push_long(registry.address)).repo_tags


def test_trouble_that_stays_is_told(runner: StoreRunner) -> None:
    with bad_registry(on_manifests(fails(503))) as registry:
        reference = push_long(registry.address)
        with pytest.raises(
            RegistryUnavailable,
            match=rf"{registry.address} did not serve app:latest in 5 attempts \(HTTP 503: the backend is on fire\)",
        ):
            runner.pull(reference)
        assert len(registry.requests) == 5
    assert_nothing_is_left(runner)


class NoWait(Sockets):
    """Writes the pauses down instead of making them."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def wait(self, seconds: float) -> None:
        self.pauses += [seconds] if seconds else []


def test_pauses_grow_and_the_registry_may_ask_for_longer_ones() -> None:
    sockets = NoWait()
    refused = times(1, on_manifests(fails(429, {"Retry-After": "7"})))
    with bad_registry(refused, times(3, on_manifests(fails(503))), sends(b"{}")) as registry:
        host = upstream(registry.address, ())
        asked = Registry(parse(f"{registry.address}/app"), host, None, StoreSettings(), sockets, attempts=5)
        assert asked.manifest("latest") == b"{}"
        asked.close()
    assert sockets.pauses == [7, 1, 2, 4]


def test_other_refusals_are_not_repeated(runner: StoreRunner) -> None:
    with bad_registry(on_manifests(fails(400))) as registry:
        reference = push_long(registry.address)
        with pytest.raises(RegistryUnavailable, match=r"HTTP 400: the backend is on fire\): check the registry"):
            runner.pull(reference)
        assert len(registry.requests) == 1


def test_nobody_listens(runner: StoreRunner) -> None:
    refused = r"in 5 attempts \(Connection refused\): try again later"
    with no_listener() as address, pytest.raises(RegistryUnavailable, match=refused):
        runner.pull(f"{address}/app")


def test_no_such_host(runner: StoreRunner) -> None:
    runner.reopen(registry_attempts=1)
    with pytest.raises(RegistryUnavailable, match=r"registry no-such-host.invalid did not serve app:latest"):
        runner.pull("no-such-host.invalid/app")


def test_a_registry_without_tls_on_another_host_must_be_listed(runner: StoreRunner) -> None:
    with bad_registry() as registry:
        port = registry.address.rpartition(":")[2]
        reference = push_long(registry.address).replace("127.0.0.1", "127.0.0.1.nip.invalid")
        with pytest.raises(RegistryUnavailable):
            runner.pull(reference)
        assert registry.requests == []
        assert runner.pull(f"localhost:{port}/app").repo_tags == (f"localhost:{port}/app:latest",)


def test_a_connection_that_ends_is_resumed(runner: StoreRunner) -> None:
    with bad_registry(times(1, on_blobs(drops))) as registry:
        image = runner.pull(push_long(registry.address))
        assert any(value.startswith("bytes=") for value in registry.ranges)
    assert image.rootfs is not None
    assert (image.rootfs / "data").read_bytes() == LONG["data"]


def test_a_registry_that_cannot_resume_sends_all_again(runner: StoreRunner) -> None:
    def ignores_ranges(handler: BadHandler) -> bool:
        del handler.headers["Range"]
        return False

    with bad_registry(times(3, on_blobs(drops)), ignores_ranges) as registry:
        image = runner.pull(push_long(registry.address))
    assert image.rootfs is not None
    assert (image.rootfs / "data").read_bytes() == LONG["data"]


def test_a_registry_that_resumes_elsewhere_is_not_believed(runner: StoreRunner) -> None:
    def resumes_elsewhere(handler: BadHandler) -> bool:
        if not handler.headers.get("Range"):
            return False
        content = handler.blob_content()
        handler.answer(206, content[1:], {"Content-Range": f"bytes 1-{len(content) - 1}/{len(content)}"})
        return True

    with bad_registry(on_blobs(resumes_elsewhere), times(2, on_blobs(drops))) as registry:
        reference = push_long(registry.address)
        with pytest.raises(RegistryUnavailable, match="another part of a blob than it was asked for"):
            runner.pull(reference)
    assert_nothing_is_left(runner)


def test_a_connection_that_always_ends_is_given_up(runner: StoreRunner) -> None:
    def gives_nothing(handler: BadHandler) -> bool:
        handler.begin(1000)
        handler.close_connection = True
        return True

    with bad_registry(on_blobs(gives_nothing)) as registry:
        reference = push_long(registry.address)
        with pytest.raises(RegistryUnavailable, match="did not serve blob sha256:.* in 5 attempts"):
            runner.pull(reference)
    assert_nothing_is_left(runner)


@pytest.mark.parametrize("bad", [on_blobs(stalls), on_blobs(is_silent), on_manifests(is_silent)])
def test_a_registry_that_stalls_is_given_up(runner: StoreRunner, bad: Callable[[BadHandler], bool]) -> None:
    runner.reopen(pull_progress_seconds=0.3)
    with bad_registry(bad) as registry:
        reference = push_long(registry.address)
        with pytest.raises(RegistryUnavailable, match=r"sent nothing of app for 0.3 s: try again later, or raise"):
            runner.pull(reference)
    assert_nothing_is_left(runner)


def of(name: str, fault: Callable[[BadHandler], bool]) -> Callable[[BadHandler], bool]:
    """Only of that repository."""
    return lambda handler: f"/{name}/" in handler.path and fault(handler)


def test_an_image_whose_blobs_stall_keeps_no_other_waiting(runner: StoreRunner) -> None:
    async def pull_both(slow: str, quick: str) -> Image:
        stalled = asyncio.create_task(runner.store.pull(slow))
        while sum("/slow/blobs/" in request for request in registry.requests) < 3:
            await asyncio.sleep(0.01)
        try:
            return await asyncio.wait_for(runner.store.pull(quick), 240)
        finally:
            stalled.cancel()

    with bad_registry(of("slow", on_blobs(stalls))) as registry:
        layers = [images.tar({"app.wasm": HELLO, "number": bytes([number])}) for number in range(4)]
        slow = images.push_layers(registry.address, "slow", layers).reference
        assert runner.run(pull_both(slow, images.push_artifact(registry.address, "quick", HELLO)))


def test_registries_that_stall_keep_nothing_else_waiting(runner: StoreRunner) -> None:
    async def use_meanwhile(image: Image) -> None:
        stalled = [asyncio.create_task(runner.store.pull(f"{registry.address}/slow:{tag}")) for tag in range(80)]
        while len([request for request in registry.requests if "/slow/" in request]) < 64:
            await asyncio.sleep(0.01)
        try:
            await asyncio.wait_for(runner.store.program(image, "", "/bin"), 240)
            await asyncio.wait_for(runner.store.remove(image.id), 240)
        finally:
            for task in stalled:
                task.cancel()

    with bad_registry(of("slow", is_silent)) as registry:
        image = runner.pull(images.push_artifact(registry.address, "app", HELLO))
        runner.run(use_meanwhile(image))


def test_a_blob_of_another_digest(runner: StoreRunner) -> None:
    def turned(handler: BadHandler) -> bool:
        handler.answer(200, handler.blob_content()[::-1], {})
        return True

    with bad_registry(on_blobs(turned)) as registry:
        reference = push_long(registry.address)
        with pytest.raises(
            DigestMismatch, match="sent content of digest sha256:.* for blob sha256:.*: check the registry"
        ):
            runner.pull(reference)
    assert_nothing_is_left(runner)


def test_a_blob_that_is_longer_than_the_manifest_says(runner: StoreRunner) -> None:
    def longer(handler: BadHandler) -> bool:
        handler.answer(200, handler.blob_content() + b"more", {})
        return True

    with bad_registry(on_blobs(longer)) as registry:
        reference = push_long(registry.address)
        with pytest.raises(DigestMismatch, match="sent more than the [0-9]+ bytes that the manifest says"):
            runner.pull(reference)
    assert_nothing_is_left(runner)


def test_a_blob_that_is_shorter_than_the_manifest_says(runner: StoreRunner) -> None:
    def shorter(handler: BadHandler) -> bool:
        handler.answer(200, handler.blob_content()[:-1], {})
        return True

    with bad_registry(on_blobs(shorter)) as registry:
        reference = push_long(registry.address)
        with pytest.raises(RegistryUnavailable, match="it sent [0-9]+ of [0-9]+ bytes"):
            runner.pull(reference)
    assert_nothing_is_left(runner)


def test_a_blob_that_is_shorter_than_the_manifest_says_at_a_registry_that_resumes(runner: StoreRunner) -> None:
    def shorter(handler: BadHandler) -> bool:
        return fails(416)(handler) if handler.headers.get("Range") else sends(handler.blob_content()[:-1])(handler)

    with bad_registry(on_blobs(shorter)) as registry:
        reference = push_long(registry.address)
        with pytest.raises(DigestMismatch, match="has less of blob sha256:.* of app than the manifest says"):
            runner.pull(reference)
    assert_nothing_is_left(runner)


def test_a_connection_that_breaks_after_the_end_of_a_blob(runner: StoreRunner) -> None:
    def breaks(handler: BadHandler) -> bool:
        if handler.headers.get("Range"):
            return fails(416)(handler)
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        content = handler.blob_content()
        handler.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        handler.close_connection = True
        return True

    with bad_registry(on_blobs(breaks)) as registry:
        assert runner.pull(push_long(registry.address))


def test_a_registry_that_cannot_resume_and_breaks_off_anywhere_is_given_up(runner: StoreRunner) -> None:
    """Only what no attempt had received before is progress."""
    lengths = itertools.cycle([1 << 20, 4 << 20])

    def breaks_off(handler: BadHandler) -> bool:
        if len(registry.requests) > 40:
            return False
        handler.begin(len(handler.blob_content()))
        handler.wfile.write(handler.blob_content()[: next(lengths)])
        handler.close_connection = True
        return True

    with bad_registry(on_blobs(breaks_off)) as registry:
        reference = push_long(registry.address)
        with pytest.raises(RegistryUnavailable, match="did not serve blob sha256:.* in 5 attempts"):
            runner.pull(reference)


def test_a_manifest_of_another_digest(runner: StoreRunner) -> None:
    def other(handler: BadHandler) -> bool:
        content = handler.registry.manifests["app", "latest"].content + b" "
        handler.answer(200, content, {"Docker-Content-Digest": images.digest_of(content[:-1])})
        return True

    with bad_registry(on_manifests(other)) as registry:
        reference = push_long(registry.address)
        digest = images.digest_of(registry.manifests["app", "latest"].content)
        for asked in (reference, f"{registry.address}/app@{digest}"):
            with pytest.raises(DigestMismatch, match="sent a manifest of digest sha256:"):
                runner.pull(asked)
    assert_nothing_is_left(runner)


def test_a_size_in_the_index_that_is_wrong(runner: StoreRunner) -> None:
    with bad_registry() as registry:
        pushed = images.push_layers(registry.address, "app", [images.tar({"app.wasm": HELLO})], tag="wasm")
        index = images.push_index(registry.address, "app", [(pushed._replace(size=pushed.size + 1), "wasi", "wasm")])
        with pytest.raises(DigestMismatch, match="says [0-9]+ bytes of manifest sha256:"):
            runner.pull(index)


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b'{"schemaVersion":1}', b'{"schemaVersion":2}', b"[" * 100_000]
)
def test_what_is_no_manifest(runner: StoreRunner, content: bytes) -> None:
    with (
        bad_registry(on_manifests(sends(content))) as registry,
        pytest.raises(UnsupportedImage, match="the manifest of"),
    ):
        runner.pull(f"{registry.address}/app")


def test_a_manifest_without_end(runner: StoreRunner) -> None:
    endless = on_manifests(sends(b" " * (5 << 20)))
    with bad_registry(endless) as registry, pytest.raises(UnsupportedImage, match="is larger than 4194304 bytes"):
        runner.pull(f"{registry.address}/app")


def test_limits_are_enforced_before_anything_is_downloaded(runner: StoreRunner) -> None:
    runner.reopen(max_layer_bytes=1000, max_module_bytes=10)
    with bad_registry() as registry:
        for reference, limit in (
            (push_long(registry.address), "max_layer_bytes"),
            (images.push_artifact(registry.address, "artifact", HELLO), "max_module_bytes"),
        ):
            with pytest.raises(
                LimitExceeded, match=f"more than the [0-9]+ allowed: make it smaller, or raise images.{limit}"
            ):
                runner.pull(reference)
        assert not any("/blobs/" in request for request in registry.requests)


def test_a_layer_that_grows_over_the_limit_when_it_is_unpacked(runner: StoreRunner) -> None:
    runner.reopen(max_layer_bytes=1 << 20)
    with bad_registry() as registry:
        reference = images.push_wasi_image(registry.address, "bomb", {"zeros": bytes(8 << 20)})
        with pytest.raises(LimitExceeded, match="unpacks to more than 1048576 bytes"):
            runner.pull(reference)
    assert_nothing_is_left(runner)


def test_a_blob_that_the_registry_lost(runner: StoreRunner) -> None:
    with bad_registry() as registry:
        reference = push_long(registry.address)
        registry.blobs.clear()
        with pytest.raises(ManifestNotFound, match="has no blob sha256:.* of app .*blob unknown"):
            runner.pull(reference)


def test_a_pull_that_is_given_up_stops_and_leaves_nothing(runner: StoreRunner) -> None:
    async def give_up(reference: str) -> None:
        pulling = asyncio.create_task(runner.store.pull(reference))
        while not any("/blobs/" in request for request in registry.requests):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        pulling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(pulling, 240)
        await asyncio.wait_for(ended(), 240)

    async def ended() -> None:
        while runner.files("ingest"):
            await asyncio.sleep(0.01)

    with bad_registry(on_blobs(stalls)) as registry:
        runner.run(give_up(push_long(registry.address)))
    assert_nothing_is_left(runner)


def test_two_pulls_of_one_image_share_the_work(runner: StoreRunner) -> None:
    async def pull_all(reference: str) -> list[Image]:
        return await asyncio.gather(*(runner.store.pull(reference) for _ in range(5)))

    with bad_registry() as registry:
        pulled = runner.run(pull_all(push_long(registry.address)))
        assert len(set(map(id, pulled))) == 1
        assert len(registry.requests) == len(set(registry.requests)) == 3


def test_one_of_two_pulls_may_be_given_up(runner: StoreRunner) -> None:
    async def both(reference: str) -> Image:
        given_up, other = (asyncio.create_task(runner.store.pull(reference)) for _ in range(2))
        while not any("/blobs/" in request for request in registry.requests):
            await asyncio.sleep(0.01)
        given_up.cancel()
        await asyncio.sleep(0.05)
        registry.faults.clear()
        registry.released.set()
        return await other

    with bad_registry(on_blobs(stalls)) as registry:
        assert runner.run(both(push_long(registry.address))).repo_tags


def test_an_image_that_did_not_change_is_only_asked_for(runner: StoreRunner) -> None:
    with bad_registry() as registry:
        reference = push_long(registry.address)
        image = runner.pull(reference)
        for asked in (reference, image.repo_digests[0]):
            registry.requests.clear()
            assert runner.pull(asked) is image
            assert len(registry.requests) == 1
            assert registry.requests[0].startswith("HEAD /v2/app/manifests/")


def test_a_registry_that_announces_another_digest_than_it_was_asked_for(runner: StoreRunner) -> None:
    def announces_the_other(handler: BadHandler) -> bool:
        if handler.command == "GET":
            return False
        handler.answer(200, b"", {"Docker-Content-Digest": digests[1]})
        return True

    with bad_registry() as registry:
        for wasm in (HELLO, guest("exit3")):
            images.push_artifact(registry.address, "app", wasm)
        digests = [key for _, key in registry.manifests if key.startswith("sha256:")]
        names = [f"{registry.address}/app@{digest}" for digest in digests]
        pulled = [runner.pull(name) for name in names]
        registry.faults.append(on_manifests(announces_the_other))
        assert runner.pull(names[0]) is pulled[0]
        assert [runner.store.get(name) for name in names] == pulled


def test_a_registry_that_announces_no_digest(runner: StoreRunner) -> None:
    def says_nothing(handler: BadHandler) -> bool:
        handler.answer(200, handler.registry.manifests["app", "latest"].content, {})
        return True

    with bad_registry(on_manifests(says_nothing)) as registry:
        reference = push_long(registry.address)
        assert runner.pull(reference) is runner.pull(reference)


def test_an_image_that_the_registry_lost_is_not_pulled_again(runner: StoreRunner) -> None:
    with bad_registry() as registry:
        reference = push_long(registry.address)
        image = runner.pull(reference)
        registry.manifests.clear()
        with pytest.raises(ManifestNotFound):
            runner.pull(reference)
        assert runner.store.get(reference) is image


def test_images_share_blobs(runner: StoreRunner) -> None:
    with bad_registry() as registry:
        runner.pull(push_long(registry.address))
        registry.requests.clear()
        other = images.push_wasi_image(registry.address, "other", LONG, compression="", cmd=["x"])
        runner.pull(other)
        assert sum("/blobs/" in request for request in registry.requests) == 1


# ---- who asks ------------------------------------------------------------------------------------------------------


def basic(handler: BadHandler) -> bool:
    if handler.headers.get("Authorization") == "Basic " + base64.b64encode(b"me:secret").decode():
        return False
    return fails(401, {"WWW-Authenticate": 'Basic realm="registry"'})(handler)


class TokenServer:
    """Gives out tokens that are good for one or more requests, and says what it was asked."""

    def __init__(self, good_for: int = 1000) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.authorizations: list[str] = []
        self.methods: list[str] = []
        self._good_for = good_for
        self._left: dict[str, int] = {}
        self._lock = threading.Lock()

    def __call__(self, handler: BadHandler) -> bool:
        if urlsplit(handler.path).path == "/token":
            self.give(handler, parse_qs(urlsplit(handler.path).query))
            return True
        token = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        with self._lock:
            if self._left.get(token, 0) > 0:
                self._left[token] -= 1
                return False
        realm = f"http://{handler.registry.address}/token"
        challenge = f'Bearer realm="{realm}",service="the service",scope="repository:app:pull"'
        return fails(401, {"WWW-Authenticate": challenge})(handler)

    def give(self, handler: BadHandler, form: dict[str, list[str]]) -> None:
        self.asked.append(form)
        self.methods.append(handler.command)
        self.authorizations.append(handler.headers.get("Authorization", ""))
        with self._lock:
            token = f"token-{len(self._left)}"
            self._left[token] = self._good_for
        handler.answer(200, json.dumps({"token": token}).encode(), {"Content-Type": "application/json"})


def test_basic_credentials_are_given_when_they_are_asked_for(runner: StoreRunner) -> None:
    with bad_registry() as registry:
        reference = push_long(registry.address)
        registry.faults.append(basic)
        assert runner.pull(reference, Credentials("me", "secret"))
        assert registry.authorizations[0] == ""


@pytest.mark.parametrize(
    "given", [None, Credentials("me", "wrong"), Credentials("me", "secret", server_address="elsewhere")]
)
def test_wrong_or_missing_credentials(runner: StoreRunner, given: Credentials | None) -> None:
    with bad_registry() as registry:
        reference = push_long(registry.address)
        registry.faults.append(basic)
        with pytest.raises(
            Unauthorized, match=f"registry {registry.address} refuses to serve app.*imagePullSecrets"
        ) as raised:
            runner.pull(reference, given)
    assert "wrong" not in str(raised.value)


def test_a_token_is_fetched_anonymously(runner: StoreRunner) -> None:
    with bad_registry() as registry:
        reference = push_long(registry.address)
        server = TokenServer()
        registry.faults.append(server)
        runner.pull(reference)
    assert server.asked[0] == {"service": ["the service"], "scope": ["repository:app:pull"]}
    assert set(server.authorizations) == {""}


def test_a_token_is_fetched_with_a_password(runner: StoreRunner) -> None:
    with bad_registry() as registry:
        reference = push_long(registry.address)
        server = TokenServer()
        registry.faults.append(server)
        runner.pull(reference, Credentials("me", "secret", server_address=f"http://{registry.address}"))
    assert server.authorizations[0] == "Basic " + base64.b64encode(b"me:secret").decode()


def test_tokens_that_expire_are_fetched_again(runner: StoreRunner) -> None:
    with bad_registry() as registry:
        reference = push_long(registry.address)
        server = TokenServer(good_for=1)
        registry.faults.append(server)
        runner.reopen(concurrent_pulls=1)
        runner.pull(reference)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("status", "failures", "error"), [(503, 2, None), (503, 99, RegistryUnavailable), (404, 99, RegistryUnavailable)]
)
def test_a_token_server_in_trouble(
    runner: StoreRunner, status: int, failures: int, error: type[Exception] | None
) -> None:
    with bad_registry() as registry:
        reference = push_long(registry.address)
        trouble = times(failures, lambda handler: handler.path.startswith("/token") and fails(status)(handler))
        registry.faults += [trouble, TokenServer()]
        if error is None:
            assert runner.pull(reference)
        else:
            with pytest.raises(error, match=rf"/token.*HTTP {status}"):
                runner.pull(reference)


def test_a_refresh_token_is_posted(runner: StoreRunner) -> None:
    with bad_registry() as registry:
        reference = push_long(registry.address)
        server = TokenServer()
        registry.faults.append(server)
        registry.on_post = lambda handler: server.give(handler, parse_qs(handler.body().decode()))
        runner.pull(reference, Credentials(identity_token="refresh me"))
    assert server.asked[0]["refresh_token"] == ["refresh me"]
    assert server.asked[0]["grant_type"] == ["refresh_token"]
    assert server.methods[0] == "POST"


def test_a_bearer_token_is_used_at_once(runner: StoreRunner) -> None:
    with bad_registry() as registry:
        runner.pull(push_long(registry.address), Credentials(registry_token="bear this"))
        assert set(registry.authorizations) == {"Bearer bear this"}


def redirects_to(elsewhere: BadRegistry) -> Callable[[BadHandler], bool]:
    def redirected(handler: BadHandler) -> bool:
        handler.answer(307, b"", {"Location": f"http://{elsewhere.address}{handler.path}"})
        return True

    return redirected


def test_credentials_do_not_follow_a_redirect_to_another_host(runner: StoreRunner) -> None:
    with bad_registry() as elsewhere, bad_registry() as registry:
        reference = push_long(registry.address)
        elsewhere.blobs.update(registry.blobs)
        registry.faults += [basic, on_blobs(redirects_to(elsewhere))]
        runner.pull(reference, Credentials("me", "secret"))
        assert len(elsewhere.authorizations) == 2
        assert set(elsewhere.authorizations) == {""}


def test_who_is_redirected_to_cannot_ask_for_credentials(runner: StoreRunner) -> None:
    server = TokenServer()
    with bad_registry(server) as elsewhere, bad_registry() as registry:
        reference = push_long(registry.address)
        registry.faults += [basic, on_blobs(redirects_to(elsewhere))]
        with pytest.raises(Unauthorized, match=f"sends to {elsewhere.address} for app, which refuses"):
            runner.pull(reference, Credentials("me", "secret"))
        assert server.asked == []
        assert set(elsewhere.authorizations) == {""}


def test_redirects_without_end(runner: StoreRunner) -> None:
    def redirected(handler: BadHandler) -> bool:
        handler.answer(307, b"", {"Location": handler.path})
        return True

    endless = on_manifests(redirected)
    with bad_registry(endless) as registry, pytest.raises(ImageStoreError, match="did not serve app:latest"):
        runner.pull(f"{registry.address}/app")


def test_a_redirect_with_an_answer_that_has_no_end(runner: StoreRunner) -> None:
    with bad_registry() as elsewhere, bad_registry() as registry:
        reference = push_long(registry.address)
        elsewhere.manifests.update(registry.manifests)
        endless = HasNoEnd(307, {"Location": f"http://{elsewhere.address}/v2/app/manifests/latest"})
        registry.faults.append(on_manifests(endless))
        assert runner.pull(reference)
        assert endless.sent < 32 << 20


@pytest.mark.parametrize("given", [None, Credentials(identity_token="refresh me")])
def test_a_token_that_has_no_end(runner: StoreRunner, given: Credentials | None) -> None:
    endless = HasNoEnd(200)
    with bad_registry(
        lambda handler: handler.path.startswith("/token") and endless(handler), TokenServer()
    ) as registry:
        registry.on_post = endless
        with pytest.raises(RegistryUnavailable, match="which gives none"):
            runner.pull(f"{registry.address}/app", given)
        assert endless.sent < 32 << 20


def test_passwords_of_the_machine_are_not_used(
    runner: StoreRunner, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (home / ".netrc").chmod(0o600)
    (home / ".docker").mkdir()
    with bad_registry() as registry:
        reference = push_long(registry.address)
        auth = base64.b64encode(b"me:secret").decode()
        (home / ".docker/config.json").write_text(json.dumps({"auths": {registry.address: {"auth": auth}}}))
        monkeypatch.setenv("HOME", str(home))
        registry.faults.append(basic)
        with pytest.raises(Unauthorized):
            runner.pull(reference)
        assert set(registry.authorizations) == {""}
