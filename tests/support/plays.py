"""What the stand-in cluster does with a step's pod: run its command, or play what a real cluster did."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from recordings import FOLDER, recording
from step_processes import StepProcess

from dagster_plus_k8s_helpers.measuring.step import SWITCH

if TYPE_CHECKING:
    from pathlib import Path

# What the kubernetes package insists on.
_DESCRIBED = {"image": "project:1", "imageID": "project@sha256:1"}
RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


@dataclass
class Play:
    """One Job's fate.

    Args:
        recorded: Name of the recording whose statuses and events are shown.
        runs: Whether the Job's command is started as a process.
        killed_at: A file: when the process has written it, the process gets the signal; the recording is shown
            once it has ended.
        signal: SIGTERM is what every drain, preemption and spot termination begins with.
        pods_vanish: Whether the pod cannot be seen once it has ended.
        events: Shown instead of the recording's.
        log: What the container's log holds.
        limit_range: The memory limit that a container gets whose Job has none.
        pends: Whether the container is being created for ever, and nothing says why.
        injected: Containers that a webhook puts in front of the step's own, and that never end.
        deleting: Whether the pod is being deleted.
        own_file: Whether the container has a file for its termination message, as all have whose path is not
            set to another.
        held: The status of the Workload with which Kueue holds the Job back from its beginning.
    """

    recorded: str = ""
    runs: bool = True
    killed_at: Path | None = None
    signal: signal.Signals = signal.SIGKILL
    pods_vanish: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    log: str = ""
    limit_range: str = ""
    pends: bool = False
    injected: tuple[str, ...] = ()
    deleting: bool = False
    own_file: bool = True
    held: dict[str, Any] | None = None


class PlayedJob:
    """A Job that was created, with its pod."""

    def __init__(self, body: dict[str, Any], play: Play, number: int, folder: Path) -> None:
        self.body, self.play = body, play
        self.message_file = folder / f"termination-log-{number}"
        self.name: str = body["metadata"]["name"]
        self.uid = f"uid-{number}"
        self.created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.process: StepProcess | None = None
        self._signalled = False
        self._recorded = recording(play.recorded) if play.recorded else None
        self.workload_status = play.held
        self.suspended, self.admissions = play.held is not None or body["spec"].get("suspend") is True, 1
        self._stale: list[tuple[dict[str, Any], StepProcess]] = []
        if play.runs and not self.suspended:
            self._start()

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.body["metadata"]["labels"]
        return labels

    @property
    def has_expired(self) -> bool:
        """Whether it has ended and is to be removed at once; other times to live are longer than any test."""
        return self.body["spec"].get("ttlSecondsAfterFinished") == 0 and self._has_ended()

    def release(self, play: Play) -> None:
        """Let something else happen from now on, such as a node that turned up."""
        self.play = play
        self._recorded = recording(play.recorded) if play.recorded else None
        if play.runs and self.process is None:
            self._start()

    def admit(self, status: dict[str, Any] | None = None) -> None:
        """Let Kueue start the Job: a new pod, whatever pods it has had."""
        self.workload_status, self.suspended = status or {}, False
        if self.play.runs:
            self._start()

    def suspend(self, status: dict[str, Any]) -> None:
        """Have Kueue take the pod away: the Job is suspended, and its pod deleted, which is a SIGTERM.

        Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#suspending-a-job
        """
        pod, process = self.pod(), self.process
        self.workload_status, self.suspended = status, True
        if pod is not None and process is not None:
            pod["metadata"]["deletionTimestamp"] = self.created
            self._stale.append((pod, process))
            process.terminate()
        self.process, self.admissions = None, self.admissions + 1

    def stale_pods(self) -> list[dict[str, Any]]:
        """The pods of earlier admissions whose processes have not ended."""
        return [pod for pod, process in self._stale if process.poll() is None]

    def workload(self) -> dict[str, Any] | None:
        """What Kueue keeps of the Job, as its v1beta2 has it; ``None`` of a Job in no queue.

        Source: https://github.com/kubernetes-sigs/kueue/blob/main/apis/kueue/v1beta2/workload_types.go and, for
        the name and the label, pkg/controller/jobframework/reconciler.go there.
        """
        queue = self.labels.get("kueue.x-k8s.io/queue-name")
        if queue is None:
            return None
        owner = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": self.name,
            "uid": self.uid,
            "controller": True,
        }
        return {
            "apiVersion": "kueue.x-k8s.io/v1beta2",
            "kind": "Workload",
            "metadata": {
                "name": f"job-{self.name}-a1b2c",
                "creationTimestamp": self.created,
                "labels": {"kueue.x-k8s.io/job-uid": self.uid},
                "ownerReferences": [owner],
            },
            "spec": {"queueName": queue, "active": True},
            "status": self.workload_status or {},
        }

    def evict(self) -> None:
        """Have its pod say that it is evicted, and end, as a drain does: in this order."""
        # There is nothing to wait for: the folder exists.
        self.release(Play("evicted-api", runs=False, killed_at=FOLDER, signal=signal.SIGTERM))
        self._shown()

    @property
    def owners(self) -> set[str]:
        """The uids of what it is to be deleted with."""
        return {reference["uid"] for reference in self.body["metadata"].get("ownerReferences", ())}

    def stop(self) -> None:
        """End the process, as a deletion does."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def finish(self) -> None:
        for _pod, process in self._stale:
            process.kill()
            process.wait()
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def job(self) -> dict[str, Any]:
        """The Job as the API server shows it."""
        is_said = self.workload() is not None or "suspend" in self.body["spec"]
        spec = {**self.body["spec"], **({"suspend": self.suspended} if is_said or self.suspended else {})}
        metadata, status = self._metadata(self.name), self._job_status()
        return {**self.body, "metadata": metadata, "spec": spec, "status": status}

    def pod(self) -> dict[str, Any] | None:
        """Its pod; ``None`` when there is none."""
        shown = self._shown()
        if self.suspended or (shown is not None and not shown["pods"]):
            return None
        if self.play.pods_vanish and self._has_ended():
            return None
        template = self.body["spec"]["template"]
        metadata = self._metadata(self.pod_name)
        metadata["uid"] = f"{self.uid}-pod"
        # Two admissions may be in one second, which is all that a time says.
        metadata["creationTimestamp"] = f"{self.created[:-1]}.{self.admissions:03}Z"
        metadata["ownerReferences"] = [
            {"apiVersion": "batch/v1", "kind": "Job", "name": self.name, "uid": self.uid, "controller": True}
        ]
        metadata["labels"] = {
            **template["metadata"]["labels"],
            "job-name": self.name,
            "batch.kubernetes.io/job-name": self.name,
        }
        if shown is not None and (gone := shown["pods"][0]["metadata"].get("deletionTimestamp")):
            metadata["deletionTimestamp"] = gone
        if self.play.deleting:
            metadata["deletionTimestamp"] = self.created
        spec = {**template["spec"], "nodeName": "node1"}
        if self.play.limit_range:
            default = {"limits": {"memory": self.play.limit_range}}
            spec["containers"] = [
                {**container, "resources": container.get("resources") or default}
                for container in spec["containers"]
            ]
        status = self._pod_status(shown)
        if self.play.injected:
            beside = [{"name": name, "restartCount": 0, "state": RUNNING} for name in self.play.injected]
            spec["containers"] = [{"name": name} for name in self.play.injected] + spec["containers"]
            status = {
                **status,
                "phase": "Running",
                "containerStatuses": beside + status["containerStatuses"],
            }
        return {"metadata": metadata, "spec": spec, "status": status}

    @property
    def pod_name(self) -> str:
        return f"{self.name}-x{self.admissions if self.admissions > 1 else ''}"

    def events(self, name: str) -> list[dict[str, Any]]:
        """The events of the Job or of the pod."""
        if self.play.events:
            return self.play.events if name == self.name else []
        shown = self._shown()
        kind = "Job" if name == self.name else "Pod"
        return [event for event in (shown or {}).get("events", []) if event["involvedObject"]["kind"] == kind]

    def _start(self) -> None:
        (container, *_others) = self.body["spec"]["template"]["spec"]["containers"]
        environment = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
        # The image's Python, and its `dagster`, are those of this interpreter.
        arguments = container["args"]
        arguments = arguments[2:] if arguments[:2] == ["python", "-m"] else arguments
        environment = {
            **os.environ,
            **environment,
            "HOSTNAME": self.pod_name,
            "KUBERNETES_SERVICE_HOST": "::1",
        }
        if self.play.own_file:
            self.message_file.touch()
        # In a pod it is /dev/termination-log; here each has its own.
        environment.setdefault(SWITCH, str(self.message_file))
        self.process = StepProcess(arguments, environment)

    def _metadata(self, name: str) -> dict[str, Any]:
        return {
            **{key: value for key, value in self.body["metadata"].items() if key != "name"},
            "name": name,
            "uid": self.uid,
            "creationTimestamp": self.created,
        }

    def _shown(self) -> dict[str, Any] | None:
        """The recording, when it is time for it."""
        if self._recorded is None or self.play.killed_at is None:
            return self._recorded
        if self.process is None or not self.play.killed_at.exists():
            return None
        if not self._signalled:
            self._signalled = True
            self.process.send_signal(self.play.signal)
        code = self.process.poll()
        if code is None:
            return None
        return _ended_well(self._recorded) if code == 0 else self._recorded

    def _message(self) -> str:
        """What a kubelet would put into the status of the container."""
        return self.message_file.read_text()[:4096] if self.message_file.exists() else ""

    def _has_ended(self) -> bool:
        return self._job_status().get("active") is None

    def _job_status(self) -> dict[str, Any]:
        if self.suspended:
            conditions = [{"type": "Suspended", "status": "True", "lastTransitionTime": self.created}]
            return {"active": 0, "conditions": conditions}
        if self.play.injected:
            return {"active": 1}
        if (shown := self._shown()) is not None:
            status: dict[str, Any] = shown["job"].get("status", {})
            return status
        code = self.process.poll() if self.process is not None else None
        if code is None:
            return {"active": 1}
        return {"succeeded": 1} if code == 0 else {"failed": 1}

    def _pod_status(self, shown: dict[str, Any] | None) -> dict[str, Any]:
        if shown is not None:
            recorded: dict[str, Any] = shown["pods"][0]["status"]
            for container in recorded.get("containerStatuses", []):
                # The amounts are those of the Job that is played, not of the one that was recorded.
                container.pop("resources", None)
                if (end := container["state"].get("terminated")) is not None and self._message():
                    end["message"] = self._message()
            return recorded
        if self.play.pends:
            waiting = {"waiting": {"reason": "ContainerCreating"}}
            beings = [{"name": "dagster", "restartCount": 0, "state": waiting}]
            return {"phase": "Pending", "containerStatuses": beings}
        code = self.process.poll() if self.process is not None else None
        state: dict[str, Any] = (
            RUNNING
            if code is None
            else {"terminated": {"exitCode": code & 255, "reason": "Error" if code else "Completed"}}
        )
        if code is not None and self._message():
            state["terminated"]["message"] = self._message()
        phase = "Running" if code is None else "Failed" if code else "Succeeded"
        container = {
            "name": "dagster",
            **_DESCRIBED,
            "ready": code is None,
            "restartCount": 0,
            "state": state,
        }
        status: dict[str, Any] = {"phase": phase, "containerStatuses": [container]}
        if self._signalled and self._recorded is not None and self._recorded["pods"]:
            # What takes a pod away stands on it before it gets the signal.
            status["conditions"] = self._recorded["pods"][0]["status"].get("conditions", [])
        return status


def _ended_well(recorded: dict[str, Any]) -> dict[str, Any]:
    """What a recording of a pod that is taken away is like when its process exits with 0 on SIGTERM.

    The Job is complete and the phase of the pod ``Succeeded``; its conditions stay. A step under a RetryPolicy
    ends like that.
    """
    shown = json.loads(json.dumps(recorded))
    shown["job"]["status"] = {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}
    for pod in shown["pods"]:
        pod["status"]["phase"] = "Succeeded"
        for container in pod["status"]["containerStatuses"]:
            container["state"] = {"terminated": {"exitCode": 0, "reason": "Completed"}}
    return shown
