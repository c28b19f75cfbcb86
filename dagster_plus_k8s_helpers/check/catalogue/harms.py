"""Rules for what Kubernetes takes and what does harm in the pod of a run or step, or looks like a slip."""

from __future__ import annotations

from dagster_plus_k8s_helpers.findings.finding import Rule, Severity

__all__ = ["HARM_RULE_TABLE"]

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING

PLAIN_SIDECAR = Rule(
    "DPK560",
    _WARNING,
    "A Job is done when every container in `containers` has ended: a second one that goes on, such as a "
    "proxy, keeps the pod, its Job and its node after the run or step is over. A native sidecar is "
    "ended with it. Source: "
    "https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#jobs-with-sidecar-containers",
    "move it to init_containers with restart_policy: Always, or have it end with the step",
)
RESTARTED = Rule(
    "DPK561",
    _WARNING,
    "Kubernetes starts the container or pod again where Dagster takes one start for one attempt: the "
    "second process of a step is refused, and the Job takes the pod and its logs away. dagster_k8s sets "
    "Never. Source: "
    "https://kubernetes.io/docs/concepts/workloads/controllers/job/#handling-pod-and-container-failures",
    "leave it out and give the op a RetryPolicy",
)
NOT_ONE_POD = Rule(
    "DPK562",
    _ERROR,
    "Each pod of a Job runs the same run or step: the second is refused by Dagster, which fails the "
    "Job, and without any nothing runs. Source: "
    "https://kubernetes.io/docs/concepts/workloads/controllers/job/#parallel-jobs",
    "leave it out: Dagster makes one Job for each step",
)
NODES_NETWORK = Rule(
    "DPK563",
    _WARNING,
    "A port of the node is there once: of pods that want it a node takes one at a time, and the others "
    "wait. On the node's network a pod finds no Service by its name either, unless it says so. Source: "
    "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy",
    "leave hostPort and hostNetwork out, or set dns_policy: ClusterFirstWithHostNet",
)
TAINT_OF_PLATFORM = Rule(
    "DPK564",
    _WARNING,
    "The label selects nodes that their platform taints, and a pod that does not tolerate the taint "
    "waits for ever. With --nodes the real taints are looked at. Source: "
    "https://learn.microsoft.com/azure/aks/use-nvidia-gpu and "
    "https://learn.microsoft.com/azure/aks/spot-node-pool",
    "add the toleration, which gpu() and spot() set together with the label",
)
SHARED_CLAIM = Rule(
    "DPK565",
    _WARNING,
    "A ReadWriteOnce volume is mounted by one node at a time: pods that want it at once on other nodes "
    "stay in ContainerCreating. Source: "
    "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes",
    "claim ReadWriteMany, mount it in one step only, or let the steps run one after the other",
)
PROBE = Rule(
    "DPK566",
    _WARNING,
    "A run or step listens on no port, so that the probe fails and the kubelet kills the container. "
    "Source: https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
    "leave the probe out of the main container; a sidecar may have one",
)
SHORT_GRACE = Rule(
    "DPK567",
    _WARNING,
    "Between SIGTERM and SIGKILL Dagster writes to Dagster+ how the run or step ended; where that is "
    "too short it ends without a word. Kubernetes gives 30 seconds, and takes less than 0 for 1. "
    "Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
    "leave termination_grace_period_seconds out, or give 30 seconds",
)
SUSPENDED = Rule(
    "DPK568",
    _WARNING,
    "A suspended Job makes no pod until somebody resumes it; queues such as Kueue suspend by themselves "
    "the Jobs that name a queue. Source: "
    "https://kubernetes.io/docs/concepts/workloads/controllers/job/#suspending-a-job",
    "leave suspend out, or label the Job with its queue",
)
ODD = Rule(
    "DPK569",
    _WARNING,
    "Kubernetes takes it, but hardly as it was meant. Source: makeMounts in the kubelet's "
    "kubelet_pods.go, SetDefaults_Volume in the API server's defaults.go and its warnings for pods in "
    "warnings.go",
    "write what is meant",
)

HARM_RULE_TABLE: tuple[Rule, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Rule)
)
