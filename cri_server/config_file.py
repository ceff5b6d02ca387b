"""Reading the configuration: a mistake becomes one line that names the file, the key and the remedy."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from cri_server.config import DEFAULT_FILE, Settings
from cri_server.errors import StartupError

_ALL_KEYS = "'wasmlet config default' prints every key with its meaning"

_TYPES = {
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a section of its own",
    "string_type": "a string",
}


def load_settings(file: Path | None, options: Mapping[str, str]) -> Settings:
    """Settings of the file (by default the standard one where it exists) with the command line's paths over them.

    Raises StartupError.
    """
    values = _read(file)
    _check(values, file, {})
    for option, path in options.items():
        _check({option: path}, file, options)
    return Settings.model_validate({**values, **options})


def place(key: str, file: Path | None, options: Mapping[str, str]) -> str:
    """Where a setting comes from, or would be set if it is the default."""
    return f"option --{key}" if key in options else f"{file or DEFAULT_FILE}: {key}"


def _read(file: Path | None) -> dict[str, Any]:
    if file is None and not Path(DEFAULT_FILE).exists():
        return {}
    path = file or Path(DEFAULT_FILE)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StartupError(f"{path}: cannot be read: {error.strerror}; name another file with --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StartupError(f"{path}: is not TOML: {error}; mend that line") from error


def _check(values: Mapping[str, Any], file: Path | None, options: Mapping[str, str]) -> None:
    try:
        Settings.model_validate(values)
    except ValidationError as error:
        key, complaint = _complaint(dict(error.errors()[0]))
        raise StartupError(f"{place(key, file, options)}: {complaint}") from None


def _complaint(error: dict[str, Any]) -> tuple[str, str]:
    """The key and what is to be done about it."""
    key = " ".join(".".join(str(part) for part in error["loc"]).split())
    if error["type"] == "extra_forbidden":
        return key, f"unknown key; {_suggestion(key)}{_ALL_KEYS}"
    if error["type"] == "value_error":  # a whole sentence of a validator of ours
        return key, str(error["msg"]).removeprefix("Value error, ")
    return key, f"must {_expectation(error)}, not {error['input']!r}; {_ALL_KEYS}"


def _expectation(error: dict[str, Any]) -> str:
    if error["type"] in _TYPES:
        return f"be {_TYPES[error['type']]}"
    text = str(error["msg"]).removeprefix("Input ").removeprefix("String ")
    return text.removeprefix("must ").removeprefix("should ")


def _suggestion(key: str) -> str:
    close = difflib.get_close_matches(key, list(_keys(Settings)), n=1)
    return f'did you mean "{close[0]}"? ' if close else "remove it: "


def _keys(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in section.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, f"{prefix}{name}.")
