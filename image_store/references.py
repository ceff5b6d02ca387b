"""Names of images, as people write them and as they are meant.

CRI leaves the normalisation to the runtime. The rules are those of Docker, which all registries' users know: a first
component that looks like a host is one, otherwise it is ``docker.io``; a single name there is in ``library/``; no tag
and no digest means ``latest``; a tag beside a digest says nothing.
"""

import re
from dataclasses import dataclass

from image_store.digests import is_digest, is_hex
from image_store.errors import InvalidReference

DOCKER_HUB = "docker.io"
_DOCKER_HUB_ALIASES = ("docker.io", "index.docker.io")
DOCKER_HUB_REGISTRY = "registry-1.docker.io"

_LONGEST_NAME = 255
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True)
class Reference:
    host: str
    repository: str
    tag: str = ""
    digest: str = ""
    """Exactly one of tag and digest is set."""

    @property
    def name(self) -> str:
        return f"{self.host}/{self.repository}"

    @property
    def target(self) -> str:
        """What the registry is asked for."""
        return self.digest or self.tag

    @property
    def registry(self) -> str:
        """Host, and port if any, that answers for it."""
        return DOCKER_HUB_REGISTRY if self.host == DOCKER_HUB else self.host

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"

    def at(self, digest: str) -> str:
        """The same repository's image of that digest."""
        return f"{self.name}@{digest}"


def parse(text: str) -> Reference:
    """The full form of a name. Raises InvalidReference."""
    if is_hex(text) or is_digest(text):
        raise InvalidReference(f'"{text}" is the id of an image, not its name: pull it by name')
    named, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise InvalidReference(f'reference "{text}" has a wrong digest: it must be sha256: and 64 hexadecimal digits')
    name, tag = _split_tag(named)
    if tag is not None and not _TAG.fullmatch(tag):
        raise InvalidReference(f'reference "{text}" has a wrong tag: use letters, digits, "_", "." and "-"')
    host, repository = _split_host(name)
    _check_name(text, host, repository)
    return Reference(host, repository, digest=digest) if at else Reference(host, repository, tag=tag or "latest")


def _split_tag(named: str) -> tuple[str, str | None]:
    name, colon, tag = named.rpartition(":")
    # The colon of a port is before a slash.
    return (name, tag) if colon and "/" not in tag else (named, None)


def _split_host(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if not slash or not _looks_like_host(first):
        host, repository = DOCKER_HUB, name
    else:
        host, repository = first, rest
    if host in _DOCKER_HUB_ALIASES:
        return DOCKER_HUB, repository if "/" in repository else f"library/{repository}"
    return host, repository


def _looks_like_host(component: str) -> bool:
    return component == "localhost" or "." in component or ":" in component or component != component.lower()


def _check_name(text: str, host: str, repository: str) -> None:
    if not _HOST.fullmatch(host):
        raise InvalidReference(f'reference "{text}" has a wrong registry host "{host}"')
    if repository != repository.lower():
        raise InvalidReference(f'reference "{text}" is wrong: the repository name must be lowercase')
    if not all(_COMPONENT.fullmatch(component) for component in repository.split("/")):
        raise InvalidReference(
            f'reference "{text}" is wrong: write it as host/repository:tag or host/repository@digest'
        )
    if len(host) + 1 + len(repository) > _LONGEST_NAME:
        raise InvalidReference(f'reference "{text}" is too long: a name has at most {_LONGEST_NAME} characters')
