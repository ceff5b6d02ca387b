"""What the server says of itself: for people on a terminal, JSON otherwise, with the ids of pod and container bound."""

import logging
import sys
from contextlib import suppress

import structlog
import structlog.tracebacks
from structlog.typing import Processor

from cri_server.config import LogSettings


class _StandardError:
    """What structlog hands finished lines to. A full disk behind it is no reason for anything else to fail."""

    def __init__(self, *names: str) -> None:
        """``names``: what ``get_logger`` was given."""

    def info(self, line: str) -> None:
        """By one write: a killed server leaves no line without its end, to which the next one's would be added."""
        with suppress(OSError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    debug = warning = error = critical = info


_UNSENT = "its client has gone, or the answer is too long for a message"


class _UnsentAnswers(logging.Filter):
    """gRPC tells of an error where an answer finds nobody, as when a kubelet is restarted: that is none of ours. It
    does not say whether that was it; who gets no answer for its length is told so."""

    def __init__(self, least: int) -> None:
        """``least``: level of what is logged."""
        super().__init__()
        self._least = least

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0] if record.exc_info else None
        if kind is not None and kind.__name__ == "ExecuteBatchError":
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg, record.args, record.exc_info = f"{record.getMessage()}: {_UNSENT}", (), None
        return record.levelno >= self._least


def configure(settings: LogSettings) -> None:
    """Also what libraries log through ``logging`` comes out so; our own takes the shorter way."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    shared = _shared_processors()
    rendering = _for_people() if _is_for_people(settings) else _for_machines()
    structlog.configure(
        processors=[*shared, *rendering],
        logger_factory=_StandardError,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[strip, *rendering]))
    handler.addFilter(_UnsentAnswers(max(level, logging.INFO)))
    logging.basicConfig(handlers=[handler], level=max(level, logging.INFO), force=True)


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _is_for_people(settings: LogSettings) -> bool:
    return settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())


# Tracebacks go out without the values of variables: requests hold environments and passwords.


def _for_people() -> list[Processor]:
    tracebacks = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=tracebacks)]


def _for_machines() -> list[Processor]:
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer()]
