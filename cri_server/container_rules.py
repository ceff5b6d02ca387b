"""What CreateContainer refuses: contradictions, and whatever would be a false promise of more than a container gets.

The kubelet sets most fields for every ordinary container. What a WebAssembly guest satisfies by its nature is accepted:
its process always has a filter of system calls (seccomp), stricter than any runtime's default, it has no capabilities,
and its image's files carry no labels (SELinux).
"""

import os
from collections.abc import Callable

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest
from cri_server.sandbox_rules import check_namespaces
from cri_server.seccomp_profile import check_seccomp

_PROFILES = "localhost/"
"""Beginning of the deprecated string form of a profile of the node."""


def check_container(config: cri.ContainerConfig, sandbox: cri.PodSandboxConfig, reject_privileged: bool) -> None:
    """Raises InvalidRequest."""
    if not config.HasField("metadata") or not config.metadata.name:
        raise InvalidRequest("the container config has no metadata with a name: add it")
    if not config.image.image:
        raise InvalidRequest(f"container {config.metadata.name} names no image: set image.image")
    for rule in _RULES:
        rule(config)
    _check_privileged(config, sandbox, reject_privileged)
    for mount in config.mounts:
        check_mount(mount, config.metadata.name)


def _check_platform(config: cri.ContainerConfig) -> None:
    if config.HasField("windows") and not config.HasField("linux"):
        raise InvalidRequest(f"container {config.metadata.name} is configured for Windows: this node runs Linux")


def _check_user(config: cri.ContainerConfig) -> None:
    """CRI: a group without a user is an error."""
    context = config.linux.security_context
    has_user, has_name = context.HasField("run_as_user"), bool(context.run_as_username)
    if has_user and has_name:
        raise InvalidRequest(
            f"container {config.metadata.name} sets both run_as_user and run_as_username: set one of them"
        )
    if context.HasField("run_as_group") and not (has_user or has_name):
        raise InvalidRequest(f"container {config.metadata.name} sets run_as_group without a user: set run_as_user, too")
    ids = [context.run_as_user.value, context.run_as_group.value, *context.supplemental_groups]
    if any(not 0 <= number < 1 << 32 for number in ids):
        raise InvalidRequest(f"container {config.metadata.name} sets a user or group that is no 32-bit id: mend it")


def _check_devices(config: cri.ContainerConfig) -> None:
    names = [device.host_path for device in config.devices] + [device.name for device in config.CDI_devices]
    if names:
        raise InvalidRequest(
            f"device {names[0]} of container {config.metadata.name} is not supported for WebAssembly containers: "
            "remove it"
        )


def _check_profiles(config: cri.ContainerConfig) -> None:
    context = config.linux.security_context
    if context.apparmor.profile_type == cri.SecurityProfile.Localhost or context.apparmor_profile.startswith(_PROFILES):
        raise InvalidRequest(
            f"container {config.metadata.name} asks for an AppArmor profile of the node, which wasmlet does not load: "
            "use RuntimeDefault"
        )


def _check_namespaces(config: cri.ContainerConfig) -> None:
    options = config.linux.security_context.namespace_options
    check_namespaces(options, f"container {config.metadata.name}")
    if options.pid == cri.TARGET and not options.target_id:
        raise InvalidRequest(f"container {config.metadata.name} targets a process namespace without target_id: set it")


def _check_log_path(config: cri.ContainerConfig) -> None:
    if ".." in config.log_path.split("/"):
        raise InvalidRequest(
            f'log path {config.log_path} of container {config.metadata.name} climbs: write it without ".."'
        )
    if "\0" in config.log_path + config.working_dir:
        raise InvalidRequest(f"a path of container {config.metadata.name} has a NUL byte: mend it")


def _check_covered_paths(config: cri.ContainerConfig) -> None:
    context = config.linux.security_context
    for path in (*context.masked_paths, *context.readonly_paths):
        if "\0" in path or os.path.normpath("/" + path).strip("/") == "":
            raise InvalidRequest(
                f"masked or read-only path {path!r} of container {config.metadata.name} is none below its root: mend it"
            )


def _check_oom_score(config: cri.ContainerConfig) -> None:
    check_oom_score(config.metadata.name, config.linux.resources)


def check_oom_score(container: str, resources: cri.LinuxContainerResources) -> None:
    score = resources.oom_score_adj
    if not -1000 <= score <= 1000:
        raise InvalidRequest(
            f"oom_score_adj {score} of container {container} is not between -1000 and 1000: set another"
        )


_RULES: tuple[Callable[[cri.ContainerConfig], None], ...] = (
    _check_platform,
    _check_user,
    _check_devices,
    _check_profiles,
    check_seccomp,
    _check_namespaces,
    _check_log_path,
    _check_covered_paths,
    _check_oom_score,
)


def _check_privileged(config: cri.ContainerConfig, sandbox: cri.PodSandboxConfig, reject: bool) -> None:
    """Accepted, it gives no access at all: a WebAssembly guest has nothing to use it with."""
    if not config.linux.security_context.privileged:
        return
    if reject:
        raise InvalidRequest(
            f"container {config.metadata.name} is privileged, which has no meaning for WebAssembly: remove that"
        )
    if not sandbox.linux.security_context.privileged:
        raise InvalidRequest(
            f"container {config.metadata.name} is privileged in a sandbox that is not: set both or none"
        )


def check_mount(mount: cri.Mount, container: str) -> None:
    subject = f"mount {mount.container_path!r} of container {container}"
    _check_recursive(mount, subject)
    if mount.image.image:
        _check_image(mount, subject)
    elif mount.image_sub_path:
        raise InvalidRequest(f"{subject} has a path inside an image, but no image: set image or remove image_sub_path")
    if mount.uidMappings or mount.gidMappings:
        raise InvalidRequest(f"{subject} maps ids, which wasmlet does not offer: remove the mappings")
    if mount.mount_options:
        raise InvalidRequest(
            f"{subject} sets mount options, which wasmlet does not offer: remove {mount.mount_options[0]}"
        )
    _check_paths(mount, subject)


def _check_recursive(mount: cri.Mount, subject: str) -> None:
    """CRI: recursive_read_only takes readonly and a private mount."""
    if not mount.recursive_read_only:
        return
    if not mount.readonly:
        raise InvalidRequest(f"{subject} is to be recursively read-only, but not readonly: set both or none")
    if mount.propagation != cri.PROPAGATION_PRIVATE:
        raise InvalidRequest(
            f"{subject} is to be recursively read-only, and mounts made later to be seen in it, which would not be: "
            "set PROPAGATION_PRIVATE"
        )


def _check_image(mount: cri.Mount, subject: str) -> None:
    """CRI: an image volume has no host path and is read-only."""
    if mount.host_path:
        raise InvalidRequest(f"ImageVolumeMountFailed: {subject} has an image and a host path: set one of them")
    if not mount.readonly:
        raise InvalidRequest(
            f"ImageVolumeMountFailed: {subject} would write to an image, which other containers use, too: set readonly"
        )


def _check_paths(mount: cri.Mount, subject: str) -> None:
    if "\0" in mount.container_path + mount.host_path + mount.image_sub_path:
        raise InvalidRequest(f"{subject} has a path with a NUL byte: mend it")
    if not mount.container_path.startswith("/") or os.path.normpath(mount.container_path).strip("/") == "":
        raise InvalidRequest(f"{subject} needs an absolute path below the container's root: mend it")
    if not mount.image.image and not mount.host_path.startswith("/"):
        raise InvalidRequest(f"{subject} has the host path {mount.host_path!r}: give an absolute one")
