"""One image's repository, at the registry and at its mirrors: asked in turn until one gives what is wanted.

Mirrors get one attempt, so that the next one is not kept waiting; the last host gets as many as the settings say. A
mirror that did not answer is not asked again in the same pull. Blocking: for threads.
"""

from collections.abc import Callable
from typing import TypeVar

import structlog

from image_store.credentials import Credentials
from image_store.digests import is_digest
from image_store.errors import (
    DigestMismatch,
    ImageStoreError,
    ManifestNotFound,
    RegistryConfigInvalid,
    RegistryUnavailable,
    Unauthorized,
)
from image_store.hosts_folder import hosts_of
from image_store.references import Reference
from image_store.registry import Registry
from image_store.registry_connection import Sockets
from image_store.settings import StoreSettings

_ANOTHER_MAY_HAVE_IT = (DigestMismatch, ManifestNotFound, RegistryUnavailable, Unauthorized)

Result = TypeVar("Result")

log = structlog.get_logger()


class RegistryHosts:
    def __init__(
        self, reference: Reference, credentials: Credentials | None, settings: StoreSettings, sockets: Sockets
    ) -> None:
        self._reference = reference
        self._credentials = credentials
        self._settings = settings
        self._sockets = sockets
        self._registries: list[Registry] = []
        self._silent: set[Registry] = set()

    def open(self) -> None:
        """As they are configured now. Raises RegistryConfigInvalid."""
        hosts = hosts_of(self._settings.registry_config, self._reference, self._settings.plain_http)
        for host in hosts:
            attempts = self._settings.registry_attempts if host is hosts[-1] else 1
            self._registries.append(
                Registry(self._reference, host, self._credentials, self._settings, self._sockets, attempts)
            )

    def close(self) -> None:
        for registry in self._registries:
            registry.close()

    def announced(self, target: str) -> str:
        """Digest that a tag has now, empty where no host says. Raises ImageStoreError, Cut."""
        return self._ask(self._hosts_for(target), lambda registry: registry.announced(target))

    def manifest(self, target: str) -> bytes:
        """Of a tag or digest; a digest is verified. Raises ImageStoreError, Cut."""
        if not is_digest(target) and any(self._is_for_content_alone(registry) for registry in self._registries):
            # The mirror may not say what the tag is, but may send what it is.
            announced = self.announced(target)
            target = announced if is_digest(announced) else target
        return self._ask(self._hosts_for(target), lambda registry: registry.manifest(target))

    def content(self, fetch: Callable[[Registry], Result]) -> Result:
        """What ``fetch`` makes of the first host that has what it asks for. Raises ImageStoreError, Cut."""
        return self._ask(self._hosts_for_content(), fetch)

    def _is_for_content_alone(self, registry: Registry) -> bool:
        return registry.host.may_pull and not registry.host.may_resolve

    def _hosts_for_content(self) -> list[Registry]:
        return self._found([registry for registry in self._registries if registry.host.may_pull], "pull")

    def _hosts_for(self, target: str) -> list[Registry]:
        pulling = self._hosts_for_content()
        if is_digest(target):
            return pulling
        return self._found([registry for registry in pulling if registry.host.may_resolve], "resolve")

    def _found(self, registries: list[Registry], capability: str) -> list[Registry]:
        if not registries:
            raise RegistryConfigInvalid(
                f"{self._registries[-1].host.configured_in}: no host may {capability} what {self._reference} names; "
                f'give one the capability "{capability}"'
            )
        return registries

    def _ask(self, registries: list[Registry], question: Callable[[Registry], Result]) -> Result:
        failures: list[ImageStoreError] = []
        for registry in registries:
            if registry in self._silent and registry is not registries[-1]:
                continue
            try:
                return question(registry)
            except _ANOTHER_MAY_HAVE_IT as error:
                failures.append(error)
                self._note(registry, error)
        raise _all_of(failures)

    def _note(self, registry: Registry, error: ImageStoreError) -> None:
        if isinstance(error, RegistryUnavailable):
            self._silent.add(registry)
        if registry is not self._registries[-1]:
            log.info("a mirror does not serve an image", image=str(self._reference), error=str(error))


def _all_of(failures: list[ImageStoreError]) -> ImageStoreError:
    """The last host's failure decides; the mirrors' are told with it."""
    *earlier, last = failures
    return type(last)(f"{last}; before it, {'; '.join(map(str, earlier))}") if earlier else last
