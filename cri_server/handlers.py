"""Which handler answers which RPC, and what becomes of its work when the client goes away. No other is offered."""

from collections.abc import Mapping

from cri_server.operations import all_or_nothing, run_to_the_end
from cri_server.rpc.container_attach import attach_container
from cri_server.rpc.container_create import create_container, take_back_container
from cri_server.rpc.container_events import get_container_events
from cri_server.rpc.container_exec import exec_
from cri_server.rpc.container_exec_sync import exec_sync
from cri_server.rpc.container_list import list_containers
from cri_server.rpc.container_log_reopen import reopen_container_log
from cri_server.rpc.container_remove import remove_container
from cri_server.rpc.container_resources_update import update_container_resources
from cri_server.rpc.container_start import start_container
from cri_server.rpc.container_stats import container_stats
from cri_server.rpc.container_stats_list import list_container_stats
from cri_server.rpc.container_stats_stream import stream_container_stats
from cri_server.rpc.container_status import container_status
from cri_server.rpc.container_stop import stop_container
from cri_server.rpc.container_stream import stream_containers
from cri_server.rpc.image_fs_info import image_fs_info
from cri_server.rpc.image_list import list_images
from cri_server.rpc.image_pull import pull_image
from cri_server.rpc.image_remove import remove_image
from cri_server.rpc.image_status import image_status
from cri_server.rpc.image_stream import stream_images
from cri_server.rpc.metric_descriptor_list import list_metric_descriptors
from cri_server.rpc.pod_sandbox_list import list_pod_sandbox
from cri_server.rpc.pod_sandbox_metrics_list import list_pod_sandbox_metrics
from cri_server.rpc.pod_sandbox_metrics_stream import stream_pod_sandbox_metrics
from cri_server.rpc.pod_sandbox_port_forward import port_forward
from cri_server.rpc.pod_sandbox_remove import remove_pod_sandbox
from cri_server.rpc.pod_sandbox_resources_update import update_pod_sandbox_resources
from cri_server.rpc.pod_sandbox_run import run_pod_sandbox, take_back_pod_sandbox
from cri_server.rpc.pod_sandbox_stats import pod_sandbox_stats
from cri_server.rpc.pod_sandbox_stats_list import list_pod_sandbox_stats
from cri_server.rpc.pod_sandbox_stats_stream import stream_pod_sandbox_stats
from cri_server.rpc.pod_sandbox_status import pod_sandbox_status
from cri_server.rpc.pod_sandbox_stop import stop_pod_sandbox
from cri_server.rpc.pod_sandbox_stream import stream_pod_sandboxes
from cri_server.rpc.runtime_config import runtime_config
from cri_server.rpc.runtime_config_update import update_runtime_config
from cri_server.rpc.status import status
from cri_server.rpc.version import version
from cri_server.service import Handler

HANDLERS: Mapping[str, Handler] = {
    "Version": version,
    "Status": status,
    "RuntimeConfig": runtime_config,
    "UpdateRuntimeConfig": run_to_the_end(update_runtime_config),
    "RunPodSandbox": all_or_nothing(run_pod_sandbox, take_back_pod_sandbox),
    "StopPodSandbox": run_to_the_end(stop_pod_sandbox),
    "RemovePodSandbox": run_to_the_end(remove_pod_sandbox),
    "PodSandboxStatus": pod_sandbox_status,
    "ListPodSandbox": list_pod_sandbox,
    "StreamPodSandboxes": stream_pod_sandboxes,
    "UpdatePodSandboxResources": run_to_the_end(update_pod_sandbox_resources),
    "CreateContainer": all_or_nothing(create_container, take_back_container),
    "StartContainer": run_to_the_end(start_container),
    "StopContainer": run_to_the_end(stop_container),
    "RemoveContainer": run_to_the_end(remove_container),
    "ContainerStatus": container_status,
    "ListContainers": list_containers,
    "StreamContainers": stream_containers,
    "UpdateContainerResources": run_to_the_end(update_container_resources),
    "ReopenContainerLog": run_to_the_end(reopen_container_log),
    "ExecSync": exec_sync,
    "Exec": exec_,
    "Attach": attach_container,
    "PortForward": port_forward,
    "ContainerStats": container_stats,
    "ListContainerStats": list_container_stats,
    "StreamContainerStats": stream_container_stats,
    "PodSandboxStats": pod_sandbox_stats,
    "ListPodSandboxStats": list_pod_sandbox_stats,
    "StreamPodSandboxStats": stream_pod_sandbox_stats,
    "ListMetricDescriptors": list_metric_descriptors,
    "ListPodSandboxMetrics": list_pod_sandbox_metrics,
    "StreamPodSandboxMetrics": stream_pod_sandbox_metrics,
    "GetContainerEvents": get_container_events,
    "ListImages": list_images,
    "StreamImages": stream_images,
    "ImageStatus": image_status,
    "PullImage": pull_image,
    "RemoveImage": run_to_the_end(remove_image),
    "ImageFsInfo": image_fs_info,
}
