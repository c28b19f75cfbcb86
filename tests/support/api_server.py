"""A stand-in for the part of the Kubernetes API server that the executors talk to, over real HTTP.

It keeps every Job that is created, and answers for it as its `Play` says: by running the Job's command as a
process, with the Job's environment, or by showing what a real cluster showed. It counts the calls, and can be
made to fail them.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import yaml
from permissions import Right, right_for
from plays import Play, PlayedJob
from watched_objects import EXPIRED, Versions, Watches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from broken_answers import BrokenAnswer


@dataclass
class Fault:
    """What some calls get instead of an answer.

    Args:
        method: Of the calls; ``LIST`` and ``WATCH`` for those ``GET`` calls that name no object.
        resource: ``jobs``, ``pods``, ``events``, ...
        status: HTTP status of the answer.
        times: How many calls.
        body: The answer's ``Status``.
        matches: Which calls, by what was sent.
        asks: Which calls, by their query.
        retry_after: Seconds that the answer asks to wait.
        hangs: Whether there is no answer at all, until the server is closed.
        writes: Writes to the connection itself, in place of an answer.
    """

    method: str
    resource: str
    status: int = 0
    times: int = 10**9
    body: dict[str, Any] | None = None
    matches: Callable[[dict[str, Any]], bool] = lambda _body: True
    asks: Callable[[dict[str, list[str]]], bool] = lambda _query: True
    retry_after: int = 0
    hangs: bool = False
    writes: BrokenAnswer | None = None


class ApiServer:
    """Serves Jobs on a free loopback port until it is closed."""

    def __init__(self, folder: Path, *, runs_commands: bool = False) -> None:
        self.played: dict[str, PlayedJob] = {}
        self.namespaces: dict[str, str] = {}
        self.deleted: list[str] = []
        self.deletions: list[dict[str, Any]] = []
        self.created: list[str] = []
        self.calls: Counter[str] = Counter()
        self.sent = 0
        self.queries: list[tuple[str, dict[str, str]]] = []
        self.rights: set[Right] = set()
        self.faults: list[Fault] = []
        self.nodes: list[dict[str, Any]] = []
        self.dry_run: list[tuple[str, dict[str, Any]]] = []
        self.absent: set[str] = set()
        self.gone: set[str] = set()
        self.forbidden: set[str] = set()
        self.held: dict[str, dict[str, Any]] = {}
        self.workloads_of_others: list[dict[str, Any]] = []
        self.queues: dict[str, list[dict[str, Any]]] = {"clusterqueues": [], "localqueues": []}
        self.page = 10**9
        self.delay = 0.0
        # Whether a watch that begins too late gets an event that says so, instead of an answer; both happen.
        self.tells_expiry = False
        self._closing, self._folder = threading.Event(), folder
        self._default = Play(runs=runs_commands)
        self._plays: dict[tuple[str, int], Play] = {}
        self._cache: tuple[list[Any], list[Any]] | None = None
        self._cache_version = 0
        self._lock = threading.RLock()
        self.versions = Versions(self._everything)
        self.watches = Watches(self.versions, self._lock)
        self._handles = self._handler()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handles)
        self._port = self._server.server_port
        self._serve()
        self.url = f"http://127.0.0.1:{self._port}"
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(self._config()))

    def close(self) -> None:
        self._closing.set()
        self.stop()
        for job in self.played.values():
            job.finish()

    def stop(self) -> None:
        """Refuse connections, as a control plane that is upgraded does."""
        self.watches.cut()
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._thread = None

    def start(self) -> None:
        """Be back on the same port."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handles)
        self._serve()

    def play(self, step_key: str, play: Play, *, attempt: int = 0) -> None:
        """What happens to the Job of a step's attempt, the first being 0."""
        self._plays[step_key, attempt] = play

    def freeze_cache(self) -> None:
        """From now on, answer what asks for any version with what is there now."""
        with self._lock:
            self._cache = ([job.job() for job in self.played.values()], self._pods())
            self._cache_version, self.watches.frozen = self.versions.see(), True

    def thaw_cache(self) -> None:
        self._cache, self.watches.frozen = None, False

    def of_step(self, step_key: str) -> list[PlayedJob]:
        """The Jobs of a step, by attempt, deleted ones too."""
        return [job for job in self.played.values() if job.labels.get("dagster/op") == step_key]

    def workers(self) -> list[PlayedJob]:
        """The Jobs of run workers, in the order of their creation."""
        component = "app.kubernetes.io/component"
        return [job for job in self.played.values() if job.labels.get(component) == "run_worker"]

    def count(self, what: str) -> int:
        """How many calls, such as ``"GET jobs"``."""
        return self.calls[what]

    @property
    def jobs(self) -> dict[str, dict[str, Any]]:
        """Every Job that was created, as it was sent."""
        return {name: job.body for name, job in self.played.items()}

    def step_pod(self, step_key: str) -> dict[str, Any]:
        """The pod template of the only Job created for a step."""
        (job,) = self.of_step(step_key)
        template: dict[str, Any] = job.body["spec"]["template"]
        return template

    def run_pod(self) -> dict[str, Any]:
        """The pod template of the only Job created for a run."""
        (job,) = (
            job
            for job in self.jobs.values()
            if job["metadata"]["labels"]["app.kubernetes.io/component"] == "run_worker"
        )
        template: dict[str, Any] = job["spec"]["template"]
        return template

    def _serve(self) -> None:
        self._server.daemon_threads = True
        self._thread: threading.Thread | None = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self._thread.start()

    def _config(self) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "stand-in",
            "clusters": [{"name": "stand-in", "cluster": {"server": self.url}}],
            "contexts": [
                {
                    "name": "stand-in",
                    "context": {"cluster": "stand-in", "user": "nobody", "namespace": "default"},
                }
            ],
            "users": [{"name": "nobody", "user": {}}],
        }

    def forget(self) -> None:
        """Begin anew, without any Job."""
        with self._lock:
            self.played.clear()
            self.deleted.clear()

    def create(self, body: dict[str, Any], namespace: str = "default") -> tuple[int, dict[str, Any]]:
        name = body["metadata"]["name"]
        with self._lock:
            if name in self.played and name not in self.deleted:
                return 409, {
                    "kind": "Status",
                    "reason": "AlreadyExists",
                    "message": f'jobs.batch "{name}" already exists',
                    "code": 409,
                }
            step = body["metadata"]["labels"].get("dagster/op", "")
            attempt = len(self.of_step(step))
            self.played[name] = PlayedJob(
                body, self._plays.get((step, attempt), self._default), len(self.played), self._folder
            )
            self.created.append(name)
            self.namespaces[name] = namespace
        return 201, body

    def delete(self, name: str) -> tuple[int, dict[str, Any]]:
        with self._lock:
            if name not in self.played or name in self.deleted:
                return 404, {"kind": "Status", "status": "Failure", "code": 404}
            self.deleted.append(name)
            self.played[name].stop()
            for owned in self._live():
                if owned.owners & {self.played[name].uid, f"{self.played[name].uid}-pod"}:
                    self.delete(owned.name)
        return 200, {"kind": "Status"}

    def live_jobs(self) -> list[str]:
        """Names of the Jobs that are there."""
        with self._lock:
            return [job.name for job in self._live()]

    def _live(self) -> list[PlayedJob]:
        return [job for job in self.played.values() if job.name not in self.deleted and not job.has_expired]

    def _pods(self) -> list[dict[str, Any]]:
        live = self._live()
        stale = [pod for job in live for pod in job.stale_pods()]
        return [*stale, *(pod for job in live if (pod := job.pod()) is not None)]

    def _everything(self) -> dict[str, Iterable[dict[str, Any]]]:
        return {"jobs": [job.job() for job in self._live()], "pods": self._pods()}

    def _listed(self, resource: str, query: dict[str, list[str]]) -> dict[str, Any]:
        with self._lock:
            if self._cache is not None and query.get("resourceVersion") == ["0"]:
                found, version = self._cache[resource == "pods"], self._cache_version
            else:
                version, found = self.versions.see(), self.versions.listed(resource)
        if resource == "nodes":
            return {"items": self.nodes}
        if resource == "workloads":
            items = self._workloads(query.get("labelSelector", [""])[0])
            end = int(query["limit"][0])
            return {"items": items[:end], "metadata": {"continue": str(end)} if items[end:] else {}}
        if resource in _OF_KUEUE:
            return {"items": self.queues[resource]}
        selector = dict(part.split("=") for part in query.get("labelSelector", [""])[0].split(",") if part)
        found = [item for item in found if selector.items() <= item["metadata"]["labels"].items()]
        if query.get("resourceVersion") == ["0"]:
            # What comes from the watch cache comes whole, whatever the limit.
            return {"items": found, "metadata": {"resourceVersion": str(version)}}
        begin = int(query.get("continue", ["0"])[0])
        end = begin + min(self.page, int(query.get("limit", ["1000000000"])[0]))
        following = {"continue": str(end)} if end < len(found) else {}
        return {"items": found[begin:end], "metadata": {"resourceVersion": str(version), **following}}

    def _workloads(self, selector: str) -> list[dict[str, Any]]:
        uids = selector.removeprefix("kueue.x-k8s.io/job-uid in (").removesuffix(")").split(",")
        with self._lock:
            of_jobs = [(job.uid, found) for job in self._live() if (found := job.workload())]
        if not selector:
            return [*self.workloads_of_others, *(found for _, found in of_jobs)]
        return [found for uid, found in of_jobs if uid in uids]

    def _pending(self, namespace: str, queue: str) -> list[dict[str, Any]]:
        """Who waits in a LocalQueue, in order, as Kueue's visibility API says it: behind the others' Workloads.

        Source: https://github.com/kubernetes-sigs/kueue/blob/main/pkg/visibility/storage/pending_workloads_lq.go
        """
        with self._lock:
            own = [found for job in self._live() if job.suspended and (found := job.workload())]
        in_line = enumerate([*self.workloads_of_others, *own])
        found = [(place, item) for place, item in in_line if item["spec"]["queueName"] == queue]
        return [
            {
                "metadata": {**item["metadata"], "namespace": namespace},
                "priority": 0,
                "localQueueName": queue,
                "positionInClusterQueue": place,
                "positionInLocalQueue": number,
            }
            for number, (place, item) in enumerate(found)
        ]

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and content for a call."""
        split = urlsplit(path)
        parts, query = split.path.strip("/").split("/"), parse_qs(split.query)
        resource = next((part for part in reversed(parts) if part in _RESOURCES), "")
        if not resource:
            return self._object(split.path)
        name = parts[parts.index(resource) + 1] if resource != parts[-1] else ""
        if "namespaces" in parts:
            query["namespace"] = [parts[parts.index("namespaces") + 1]]
        verb = method if name or method != "GET" else "WATCH" if query.get("watch") else "LIST"
        with self._lock:
            self.rights.add(right_for(method, path))
            self.calls[f"{verb} {resource}"] += 1
            self.queries.append((f"{verb} {resource}", {key: found[0] for key, found in query.items()}))
            fault = next(
                (fault for fault in self.faults if self._hits(fault, (method, verb), resource, body, query)),
                None,
            )
            if fault is not None and method == "DELETE":
                self.deletions.append(body)
        if self.delay:
            time.sleep(self.delay)
        if fault is not None:
            if fault.hangs:
                self._closing.wait()
            if fault.writes is not None:
                return 0, fault.writes
            details = {"retryAfterSeconds": fault.retry_after} if fault.retry_after else {}
            return fault.status, fault.body or {
                "kind": "Status",
                "message": f"injected {fault.status}",
                "code": fault.status,
                "details": details,
            }
        if resource == "secrets" or (resource in _OF_KUEUE and any(map(split.path.startswith, self.gone))):
            return self._object(split.path)
        if parts[-1] == "pendingworkloads":
            return 200, {
                "kind": "PendingWorkloadsSummary",
                "items": self._pending(query["namespace"][0], name),
            }
        taken = (
            self._watched(resource, query)
            if verb == "WATCH"
            else self._taken(method, name, is_eviction=parts[-1] == "eviction")
        )
        return taken or self._content(method, resource, name, query, body, wants_log=parts[-1] == "log")

    def _watched(self, resource: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if int(query["resourceVersion"][0]) < self.versions.compacted and not self.tells_expiry:
            return 410, EXPIRED
        return 0, self.watches.answer(resource, query)

    def _taken(self, method: str, name: str, *, is_eviction: bool) -> tuple[int, Any] | None:
        """The answer to an eviction or deletion of a pod; nothing when the call is neither."""
        pod = next((job for job in self.played.values() if job.pod_name == name), None)
        if pod is not None and is_eviction:
            pod.evict()
            return 201, {"kind": "Status"}
        if pod is not None and method == "DELETE":
            pod.release(replace(pod.play, deleting=True))
            pod.stop()
            return 200, {}
        return None

    def _content(
        self,
        method: str,
        resource: str,
        name: str,
        query: dict[str, list[str]],
        body: dict[str, Any],
        *,
        wants_log: bool,
    ) -> tuple[int, Any]:
        if method == "POST":
            return self._posted(resource, query, body)
        if method == "PATCH" and resource == "jobs":
            job = self.played[name]
            job.suspend({}) if body["spec"]["suspend"] else job.admit()
            return 200, job.job()
        if method == "DELETE":
            self.deletions.append(body)
            return self.delete(name) if resource == "jobs" and name else (200, {})
        if wants_log:
            return 200, next((job.play.log for job in self.played.values() if job.pod_name == name), "")
        if resource == "events":
            return 200, {
                "items": self._events(query["fieldSelector"][0].removeprefix("involvedObject.name="))
            }
        return self._read(resource, name) if name else (200, self._listed(resource, query))

    def _posted(
        self, resource: str, query: dict[str, list[str]], body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        if query.get("dryRun") == ["All"]:
            self.dry_run.append((resource, body))
            return 201, body
        return self.create(body, query["namespace"][0])

    def _object(self, path: str) -> tuple[int, Any]:
        """What is there besides: everything that a call names, but for what is absent."""
        self.calls[f"GET {path}"] += 1
        if any(part in path for part in self.forbidden):
            return 403, {"kind": "Status", "message": f"{path} is forbidden", "code": 403}
        if any(path.startswith(api) for api in self.gone):
            # As Kubernetes answers for a group or version that it does not serve.
            return 404, "404 page not found\n"
        if path.rpartition("/")[2] in self.absent:
            return 404, {"kind": "Status", "message": f"{path} not found", "code": 404}
        return 200, self.held.get(path, {"kind": "PartialObjectMetadata"})

    def _events(self, of: str) -> list[dict[str, Any]]:
        jobs = [job for job in self.played.values() if of in {job.name, job.pod_name}]
        return [event for job in jobs for event in job.events(of)]

    def _read(self, resource: str, name: str) -> tuple[int, Any]:
        if resource == "pods":
            found = next((job.pod() for job in self.played.values() if job.pod_name == name), None)
            return 200, found or {"metadata": {"name": name, "uid": f"uid-of-{name}"}}
        if name not in self.live_jobs():
            return 404, {"kind": "Status", "status": "Failure", "code": 404}
        return 200, self.played[name].job()

    def _hits(
        self,
        fault: Fault,
        methods: tuple[str, str],
        resource: str,
        body: dict[str, Any],
        query: dict[str, list[str]],
    ) -> bool:
        if (
            fault.method not in methods
            or fault.resource != resource
            or fault.times <= 0
            or not fault.matches(body)
            or not fault.asks(query)
        ):
            return False
        fault.times -= 1
        return True

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def handle_call(self) -> None:
                length = int(self.headers["Content-Length"] or 0)
                body = json.loads(self.rfile.read(length) or b"{}") if length else {}
                status, content = server.answer(self.command, self.path, body)
                if callable(content):
                    with contextlib.suppress(OSError):  # who asked has cut it off
                        content(self.connection, server._closing)
                    self.close_connection = True
                    return
                text = content if isinstance(content, str) else json.dumps(content)
                with contextlib.suppress(ConnectionError):  # who has waited for too long is gone
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(text.encode())))
                    if status == 429 and (seconds := content.get("details", {}).get("retryAfterSeconds")):
                        self.send_header("Retry-After", str(seconds))
                    self.end_headers()
                    self.wfile.write(text.encode())
                    server.sent += len(text.encode())

            def do_GET(self) -> None:
                self.handle_call()

            def do_POST(self) -> None:
                self.handle_call()

            def do_DELETE(self) -> None:
                self.handle_call()

            def do_PATCH(self) -> None:
                self.handle_call()

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        return Handler


_OF_KUEUE = {"workloads", "localqueues", "clusterqueues"}
_RESOURCES = {"jobs", "pods", "events", "nodes", "secrets", *_OF_KUEUE}
