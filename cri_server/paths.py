"""Where everything is on disk.

root/                               lasting
    lock
    images/                         of image_store
    network.record                  of wasmlet's own network
    cni/<sandbox id>                attachments to CNI networks
    pods/<sandbox id>/
        sandbox.record
        containers/<container id>/
            container.record        what the server knows
            guest.record            what the guest process is to be
            run                     how it started and ended
            layer/{upper,work,root} its writable layer
    trash/                          removed, to be deleted
    set-aside/                      records that could not be read
state/                              volatile
    lock
    pods/<sandbox id>/              control socket; hosts, hostname, resolv.conf
    netns/<sandbox id>              network namespaces of pods on CNI networks
"""

import os
from typing import NamedTuple


class Paths(NamedTuple):
    root: str
    state: str

    @property
    def images(self) -> str:
        return os.path.join(self.root, "images")

    @property
    def pods(self) -> str:
        return os.path.join(self.root, "pods")

    @property
    def trash(self) -> str:
        return os.path.join(self.root, "trash")

    @property
    def set_aside(self) -> str:
        return os.path.join(self.root, "set-aside")

    @property
    def pod_states(self) -> str:
        return os.path.join(self.state, "pods")

    def pod(self, sandbox_id: str) -> str:
        return os.path.join(self.pods, sandbox_id)

    def pod_state(self, sandbox_id: str) -> str:
        return os.path.join(self.pod_states, sandbox_id)

    def sandbox_record(self, sandbox_id: str) -> str:
        return os.path.join(self.pod(sandbox_id), "sandbox.record")

    def containers(self, sandbox_id: str) -> str:
        return os.path.join(self.pod(sandbox_id), "containers")

    def container(self, sandbox_id: str, container_id: str) -> str:
        return os.path.join(self.containers(sandbox_id), container_id)

    def container_record(self, sandbox_id: str, container_id: str) -> str:
        return os.path.join(self.container(sandbox_id, container_id), "container.record")

    def guest_record(self, sandbox_id: str, container_id: str) -> str:
        return os.path.join(self.container(sandbox_id, container_id), "guest.record")

    def run(self, sandbox_id: str, container_id: str) -> str:
        return os.path.join(self.container(sandbox_id, container_id), "run")

    def layer(self, sandbox_id: str, container_id: str) -> str:
        return os.path.join(self.container(sandbox_id, container_id), "layer")
