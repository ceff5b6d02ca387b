"""From a CreateContainer request to the spec of the guest process."""

import os

from cri_server import (
    container_http,
    container_limits,
    container_mounts,
    container_network,
    container_ports,
    container_process,
    container_volumes,
    etc_files,
)
from cri_server.container_ports import Port
from cri_server.container_program import Command, find_image, program_spec, resolve_command
from cri_server.container_volumes import Volume
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.http_components import http_components
from cri_server.runtime import Runtime
from cri_server.sandbox_store import Sandbox, running_process
from cri_server.seccomp_profile import check_seccomp, lets_change_modes
from cri_server.socket_shim import needs_shim, socket_shim
from image_store.image import Image
from sandbox import network_access
from sandbox.http.limits import HttpLimits
from sandbox.identity import Identity, resolve_identity
from sandbox.seccomp.socket_policy import policy_of, serving
from sandbox.specs import GuestSpec, MountSpec


class ContainerPlan:
    """Everything about a container to be, before anything of it exists."""

    def __init__(self, sandbox: Sandbox, config: cri.ContainerConfig, image: Image) -> None:
        self.sandbox = sandbox
        self.config = config
        self.image = image
        self.directory = container_process.working_dir(config, image.config.working_dir)
        hostname = etc_files.hostname(sandbox.config)
        self.variables = container_process.environment(config, image.config.env, hostname, self.directory)
        self.network = container_network.access_of(config, sandbox.config)
        self.log_path = _log_path(sandbox.config, config)
        self.command: Command
        self.volumes: list[Volume] = []
        self.ports: list[Port] = []
        self.socket_shim: list[str] = []
        self.changes_modes = True
        self.http: HttpLimits | None = None
        self.http_components: list[str] = []

    def guest(self, runtime: Runtime, container_id: str) -> GuestSpec:
        """Reads the image's users and makes host paths that are missing. Raises what is wrong with either."""
        identity = _identity(self.config, self.image)
        linux = self.config.linux
        context = linux.security_context
        rootfs = str(self.image.rootfs or "")
        folder = runtime.paths.container(self.sandbox.id, container_id)
        own = container_mounts.resolved(self.config, self.volumes, folder)
        mounts = [*self._given(runtime, own), *own]
        passed = [] if self.http else self.ports
        variables = self.variables | container_ports.listening_variables(passed)
        made = ["/tmp", self.directory, *(mount.target for mount in mounts)]
        return GuestSpec(
            container_id=container_id,
            argv=self.command.argv,
            env=[f"{name}={value}" for name, value in variables.items()],
            working_dir=self.directory,
            program=program_spec(self.command.program),
            lower=rootfs,
            layer=runtime.paths.layer(self.sandbox.id, container_id),
            readonly_root=context.readonly_rootfs,
            mounts=[*container_mounts.status_mounts(folder, own), *mounts],
            uid=identity.uid,
            gid=identity.gid,
            groups=identity.groups,
            pod_cgroup=self.sandbox.record.cgroup,
            limits=container_limits.cgroup_limits(linux.resources),
            oom_score_adj=linux.resources.oom_score_adj,
            memory_limit=container_limits.linear_memory(linux.resources),
            log_path=self.log_path,
            stdin=self.config.stdin,
            stdin_once=self.config.stdin_once,
            tty=self.config.tty,
            run_path=runtime.paths.run(self.sandbox.id, container_id),
            masked_paths=container_mounts.present(context.masked_paths, rootfs, made),
            readonly_paths=container_mounts.present(context.readonly_paths, rootfs, made),
            listen=[port.number for port in self.ports],
            socket_shim=self.socket_shim,
            network=self.network,
            asks_host=self.command.program.asks_host,
            changes_modes=self.changes_modes,
            container_name=self.config.metadata.name,
            opens_sockets=self.command.program.opens_sockets,
            calls_http=self.command.program.calls_http,
            http=self.http._asdict() if self.http else {},
            http_components=self.http_components,
        )

    def _given(self, runtime: Runtime, own: list[MountSpec]) -> list[MountSpec]:
        """The mounts that every container gets. Raises PodProcessGone."""
        folder = str(runtime.pods.folder(self.sandbox.id))
        return [
            *container_mounts.device_mounts(own),
            *container_mounts.etc_mounts(folder, own),
            *container_mounts.socket_mounts(running_process(self.sandbox).pid, own),
        ]


async def make_plan(runtime: Runtime, sandbox: Sandbox, config: cri.ContainerConfig) -> ContainerPlan:
    """Finds the images and the program, which may have to be compiled. Raises what is wrong with any of it."""
    plan = ContainerPlan(sandbox, config, find_image(runtime, config))
    plan.volumes = container_volumes.find(runtime, config)
    plan.command = await resolve_command(runtime, config, plan.image, plan.variables)
    container_network.check_support(config, plan.command.program, plan.network, runtime.pods.socket_refusal)
    program = plan.command.program
    if program.handles_http:
        await _serve_http(runtime, plan)
    else:
        plan.ports = _ports(runtime, plan)
    plan.changes_modes = lets_change_modes(config)
    uses = (program.opens_sockets, program.calls_http, bool(plan.ports), program.asks_host, plan.changes_modes)
    policy = policy_of(plan.network, *uses)
    check_seccomp(config, serving(policy) if plan.http else policy)
    if needs_shim(program, len(plan.ports), config.linux.security_context):
        version = running_process(sandbox).version
        plan.socket_shim = await socket_shim(runtime, len(plan.ports), program.asks_host, version)
    return plan


async def _serve_http(runtime: Runtime, plan: ContainerPlan) -> None:
    config, sandbox = plan.config, plan.sandbox.config
    container_http.check_access(config, plan.network)
    number = container_http.port(config, sandbox, plan.variables, _taken_ports(runtime, plan.sandbox))
    plan.ports = [Port(str(number), number)]
    plan.http = container_http.limits(config, sandbox, runtime.settings.http)
    plan.http_components = await http_components(runtime)


def _ports(runtime: Runtime, plan: ContainerPlan) -> list[Port]:
    accepts, taken = plan.command.program.accepts, _taken_ports(runtime, plan.sandbox)
    return container_ports.listening_ports(
        plan.config, plan.sandbox.config, accepts, network_access.listens(plan.network), taken
    )


def _taken_ports(runtime: Runtime, sandbox: Sandbox) -> set[int]:
    """By containers of the pod that have not ended."""
    containers = runtime.containers.of_sandbox(sandbox.id)
    living = [container for container in containers if container.state != cri.CONTAINER_EXITED]
    return {port for container in living for port in container.guest.listen}


def _identity(config: cri.ContainerConfig, image: Image) -> Identity:
    context = config.linux.security_context
    return resolve_identity(
        image.rootfs,
        image.config.user,
        context.run_as_user.value if context.HasField("run_as_user") else None,
        context.run_as_username,
        context.run_as_group.value if context.HasField("run_as_group") else None,
        list(context.supplemental_groups),
        context.supplemental_groups_policy == cri.Strict,
    )


def _log_path(sandbox: cri.PodSandboxConfig, config: cri.ContainerConfig) -> str:
    """CRI: below the sandbox's log directory; without either there is no log."""
    if not sandbox.log_directory or not config.log_path:
        return ""
    return os.path.join(sandbox.log_directory, config.log_path.lstrip("/"))
