"""A stand-in for the part of the Kubernetes API server that dagster_k8s talks to, over real HTTP.

It records every Job that is created. When told to, it also runs the Job's command as a process, with the
Job's environment, and lets the Job succeed or fail with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path


class ApiServer:
    """Serves Jobs on a free loopback port until it is closed."""

    def __init__(self, folder: Path, *, runs_commands: bool = False) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._runs_commands = runs_commands
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(self._config()))

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for process in self.processes.values():
            process.kill()
            process.wait()

    def step_pod(self, step_key: str) -> dict[str, Any]:
        """The pod template of the only Job created for a step."""
        (job,) = (
            job for job in self.jobs.values() if job["metadata"]["labels"].get("dagster/op") == step_key
        )
        template: dict[str, Any] = job["spec"]["template"]
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

    def _config(self) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "stand-in",
            "clusters": [{"name": "stand-in", "cluster": {"server": self.url}}],
            "contexts": [{"name": "stand-in", "context": {"cluster": "stand-in", "user": "nobody"}}],
            "users": [{"name": "nobody", "user": {}}],
        }

    def create(self, job: dict[str, Any]) -> None:
        name = job["metadata"]["name"]
        self.jobs[name] = job
        if self._runs_commands:
            (container, *_others) = job["spec"]["template"]["spec"]["containers"]
            environment = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
            # The image's `dagster` is the one of this interpreter.
            command = [sys.executable, "-m", *container["args"]]
            self.processes[name] = subprocess.Popen(command, env={**os.environ, **environment})

    def read(self, name: str) -> dict[str, Any]:
        status: dict[str, Any] = {"active": 1}
        if name in self.processes and (code := self.processes[name].poll()) is not None:
            status = {"failed": 1} if code else {"succeeded": 1}
        return {**self.jobs[name], "status": status}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.create(job)
                self.answer(201, job)

            def do_GET(self) -> None:
                name = self.path.split("?")[0].removesuffix("/status").rpartition("/")[2]
                self.answer(200, server.read(name)) if name in server.jobs else self.answer(
                    404, {"code": 404}
                )

            def answer(self, status: int, body: dict[str, Any]) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        return Handler
