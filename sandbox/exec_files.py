"""What a pod process needs of the server for one guest that it is to execute in a container (see ``pod_process``)."""

import os

from sandbox import container_root
from sandbox.errors import StartFailure
from sandbox.mount_places import MountPlaces, Place
from sandbox.specs import GuestSpec
from sandbox.start_files import StartFiles, add_spec, open_shim


def open_spec(files: StartFiles, spec: GuestSpec, apart: bool) -> None:
    """What the guest is to be, with ``apart`` as for a start, and its shim. Raises StartFailure."""
    try:
        add_spec(files, spec, apart)
        if spec.socket_shim:
            open_shim(files, spec)
    except OSError as error:
        raise StartFailure(
            f"{spec.argv[0]} cannot be executed in container {spec.container_id}: {error.strerror}; "
            "see what the machine is short of"
        ) from error


def open_code(places: MountPlaces, spec: GuestSpec) -> Place:
    """By a thread ``apart``. Raises StartFailure."""
    try:
        program = container_root.open_program(spec)
        try:
            return places.for_program(program)
        finally:
            os.close(program)
    except OSError as error:
        raise StartFailure(
            f"compiled code {spec.program.compiled} cannot be handed to container {spec.container_id}: {error.strerror}"
        ) from error


def close_place(place: Place) -> None:
    os.close(place.namespace)
    os.close(place.folder)
