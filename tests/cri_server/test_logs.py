import errno
import gc
import importlib
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
import structlog

from cri_server import logs
from cri_server.config import LogSettings

Format = Literal["auto", "console", "json"]
Level = Literal["debug", "info", "warning", "error"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """What comes out when something is logged by a server with these settings."""

    def run(say: Callable[[], None], format: Format, stream: io.StringIO | None = None, level: Level = "info") -> str:
        stream = stream or io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        logs.configure(LogSettings(format=format, level=level))
        say()
        return stream.getvalue()

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    gc.disable()  # what other tests have left may log something when it is collected
    yield run
    gc.enable()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def greet() -> None:
    structlog.contextvars.bind_contextvars(pod="p1", container="c1")
    structlog.get_logger().info("hello")


def fail() -> None:
    password = "".join(("open", "sesame"))
    try:
        raise ValueError(f"{len(password)} letters")
    except ValueError:
        structlog.get_logger().exception("it failed")


def test_a_line_comes_out_whole(logged: Callable[..., str]) -> None:
    """Or not at all, when the server is killed meanwhile."""

    class Writes(io.StringIO):
        def write(self, text: str) -> int:
            written.append(text)
            return super().write(text)

    written: list[str] = []
    logged(greet, "json", Writes())
    assert len(written) == 1
    assert written[0].endswith("\n")


def test_machines_get_json_with_the_ids_that_are_bound(logged: Callable[..., str]) -> None:
    line = json.loads(logged(greet, "auto"))
    assert (line["event"], line["level"], line["pod"], line["container"]) == ("hello", "info", "p1", "c1")
    assert line["timestamp"].endswith("Z")


def find_nobody() -> None:
    """As gRPC says it."""
    cygrpc = importlib.import_module("grpc._cython.cygrpc")
    try:
        raise cygrpc.ExecuteBatchError("execute_batch", ())
    except cygrpc.ExecuteBatchError:
        logging.getLogger("grpc._cython.cygrpc").exception("raised in core by servicer method [%s]", "/List")


def test_a_client_that_has_gone_is_no_error(logged: Callable[..., str]) -> None:
    line = json.loads(logged(find_nobody, "json"))
    assert line["event"].startswith("raised in core by servicer method [/List]: its client has gone, or")
    assert line["level"] == "info"
    assert "exception" not in line
    assert logged(find_nobody, "json", level="warning") == ""


def test_people_on_a_terminal_get_a_line_to_read(logged: Callable[..., str]) -> None:
    text = logged(greet, "auto", Terminal())
    assert "hello" in text
    assert "p1" in text
    assert not text.startswith("{")


@pytest.mark.parametrize(("level", "words"), [("debug", ["detail", "hello"]), ("info", ["hello"]), ("warning", [])])
def test_what_is_less_important_than_the_level_is_left_out(
    logged: Callable[..., str], level: Level, words: list[str]
) -> None:
    def say() -> None:
        structlog.get_logger().debug("detail")
        structlog.get_logger().info("hello")

    assert [json.loads(line)["event"] for line in logged(say, "json", level=level).splitlines()] == words


def test_a_log_that_cannot_be_written_harms_nobody(logged: Callable[..., str]) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "no space left on device")

    logged(greet, "json", Full())


def test_what_libraries_log_takes_the_same_way(logged: Callable[..., str]) -> None:
    line = json.loads(logged(lambda: logging.getLogger("library").warning("beware of %s", "dogs"), "json"))
    assert (line["event"], line["level"]) == ("beware of dogs", "warning")


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_traceback_shows_no_values(logged: Callable[..., str], format: Format) -> None:
    """Requests hold environments and passwords."""
    text = logged(fail, format)
    assert "10 letters" in text
    assert "test_logs.py" in text
    assert "opensesame" not in text
