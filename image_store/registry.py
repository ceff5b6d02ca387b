"""Asks a registry for manifests and blobs by the OCI distribution protocol. Blocking: for threads.

oras sends the requests and has them authenticated. What it does not do is done here: nothing is believed that does not
have the digest and size it must have, and trouble is waited out with pauses that can be cut short.
"""

import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlencode

import oras.provider
import requests
import urllib3.exceptions

from image_store import manifest as manifests
from image_store.credentials import Credentials, login_for
from image_store.digests import digest_of, is_digest
from image_store.errors import DigestMismatch, ManifestNotFound, RegistryUnavailable, Unauthorized, UnsupportedImage
from image_store.manifest import Descriptor
from image_store.references import Reference
from image_store.registry_connection import RegistrySession, Sockets, Trouble, is_in_trouble
from image_store.registry_host import RegistryHost
from image_store.registry_login import RegistryLogin
from image_store.settings import StoreSettings

_LONGEST_PAUSE = 30.0
_LONGEST_EXPLANATION = 300
_LARGEST_ERROR = 1 << 16
_PIECE = 1 << 18
_ACCEPT = {"Accept": ", ".join(manifests.ACCEPTED)}
_DIGEST_HEADER = "Docker-Content-Digest"

# Without oras's own repetitions, which take minutes and cannot be cut short.
_send = inspect.unwrap(oras.provider.Registry.do_request)

Result = TypeVar("Result")


class Registry:
    """One image's repository at one host, for one pull."""

    def __init__(
        self,
        reference: Reference,
        host: RegistryHost,
        credentials: Credentials | None,
        settings: StoreSettings,
        sockets: Sockets,
        attempts: int,
    ) -> None:
        """``attempts``: how often it is asked while it is in trouble. Raises Unauthorized, RegistryConfigInvalid."""
        self.host = host
        self.repository = reference.repository
        self.sockets = sockets
        self._settings = settings
        self._attempts = attempts
        self._base = f"{host.origin}{host.path}/{self.repository}"
        # A mirror of several registries is told which one is meant.
        self._query = "" if host.address == reference.registry else "?" + urlencode({"ns": reference.host})
        self._session = RegistrySession(sockets, settings.pull_progress_seconds, host)
        login = login_for(host.address, credentials)
        plain = host.scheme == "http"
        self._login = RegistryLogin(host.address, self.repository, login, self._session, plain)
        self._oras = oras.provider.Registry(host.address, insecure=plain, tls_verify=self._session.verify)
        self._oras.session = self._session
        self._oras.auth = self._login

    def close(self) -> None:
        self._session.close()

    def _named(self, target: str) -> str:
        """A tag or digest of the repository, as people write it."""
        return f"{self.repository}{'@' if is_digest(target) else ':'}{target}"

    def announced(self, target: str) -> str:
        """Digest that the registry says a tag has now, empty where it does not say. Raises ImageStoreError, Cut."""
        return self.persistently(self._named(target), lambda: self._announced(target))

    def _announced(self, target: str) -> str:
        with self._answer(f"manifests/{target}", self._named(target), _ACCEPT, "HEAD") as answer:
            return answer.headers.get(_DIGEST_HEADER, "")

    def manifest(self, target: str) -> bytes:
        """Of a tag or digest; a digest is verified. Raises ImageStoreError, Cut."""
        return self.persistently(self._named(target), lambda: self._manifest(target))

    def _manifest(self, target: str) -> bytes:
        with self._answer(f"manifests/{target}", self._named(target), _ACCEPT) as answer, self._named_trouble():
            data = _read(answer, manifests.MAX_MANIFEST_BYTES + 1)
        if len(data) > manifests.MAX_MANIFEST_BYTES:
            raise UnsupportedImage(
                f"the manifest of {self.host.address}/{self.repository} is larger than "
                f"{manifests.MAX_MANIFEST_BYTES} bytes: check what was pushed"
            )
        self._check_digest(target, answer.headers.get(_DIGEST_HEADER, ""), digest_of(data))
        return data

    def _check_digest(self, target: str, announced: str, received: str) -> None:
        wanted = target if is_digest(target) else announced
        if is_digest(wanted) and wanted != received:
            raise DigestMismatch(
                f"registry {self.host.address} sent a manifest of digest {received} as {self._named(target)}, "
                f"which is {wanted}: check the registry, or push the image again"
            )

    @contextmanager
    def blob(self, blob: Descriptor, offset: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Where the answer begins (``offset``, or 0 where the registry cannot resume), and its pieces as they come.

        Raises ImageStoreError, Trouble, Cut.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        with self._answer(f"blobs/{blob.digest}", f"blob {blob.digest} of {self.repository}", headers) as answer:
            resumed = answer.status_code == requests.codes.partial_content
            if resumed and not answer.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
                raise Trouble("it sent another part of a blob than it was asked for")
            yield offset if resumed else 0, self._pieces(answer)

    def _pieces(self, answer: requests.Response) -> Iterator[bytes]:
        while True:
            with self._named_trouble():
                piece: bytes = answer.raw.read1(_PIECE)
            if not piece:
                return
            yield piece

    @contextmanager
    def _answer(
        self, path: str, subject: str, headers: dict[str, str], method: str = "GET"
    ) -> Iterator[requests.Response]:
        """A good one. ``subject``: what is asked for, for people."""
        with self._named_trouble():
            answer: requests.Response = _send(
                self._oras,
                f"{self._base}/{path}{self._query}",
                method,
                headers={**headers, **self._login.headers()},
                stream=True,
            )
        with answer:
            self._check_status(subject, answer)
            yield answer

    def _check_status(self, subject: str, answer: requests.Response) -> None:
        if answer.status_code in (requests.codes.ok, requests.codes.partial_content):
            return
        if is_in_trouble(answer):
            raise Trouble(_explanation(answer), _pause(answer))
        if answer.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
            raise Unauthorized(
                f"registry {self.host.address} refuses to serve {self.repository} ({_explanation(answer)}): "
                "check the credentials (imagePullSecrets) and the name"
            )
        if answer.status_code == requests.codes.not_found:
            raise ManifestNotFound(
                f"registry {self.host.address} has no {subject} ({_explanation(answer)}): "
                "check the name and the tag, or push the image"
            )
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            # It resumes blobs, but has nothing after the part that it sent.
            raise DigestMismatch(
                f"registry {self.host.address} has less of {subject} than the manifest says ({_explanation(answer)}): "
                "check the registry, or push the image again"
            )
        raise RegistryUnavailable(
            f"registry {self.host.address} does not serve {subject} ({_explanation(answer)}): check the registry"
        )

    @contextmanager
    def _named_trouble(self) -> Iterator[None]:
        try:
            yield
        except requests.exceptions.SSLError as error:
            raise RegistryUnavailable(
                f"registry {self.host.address} cannot be spoken to with TLS ({_innermost(error)}): "
                f"{self.host.tls_remedy}"
            ) from error
        except (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError) as error:
            raise RegistryUnavailable(
                f"registry {self.host.address} sent nothing of {self.repository} for "
                f"{self._settings.pull_progress_seconds:g} s: try again later, or raise images.pull_progress_seconds"
            ) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            self.sockets.check()
            raise Trouble(_innermost(error)) from error

    def persistently(self, subject: str, attempt: Callable[[], Result]) -> Result:
        """The result of the first attempt without Trouble. Raises RegistryUnavailable when there were enough."""
        failed = 0
        while True:
            self.sockets.check()
            try:
                return attempt()
            except Trouble as trouble:
                failed = 1 if trouble.progress else failed + 1
                if failed >= self._attempts:
                    raise RegistryUnavailable(
                        f"registry {self.host.address} did not serve {subject} in {_attempts(failed)} ({trouble}): "
                        "try again later"
                    ) from trouble
                self.sockets.wait(max(trouble.pause, self._settings.registry_backoff_seconds * 2 ** (failed - 1)))


def _read(answer: requests.Response, limit: int) -> bytes:
    data: bytes = answer.raw.read(limit)
    return data


def _attempts(count: int) -> str:
    return f"{count} attempt{'s' if count > 1 else ''}"


def _pause(answer: requests.Response) -> float:
    """CRI's clients wait for us, so not as long as a registry may like."""
    seconds = answer.headers.get("Retry-After", "")
    return min(float(seconds), _LONGEST_PAUSE) if seconds.isdecimal() else 0.0


def _explanation(answer: requests.Response) -> str:
    """HTTP's status and what the registry says of it."""
    status = f"HTTP {answer.status_code}"
    try:
        fields: Any = json.loads(_read(answer, _LARGEST_ERROR))
        text = "; ".join(str(error["message"]) for error in fields["errors"])
    except (ValueError, LookupError, TypeError, RecursionError, OSError, urllib3.exceptions.HTTPError):
        return status
    printable = "".join(character for character in text if character.isprintable())
    return f"{status}: {printable[:_LONGEST_EXPLANATION]}" if printable else status


def _innermost(error: BaseException) -> str:
    """The system's own words, without those that the libraries wrap around them."""
    while (inner := getattr(error, "reason", None) or error.__cause__ or error.__context__) is not None:
        if not isinstance(inner, BaseException):
            break
        error = inner
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
