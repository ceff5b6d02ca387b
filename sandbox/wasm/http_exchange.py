"""One request and its response, as the definitions of wasi:http see them. The server behind it is another's."""

from typing import NamedTuple, Protocol

from sandbox.wasm.http_fields import Item


class RequestHead(NamedTuple):
    method: str
    target: str
    """Path with query."""
    scheme: str
    authority: str
    headers: list[Item]
    """Without those that are forbidden to a guest."""


class ResponseHead(NamedTuple):
    status: int
    headers: list[Item]
    has_body: bool


class Exchange(Protocol):
    head: RequestHead

    def body(self) -> bytes | None:
        """All of the request's body, which has arrived; None where it is to be read from ``body_path``."""

    def body_path(self) -> bytes:
        """A pipe that the body goes through as it arrives."""

    def body_is_open(self) -> None:
        """The pipe has a reader from now on."""

    def output_path(self) -> bytes:
        """A pipe that the response's body goes through; empty where there is none."""

    def output_is_open(self) -> None:
        """The pipe has a writer from now on."""

    def request_trailers(self) -> list[Item] | None:
        """Once all of the body has arrived, which this waits for. Raises OSError where it does not."""

    def respond(self, head: ResponseHead) -> None:
        """The guest has decided."""

    def refuse(self, error: str) -> None:
        """The guest has answered by an error (a case of ``error-code``)."""

    def distrust(self, authority: str) -> None:
        """The guest has called a server there whose certificate is not trusted."""

    def begin_body(self) -> None:
        """What comes is the body of a response. One that was written before, but not given as the answer, is none."""

    def finish(self, trailers: list[Item]) -> bool:
        """The body is complete. False where it is not what the headers have promised."""


class NoExchange:
    """Of an instance that is asked nothing."""

    head = RequestHead("GET", "/", "HTTP", "localhost", [])

    def body(self) -> bytes:
        return b""

    def body_path(self) -> bytes:
        return b""

    def body_is_open(self) -> None:
        return

    def output_path(self) -> bytes:
        return b""

    def output_is_open(self) -> None:
        return

    def request_trailers(self) -> None:
        return

    def respond(self, head: ResponseHead) -> None:
        return

    def refuse(self, error: str) -> None:
        return

    def distrust(self, authority: str) -> None:
        return

    def begin_body(self) -> None:
        return

    def finish(self, trailers: list[Item]) -> bool:
        return True
