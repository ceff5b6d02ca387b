"""docs/configuration.md names every setting with its default, and no other."""

import re
import tomllib
from pathlib import Path
from typing import Any

from cri_server.config_text import default_config

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


def documented() -> dict[str, Any]:
    rows = re.findall(r"^\| `([a-z_.]+)` \| `(.+?)` \|", PAGE.read_text(), re.MULTILINE)
    return {key: tomllib.loads(f"value = {default}")["value"] for key, default in rows}


def flattened(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat.update(flattened(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value})
    return flat


def test_the_page_and_the_default_configuration_agree() -> None:
    assert documented() == flattened(tomllib.loads(default_config()))
