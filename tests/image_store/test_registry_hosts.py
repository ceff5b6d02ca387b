"""Pulls by way of mirrors, as the files of the machine's operator say: real registries on loopback."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo_registry import Registry
from image_store.errors import ManifestNotFound, RegistryConfigInvalid, RegistryUnavailable
from image_store.store import Credentials
from tests import images
from tests.docker_registry import docker_registry
from tests.guests.compiled import guest
from tests.image_store.certificates import self_signed, speak_tls
from tests.image_store.conftest import StoreRunner
from tests.image_store.registry import BadRegistry, bad_registry, fails, no_listener, on_blobs, sends

HELLO = guest("hello")
OTHER = guest("exit3")

# Leads to this machine too, but is no loopback address.
NOT_LOOPBACK = "0.0.0.0"


@pytest.fixture
def mirror() -> Iterator[BadRegistry]:
    with bad_registry() as registry:
        yield registry


class Operator:
    """Writes the files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def says(self, host: str, text: str) -> None:
        (self.folder / host).mkdir(parents=True, exist_ok=True)
        (self.folder / host / "hosts.toml").write_text(text)


@pytest.fixture
def operator(tmp_path: Path, runner: StoreRunner) -> Operator:
    operator = Operator(tmp_path / "certs.d")
    runner.reopen(registry_config=operator.folder)
    return operator


def by_way_of(mirror: Registry, members: str = "") -> str:
    return f'[host."http://{mirror.address}"]\n{members}\n'


def test_the_mirror_serves_and_the_image_keeps_its_name(
    runner: StoreRunner, operator: Operator, mirror: BadRegistry
) -> None:
    images.push_artifact(mirror.address, "team/app", HELLO)
    operator.says("registry.invalid", by_way_of(mirror))
    image = runner.pull("registry.invalid/team/app")
    assert image.repo_tags == ("registry.invalid/team/app:latest",)
    assert all(digest.startswith("registry.invalid/team/app@sha256:") for digest in image.repo_digests)
    assert mirror.requests
    assert all(request.endswith("?ns=registry.invalid") for request in mirror.requests)
    assert runner.program(image).source.read_bytes() == HELLO


def test_by_way_of_a_registry_that_others_wrote(runner: StoreRunner, operator: Operator, tmp_path: Path) -> None:
    with docker_registry(tmp_path / "registry") as address:
        images.push_artifact(address, "library/app", HELLO)
        operator.says("docker.io", f'server = "https://docker.io"\n[host."http://{address}"]\n')
        assert runner.pull("app").repo_tags == ("docker.io/library/app:latest",)


def test_a_change_is_followed_by_the_next_pull(runner: StoreRunner, operator: Operator, mirror: BadRegistry) -> None:
    images.push_artifact(mirror.address, "app", HELLO)
    operator.says("registry.invalid", by_way_of(mirror))
    first = runner.pull("registry.invalid/app")
    with bad_registry() as another:
        images.push_artifact(another.address, "app", OTHER)
        operator.says("registry.invalid", by_way_of(another))
        assert runner.pull("registry.invalid/app").id != first.id


@pytest.mark.parametrize(
    ("folder", "reference"),
    [
        ("registry.invalid_5000_", "registry.invalid:5000/app"),
        ("registry.invalid:5000", "registry.invalid:5000/app"),
        ("_default", "registry.invalid:5000/app"),
        ("_default", "registry.invalid/app"),
        ("docker.io", "library/app"),
    ],
)
def test_how_folders_are_named(
    runner: StoreRunner, operator: Operator, mirror: BadRegistry, folder: str, reference: str
) -> None:
    images.push_artifact(mirror.address, reference.split("/", 1)[1] if "." in reference else reference, HELLO)
    operator.says(folder, by_way_of(mirror))
    assert runner.pull(reference).repo_tags


def test_a_folder_of_the_registrys_own_goes_before_the_default(
    runner: StoreRunner, operator: Operator, mirror: BadRegistry
) -> None:
    images.push_artifact(mirror.address, "app", HELLO)
    operator.says("_default", 'server = "http://127.0.0.1:1"')
    operator.says("registry.invalid:5000", 'server = "http://127.0.0.1:1"')
    operator.says("registry.invalid_5000_", by_way_of(mirror))
    assert runner.pull("registry.invalid:5000/app").repo_tags


@pytest.mark.parametrize(
    "fault", [fails(404), fails(401), fails(500), fails(400), on_blobs(fails(503)), on_blobs(sends(b"x"))]
)
def test_the_registry_itself_is_asked_where_a_mirror_fails(
    runner: StoreRunner, operator: Operator, registry: Registry, mirror: BadRegistry, fault: object
) -> None:
    reference = images.push_artifact(registry.address, "app", HELLO)
    images.push_artifact(mirror.address, "app", HELLO)
    mirror.faults.append(fault)  # type: ignore[arg-type]
    operator.says(registry.address, by_way_of(mirror))
    assert runner.pull(reference).repo_tags == (reference,)
    assert mirror.requests


def test_a_mirror_that_is_away_is_asked_once(runner: StoreRunner, operator: Operator, mirror: BadRegistry) -> None:
    images.push_artifact(mirror.address, "app", HELLO)
    with bad_registry(fails(503)) as troubled, no_listener() as address:
        away = f'[host."http://{address}"]\ndial_timeout = "500ms"\n'
        operator.says("registry.invalid", f"{by_way_of(troubled)}{away}{by_way_of(mirror)}")
        assert runner.pull("registry.invalid/app").repo_tags
        assert len(troubled.requests) == 1


def test_what_every_host_said_is_told(runner: StoreRunner, operator: Operator, mirror: BadRegistry) -> None:
    with no_listener() as server:
        operator.says("registry.invalid", f'server = "http://{server}"\n{by_way_of(mirror)}')
        with pytest.raises(RegistryUnavailable) as failed:
            runner.pull("registry.invalid/app")
    assert f"registry {server} did not serve app:latest in 5 attempts (Connection refused)" in str(failed.value)
    assert f"; before it, registry {mirror.address} has no app:latest" in str(failed.value)


def test_a_server_of_another_name_is_the_only_one(runner: StoreRunner, operator: Operator, mirror: BadRegistry) -> None:
    operator.says("_default", f'server = "http://{mirror.address}"')
    with pytest.raises(ManifestNotFound, match=f"^registry {mirror.address} has no app:latest .*push the image$"):
        runner.pull("registry.invalid/app")


def test_a_mirror_without_resolve_sends_what_the_registry_resolved(
    runner: StoreRunner, operator: Operator, mirror: BadRegistry
) -> None:
    with bad_registry() as registry:
        reference = images.push_artifact(registry.address, "app", HELLO)
        images.push_artifact(mirror.address, "app", HELLO)
        operator.says(registry.address, by_way_of(mirror, 'capabilities = ["pull"]'))
        assert runner.pull(reference).repo_tags == (reference,)
        assert [request.split()[0] for request in registry.requests] == ["HEAD"]
        assert all("/blobs/" in request or "/manifests/sha256:" in request for request in mirror.requests)


def test_a_mirror_without_resolve_is_not_believed_a_tag(
    runner: StoreRunner, operator: Operator, registry: Registry, mirror: BadRegistry
) -> None:
    reference = images.push_artifact(registry.address, "app", HELLO)
    images.push_artifact(mirror.address, "app", OTHER)
    operator.says(registry.address, by_way_of(mirror, 'capabilities = ["pull"]'))
    assert runner.program(runner.pull(reference)).source.read_bytes() == HELLO


def test_nobody_may_resolve(runner: StoreRunner, operator: Operator, mirror: BadRegistry) -> None:
    operator.says("registry.invalid", f'server = "http://{mirror.address}"\ncapabilities = ["pull"]')
    with pytest.raises(
        RegistryConfigInvalid,
        match=r"registry.invalid/hosts.toml: no host may resolve what registry.invalid/app:latest names; give one the "
        'capability "resolve"',
    ):
        runner.pull("registry.invalid/app")


def test_override_path_and_headers(runner: StoreRunner, operator: Operator, mirror: BadRegistry) -> None:
    images.push_artifact(mirror.address, "cache/app", HELLO)
    seen: list[str] = []
    mirror.faults.append(lambda handler: seen.append(handler.headers["x-team"]) or False)  # type: ignore[func-returns-value]
    operator.says(
        "registry.invalid",
        f'[host."http://{mirror.address}/v2/cache"]\noverride_path = true\nheader = {{x-team = ["a", "b"]}}',
    )
    assert runner.pull("registry.invalid/app").repo_tags
    assert set(seen) == {"a, b"}


def test_headers_do_not_follow_a_redirect(runner: StoreRunner, operator: Operator, mirror: BadRegistry) -> None:
    with bad_registry() as storage:
        images.push_artifact(mirror.address, "app", HELLO)
        images.push_artifact(storage.address, "app", HELLO)
        seen: list[str | None] = []
        storage.faults.append(lambda handler: seen.append(handler.headers["x-token"]) or False)  # type: ignore[func-returns-value]
        mirror.faults.append(
            on_blobs(lambda handler: fails(307, {"Location": f"http://{storage.address}{handler.path}"})(handler))
        )
        operator.says("registry.invalid", by_way_of(mirror, 'header = {x-token = "secret"}'))
        assert runner.pull("registry.invalid/app").repo_tags
        assert set(seen) == {None}


def test_a_proxy(runner: StoreRunner, operator: Operator) -> None:
    with bad_registry() as proxy:
        operator.says("registry.invalid", f'server = "http://up.invalid"\nproxy = "http://{proxy.address}"')
        with pytest.raises(ManifestNotFound):
            runner.pull("registry.invalid/app")
        assert proxy.requests == ["GET http://up.invalid/v2/app/manifests/latest?ns=registry.invalid"]


def test_credentials_go_to_the_mirror_that_asks_unless_they_are_anothers(
    runner: StoreRunner, operator: Operator, mirror: BadRegistry
) -> None:
    images.push_artifact(mirror.address, "app", HELLO)
    expected = "Basic " + base64.b64encode(b"me:secret").decode()

    def locked(handler: object) -> bool:
        if handler.headers.get("Authorization") == expected:  # type: ignore[attr-defined]
            return False
        return fails(401, {"WWW-Authenticate": "Basic"})(handler)  # type: ignore[arg-type]

    mirror.faults.append(locked)
    operator.says("registry.invalid", by_way_of(mirror))
    assert runner.pull("registry.invalid/app", Credentials("me", "secret")).repo_tags
    runner.remove("registry.invalid/app")
    mirror.authorizations.clear()
    with pytest.raises(RegistryUnavailable):
        runner.pull("registry.invalid/app", Credentials("me", "secret", server_address="registry.invalid"))
    assert set(mirror.authorizations) == {""}


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_authorities_and_client_certificates(
    runner: StoreRunner, operator: Operator, mirror: BadRegistry, tmp_path: Path
) -> None:
    images.push_artifact(mirror.address, "app", HELLO)
    server, client = self_signed(tmp_path, "127.0.0.1", "server"), self_signed(tmp_path, "127.0.0.1", "client")
    speak_tls(mirror, server, client)
    table = f'[host."https://{mirror.address}"]\n'
    identity = f'client = [["{client.path}", "{client.key}"]]\n'
    runner.reopen(registry_config=operator.folder, registry_attempts=1)
    for members, reason in (
        ("", "self-signed certificate"),
        (f'ca = "{server.path}"', "certificate required|alert|EOF"),
    ):
        operator.says("registry.invalid", table + members)
        with pytest.raises(RegistryUnavailable, match=reason):
            runner.pull("registry.invalid/app")
    operator.says("registry.invalid", f'{table}{identity}ca = "{server.path}"')
    assert runner.pull("registry.invalid/app").repo_tags
    runner.remove("registry.invalid/app")
    operator.says("registry.invalid", f"{table}{identity}skip_verify = true")
    assert runner.pull("registry.invalid/app").repo_tags


def test_certificates_alone_as_docker_lays_them_out(
    runner: StoreRunner, operator: Operator, mirror: BadRegistry, tmp_path: Path
) -> None:
    images.push_artifact(mirror.address, "app", HELLO)
    server, client = self_signed(tmp_path, NOT_LOOPBACK, "server"), self_signed(tmp_path, NOT_LOOPBACK, "client")
    speak_tls(mirror, server, client)
    registry = mirror.address.replace("127.0.0.1", NOT_LOOPBACK)
    folder = operator.folder / registry
    folder.mkdir(parents=True)
    for name, path in (("ca.crt", server.path), ("me.cert", client.path), ("me.key", client.key)):
        os.link(path, folder / name)
    assert runner.pull(f"{registry}/app").repo_tags


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[host", "hosts.toml: is not TOML: .*; mend that line"),
        (
            '[host."https://m.invalid"]\nca = "no.pem"',
            r"ca .*/no.pem cannot be used \(No such file or directory\); name",
        ),
        ('[host."https://m.invalid"]\nca = "hosts.toml"', r"ca .*/hosts.toml cannot be used \(.*\); name files in PEM"),
        ('[host."https://m.invalid"]\nclient = "no.pem"', r"client certificate .*/no.pem .* cannot be used"),
    ],
)
def test_a_damaged_file_fails_the_pull(runner: StoreRunner, operator: Operator, text: str, complaint: str) -> None:
    operator.says("registry.invalid", text)
    with pytest.raises(RegistryConfigInvalid, match=f"^{operator.folder}/registry.invalid/hosts.toml: .*"):
        runner.pull("registry.invalid/app")
    with pytest.raises(RegistryConfigInvalid, match=complaint):
        runner.pull("registry.invalid/app")


def test_a_file_that_cannot_be_read_fails_the_pull(runner: StoreRunner, operator: Operator) -> None:
    (operator.folder / "registry.invalid" / "hosts.toml").mkdir(parents=True)
    with pytest.raises(RegistryConfigInvalid, match=r"hosts.toml: cannot be read: Is a directory; make it a file"):
        runner.pull("registry.invalid/app")


def test_an_empty_folder_says_nothing(runner: StoreRunner, operator: Operator, registry: Registry) -> None:
    reference = images.push_artifact(registry.address, "app", HELLO)
    operator.says("_default", 'server = "http://127.0.0.1:1"')
    (operator.folder / registry.address).mkdir()
    assert runner.pull(reference).repo_tags == (reference,)


def test_what_a_mirror_lacks_comes_from_the_registry(
    runner: StoreRunner, operator: Operator, registry: Registry, mirror: BadRegistry
) -> None:
    old, new = (images.push_artifact(registry.address, "app", wasm, tag) for wasm, tag in ((OTHER, "1"), (HELLO, "2")))
    images.push_artifact(mirror.address, "app", OTHER, "1")
    operator.says(registry.address, by_way_of(mirror))
    assert runner.program(runner.pull(old)).source.read_bytes() == OTHER
    assert runner.program(runner.pull(new)).source.read_bytes() == HELLO
