"""Answers a registry's challenge, in the place of oras's own: that one knows neither Basic nor refresh tokens, and
reads the machine's own passwords.
"""

import json
import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests

from image_store.credentials import Login
from image_store.errors import RegistryUnavailable, Unauthorized
from image_store.registry_connection import Trouble, is_in_trouble

# A parameter, else the name of a scheme.
_PART = re.compile(r'([\w-]+)\s*=\s*(?:"([^"]*)"|([^\s",]*))|([\w-]+)')
_SCHEMES = ("basic", "bearer")
_CLIENT = "wasmlet"
_LARGEST_TOKEN = 1 << 20


class Challenge(NamedTuple):
    scheme: str
    """``basic`` or ``bearer``."""
    parameters: dict[str, str]


def parse_challenges(header: str) -> list[Challenge]:
    """Those of a WWW-Authenticate header that are known here."""
    found: list[Challenge] = []
    for name, quoted, plain, scheme in _PART.findall(header):
        if scheme:
            found.append(Challenge(scheme.lower(), {}))
        elif found:
            found[-1].parameters[name.lower()] = quoted or plain
    return [challenge for challenge in found if challenge.scheme in _SCHEMES]


class RegistryLogin:
    """Stands where oras expects its authentication. Used by several threads: what they find out is the same."""

    def __init__(self, registry: str, repository: str, login: Login, session: requests.Session, plain: bool) -> None:
        self._registry = registry
        self._repository = repository
        self._login = login
        self._session = session
        self._plain = plain
        self._authorization = f"Bearer {login.bearer_token}" if login.bearer_token else ""

    def headers(self) -> dict[str, str]:
        """What the registry accepted before."""
        return {"Authorization": self._authorization} if self._authorization else {}

    def authenticate_request(
        self, original: requests.Response, headers: dict[str, str], refresh: bool = False
    ) -> tuple[dict[str, str], bool]:
        """Called by oras when a request was refused. Raises Unauthorized."""
        original.close()
        self._check_host(original)
        challenges = {
            challenge.scheme: challenge.parameters
            for challenge in parse_challenges(original.headers.get("WWW-Authenticate", ""))
        }
        if self._login.bearer_token or not challenges or refresh:
            raise self._refused()
        self._authorization = self._answer(challenges)
        return {**headers, **self.headers()}, True

    def _check_host(self, original: requests.Response) -> None:
        """Where a registry redirects to gets no credentials, and may not send for a token either."""
        host = urlsplit(original.url).netloc
        if host.lower() != self._registry.lower():
            raise Unauthorized(
                f"registry {self._registry} sends to {host} for {self._repository}, which refuses "
                f"(HTTP {original.status_code}): try again, or check the registry"
            )

    def _answer(self, challenges: dict[str, dict[str, str]]) -> str:
        if "bearer" in challenges:
            return f"Bearer {self._token(challenges['bearer'])}"
        if not self._login.basic:
            raise self._refused()
        return self._login.basic

    def _token(self, challenge: dict[str, str]) -> str:
        realm = challenge.get("realm", "")
        self._check_realm(realm)
        wanted = {"scope": challenge.get("scope") or f"repository:{self._repository}:pull"}
        if "service" in challenge:
            wanted["service"] = challenge["service"]
        with self._ask(realm, wanted) as answer:
            if answer.status_code in (401, 403):
                raise self._refused()
            if is_in_trouble(answer):
                raise Trouble(f"{realm}, which it sends to for a token, answers HTTP {answer.status_code}")
            token = _token_in(answer) if answer.ok else ""
        if not token:
            raise RegistryUnavailable(
                f"registry {self._registry} sends for a token to {realm}, which gives none "
                f"(HTTP {answer.status_code}): try again later"
            )
        return token

    def _check_realm(self, realm: str) -> None:
        scheme = urlsplit(realm).scheme
        if scheme not in ("http", "https"):
            raise RegistryUnavailable(
                f'registry {self._registry} sends for a token to "{realm}", which is no URL: check the registry'
            )
        if scheme == "http" and not self._plain and self._login != Login():
            raise Unauthorized(
                f"registry {self._registry} wants the credentials sent unencrypted to {realm}: check the registry"
            )

    def _ask(self, realm: str, wanted: dict[str, str]) -> requests.Response:
        if self._login.refresh_token:
            form = {"grant_type": "refresh_token", "client_id": _CLIENT, "refresh_token": self._login.refresh_token}
            return self._session.post(realm, data={**wanted, **form}, allow_redirects=False, stream=True)
        headers = {"Authorization": self._login.basic} if self._login.basic else {}
        return self._session.get(realm, params=wanted, headers=headers, stream=True)

    def _refused(self) -> Unauthorized:
        if self._login == Login():
            remedy = "give credentials for it (imagePullSecrets), or check the name"
        else:
            remedy = "check the credentials (imagePullSecrets) and the name"
        return Unauthorized(f"registry {self._registry} refuses to serve {self._repository}: {remedy}")


def _token_in(answer: requests.Response) -> str:
    try:
        fields: Any = json.loads(answer.raw.read(_LARGEST_TOKEN))
    except (ValueError, RecursionError):
        return ""
    token = (fields.get("token") or fields.get("access_token")) if isinstance(fields, dict) else None
    return token if isinstance(token, str) else ""
