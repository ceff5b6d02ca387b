import configparser
from pathlib import Path

DEPLOY = Path(__file__).parents[2] / "deploy"


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / "wasmlet.service")
    return parser


def test_pods_outlive_a_stop_of_the_unit() -> None:
    service = unit()["Service"]
    assert service["KillMode"] == "process"
    assert service["Delegate"] == "yes"
    assert "RuntimeDirectory" not in service


def test_the_unit_waits_for_the_servers_own_word_that_it_serves() -> None:
    assert unit()["Service"]["Type"] == "notify"


def test_nothing_keeps_the_unit_from_being_started_again() -> None:
    assert unit()["Service"]["Restart"] == "always"
    assert unit()["Service"]["TimeoutStartSec"] == "infinity"
    assert unit()["Unit"]["StartLimitIntervalSec"] == "0"


def test_the_runtime_class_names_a_handler_that_the_server_knows() -> None:
    from cri_server.sandbox_rules import HANDLERS

    [line] = [line for line in (DEPLOY / "runtimeclass.yaml").read_text().splitlines() if line.startswith("handler:")]
    assert line.split()[1] in HANDLERS
