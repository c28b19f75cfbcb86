"""A cluster of many pods for `bench_scale`: each runs until whoever plays its step says that it has ended.

It is the tests' stand-in, with answers that are written once: what it takes of the processor is not measured,
and must not be in the way. Objects are as large as those of a cluster.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from api_server import ApiServer  # noqa: E402
from plays import Play, PlayedJob  # noqa: E402
from watched_objects import WATCH_HEAD, is_gone, write_chunk  # noqa: E402

# A pod is 8 to 10 kB in a cluster, of which what the API server notes of its writers is the largest part.
_WRITERS = [{"manager": "kubelet", "operation": "Update", "fieldsV1": {"f:status": "x" * 4000}}]
# What a step's process leaves there of what it took (`measuring/message.py`).
_TOOK = json.dumps(
    {"dagster-plus-k8s-usage": 1, "memory_peak_bytes": 2**28, "cpu_seconds": 1.5, "wall_seconds": 4.0},
    separators=(",", ":"),
)
_MANY = {"jobs": "JobList", "pods": "PodList"}


class TimedJob(PlayedJob):
    """A Job whose pod runs until it is over.

    Attributes:
        version: Of the cluster, when it was made or, if it is over, since then.
    """

    def __init__(self, body: dict[str, Any], number: int, folder: Path, version: int) -> None:
        super().__init__(body, Play(runs=False), number, folder)
        self.body["metadata"]["managedFields"] = _WRITERS
        self.is_over, self.version = False, version
        self._texts: dict[tuple[str, int], str] = {}

    def text(self, resource: str) -> str:
        """The Job or the pod, as JSON."""
        key = (resource, self.version)
        found = self._texts.get(key)
        if found is None:
            self._texts = {other: text for other, text in self._texts.items() if other[0] != resource}
            item = self.pod() if resource == "pods" else self.job()
            item["metadata"] = {**item["metadata"], "resourceVersion": str(key[1])}
            found = self._texts[key] = json.dumps(item)
        return found

    def _job_status(self) -> dict[str, Any]:
        if not self.is_over:
            return {"active": 1, "ready": 1, "startTime": self.created}
        return {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}

    def _pod_status(self, shown: dict[str, Any] | None) -> dict[str, Any]:
        found = super()._pod_status(shown)
        if self.is_over:
            found["phase"] = "Succeeded"
            ended = {"exitCode": 0, "reason": "Completed", "message": _TOOK}
            found["containerStatuses"][0]["state"] = {"terminated": ended}
        return found


class LargeCluster(ApiServer):
    """The stand-in for so many Jobs.

    Args:
        folder: Where its kubeconfig is written.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._made: list[TimedJob] = []
        self._of_key: dict[str, TimedJob] = {}
        # Which change of the cluster is of which Job: its place is its version.
        self._changes: list[tuple[str, TimedJob]] = []
        self._changed = threading.Condition(self._lock)
        self.page = 500

    def end(self, key: str) -> None:
        """The pod of a step ends."""
        with self._changed:
            job = self._of_key[key]
            job.is_over, job.version = True, len(self._changes) + 1
            self._note("MODIFIED", job)

    def _note(self, kind: str, job: TimedJob) -> None:
        self._changes.append((kind, job))
        self._changed.notify_all()

    def create(self, body: dict[str, Any], namespace: str = "default") -> tuple[int, dict[str, Any]]:  # noqa: ARG002
        """Take in a Job, and print when that was: nothing here looks for others of its step."""
        name, key = body["metadata"]["name"], body["metadata"]["labels"]["dagster/op"]
        with self._lock:
            job = TimedJob(body, len(self.played), self._folder, len(self._changes) + 1)
            self.played[name] = self._of_key[key] = job
            self._made.append(job)
            self._note("ADDED", job)
            print(json.dumps({"key": key, "at": time.time()}), flush=True)
        return 201, {"metadata": {"name": name}}

    def _taken(self, *_call: object, **_more: object) -> None:
        """No pod is evicted here."""

    def _watched(self, resource: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        def tell(connection: socket.socket, closing: threading.Event) -> None:
            told, end = int(query["resourceVersion"][0]), time.monotonic() + int(query["timeoutSeconds"][0])
            connection.sendall(WATCH_HEAD)
            while not (closing.is_set() or is_gone(connection)) and time.monotonic() < end:
                with self._changed:
                    if len(self._changes) == told:
                        self._changed.wait(1.0)
                    changes = self._changes[told:]
                for kind, job in changes:
                    write_chunk(connection, f'{{"type":"{kind}","object":{job.text(resource)}}}\n'.encode())
                told += len(changes)
            write_chunk(connection, b"")

        return 0, tell

    def _read(self, resource: str, name: str) -> tuple[int, Any]:
        if resource == "jobs" and name in self.played:
            return 200, self.played[name].job()
        return 404, {"kind": "Status", "status": "Failure", "code": 404}

    def _listed(self, resource: str, query: dict[str, list[str]]) -> Any:
        if resource not in _MANY:
            return super()._listed(resource, query)
        with self._lock:
            made, version = self._made[:], len(self._changes)
        begin, end = 0, len(made)
        if query.get("resourceVersion") != ["0"]:
            begin = int(query.get("continue", ["0"])[0])
            end = begin + min(self.page, int(query.get("limit", ["1000000000"])[0]))
        following = f'"{end}"' if end < len(made) else '""'
        items = ",".join([job.text(resource) for job in made[begin:end]])
        about = f'{{"continue":{following},"resourceVersion":"{version}"}}'
        return f'{{"kind":"{_MANY[resource]}","metadata":{about},"items":[{items}]}}'


def serve(folder: str) -> None:
    """Be the process of the cluster, which is told line by line of which steps the pods end."""
    # Handlers of calls wait for each other's turns otherwise.
    sys.setswitchinterval(0.001)
    threading.stack_size(256 * 1024)
    cluster = LargeCluster(Path(folder))
    for line in sys.stdin:
        cluster.end(line.strip())


if __name__ == "__main__":
    serve(*sys.argv[1:])
