"""What a pod process needs of the host for one container, opened for it by the server: it has no files itself.

spec            the record of what the guest is to be, without its environment
environment     that, which the guest process alone reads
run             the record of its run, to be written
log             the container's log, if it has one
namespace       keeps the container's mounts
folder          the root of these, with the container's root and its compiled code in it
listener0, …    its listening sockets, if it has any
shim_front      the compiled code of the shim, if it has one
shim_back
http_output     the compiled components of streams and calls, for one that is given requests
http_streams
http_client
http_pipes      the folder for the pipes of its bodies
terminal        both ends of its terminal, if it has one
guest_terminal
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sandbox import container_root, lean_json, mount_calls, records, run_record, socket_calls, syscalls
from sandbox.container_log import open_log
from sandbox.errors import GuestGone, InvalidSpec, SandboxError, StartFailure
from sandbox.mount_places import MountPlaces
from sandbox.place_names import ENVIRONMENT, HTTP_COMPONENTS, HTTP_PIPES, LISTENER, SHIM
from sandbox.records import read_record
from sandbox.specs import GuestSpec, Run

_START_ERROR_CODE = 128
_START_ERROR = "StartError"
_REASON_CHARACTERS = 4000
_OF_PIPES = mount_calls.MOUNT_ATTR_NOSUID | mount_calls.MOUNT_ATTR_NODEV | mount_calls.MOUNT_ATTR_NOEXEC


class StartFiles(NamedTuple):
    names: list[str]
    descriptors: list[int]

    def add(self, name: str, descriptor: int) -> None:
        self.names.append(name)
        self.descriptors.append(descriptor)

    def close(self) -> None:
        """Also for the second time."""
        while self.descriptors:
            os.close(self.descriptors.pop())


def open_all(places: MountPlaces, spec_path: str, network: str, apart: bool = True) -> StartFiles:
    """By a thread ``apart``. ``network``: path of the pod's network namespace. ``apart``: see ``add_spec``.

    Raises InvalidSpec for a container that was started before, GuestGone, StartFailure, SandboxError.
    """
    with _removed_meanwhile():
        spec = GuestSpec.from_json(read_record(spec_path, "guest"))
        run = run_record.read(spec.run_path)
    if run != Run():
        raise InvalidSpec(f"container {spec.container_id} was started before: a container runs once")
    files = StartFiles([], [])
    try:
        _open_all(files, places, spec, network, apart)
    except BaseException:
        files.close()
        raise
    return files


@contextmanager
def _removed_meanwhile() -> Iterator[None]:
    """The removal of a pod does not wait for a container of it that is being started."""
    try:
        yield
    except FileNotFoundError as error:
        raise GuestGone(f"record {error.filename} is gone: the container was removed, create another one") from error


def _open_all(files: StartFiles, places: MountPlaces, spec: GuestSpec, network: str, apart: bool) -> None:
    try:
        add_spec(files, spec, apart)
        files.add("run", os.open(spec.run_path, os.O_WRONLY | os.O_CLOEXEC))
        if spec.log_path:
            files.add("log", open_log(spec.log_path))
        if spec.tty:
            for name, descriptor in zip(("terminal", "guest_terminal"), os.openpty(), strict=True):
                files.add(name, descriptor)
        if spec.socket_shim:
            open_shim(files, spec)
        if spec.listen:
            _open_listeners(files, spec, network)
        if spec.http:
            _open_http(files, spec)
        place = container_root.make(places, spec)  # and where this thread is then, there is nothing of the host
        files.add("namespace", place.namespace)
        files.add("folder", place.folder)
    except OSError as error:
        raise StartFailure(
            f"container {spec.container_id} cannot be started: {error.filename}: {error.strerror}"
        ) from error
    except StartFailure:
        raise
    except SandboxError as error:
        raise StartFailure(str(error)) from error


def add_spec(files: StartFiles, spec: GuestSpec, apart: bool) -> None:
    """``apart``: the environment is a file of its own, so that no secret in it passes through the pod process, whose
    memory every later guest of the pod inherits. Pod processes of earlier versions know but one. Raises OSError."""
    if apart:
        _add_text(files, ENVIRONMENT, lean_json.write(spec.env).encode("ascii"))
        spec = spec._replace(env=[])
    _add_text(files, "spec", records.encode("guest", spec.to_json()))


def _add_text(files: StartFiles, name: str, text: bytes) -> None:
    """As a file of memory."""
    file = os.memfd_create(name, os.MFD_CLOEXEC)
    files.add(name, file)
    with open(file, "wb", closefd=False) as writer:
        writer.write(text)
    os.lseek(file, 0, os.SEEK_SET)


def open_shim(files: StartFiles, spec: GuestSpec) -> None:
    """Raises OSError."""
    for name, path in zip(SHIM, spec.socket_shim, strict=True):
        files.add(name, os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def _open_listeners(files: StartFiles, spec: GuestSpec, network: str) -> None:
    """In the pod's network, where this thread stays. A pod process has no right to take a port below 1024."""
    namespace = os.open(network, os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.setns(namespace, syscalls.CLONE_NEWNET)
    finally:
        os.close(namespace)
    for place, port in enumerate(spec.listen):
        files.add(f"{LISTENER}{place}", socket_calls.listen(port, spec.container_id))


def _open_http(files: StartFiles, spec: GuestSpec) -> None:
    """The workers make their pipes in a file system of their own, which has a place nowhere and is their user's."""
    for name, path in zip(HTTP_COMPONENTS, spec.http_components, strict=True):
        files.add(name, os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    owner = {"uid": str(spec.uid), "gid": str(spec.gid), "mode": "0700", "size": "4096"}
    files.add(HTTP_PIPES, mount_calls.make_tree("tmpfs", _OF_PIPES, **owner))


def record_failure(spec_path: str, text: str) -> Run:
    """CRI: a container that could not be started is EXITED, 128, StartError, with the error as message. Raises
    GuestGone, SandboxError."""
    now = time.time_ns()
    run = Run(0, now, now, _START_ERROR_CODE, _START_ERROR, text[:_REASON_CHARACTERS])
    with _removed_meanwhile():
        run_record.write_ended(GuestSpec.from_json(read_record(spec_path, "guest")).run_path, run)
    return run
