"""ListMetricDescriptors: what metrics there are. The kubelet asks once, at its start."""

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.metric_catalog import BASE_LABELS, CONTAINER_METRICS, INTERFACE_METRICS
from cri_server.runtime import Runtime


async def list_metric_descriptors(
    runtime: Runtime, request: cri.ListMetricDescriptorsRequest
) -> cri.ListMetricDescriptorsResponse:
    return cri.ListMetricDescriptorsResponse(
        descriptors=[
            cri.MetricDescriptor(name=metric.name, help=metric.help, label_keys=(*BASE_LABELS, *metric.labels))
            for metric in (*CONTAINER_METRICS, *INTERFACE_METRICS)
        ]
    )
