import tomllib
from pathlib import Path

from pydantic import BaseModel

from cri_server.config import Settings
from cri_server.config_text import default_config


def test_the_printed_default_means_the_same_as_no_file() -> None:
    assert Settings.model_validate(tomllib.loads(default_config())) == Settings()


def test_every_key_is_printed_with_a_comment_above_it() -> None:
    lines = default_config().splitlines()
    for number, line in enumerate(lines):
        if " = " in line and not line.startswith("#"):
            assert lines[number - 1].startswith("# "), line


def test_every_section_is_printed() -> None:
    sections = [name for name, value in Settings() if isinstance(value, BaseModel)]
    assert all(f"[{name}]" in default_config().splitlines() for name in sections)


def test_the_configuration_in_deploy_is_the_printed_one() -> None:
    deployed = Path(__file__).parents[2] / "deploy" / "config.toml"
    assert deployed.read_text() == default_config()
