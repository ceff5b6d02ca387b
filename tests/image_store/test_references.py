"""References mean what Docker's users mean by them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_store.errors import InvalidReference
from image_store.references import Reference, parse

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"

_COMPONENTS = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-|---)[a-z0-9]{1,8}){0,2}", fullmatch=True)
_HOSTS = st.sampled_from(["localhost", "ghcr.io", "127.0.0.1:5000", "[::1]:5000", "Registry", "a-b.example:443"])
_PATHS = st.lists(_COMPONENTS, min_size=1, max_size=4).map("/".join)
_TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36"),
        ("docker.io/busybox", "docker.io/library/busybox:latest"),
        ("index.docker.io/busybox", "docker.io/library/busybox:latest"),
        ("index.docker.io/team/app:1", "docker.io/team/app:1"),
        ("team/app", "docker.io/team/app:latest"),
        ("ghcr.io/app", "ghcr.io/app:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/app:2", "localhost:5000/app:2"),
        ("[::1]:5000/app", "[::1]:5000/app:latest"),
        ("Registry/app", "Registry/app:latest"),
        (f"busybox@{DIGEST}", f"docker.io/library/busybox@{DIGEST}"),
        (f"ghcr.io/app:1@{DIGEST}", f"ghcr.io/app@{DIGEST}"),
        ("a/b/c/d__e-f.g", "docker.io/a/b/c/d__e-f.g:latest"),
        ("sha256:1234", "docker.io/library/sha256:1234"),
    ],
)
def test_the_full_form(text: str, full: str) -> None:
    assert str(parse(text)) == full


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "write it as host/repository:tag"),
        ("app:", "wrong tag"),
        ("app:-1", "wrong tag"),
        ("app:" + "x" * 129, "wrong tag"),
        ("app@sha256:12", "wrong digest"),
        ("app@sha512:" + HEX, "wrong digest"),
        ("app@", "wrong digest"),
        ("App", "the repository name must be lowercase"),
        ("ghcr.io/App", "the repository name must be lowercase"),
        ("ghcr.io/", "write it as"),
        ("ghcr.io//app", "write it as"),
        ("/app", "write it as"),
        ("app_", "write it as"),
        ("app name", "write it as"),
        ("ghcr.io:port/app", "wrong registry host"),
        ("-.io/app", "wrong registry host"),
        ("ghcr.io/" + "x" * 250, "too long"),
        (HEX, "is the id of an image"),
        (DIGEST, "is the id of an image"),
        ("app\n", "write it as"),
        ("app:1\n", "wrong tag"),
    ],
)
def test_what_is_no_reference(text: str, said: str) -> None:
    with pytest.raises(InvalidReference, match=said):
        parse(text)


def test_docker_hub_answers_on_another_host() -> None:
    assert parse("busybox").registry == "registry-1.docker.io"
    assert parse("ghcr.io/app").registry == "ghcr.io"


def test_a_digest_is_asked_for_rather_than_a_tag() -> None:
    assert parse(f"app:1@{DIGEST}").target == DIGEST
    assert parse("app:1").target == "1"


@given(host=_HOSTS, path=_PATHS, tag=_TAGS)
def test_a_full_reference_is_its_own_full_form(host: str, path: str, tag: str) -> None:
    assert parse(f"{host}/{path}:{tag}") == Reference(host, path, tag=tag)
    assert str(parse(f"{host}/{path}:{tag}")) == f"{host}/{path}:{tag}"
    assert parse(f"{host}/{path}:{tag}@{DIGEST}") == Reference(host, path, digest=DIGEST)


@given(st.text(max_size=80) | st.text(alphabet="aA0.:/@-_", max_size=20))
def test_the_full_form_of_whatever_is_a_reference_is_one(text: str) -> None:
    try:
        full = str(parse(text))
    except InvalidReference:
        return
    assert str(parse(full)) == full
    assert full.isprintable()
