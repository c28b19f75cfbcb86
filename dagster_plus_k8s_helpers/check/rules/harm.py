"""Rules for what Kubernetes takes and what does harm in a Job: each of one pod."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.capacity.fitting import tolerates
from dagster_plus_k8s_helpers.capacity.nodes import Taint
from dagster_plus_k8s_helpers.check.subjects.registry import of_pods
from dagster_plus_k8s_helpers.check.subjects.subjects import containers, layer_of, said
from dagster_plus_k8s_helpers.findings.finding import Need, Rule, Severity
from dagster_plus_k8s_helpers.pod.platforms import NODE_TAINTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dagster_plus_k8s_helpers.check.subjects.subjects import Hit, PodGroup, Surroundings

__all__ = ["NODES_NETWORK"]


LEAST_GRACE = 5
"""Seconds: one call to Dagster+ and its retries."""


PLAIN_SIDECAR = Rule(
    "DPK560",
    Severity.WARNING,
    "A Job is done when every container in `containers` has ended: a second one that goes on, such as a "
    "proxy, keeps the pod, its Job and its node after the run or step is over. A native sidecar is "
    "ended with it. Source: "
    "https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#jobs-with-sidecar-containers",
    "move it to init_containers with restart_policy: Always, or have it end with the step",
)


@of_pods(PLAIN_SIDECAR)
def plain_sidecar(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A second container, which keeps the Job from ending."""
    main, *others = group.pod.spec["containers"]
    for index, container in enumerate(others, start=1):
        if container.get("name") == main.get("name"):
            continue  # the API server refuses the pod
        layer = layer_of(group.pod, f"containers[{index}]")
        text = f"containers[{index}] is {container.get('name')!r} by {layer}"
        text += ", and the Job does not end before it does"
        yield group.hit(PLAIN_SIDECAR, text, f"containers[{index}]")


RESTARTED = Rule(
    "DPK561",
    Severity.WARNING,
    "Kubernetes starts the container or pod again where Dagster takes one start for one attempt: the "
    "second process of a step is refused, and the Job takes the pod and its logs away. dagster_k8s sets "
    "Never. Source: "
    "https://kubernetes.io/docs/concepts/workloads/controllers/job/#handling-pod-and-container-failures",
    "leave it out and give the op a RetryPolicy",
)


@of_pods(RESTARTED)
def restarted(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """What Kubernetes would start a second time."""
    job = group.pod.manifest["spec"]
    main = group.pod.spec["containers"][0]
    if group.pod.spec.get("restartPolicy") == "OnFailure":
        yield group.hit(RESTARTED, f"{said(group.pod, 'restartPolicy')}, instead of 'Never'", "restartPolicy")
    if main.get("restartPolicy") in {"Always", "OnFailure"}:
        path = "containers[0].restartPolicy"
        yield group.hit(RESTARTED, f"{said(group.pod, path)}, instead of 'Never'", path)
    for index, rule in enumerate((job.get("podFailurePolicy") or {}).get("rules") or ()):
        path = f"spec.podFailurePolicy.rules[{index}].action"
        if rule.get("action") == "Ignore":
            layer = group.pod.origin(path).layer
            text = f"{path} is 'Ignore' by {layer}: another pod takes the place of the failed"
            yield group.hit(RESTARTED, text, path)


NOT_ONE_POD = Rule(
    "DPK562",
    Severity.ERROR,
    "Each pod of a Job runs the same run or step: the second is refused by Dagster, which fails the "
    "Job, and without any nothing runs. Source: "
    "https://kubernetes.io/docs/concepts/workloads/controllers/job/#parallel-jobs",
    "leave it out: Dagster makes one Job for each step",
)


@of_pods(NOT_ONE_POD)
def not_one_pod(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A Job of several pods, or of none."""
    for field in ("completions", "parallelism"):
        count = group.pod.manifest["spec"].get(field)
        if count is not None and count != 1:
            layer = group.pod.origin(f"spec.{field}").layer
            yield group.hit(NOT_ONE_POD, f"spec.{field} is {count} by {layer}, instead of 1", f"spec.{field}")


SUSPENDED = Rule(
    "DPK568",
    Severity.WARNING,
    "A suspended Job makes no pod until somebody resumes it; queues such as Kueue suspend by themselves "
    "the Jobs that name a queue. Source: "
    "https://kubernetes.io/docs/concepts/workloads/controllers/job/#suspending-a-job",
    "leave suspend out, or label the Job with its queue",
)


@of_pods(SUSPENDED)
def suspended(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A Job that nobody is known to resume."""
    manifest = group.pod.manifest
    labels = {**(manifest["metadata"].get("labels") or {}), **(manifest["metadata"].get("annotations") or {})}
    if manifest["spec"].get("suspend") and not any("queue" in key for key in labels):
        layer = group.pod.origin("spec.suspend").layer
        text = f"spec.suspend is true by {layer}, and no label names a queue that resumes it"
        yield group.hit(SUSPENDED, text, "spec.suspend")


NODES_NETWORK = Rule(
    "DPK563",
    Severity.WARNING,
    "A port of the node is there once: of pods that want it a node takes one at a time, and the others "
    "wait. On the node's network a pod finds no Service by its name either, unless it says so. Source: "
    "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy",
    "leave hostPort and hostNetwork out, or set dns_policy: ClusterFirstWithHostNet",
)


@of_pods(NODES_NETWORK)
def nodes_network(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A pod on the node's network that asks the node's DNS only."""
    spec = group.pod.spec
    if spec.get("hostNetwork") and spec.get("dnsPolicy") in (None, "", "ClusterFirst"):
        text = f"{said(group.pod, 'hostNetwork')}, and dnsPolicy is not 'ClusterFirstWithHostNet'"
        yield group.hit(NODES_NETWORK, text, "hostNetwork")


TAINT_OF_PLATFORM = Rule(
    "DPK564",
    Severity.WARNING,
    "The label selects nodes that their platform taints, and a pod that does not tolerate the taint "
    "waits for ever. With --nodes the real taints are looked at. Source: "
    "https://learn.microsoft.com/azure/aks/use-nvidia-gpu and "
    "https://learn.microsoft.com/azure/aks/spot-node-pool",
    "add the toleration, which gpu() and spot() set together with the label",
    needs=Need.NO_NODES,
)


@of_pods(TAINT_OF_PLATFORM)
def taint_of_platform(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A label of nodes that their platform taints, in a pod that does not tolerate the taint."""
    spec = group.pod.spec
    if around.pools:
        return
    for known in NODE_TAINTS:
        key, value = known.label
        wanted = known.toleration
        taint = Taint(wanted.key or "", wanted.value or "", wanted.effect or "")
        if (spec.get("nodeSelector") or {}).get(key) != value:
            continue
        if not any(tolerates(item, taint) for item in spec.get("tolerations") or ()):
            yield group.hit(
                TAINT_OF_PLATFORM,
                f"{said(group.pod, f'nodeSelector.{key}')}; {known.whose} the taint "
                f"{taint.key}={taint.value}:{taint.effect}, which no layer tolerates",
                f"nodeSelector.{key}",
            )


PROBE = Rule(
    "DPK566",
    Severity.WARNING,
    "A run or step listens on no port, so that the probe fails and the kubelet kills the container. "
    "Source: https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
    "leave the probe out of the main container; a sidecar may have one",
)


@of_pods(PROBE)
def probe(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A probe that asks a port of the main container, on which nothing listens."""
    main = group.pod.spec["containers"][0]
    for field in ("livenessProbe", "startupProbe"):
        kinds = [kind for kind in ("grpc", "httpGet", "tcpSocket") if kind in (main.get(field) or {})]
        if kinds:
            path = f"containers[0].{field}.{kinds[0]}"
            text = f"{path} by {layer_of(group.pod, path)} asks a port, on which no run or step listens"
            yield group.hit(PROBE, text, path)


SHORT_GRACE = Rule(
    "DPK567",
    Severity.WARNING,
    "Between SIGTERM and SIGKILL Dagster writes to Dagster+ how the run or step ended; where that is "
    "too short it ends without a word. Kubernetes gives 30 seconds, and takes less than 0 for 1. "
    "Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
    "leave termination_grace_period_seconds out, or give 30 seconds",
)


@of_pods(SHORT_GRACE)
def short_grace(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """Too little time to write how it ended."""
    grace = group.pod.spec.get("terminationGracePeriodSeconds")
    if grace is not None and grace < LEAST_GRACE:
        text = f"{said(group.pod, 'terminationGracePeriodSeconds')}, below {LEAST_GRACE}"
        yield group.hit(SHORT_GRACE, text, "terminationGracePeriodSeconds")


ODD = Rule(
    "DPK569",
    Severity.WARNING,
    "Kubernetes takes it, but hardly as it was meant. Source: makeMounts in the kubelet's "
    "kubelet_pods.go, SetDefaults_Volume in the API server's defaults.go and its warnings for pods in "
    "warnings.go",
    "write what is meant",
)


@of_pods(ODD)
def odd(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """What works otherwise than it looks."""
    for path, text in _odd(group.pod.spec):
        yield group.hit(ODD, f"{path} by {layer_of(group.pod, path)} {text}", path)


def _odd(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where in a pod's spec something looks like a slip, and what is made of it."""
    for path, container in containers(spec):
        for index, mount in enumerate(container.get("volumeMounts") or ()):
            where, mounted = f"{path}.volumeMounts[{index}].mountPath", mount.get("mountPath") or ""
            if re.match("[A-Za-z]:", mounted):  # of Windows
                continue
            if not mounted.startswith("/"):
                yield where, f"is {mounted!r}, which the kubelet makes {f'/{mounted}'!r}; write that"
            if ":" in mounted:
                yield where, f"is {mounted!r}, and not every container runtime takes a ':'"
    for index, volume in enumerate(spec.get("volumes") or ()):
        if not [kind for kind in volume if kind != "name"]:
            yield f"volumes[{index}]", f"has no source, so that {volume.get('name')!r} is an empty emptyDir"
    for index, secret in enumerate(spec.get("imagePullSecrets") or ()):
        if not (secret or {}).get("name"):
            yield f"imagePullSecrets[{index}]", "has no name, and is passed over"
