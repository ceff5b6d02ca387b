import pytest

from cri_server.container_rules import check_container
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest

SANDBOX = cri.PodSandboxConfig()
PRIVILEGED_SANDBOX = cri.PodSandboxConfig(
    linux=cri.LinuxPodSandboxConfig(security_context=cri.LinuxSandboxSecurityContext(privileged=True))
)
LOCALHOST = cri.SecurityProfile.Localhost
IMAGE = cri.ImageSpec(image="data:1")


def config(**fields: object) -> cri.ContainerConfig:
    metadata = cri.ContainerMetadata(name="app")
    return cri.ContainerConfig(metadata=metadata, image=cri.ImageSpec(image="img"), **fields)  # type: ignore[arg-type]


def secured(**fields: object) -> cri.ContainerConfig:
    context = cri.LinuxContainerSecurityContext(**fields)  # type: ignore[arg-type]
    return config(linux=cri.LinuxContainerConfig(security_context=context))


def mounted(**fields: object) -> cri.ContainerConfig:
    values: dict[str, object] = {"container_path": "/data", "host_path": "/tmp", **fields}
    return config(mounts=[cri.Mount(**values)])  # type: ignore[arg-type]


def number(value: int) -> cri.Int64Value:
    return cri.Int64Value(value=value)


def test_what_the_kubelet_sets_for_every_container_is_accepted() -> None:
    accepted = secured(
        capabilities=cri.Capability(drop_capabilities=["ALL"], add_capabilities=["NET_ADMIN"]),
        namespace_options=cri.NamespaceOption(pid=cri.CONTAINER),
        run_as_user=number(0),
        run_as_group=number(0),
        masked_paths=["/proc/kcore"],
        readonly_paths=["/proc/sys"],
        no_new_privs=True,
        seccomp=cri.SecurityProfile(profile_type=cri.SecurityProfile.RuntimeDefault),
        apparmor=cri.SecurityProfile(profile_type=cri.SecurityProfile.Unconfined),
        selinux_options=cri.SELinuxOption(level="s0"),
    )
    accepted.stdin_once = True
    accepted.mounts.add(
        container_path="/data", host_path="/tmp", propagation=cri.PROPAGATION_BIDIRECTIONAL, selinux_relabel=True
    )
    check_container(accepted, SANDBOX, True)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (cri.ContainerConfig(), "no metadata"),
        (cri.ContainerConfig(metadata=cri.ContainerMetadata(name="app")), "names no image"),
        (config(windows=cri.WindowsContainerConfig()), "Windows"),
        (config(devices=[cri.Device(host_path="/dev/fuse")]), "device /dev/fuse of container app is not supported"),
        (config(CDI_devices=[cri.CDIDevice(name="vendor.com/gpu=0")]), "device vendor.com/gpu=0"),
        (config(log_path="../../etc/cron.d/x"), "climbs"),
        (config(log_path="app\0.log"), "NUL"),
        (config(working_dir="/app\0"), "NUL"),
        (secured(run_as_user=number(1), run_as_username="www"), "both run_as_user and run_as_username"),
        (secured(run_as_group=number(1)), "run_as_group without a user"),
        (secured(run_as_user=number(-1)), "no 32-bit id"),
        (secured(run_as_user=number(1), supplemental_groups=[1 << 32]), "no 32-bit id"),
        (secured(apparmor=cri.SecurityProfile(profile_type=LOCALHOST, localhost_ref="p")), "AppArmor"),
        (secured(apparmor_profile="localhost/p"), "AppArmor"),
        (secured(seccomp_profile_path="localhost//no/such"), "seccomp profile /no/such of container app"),
        (secured(namespace_options=cri.NamespaceOption(pid=cri.TARGET)), "without target_id"),
        (secured(namespace_options=cri.NamespaceOption(userns_options=cri.UserNamespace())), "user namespace"),
        (config(linux=cri.LinuxContainerConfig(resources=cri.LinuxContainerResources(oom_score_adj=1001))), "1001"),
        (secured(privileged=True), "privileged in a sandbox that is not"),
        (mounted(recursive_read_only=True), "not readonly"),
        (
            mounted(recursive_read_only=True, readonly=True, propagation=cri.PROPAGATION_HOST_TO_CONTAINER),
            "PROPAGATION_PRIVATE",
        ),
        (
            mounted(recursive_read_only=True, readonly=True, propagation=cri.PROPAGATION_BIDIRECTIONAL),
            "PROPAGATION_PRIVATE",
        ),
        (mounted(image=IMAGE, readonly=True), "^ImageVolumeMountFailed: .*an image and a host path"),
        (mounted(image=IMAGE, host_path=""), "^ImageVolumeMountFailed: .*set readonly"),
        (mounted(image=IMAGE, host_path="", readonly=True, image_sub_path="a\0"), "NUL"),
        (mounted(image_sub_path="etc"), "but no image"),
        (secured(masked_paths=["/.."]), "none below its root"),
        (secured(readonly_paths=["/a\0"]), "none below its root"),
        (mounted(uidMappings=[cri.IDMapping(length=1)]), "maps ids"),
        (mounted(mount_options=["noexec"]), "mount options"),
        (mounted(container_path="data"), "absolute path"),
        (mounted(container_path="/"), "below the container's root"),
        (mounted(container_path="/a/.."), "below the container's root"),
        (mounted(host_path=""), "give an absolute one"),
        (mounted(host_path="/x\0y"), "NUL"),
    ],
)
def test_contradictions_and_false_promises_are_refused(wrong: cri.ContainerConfig, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        check_container(wrong, SANDBOX, False)


def test_read_only_volumes_are_accepted() -> None:
    check_container(mounted(recursive_read_only=True, readonly=True), SANDBOX, False)
    volume = mounted(image=IMAGE, host_path="", readonly=True, recursive_read_only=True, image_sub_path="etc")
    check_container(volume, SANDBOX, False)


def test_privileged_is_accepted_in_a_privileged_sandbox_unless_the_node_rejects_it() -> None:
    check_container(secured(privileged=True), PRIVILEGED_SANDBOX, False)
    with pytest.raises(InvalidRequest, match="no meaning for WebAssembly"):
        check_container(secured(privileged=True), PRIVILEGED_SANDBOX, True)
