"""``hosts.toml``: what its members mean, and what is said of those that are wrong."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_store.errors import RegistryConfigInvalid
from image_store.hosts_file import parse
from image_store.registry_host import RegistryHost, upstream

FILE = Path("/etc/wasmlet/certs.d/registry.example/hosts.toml")
REGISTRY = upstream("registry.example", ())


def hosts(text: str) -> tuple[RegistryHost, ...]:
    return parse(text, FILE, REGISTRY)


def mirror(members: str, url: str = "https://mirror.example") -> RegistryHost:
    return hosts(f'[host."{url}"]\n{members}')[0]


def urls(text: str) -> list[str]:
    return [host.origin + host.path for host in hosts(text)]


def test_mirrors_go_before_the_server_in_the_order_of_the_file() -> None:
    text = """
    server = "https://upstream.example"
    [host."https://b.example"]
    [host."http://a.example:5000"]
    [host."c.example".header]
      x = "y"
    """
    assert urls(text) == [
        "https://b.example/v2",
        "http://a.example:5000/v2",
        "https://c.example/v2",
        "https://upstream.example/v2",
    ]


def test_without_a_server_the_registry_itself_is_asked_last() -> None:
    assert urls('[host."https://a.example"]') == ["https://a.example/v2", "https://registry.example/v2"]
    assert urls("skip_verify = true") == ["https://registry.example/v2"]


def test_docker_io_is_served_elsewhere() -> None:
    assert urls('server = "https://docker.io"') == ["https://registry-1.docker.io/v2"]


@pytest.mark.parametrize(
    ("url", "members", "path"),
    [
        ("https://m.example", "", "/v2"),
        ("https://m.example/", "", "/v2"),
        ("https://m.example/v2", "", "/v2"),
        ("https://m.example/v2/", "", "/v2"),
        ("https://m.example//cache/", "", "/cache/v2"),
        ("https://m.example/v2/cache", "override_path = true", "/v2/cache"),
        ("https://m.example/v2/cache", "override_path = false", "/v2/cache/v2"),
        ("https://m.example", "override_path = true", ""),
    ],
)
def test_where_the_api_begins(url: str, members: str, path: str) -> None:
    assert mirror(members, url).path == path


def test_capabilities() -> None:
    assert (mirror("").may_pull, mirror("").may_resolve) == (True, True)
    pulling = mirror('capabilities = ["Pull", "push"]')
    assert (pulling.may_pull, pulling.may_resolve) == (True, False)
    registry = hosts('capabilities = ["pull"]')[-1]
    assert (registry.may_pull, registry.may_resolve) == (True, False)


def test_certificates_lie_beside_the_file_or_where_the_path_leads() -> None:
    host = mirror('ca = ["a.pem", "/etc/b.pem"]\nclient = [["c.cert", "/etc/c.key"]]')
    assert host.authorities == (str(FILE.parent / "a.pem"), "/etc/b.pem")
    assert host.client == (str(FILE.parent / "c.cert"), "/etc/c.key")
    both = str(FILE.parent / "both.pem")
    for client in ('"both.pem"', '["both.pem"]', '[["both.pem", ""]]'):
        assert mirror(f"client = {client}").client == (both, both)
    assert mirror('ca = "a.pem"').authorities == (str(FILE.parent / "a.pem"),)


def test_certificates_are_verified_unless_the_file_says_otherwise() -> None:
    assert mirror("", "https://127.0.0.1:5000").verify is not False
    assert mirror("skip_verify = true").verify is False
    assert mirror("skip_verify = false").verify is not False


def test_headers_and_the_proxy() -> None:
    host = mirror('proxy = "http://proxy.example:8080"\nheader = {x-one = "1", x-two = ["a", "b"]}')
    assert host.headers == {"x-one": "1", "x-two": "a, b"}
    assert host.proxy == "http://proxy.example:8080"


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("500ms", 0.5), ("1m30s", 90), ("1.5s", 1.5), (".5s", 0.5), ("1h", 3600)]
)
def test_the_time_to_connect(text: str, seconds: float) -> None:
    assert mirror(f'dial_timeout = "{text}"').connect_seconds == seconds


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("server = ", r"is not TOML: Invalid value .*; mend that line"),
        ("sever = 'https://a'", "sever: unknown key; use ca, capabilities, client"),
        ("server = 5", "server: must be a URL, not 5"),
        ("server = 'ftp://a.example'", r"server: must be a URL of scheme \(http or https\), host, port and path alone"),
        ("server = 'https://me:secret@a.example'", "server: must be a URL of scheme"),
        ("server = 'https://a.example:x'", "server: must be a URL of scheme"),
        ("server = 'https://[::1'", "server: must be a URL of scheme"),
        ("host = 5", "host: must be tables such as"),
        ("host = {a = 5}", 'host."a": must be a table'),
        ("[host.a]\n[host.a.host.b]", 'host."a".host: unknown key'),
        ("[host.a]\ncapabilities = 'pull'", 'host."a".capabilities: must be a list of strings'),
        ("[host.a]\ncapabilities = ['fetch']", 'unknown capability "fetch"; use pull, resolve, push'),
        ("[host.a]\nskip_verify = 1", 'host."a".skip_verify: must be true or false, not 1'),
        ("[host.a]\nca = 1", 'host."a".ca: must be a list of strings, not 1'),
        ("[host.a]\nclient = 1", 'host."a".client: must be a path, or a list of paths or of pairs of paths'),
        ("[host.a]\nclient = ['a', 'b']", "one certificate can be shown to a host, not 2; leave one"),
        ("[host.a]\nclient = [['a', 'b', 'c']]", "must be a pair of certificate and key"),
        ("[host.'http://a']\nca = 'x'", 'ca: needs TLS, which http://a is spoken to without; write "https://" for it'),
        ("[host.a]\nheader = 1", 'host."a".header: must be a table of strings'),
        ("[host.a]\nheader = {x = 1}", 'host."a".header.x: must be an HTTP header'),
        ('[host.a]\nheader = {x = "a\\nb"}', 'host."a".header.x: must be an HTTP header'),
        ("[host.a]\nproxy = 'socks5://p'", 'host."a".proxy: must be the URL of an http or https proxy'),
        ("[host.a]\ndial_timeout = '5'", 'host."a".dial_timeout: must be a time such as "1s" or "500ms", not \'5\''),
        ("[host.a]\ndial_timeout = '0s'", 'host."a".dial_timeout: must be a time'),
        ("[host.a]\ndial_timeout = 5", 'host."a".dial_timeout: must be a string, not 5'),
    ],
)
def test_what_is_wrong_is_named_with_file_key_and_remedy(text: str, complaint: str) -> None:
    with pytest.raises(RegistryConfigInvalid, match=f"^{FILE}: .*{complaint}"):
        hosts(text)


@given(st.text(max_size=200))
def test_any_file_is_followed_or_refused(text: str) -> None:
    with contextlib.suppress(RegistryConfigInvalid):
        assert hosts(text)
