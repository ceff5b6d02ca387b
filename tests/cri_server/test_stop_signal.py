import signal

import pytest

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest
from cri_server.stop_signal import chosen, number


@pytest.mark.parametrize("text", ["SIGQUIT", "QUIT", "quit", "3"])
def test_an_image_may_spell_its_signal_in_several_ways(text: str) -> None:
    assert chosen(cri.ContainerConfig(), text) == "SIGNAL_SIGQUIT"


def test_the_container_wins_over_the_image_and_both_over_sigterm() -> None:
    config = cri.ContainerConfig(stop_signal="SIGNAL_SIGUSR1")
    assert chosen(config, "SIGQUIT") == "SIGNAL_SIGUSR1"
    assert chosen(cri.ContainerConfig(), "") == "SIGNAL_SIGTERM"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("SIGRTMIN+3", signal.SIGRTMIN + 3), ("RTMAX-1", signal.SIGRTMAX - 1), ("SIGRTMIN", signal.SIGRTMIN)],
)
def test_real_time_signals_are_counted_from_either_end(text: str, expected: int) -> None:
    assert number(chosen(cri.ContainerConfig(), text)) == expected


def test_every_signal_of_the_interface_has_a_number() -> None:
    names = [name for name, _ in cri.Signal.items() if name != "SIGNAL_RUNTIME_DEFAULT"]
    assert all(1 <= number(name) <= 64 for name in names)
    assert number("SIGNAL_SIGKILL") == 9


def test_a_signal_of_a_later_interface_is_refused() -> None:
    config = cri.ContainerConfig.FromString(b"\x90\x01\xe7\x07")  # stop_signal = 999
    assert config.stop_signal == 999
    with pytest.raises(InvalidRequest, match="stop signal 999"):
        chosen(config, "")


@pytest.mark.parametrize("text", ["SIGNOTHING", "0", "4711", "RTMIN+99"])
def test_a_signal_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a signal"):
        chosen(cri.ContainerConfig(), text)
