import pytest

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest
from cri_server.sandbox_rules import check_sandbox


def request(**fields: object) -> cri.RunPodSandboxRequest:
    config = cri.PodSandboxConfig(metadata=cri.PodSandboxMetadata(name="web", namespace="prod", uid="u"), **fields)  # type: ignore[arg-type]
    return cri.RunPodSandboxRequest(config=config)


def linux(**fields: object) -> cri.LinuxPodSandboxConfig:
    return cri.LinuxPodSandboxConfig(security_context=cri.LinuxSandboxSecurityContext(**fields))  # type: ignore[arg-type]


def namespaces(**fields: object) -> cri.LinuxPodSandboxConfig:
    return linux(namespace_options=cri.NamespaceOption(**fields))  # type: ignore[arg-type]


def userns(mode: cri.NamespaceMode) -> cri.LinuxPodSandboxConfig:
    return namespaces(userns_options=cri.UserNamespace(mode=mode))


def with_sysctls(names: list[str], **options: object) -> cri.LinuxPodSandboxConfig:
    config = namespaces(**options)
    for name in names:
        config.sysctls[name] = "1"
    return config


def test_what_the_kubelet_sets_for_every_pod_is_accepted() -> None:
    context = cri.LinuxSandboxSecurityContext(
        namespace_options=cri.NamespaceOption(pid=cri.CONTAINER),
        seccomp=cri.SecurityProfile(profile_type=cri.SecurityProfile.RuntimeDefault),
        selinux_options=cri.SELinuxOption(level="s0"),
        run_as_user=cri.Int64Value(value=0),
        run_as_group=cri.Int64Value(value=0),
        supplemental_groups=[1000],
    )
    ports = [cri.PortMapping(container_port=80)]
    check_sandbox(request(linux=cri.LinuxPodSandboxConfig(security_context=context), port_mappings=ports), True)


@pytest.mark.parametrize("handler", ["", "wasmlet"])
def test_the_default_handler_has_two_names(handler: str) -> None:
    wanted = request()
    wanted.runtime_handler = handler
    check_sandbox(wanted, False)


def test_an_unknown_handler_is_refused() -> None:
    wanted = request()
    wanted.runtime_handler = "runc"
    with pytest.raises(
        InvalidRequest, match='runtime handler "runc" of pod sandbox web is not known; use "" or "wasmlet"'
    ):
        check_sandbox(wanted, False)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (linux(run_as_group=cri.Int64Value(value=1)), "run_as_group without run_as_user"),
        (namespaces(network=cri.CONTAINER), "only POD and NODE"),
        (userns(cri.POD), "user namespace"),
        (userns(cri.TARGET), "user namespace"),
        (with_sysctls(["kernel.panic"]), "sysctl kernel.panic"),
        (with_sysctls(["net.ipv4.ip_forward"], network=cri.NODE), "sysctl net.ipv4.ip_forward"),
        (with_sysctls(["kernel.shmmax"], ipc=cri.NODE), "sysctl kernel.shmmax"),
        (with_sysctls(["net/../../etc/passwd"]), "sysctl net/../../etc/passwd"),
    ],
)
def test_contradictions_and_false_promises_are_refused(config: cri.LinuxPodSandboxConfig, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        check_sandbox(request(linux=config), False)


def test_sysctls_of_the_pods_own_namespaces_are_accepted() -> None:
    check_sandbox(
        request(linux=with_sysctls(["net.core.somaxconn", "net/ipv4/tcp_syncookies", "kernel.shmmax"])), False
    )


def test_a_sandbox_without_metadata_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no metadata"):
        check_sandbox(cri.RunPodSandboxRequest(), False)


@pytest.mark.parametrize("name", ["-x", "a b", "a\n", "x" * 65, "../x"])
def test_a_hostname_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a host's name"):
        check_sandbox(request(hostname=name), False)


@pytest.mark.parametrize("path", ["var/log", "/var/log\0"])
def test_a_log_directory_that_is_no_absolute_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidRequest, match="is not an absolute path"):
        check_sandbox(request(log_directory=path), False)


def test_a_cgroup_parent_with_a_nul_byte_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="NUL"):
        check_sandbox(request(linux=cri.LinuxPodSandboxConfig(cgroup_parent="/a\0b")), False)


def test_a_choice_of_network_that_is_not_known_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="annotation wasmlet.dev/network.main of pod sandbox"):
        check_sandbox(request(annotations={"wasmlet.dev/network.main": "some"}), False)
    check_sandbox(request(annotations={"wasmlet.dev/network": "outbound"}), False)


def test_host_ports_are_accepted() -> None:
    ports = [cri.PortMapping(container_port=80, host_port=8080, host_ip="fd00::1")]
    check_sandbox(request(port_mappings=ports), False)
    check_sandbox(request(port_mappings=ports, linux=namespaces(network=cri.NODE)), False)


@pytest.mark.parametrize(
    ("port", "reason"),
    [
        (cri.PortMapping(container_port=80, host_port=70000), "publishes port 80 as 70000"),
        (cri.PortMapping(container_port=0, host_port=80), "publishes port 0 as 80"),
        (cri.PortMapping(container_port=80, host_port=-1), "publishes port 80 as -1"),
        (cri.PortMapping(container_port=80, host_port=80, host_ip="localhost"), "'localhost', which is no IP address"),
    ],
)
def test_host_ports_that_cannot_be_meant_are_refused(port: cri.PortMapping, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        check_sandbox(request(port_mappings=[port]), False)


def test_privileged_sandboxes_are_refused_where_the_node_says_so() -> None:
    check_sandbox(request(linux=linux(privileged=True)), False)
    with pytest.raises(InvalidRequest, match="privileged"):
        check_sandbox(request(linux=linux(privileged=True)), True)
