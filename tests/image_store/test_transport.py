"""With TLS or without: by where a registry is, and by the configuration."""

from pathlib import Path

import pytest

from image_store.errors import ManifestNotFound, RegistryUnavailable
from image_store.transport import transport
from tests import images
from tests.guests.compiled import guest
from tests.image_store.certificates import self_signed, speak_tls
from tests.image_store.conftest import StoreRunner
from tests.image_store.registry import bad_registry

HELLO = guest("hello")

# Leads to this machine too, but is no loopback address.
NOT_LOOPBACK = "0.0.0.0"


@pytest.mark.parametrize(
    ("host", "plain_http", "scheme"),
    [
        ("localhost", (), "http"),
        ("localhost:5000", (), "http"),
        ("127.0.0.1:5000", (), "http"),
        ("127.8.9.1", (), "http"),
        ("[::1]:5000", (), "http"),
        ("localhost:443", (), "https"),
        ("127.0.0.1:443", (), "https"),
        ("registry.example", (), "https"),
        ("registry.example:80", (), "https"),
        ("localhost.example", (), "https"),
        ("registry.example", ("registry.example",), "http"),
        ("registry.example:5000", ("registry.example",), "http"),
        ("registry.example:5000", ("registry.example:5000",), "http"),
        ("registry.example:5001", ("registry.example:5000",), "https"),
        ("other.example", ("registry.example",), "https"),
    ],
)
def test_the_scheme(host: str, plain_http: tuple[str, ...], scheme: str) -> None:
    assert transport(host, plain_http).scheme == scheme


def test_any_certificate_will_do_on_loopback_only() -> None:
    assert transport("localhost:443", ()).verify is False
    assert transport("registry.example", ()).verify is not False


def test_proxies_are_not_for_loopback(runner: StoreRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    with bad_registry() as proxy, bad_registry() as registry:
        reference = images.push_artifact(registry.address, "app", HELLO)
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        runner.reopen(plain_http=("registry.invalid",))
        assert runner.pull(reference).repo_tags == (reference,)
        assert proxy.requests == []
        with pytest.raises(ManifestNotFound):
            runner.pull("registry.invalid/app")
        assert proxy.requests == ["GET http://registry.invalid/v2/app/manifests/latest"]


def test_a_registry_without_tls_must_be_listed(runner: StoreRunner) -> None:
    with bad_registry() as registry:
        images.push_artifact(registry.address, "app", HELLO)
        reference = f"{registry.address.replace('127.0.0.1', NOT_LOOPBACK)}/app:latest"
        with pytest.raises(
            RegistryUnavailable, match=r"cannot be spoken to with TLS .* or list it in images.plain_http"
        ):
            runner.pull(reference)
        assert registry.requests == []
        runner.reopen(plain_http=(NOT_LOOPBACK,))
        assert runner.pull(reference).repo_tags == (reference,)


def test_a_certificate_must_be_of_an_authority_that_the_machine_trusts(
    runner: StoreRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path, NOT_LOOPBACK)
    with bad_registry() as registry:
        images.push_artifact(registry.address, "app", HELLO)
        speak_tls(registry, certificate)
        reference = f"{registry.address.replace('127.0.0.1', NOT_LOOPBACK)}/app:latest"
        with pytest.raises(RegistryUnavailable, match=r"self-signed certificate .*: trust its authority on this"):
            runner.pull(reference)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
        assert runner.pull(reference).repo_tags == (reference,)
