"""What the server says of itself: for people on a terminal, JSON otherwise, with the ids of pod and container bound."""

import logging
import sys

import structlog
import structlog.tracebacks
from structlog.typing import Processor

from cri_server.config import LogSettings


def configure(settings: LogSettings) -> None:
    """Also what libraries log through ``logging`` takes this way."""
    shared = _shared_processors()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(_level(settings)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings, shared))
    logging.basicConfig(handlers=[handler], level=max(_level(settings), logging.INFO), force=True)
    logging.getLogger("wasmlet").setLevel(_level(settings))


def _level(settings: LogSettings) -> int:
    return logging.getLevelNamesMapping()[settings.level.upper()]


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(settings: LogSettings, shared: list[Processor]) -> structlog.stdlib.ProcessorFormatter:
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[strip, *(_for_people() if _is_for_people(settings) else _for_machines())],
    )


def _is_for_people(settings: LogSettings) -> bool:
    return settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())


# Tracebacks go out without the values of variables: requests hold environments and passwords.


def _for_people() -> list[Processor]:
    tracebacks = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=tracebacks)]


def _for_machines() -> list[Processor]:
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer()]
