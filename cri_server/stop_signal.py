"""The signal that ends a container gently (CRI: the config's, else the image's, else SIGTERM)."""

import re
import signal

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest

_PREFIX = "SIGNAL_"
_DEFAULT = "SIGTERM"
_OFFSETS = {"PLUS": "+", "MINUS": "-"}


def chosen(config: cri.ContainerConfig, image_signal: str) -> str:
    """Its name in the enum ``Signal`` of CRI. Raises InvalidRequest for one that is none."""
    if config.stop_signal not in cri.Signal.values():
        raise InvalidRequest(
            f"stop signal {config.stop_signal} of container {config.metadata.name} is not known: set one"
        )
    if config.stop_signal != cri.SIGNAL_RUNTIME_DEFAULT:
        return str(cri.Signal.Name(config.stop_signal))
    return _PREFIX + (_image_name(image_signal) if image_signal else _DEFAULT)


def number(name: str) -> int:
    """The number that the kernel knows it by."""
    name = name.removeprefix(_PREFIX)
    base, word, offset = _split(name)
    return int(signal.Signals[base]) + (int(offset) if word == "PLUS" else -int(offset or 0))


def _split(name: str) -> tuple[str, str, str]:
    match = re.fullmatch(r"(SIGRTMIN|SIGRTMAX)(PLUS|MINUS)(\d+)", name)
    return (match[1], match[2], match[3]) if match else (name, "", "")


def _image_name(text: str) -> str:
    """``SIGQUIT``, ``QUIT``, ``3`` and ``SIGRTMIN+3`` are all in use (OCI image configuration: StopSignal)."""
    known = [value.removeprefix(_PREFIX) for value in cri.Signal.keys()[1:]]
    if text.isdecimal():
        found = [name for name in known if number(name) == int(text)]
    else:
        name = "SIG" + text.upper().removeprefix("SIG").replace("+", "PLUS").replace("-", "MINUS")
        found = [name] if name in known else []
    if not found:
        raise InvalidRequest(
            f"the image's stop signal {text!r} is not a signal; set stop_signal in the container's config"
        )
    return found[0]
