from pathlib import Path

import pytest

from cri_server.config_file import load_settings
from cri_server.errors import StartupError

MISTAKES = [
    ('sockt = "/x"', 'sockt: unknown key; did you mean "socket"?'),
    ('[network]\nbrigde = "b"', 'network.brigde: unknown key; did you mean "network.bridge"?'),
    ("[entirely]\nother = 1", "entirely: unknown key; remove it"),
    ("socket = 1", "socket: must be a string, not 1"),
    ('root = "var"', "root: must be an absolute path, not 'var'"),
    ('state = "/two\\nlines"', "state: must be an absolute path, not '/two\\nlines'"),
    ('"two\\nlines" = 1', "two lines: unknown key"),
    ('[network]\nsubnet = "10.1.2.3/24"', "network.subnet: 10.1.2.3/24 is no range of addresses"),
    ('[network]\nsubnet = "fd00::/127"', "network.subnet: fd00::/127 has no room for a gateway and a pod"),
    ('[network]\nbridge = "no/slash"', "network.bridge: must match pattern"),
    ('[images]\npinned = ["a b"]', 'images.pinned.0: reference "a b" is wrong: write it as host/repository:tag'),
    ('[images]\nplain_http = ["http://x"]', 'images.plain_http.0: must be "host" or "host:port", not \'http://x\''),
    ("network = 3", "network: must be a section of its own, not 3"),
    ("[zygote]\nwarm_programs = -1", "zygote.warm_programs: must be greater than or equal to 0, not -1"),
    ("[images]\nmax_layer_bytes = true", "images.max_layer_bytes: must be a whole number, not True"),
    ("[images]\npinned = [1]", "images.pinned.0: must be a string, not 1"),
    ('[log]\nlevel = "loud"', "log.level: must be 'debug', 'info', 'warning' or 'error', not 'loud'"),
    ("no equals sign", "is not TOML:"),
    ("root = '\udcff'", "is not TOML: 'utf-8' codec can't decode byte 0xff"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


@pytest.mark.parametrize(("text", "complaint"), MISTAKES)
def test_a_mistake_is_one_line_that_names_file_key_and_remedy(file: Path, text: str, complaint: str) -> None:
    file.write_text(text, errors="surrogateescape")
    with pytest.raises(StartupError) as caught:
        load_settings(file, {})
    assert str(caught.value).startswith(f"{file}: {complaint}")
    assert "\n" not in str(caught.value)


def test_what_the_file_leaves_out_is_the_default(file: Path) -> None:
    file.write_text('[network]\nbridge = "test0"')
    settings = load_settings(file, {})
    assert settings.network.bridge == "test0"
    assert settings.socket == "/run/wasmlet/wasmlet.sock"


def test_options_of_the_command_line_win_over_the_file(file: Path) -> None:
    file.write_text('root = "/from/file"\nstate = "/state"')
    settings = load_settings(file, {"root": "/from/option"})
    assert (settings.root, settings.state) == ("/from/option", "/state")


def test_a_mistake_in_an_option_names_the_option(file: Path) -> None:
    file.write_text("")
    with pytest.raises(StartupError, match="^option --root: must be an absolute path, not 'relative'"):
        load_settings(file, {"root": "relative"})


def test_a_named_file_must_exist(file: Path) -> None:
    with pytest.raises(
        StartupError, match="cannot be read: No such file or directory; name another file with --config"
    ):
        load_settings(file, {})
