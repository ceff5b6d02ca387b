"""The commented default configuration, as ``wasmlet config default`` prints it."""

import json
import textwrap
from collections.abc import Iterator

from pydantic import BaseModel

from cri_server.config import DEFAULT_FILE, Settings

_WIDTH = 100


def default_config() -> str:
    """TOML that means the same as an empty file."""
    head = f"Configuration of wasmlet, to be put into {DEFAULT_FILE}. Every value here is the default."
    return "\n".join([*_comment(head), "", *_section(Settings(), "")]) + "\n"


def _section(section: BaseModel, name: str) -> Iterator[str]:
    """Its keys first, then its subsections: TOML knows no other order."""
    yield from _comment(type(section).__doc__ or "")
    if name:
        yield f"[{name}]"
    for key, value in section:
        if not isinstance(value, BaseModel):
            yield ""
            yield from _comment(type(section).model_fields[key].description or "")
            yield f"{key} = {json.dumps(value)}"
    for key, value in section:
        if isinstance(value, BaseModel):
            yield ""
            yield ""
            yield from _section(value, f"{name}.{key}".lstrip("."))


def _comment(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), _WIDTH, initial_indent="# ", subsequent_indent="# ")
