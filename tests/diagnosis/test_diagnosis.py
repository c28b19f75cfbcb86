"""diagnose: every recording and the shapes of other releases get the right cause, and nothing raises."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import NAMES, recording

from dagster_plus_k8s_helpers import Diagnosis, DiagnosisKind, diagnose
from dagster_plus_k8s_helpers.executor.events.tracked_step import TrackedStep

NO_FILE = 'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "{0}": stat {0}: no such file or directory: unknown'

RECORDED = {
    "succeeded": None,
    "running": None,
    "exit-3": (DiagnosisKind.ERROR, "The container 'dagster' ended with exit code 3.", "failed"),
    "sigterm-143": (DiagnosisKind.ERROR, "The container 'dagster' ended with exit code 143 (SIGTERM).", "failed"),
    "oom-killed": (DiagnosisKind.OOM_KILLED, "The container 'dagster' was killed: over its memory limit of 64Mi.", "failed"),
    "evicted-emptydir": (DiagnosisKind.EVICTED, 'The node evicted the pod: Usage of EmptyDir volume "s" exceeds the limit "50Mi".', "failed"),
    "evicted-api": (DiagnosisKind.EVICTION_BY_EVICTION_API, "The pod on the node node1 was evicted through the API: the node is drained or scaled down (Eviction API: evicting).", "failed"),
    "tainted-node": (DiagnosisKind.DELETION_BY_TAINT_MANAGER, "The pod on the node node1 was deleted for a NoExecute taint that it does not tolerate: the node is drained, or no longer answers (Taint manager: deleting due to NoExecute taint).", "failed"),
    "deleted-pod": (DiagnosisKind.POD_DELETED, "The pod was deleted before it had ended, and took the cause with it.", "failed"),
    "deadline": (DiagnosisKind.DEADLINE_EXCEEDED, "The Job ran longer than its activeDeadlineSeconds of 10 s.", "failed"),
    "unschedulable-gpu": (DiagnosisKind.UNSCHEDULABLE, "No node can take the pod: 1 node without enough nvidia.com/gpu left.", "waits"),
    "unschedulable-cpu": (DiagnosisKind.UNSCHEDULABLE, "No node can take the pod: 1 node without enough cpu left.", "waits"),
    "unschedulable-selector": (DiagnosisKind.UNSCHEDULABLE, "No node can take the pod: 1 node that the node selector or affinity leaves out.", "waits"),
    "missing-pvc": (DiagnosisKind.UNSCHEDULABLE, "No node can take the pod: the PersistentVolumeClaim 'nope' does not exist.", "waits"),
    "image-pull": (DiagnosisKind.IMAGE_PULL_BACK_OFF, "The image 'example.local/missing:1' of the container 'dagster' cannot be pulled: Back-off pulling image \"example.local/missing:1\": ErrImagePull: failed to pull and unpack image \"example.local/missing:1\": failed to resolve reference \"example.local/missing:1\": failed to do request: Head \"https://example.local/v2/missing/manifests/1\": dial tcp: lookup example.local: no such host.", "waits"),
    "image-name": (DiagnosisKind.INVALID_IMAGE_NAME, "The image name 'Bad Image::x' of the container 'dagster' is not valid: Failed to apply default image tag \"Bad Image::x\": couldn't parse image name \"Bad Image::x\": invalid reference format: repository name (library/Bad Image) must be lowercase.", "waits"),
    "missing-secret": (DiagnosisKind.CREATE_CONTAINER_CONFIG_ERROR, "The container 'dagster' cannot be created: secret \"nope\" not found.", "waits"),
    "run-container-error": (DiagnosisKind.START_ERROR, f"The container 'dagster' could not be started: {NO_FILE.format('/no/such/binary')}.", "failed"),
    "init-start-error": (DiagnosisKind.START_ERROR, f"The init container 'wait-for-db' could not be started: {NO_FILE.format('/no/such')}.", "failed"),
    "sidecar-crash-loop": (DiagnosisKind.CRASH_LOOP_BACK_OFF, "The sidecar 'proxy' crashes again and again; last with exit code 1.", "waits"),
    "missing-sa": (DiagnosisKind.FAILED_CREATE, 'The pod cannot be created: pods "missing-sa-" is forbidden: error looking up service account default/nope: serviceaccount "nope" not found.', "waits"),
    "over-quota": (DiagnosisKind.FAILED_CREATE, 'The pod cannot be created: pods "over-quota-kk494" is forbidden: exceeded quota: q, requested: limits.memory=128Mi,requests.memory=128Mi, used: limits.memory=0,requests.memory=0, limited: limits.memory=64Mi,requests.memory=64Mi.', "waits"),
}  # fmt: skip


def of(recorded: dict[str, Any]) -> Diagnosis | None:
    return diagnose(recorded["job"], recorded["pods"], recorded["events"])


def test_every_recording_is_in_the_table() -> None:
    assert sorted(RECORDED) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_recording_gets_the_right_cause(name: str) -> None:
    diagnosis = of(recording(name))

    said = diagnosis and (diagnosis.kind, diagnosis.summary, "failed" if diagnosis.failed else "waits")
    assert said == RECORDED[name]


@pytest.mark.parametrize(
    ("name", "details"),
    [
        ("oom-killed", {"container": "dagster", "exit_code": 137, "node": "node1", "limit": "64Mi"}),
        ("exit-3", {"container": "dagster", "exit_code": 3, "node": "node1"}),
        ("evicted-emptydir", {"node": "node1", "reason": "Evicted", "own_limit": "exceeded", "resource": "ephemeral-storage"}),
        ("missing-sa", {"cause": "service_account", "service_account": "nope"}),
        ("over-quota", {"cause": "quota", "quota": "q"}),
        ("image-pull", {"container": "dagster", "node": "node1", "image": "example.local/missing:1", "reason": "ImagePullBackOff"}),
        ("sidecar-crash-loop", {"container": "proxy", "node": "node1", "restarts": 3, "exit_code": 1}),
        ("deadline", {"active_deadline_seconds": 10}),
    ],
)  # fmt: skip
def test_the_details_name_what_was_involved(name: str, details: dict[str, object]) -> None:
    diagnosis = of(recording(name))

    assert diagnosis is not None
    assert dict(diagnosis.details) == details


def test_what_can_never_heal_is_not_worth_a_retry() -> None:
    hopeless = {name for name in NAMES if (found := of(recording(name))) and not found.retryable}

    assert hopeless == {"image-name", "missing-sa", "run-container-error", "init-start-error"}


def test_disruptions_are_not_the_steps_fault() -> None:
    disrupted = {name for name in NAMES if (found := of(recording(name))) and found.is_disruption}

    assert disrupted == {"evicted-api", "tainted-node"}


JOB = {"metadata": {"name": "step"}, "spec": {}, "status": {"active": 1}}
FAILED_JOB = {**JOB, "status": {"failed": 1}}


def pod(status: dict[str, Any], **others: Any) -> dict[str, Any]:
    spec = {"nodeName": "node1", "containers": [{"name": "dagster"}], **others.pop("spec", {})}
    return {"metadata": {"name": "step-x", **others}, "spec": spec, "status": status}


def container(state: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"name": "dagster", "image": "a:1", "restartCount": 0, "state": state, **others}


def scheduled(message: str, reason: str = "Unschedulable") -> dict[str, Any]:
    return pod(
        {
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "False", "reason": reason, "message": message}],
        }
    )


def disruption(reason: str, message: str = "") -> dict[str, Any]:
    condition = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message}
    ended = container({"terminated": {"exitCode": 137, "reason": "Error"}})
    return pod({"phase": "Failed", "conditions": [condition], "containerStatuses": [ended]})


def waiting(reason: str, message: str = "", **others: Any) -> dict[str, Any]:
    return pod(
        {
            "phase": "Pending",
            "containerStatuses": [container({"waiting": {"reason": reason, "message": message}}, **others)],
        }
    )


def ended(reason: str, code: int, **others: Any) -> dict[str, Any]:
    terminated = container({"terminated": {"exitCode": code, "reason": reason}}, **others)
    return pod({"phase": "Failed", "containerStatuses": [terminated]})


def beside(end: dict[str, Any], proxy: dict[str, Any], phase: str = "Running", **spec: Any) -> dict[str, Any]:
    """A pod in which a webhook has put a proxy in front of the step's container, which has ended."""
    made = pod(
        {
            "phase": phase,
            "containerStatuses": [container(proxy, name="proxy"), container({"terminated": end})],
        }
    )
    made["spec"] = {**made["spec"], "containers": [{"name": "proxy"}, {"name": "dagster"}], **spec}
    return made


def event(reason: str, message: str) -> dict[str, Any]:
    return {"type": "Warning", "reason": reason, "message": message}


def by_kubelet(reason: str, message: str = "") -> dict[str, Any]:
    return pod({"phase": "Failed", "reason": reason, "message": message})


RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
OOM = {"exitCode": 137, "reason": "OOMKilled"}
SIDECAR = {"initContainers": [{"name": "proxy", "restartPolicy": "Always"}]}

SHAPES: list[tuple[str, dict[str, Any] | None, list[Any], list[Any], DiagnosisKind | None, str]] = [
    ("1.28: a scheduler's message ends otherwise", JOB, [scheduled("0/3 nodes are available: 1 node(s) had untolerated taint {gpu: true}, 2 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.")], [], DiagnosisKind.UNSCHEDULABLE, "No node can take the pod: 1 node with a taint that the step does not tolerate {gpu: true}; 2 nodes without enough nvidia.com/gpu left."),
    ("an older scheduler's taint in the plural", JOB, [scheduled("0/2 nodes are available: 2 node(s) had untolerated taint(s).")], [], DiagnosisKind.UNSCHEDULABLE, "No node can take the pod: 2 nodes with a taint that the step does not tolerate."),
    ("a claim without a volume", JOB, [scheduled("0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/2")], [], DiagnosisKind.UNSCHEDULABLE, "No node can take the pod: pod has unbound immediate PersistentVolumeClaims."),
    ("cordoned, full and out of reach", JOB, [scheduled("0/3 nodes are available: 1 node(s) were unschedulable, 1 Too many pods, 1 node(s) had volume node affinity conflict.")], [], DiagnosisKind.UNSCHEDULABLE, "No node can take the pod: 1 node closed to new pods (cordoned); 1 node with no room for another pod; 1 node out of reach of the pod's volume."),
    ("a scheduling gate (1.27)", JOB, [scheduled("Scheduling is blocked due to non-empty scheduling gates", "SchedulingGated")], [], DiagnosisKind.SCHEDULING_GATED, "The pod waits at a scheduling gate that a controller has to open."),
    ("no message at all", JOB, [scheduled("")], [], DiagnosisKind.UNSCHEDULABLE, "No node can take the pod: the scheduler did not say why."),
    ("1.28: a back-off says why in an event only", JOB, [waiting("ImagePullBackOff", 'Back-off pulling image "a:1"')], [event("Failed", 'Failed to pull image "a:1": not found'), event("Failed", "Error: ErrImagePull")], DiagnosisKind.IMAGE_PULL_BACK_OFF, "The image 'a:1' of the container 'dagster' cannot be pulled: Failed to pull image \"a:1\": not found."),
    ("an image that may not be pulled", JOB, [waiting("ErrImageNeverPull", 'Container image "a:1" is not present with pull policy of Never')], [], DiagnosisKind.ERR_IMAGE_PULL, "The image 'a:1' of the container 'dagster' cannot be pulled: Container image \"a:1\" is not present with pull policy of Never."),
    ("an init image that can't be pulled", JOB, [pod({"phase": "Pending", "initContainerStatuses": [container({"waiting": {"reason": "ErrImagePull", "message": "not found"}}, name="init")], "containerStatuses": [container({"waiting": {"reason": "PodInitializing"}})]})], [], DiagnosisKind.ERR_IMAGE_PULL, "The image 'a:1' of the init container 'init' cannot be pulled: not found."),
    ("another runtime", JOB, [waiting("RunContainerError", "no such file")], [], DiagnosisKind.CREATE_CONTAINER_ERROR, "The container 'dagster' cannot be created: no such file."),
    ("starting up", JOB, [waiting("ContainerCreating")], [], None, ""),
    ("preempted", FAILED_JOB, [disruption("PreemptionByScheduler", "default-scheduler: preempting to accommodate a higher priority pod")], [], DiagnosisKind.PREEMPTION_BY_SCHEDULER, "The pod on the node node1 had to make room for one of a higher priority (default-scheduler: preempting to accommodate a higher priority pod)."),
    ("preempted, as 1.26 called it", FAILED_JOB, [disruption("PreemptionByKubeScheduler")], [], DiagnosisKind.PREEMPTION_BY_SCHEDULER, "The pod on the node node1 had to make room for one of a higher priority."),
    ("the node is no more", FAILED_JOB, [disruption("DeletionByPodGC", "PodGC: node no longer exists")], [], DiagnosisKind.NODE_LOST, "The pod on the node node1 is gone with its node (PodGC: node no longer exists)."),
    ("the node shut down", FAILED_JOB, [disruption("TerminationByKubelet", "Pod was terminated in response to imminent node shutdown.")], [], DiagnosisKind.TERMINATION_BY_KUBELET, "The pod on the node node1 was ended by its node, which shut down or ran short of something (Pod was terminated in response to imminent node shutdown.)."),
    ("a reason of a later release", FAILED_JOB, [disruption("SomethingNew")], [], DiagnosisKind.NODE_LOST, "The pod on the node node1 was taken away by the cluster."),
    ("a pod that is preempted while it runs", JOB, [{**disruption("PreemptionByScheduler"), "status": {"phase": "Running"}}], [], None, ""),
    ("the node was short of memory", FAILED_JOB, [by_kubelet("Evicted", "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. Container dagster was using 4Gi, request is 0.")], [], DiagnosisKind.EVICTED, "The node evicted the pod: it was short of memory. The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. Container dagster was using 4Gi, request is 0."),
    ("more ephemeral storage than allowed", FAILED_JOB, [by_kubelet("Evicted", "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.")], [], DiagnosisKind.EVICTED, "The node evicted the pod: Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."),
    ("a graceful node shutdown before 1.26's condition", FAILED_JOB, [by_kubelet("Terminated", "Pod was terminated in response to imminent node shutdown.")], [], DiagnosisKind.TERMINATION_BY_KUBELET, "The node node1 ended or refused the pod: Terminated, Pod was terminated in response to imminent node shutdown."),
    ("a kubelet out of GPUs", FAILED_JOB, [by_kubelet("OutOfnvidia.com/gpu", "Node didn't have enough resource")], [], DiagnosisKind.REFUSED_BY_NODE, "The node node1 ended or refused the pod: OutOfnvidia.com/gpu, Node didn't have enough resource."),
    ("the pod's own deadline", FAILED_JOB, [by_kubelet("DeadlineExceeded")], [], DiagnosisKind.DEADLINE_EXCEEDED, "The pod was active on its node longer than its activeDeadlineSeconds."),
    ("a deadline that passes while the pod is pending", {**JOB, "status": {"conditions": [{"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded"}]}}, [scheduled("x")], [], DiagnosisKind.DEADLINE_EXCEEDED, "The Job ran longer than its activeDeadlineSeconds."),
    ("OOM by a limit at pod level (1.34)", FAILED_JOB, [{**ended("OOMKilled", 137), "spec": {"resources": {"limits": {"memory": "1Gi"}}}}], [], DiagnosisKind.OOM_KILLED, "The container 'dagster' was killed: over its memory limit of 1Gi."),
    ("OOM after a resize in place (1.33)", FAILED_JOB, [ended("OOMKilled", 137, resources={"limits": {"memory": "2Gi"}})], [], DiagnosisKind.OOM_KILLED, "The container 'dagster' was killed: over its memory limit of 2Gi."),
    ("OOM of the node", FAILED_JOB, [ended("OOMKilled", 137)], [], DiagnosisKind.OOM_KILLED, "The container 'dagster' was killed: the node ran out of memory; it has no limit."),
    ("an OOM in a container beside", FAILED_JOB, [beside({"exitCode": 0, "reason": "Completed"}, {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, "Failed")], [], DiagnosisKind.OOM_KILLED, "The container 'proxy' was killed: the node ran out of memory; it has no limit."),
    ("an OOM beside a step that failed itself", FAILED_JOB, [beside({"exitCode": 3, "reason": "Error"}, {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, "Failed")], [], DiagnosisKind.ERROR, "The container 'dagster' ended with exit code 3."),
    ("an OOM that a proxy outlives", JOB, [beside({"exitCode": 137, "reason": "OOMKilled"}, RUNNING)], [], DiagnosisKind.OOM_KILLED, "The container 'dagster' was killed: the node ran out of memory; it has no limit."),
    ("an end that a proxy outlives", JOB, [beside({"exitCode": 0, "reason": "Completed"}, RUNNING)], [], None, ""),
    ("an end that the pod is about to follow", JOB, [beside({"exitCode": 3, "reason": "Error"}, {"terminated": {"exitCode": 143}})], [], None, ""),
    ("a process that is restarted beside a proxy", JOB, [beside({"exitCode": 3, "reason": "Error"}, RUNNING, restartPolicy="OnFailure")], [], None, ""),
    ("a kubelet that lost sight", FAILED_JOB, [ended("ContainerStatusUnknown", 137)], [], DiagnosisKind.NODE_LOST, "What became of the container 'dagster' is not known: its node node1 was restarted or lost."),
    ("a failure that nothing explains", FAILED_JOB, [pod({"phase": "Failed"})], [], DiagnosisKind.ERROR, "The pod failed, and no container of it says why."),
    ("a node that stopped answering", FAILED_JOB, [pod({"phase": "Running", "conditions": [{"type": "Ready", "status": "Unknown"}]}, deletionTimestamp="2026-01-01T00:00:00Z")], [], DiagnosisKind.NODE_LOST, "The node node1 no longer answers, and its pods are being deleted."),
    ("a pod that is being deleted", FAILED_JOB, [pod({"phase": "Running"}, deletionTimestamp="2026-01-01T00:00:00Z")], [], DiagnosisKind.POD_DELETED, "The pod step-x is being deleted."),
    ("the events outlive the pod", FAILED_JOB, [], [event("TaintManagerEviction", "Marking for deletion Pod default/step-x")], DiagnosisKind.DELETION_BY_TAINT_MANAGER, "The pod was deleted for a taint: Marking for deletion Pod default/step-x."),
    ("a Job that is gone", None, [], [], DiagnosisKind.JOB_DELETED, "The Job is gone, and the step has reported neither success nor failure."),
    ("a Job whose pod still runs in the cache", FAILED_JOB, [pod({"phase": "Running", "containerStatuses": [container(RUNNING)]})], [], DiagnosisKind.JOB_FAILED, "The Job failed."),
    ("a suspended Job", {**JOB, "spec": {"suspend": True}, "status": {"conditions": [{"type": "Suspended", "status": "True"}]}}, [], [], DiagnosisKind.JOB_SUSPENDED, "The Job is suspended: a queue such as Kueue starts it when its turn comes."),
    ("PodSecurity", JOB, [], [event("FailedCreate", 'Error creating: pods "step-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true')], DiagnosisKind.FAILED_CREATE, 'The pod cannot be created: pods "step-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true.'),
    ("an admission webhook, as events.k8s.io has it", JOB, [], [{"reason": "FailedCreate", "note": 'Error creating: admission webhook "policy.example.com" denied the request: no'}], DiagnosisKind.FAILED_CREATE, 'The pod cannot be created: admission webhook "policy.example.com" denied the request: no.'),
    ("something else", JOB, [], [event("FailedCreate", "Error creating: etcd is slow")], DiagnosisKind.FAILED_CREATE, "The pod cannot be created: etcd is slow."),
    ("a volume that does not mount", JOB, [waiting("ContainerCreating")], [event("FailedMount", 'MountVolume.SetUp failed for volume "data" : configmap "nope" not found')], DiagnosisKind.FAILED_MOUNT, 'A volume of the pod cannot be mounted: MountVolume.SetUp failed for volume "data" : configmap "nope" not found.'),
    ("a volume that is elsewhere", JOB, [waiting("ContainerCreating")], [event("FailedAttachVolume", 'Multi-Attach error for volume "pvc-1"')], DiagnosisKind.FAILED_ATTACH_VOLUME, 'A volume of the pod cannot be attached: Multi-Attach error for volume "pvc-1".'),
    ("no network for the pod", JOB, [waiting("ContainerCreating")], [event("FailedCreatePodSandBox", "cni: no addresses")], DiagnosisKind.CREATE_CONTAINER_ERROR, "The node cannot set up the pod: cni: no addresses."),
    ("a volume that mounted after all", JOB, [pod({"phase": "Running", "containerStatuses": [container(RUNNING)]})], [event("FailedMount", "x")], None, ""),
    ("a sidecar between two crashes", JOB, [pod({"phase": "Running", "containerStatuses": [container(RUNNING)], "initContainerStatuses": [container({"waiting": {"reason": "CrashLoopBackOff"}}, name="proxy", restartCount=5, lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}})]}, spec=SIDECAR)], [], DiagnosisKind.CRASH_LOOP_BACK_OFF, "The init container 'proxy' crashes again and again; last with exit code 137, OOMKilled."),
    ("a sidecar that was restarted once", JOB, [pod({"phase": "Running", "containerStatuses": [container(RUNNING)], "initContainerStatuses": [container(RUNNING, name="proxy", restartCount=1, lastState={"terminated": {"exitCode": 1}})]}, spec=SIDECAR)], [], None, ""),
    ("a sidecar that ended badly with the step", FAILED_JOB, [pod({"phase": "Failed", "containerStatuses": [container({"terminated": {"exitCode": 3, "reason": "Error"}})], "initContainerStatuses": [container({"terminated": {"exitCode": 143}}, name="proxy")]}, spec=SIDECAR)], [], DiagnosisKind.ERROR, "The container 'dagster' ended with exit code 3."),
    ("a Job whose conditions have been taken back", {**JOB, "status": {"conditions": [{"type": "Complete", "status": "False"}, {"type": "Failed", "status": "False"}]}}, [waiting("ErrImagePull", "not found")], [], DiagnosisKind.ERR_IMAGE_PULL, "The image 'a:1' of the container 'dagster' cannot be pulled: not found."),
    ("the newest of two pods counts", FAILED_JOB, [ended("Error", 1) | {"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}}, ended("OOMKilled", 137) | {"metadata": {"creationTimestamp": "2026-01-01T00:01:00Z"}}], [], DiagnosisKind.OOM_KILLED, "The container 'dagster' was killed: the node ran out of memory; it has no limit."),
    ("a Job that succeeds by policy (1.31)", {**JOB, "status": {"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}]}}, [ended("Error", 143)], [], None, ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("job", "pods", "events", "kind", "summary"), [shape[1:] for shape in SHAPES], ids=[shape[0] for shape in SHAPES]
)  # fmt: skip
def test_shapes_of_every_release(
    job: dict[str, Any] | None, pods: list[Any], events: list[Any], kind: DiagnosisKind | None, summary: str
) -> None:
    diagnosis = diagnose(job, pods, events)

    assert (diagnosis and diagnosis.kind, diagnosis.summary if diagnosis else "") == (kind, summary)


def refused(message: str) -> tuple[dict[str, Any], list[Any], list[Any]]:
    return JOB, [], [event("FailedCreate", f'Error creating: pods "step-x" is forbidden: {message}')]


def unschedulable(cause: str) -> tuple[dict[str, Any], list[Any], list[Any]]:
    return JOB, [scheduled(f"0/1 nodes are available: {cause}.")], []


def failed(*pods: dict[str, Any]) -> tuple[dict[str, Any], list[Any], list[Any]]:
    return FAILED_JOB, list(pods), []


def held_up(reason: str, message: str) -> tuple[dict[str, Any], list[Any], list[Any]]:
    return JOB, [waiting("ContainerCreating")], [event(reason, message)]


MOVED = "Keep steps that must not be moved off preemptible nodes, or raise disruption_retries."
PRIORITY = "Give the step a priority_class_name, or raise disruption_retries."
PULL = "Check the name of the image, its registry and image_pull_secrets."
VOLUME = "Check that what the volume names exists in the namespace and is attached nowhere else."

WHAT_TO_DO: list[tuple[str, tuple[dict[str, Any], list[Any], list[Any]], str, bool]] = [
    ("no service account", refused('serviceaccount "nope" not found'), "Create the service account in the namespace of the step, or correct service_account_name.", False),
    ("a quota", refused("exceeded quota: q, requested: pods=1"), "Wait until other pods end, raise the quota, or request less.", True),
    ("PodSecurity", refused('violates PodSecurity "restricted:latest"'), "Set the security_context that the namespace's Pod Security level asks for.", False),
    ("an admission webhook", refused('admission webhook "policy" denied the request'), "A policy of the cluster refuses the pod; its message says what it wants.", False),
    ("an admission policy", refused("ValidatingAdmissionPolicy 'policy' with binding 'b' denied request"), "A policy of the cluster refuses the pod; its message says what it wants.", False),
    ("a webhook that is away", refused('failed calling webhook "policy": connection refused'), "A webhook of the cluster does not answer; it is tried again.", True),
    ("no priority class", refused("no PriorityClass with name high was found"), "Create the PriorityClass, or correct priority_class_name.", False),
    ("a LimitRange", refused("maximum memory usage per Container is 1Gi, but limit is 2Gi"), "Ask for what the LimitRange of the namespace allows.", False),
    ("another refusal", refused("etcd is slow"), "", True),
    ("no GPU", unschedulable("1 Insufficient nvidia.com/gpu"), "Wait for a node with nvidia.com/gpu, or add one; its pool may ask for a toleration too.", True),
    ("no room", unschedulable("1 Insufficient memory"), "Wait for room, add nodes, or request less memory.", True),
    ("no claim", unschedulable('persistentvolumeclaim "nope" not found'), "Create the PersistentVolumeClaim in the namespace of the step, or correct its name.", True),
    ("a taint", unschedulable("1 node(s) had untolerated taint {spot: true}"), "Add a toleration for the nodes the step is meant for.", True),
    ("a selector", unschedulable("1 node(s) didn't match Pod's node affinity/selector"), "Correct the step's node_selector, or label a node.", True),
    ("a cordoned node", unschedulable("1 node(s) were unschedulable"), "", True),
    ("a preemption", failed(disruption("PreemptionByScheduler")), PRIORITY, True),
    ("a preemption, as 1.26 called it", failed(disruption("PreemptionByKubeScheduler")), PRIORITY, True),
    ("a drain", failed(disruption("EvictionByEvictionAPI")), MOVED, True),
    ("a NoExecute taint", failed(disruption("DeletionByTaintManager")), MOVED, True),
    ("a node that is gone", failed(disruption("DeletionByPodGC")), MOVED, True),
    ("a node that shut down", failed(disruption("TerminationByKubelet")), MOVED, True),
    ("a reason of a later release", failed(disruption("SomethingNew")), MOVED, True),
    ("a graceful node shutdown", failed(by_kubelet("NodeShutdown")), MOVED, True),
    ("a node without the devices", failed(by_kubelet("OutOfnvidia.com/gpu")), "", True),
    ("a node short of memory", failed(by_kubelet("Evicted", "The node was low on resource: memory.")), "The first to go are pods above their requests: request as much as the step uses.", True),
    ("too much on the disk", failed(by_kubelet("Evicted", "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.")), "Raise the size_limit of the volume, or the step's ephemeral_storage.", True),
    ("the pod's own deadline", failed(by_kubelet("DeadlineExceeded")), "Raise active_deadline_seconds in the step's pod_spec_config.", True),
    ("an OOM", failed(ended("OOMKilled", 137, resources={"limits": {"memory": "2Gi"}})), "Give the step more memory, or let memory_ladder=MemoryLadder() of k8s_executor do it.", True),
    ("an OOM without a limit", failed(ended("OOMKilled", 137)), "Give the step the memory it uses, so that it goes to a node that has it.", True),
    ("an OOM beside", failed(beside({"exitCode": 0}, {"terminated": OOM}, "Failed")), "Give that container more memory where it is configured: a memory ladder raises the step's own only.", True),
    ("SIGKILL", failed(ended("Error", 137)), "Something other than the memory limit killed it: a node short of memory, or a deletion.", True),
    ("SIGTERM", failed(ended("Error", 143)), "Something asked it to end: a deletion, a drain, or a process inside the pod.", True),
    ("a failure of the code", failed(ended("Error", 1)), "", True),
    ("a command that cannot start", failed(ended("StartError", 128)), "Check the command and the image.", True),
    ("a kubelet that lost sight", failed(ended("ContainerStatusUnknown", 137)), MOVED, True),
    ("a pod that is gone", failed(), "Somebody, or a controller that drains or scales nodes, deleted it.", True),
    ("a pod that is going", failed(pod({"phase": "Running"}, deletionTimestamp="2026-01-01T00:00:00Z")), "Somebody, or a controller, deleted it.", True),
    ("a Job that is gone", ({}, [], []), "Somebody, or a controller, deleted it.", True),
    ("an image that is not there", (JOB, [waiting("ImagePullBackOff", "Back-off: not found")], []), PULL, True),
    ("a registry that is not there", (JOB, [waiting("ErrImagePull", "no such host")], []), PULL, True),
    ("no image name", (JOB, [waiting("InvalidImageName", "couldn't parse it")], []), "Correct the name of the image; it can never be pulled as it is.", False),
    ("no Secret", (JOB, [waiting("CreateContainerConfigError", "not found")], []), "Create the Secret or ConfigMap in the step's namespace, or correct its name or key.", True),
    ("no such mount", (JOB, [waiting("CreateContainerError", "no")], []), "Check the command, the mounts and the security context.", True),
    ("a crash loop", (JOB, [waiting("CrashLoopBackOff")], []), "Read its log: kubectl logs --previous, container 'dagster'.", True),
    ("a volume that does not mount", held_up("FailedMount", "x"), VOLUME, True),
    ("no network", held_up("FailedCreatePodSandBox", "x"), "This is the network or the container runtime of the node.", True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "told"), [(row[1], row[2:]) for row in WHAT_TO_DO], ids=[row[0] for row in WHAT_TO_DO]
)
def test_what_to_do_about_it_and_whether_it_may_heal(
    found: tuple[dict[str, Any], list[Any], list[Any]], told: tuple[str, bool]
) -> None:
    diagnosis = diagnose(*found)

    assert diagnosis is not None
    assert (diagnosis.hint, diagnosis.retryable) == told


def test_the_steps_own_container_is_the_first_of_its_job_whatever_stands_before_it_in_the_pod() -> None:
    job = {**FAILED_JOB, "spec": {"template": {"spec": {"containers": [{"name": "mine"}]}}}}
    theirs = beside({"exitCode": 0}, {"terminated": OOM}, "Failed")
    diagnosis = diagnose(job, [theirs])
    assert diagnosis is not None
    assert diagnosis.details["beside"] == "mine"

    unnamed = diagnose(
        None,
        [{**theirs, "status": {"phase": "Failed", "containerStatuses": [container({"terminated": OOM})]}}],
    )
    assert unnamed is not None
    assert "beside" not in unnamed.details


def test_a_diagnosis_can_be_pickled_and_not_changed() -> None:
    diagnosis = of(recording("oom-killed"))

    assert pickle.loads(pickle.dumps(diagnosis)) == diagnosis
    with pytest.raises(TypeError):
        diagnosis.details["limit"] = "1Gi"  # type: ignore[index,union-attr]


def told_cause(found: dict[str, Any], **others: Any) -> str:
    diagnosis = of({**found, **others})
    assert diagnosis is not None
    return TrackedStep.cause(None, diagnosis)  # type: ignore[arg-type]


def test_a_wait_is_the_same_while_only_counts_and_names_change() -> None:
    pulling = recording("image-pull")
    again = recording("image-pull")
    again["pods"][0]["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] = "ErrImagePull"
    quota = recording("over-quota")

    assert told_cause(pulling) == told_cause(again)
    assert told_cause(quota) == told_cause(quota, events=quota["events"][:1])
    assert told_cause(pulling) != told_cause(recording("unschedulable-gpu"))
    assert told_cause(recording("unschedulable-gpu")) != told_cause(recording("unschedulable-cpu"))
    one = {"job": JOB, "pods": [scheduled("0/2 nodes are available: 1 Insufficient cpu, 1 Too many pods.")]}
    two = {"job": JOB, "pods": [scheduled("0/5 nodes are available: 2 Too many pods, 3 Insufficient cpu.")]}
    assert told_cause(one, events=[]) == told_cause(two, events=[])


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ('{"dagster-plus-k8s-usage":1,"memory_peak_bytes":5}    ', "."),
        ('{"dagster-plus-k8s-usage":1,"memory_peak_bytes":5}    out of luck\n', ": out of luck."),
        ('{"dagster-plus-k8s-usage":1,"memory_pe', "."),
        ("out of luck", ": out of luck."),
    ],
)
def test_what_a_step_has_measured_is_no_part_of_its_failure(message: str, said: str) -> None:
    failed = recording("exit-3")
    failed["pods"][0]["status"]["containerStatuses"][0]["state"]["terminated"]["message"] = message
    found = diagnose(failed["job"], failed["pods"], failed["events"])

    assert found is not None
    assert found.summary == f"The container 'dagster' ended with exit code 3{said}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(job=JSON, pods=JSON, events=JSON)
def test_no_json_makes_it_raise(job: Any, pods: Any, events: Any) -> None:
    assert isinstance(diagnose(job, pods, events), Diagnosis | None)


def paths(tree: Any, *path: Any) -> list[tuple[Any, ...]]:
    """The place of every value in a tree."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else []
    return [path, *(deeper for key, item in inner for deeper in paths(item, *path, key))][bool(not path) :]


@given(data=st.data(), name=st.sampled_from(NAMES))
def test_a_recording_with_anything_in_place_of_a_part_does_not_make_it_raise(
    data: st.DataObject, name: str
) -> None:
    broken = recording(name)
    for _ in range(3):
        *before, last = data.draw(st.sampled_from(paths(broken)))
        part = broken
        for key in before:
            part = part[key]
        part[last] = data.draw(JSON)

    found = diagnose(broken.get("job"), broken.get("pods"), broken.get("events"))  # type: ignore[arg-type]
    assert isinstance(found, Diagnosis | None)
    assert isinstance(str(found), str)
