"""Runs the job of `step_jobs` against the stand-in, in a thread or as a run worker's own process."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import step_jobs
from dagster._daemon.monitoring.run_monitoring import RESUME_RUN_LOG_MESSAGE
from dagster._grpc.types import ExecuteRunArgs, ResumeRunArgs
from dagster_k8s import K8sRunLauncher
from dagster_k8s.job import get_job_name_from_run_id
from step_processes import StepProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest
    from api_proxy import ApiProxy
    from api_server import ApiServer
    from dagster._core.events import DagsterEvent
    from dagster._core.instance.ref import InstanceRef
    from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.execution.api import execute_run

# What hangs is told by it, and nothing else: a process of a step takes half a minute to begin on a busy machine.
PATIENCE = 180.0
# Without watches a look is seen by its lists, which many tests wait for; test_watch.py and the scenarios are with.
FAST = {"health_check_interval": 0.2, "watch": False}


def launcher(server: ApiServer | ApiProxy, folder: Path) -> dict[str, Any]:
    """The part of ``dagster.yaml`` that says where runs are launched: steps take after it."""
    config = {
        "job_image": "project:1",
        "load_incluster_config": False,
        "kubeconfig_file": str(server.kubeconfig),
        "dagster_home": str(folder),
        "instance_config_map": "dagster",
        "service_account_name": "dagster",
    }
    return {"run_launcher": {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": config}}


def eventually(condition: Callable[[], object], what: str = "") -> None:
    """Wait for a condition, as long as a busy machine may take."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"still not: {what or condition}"
        time.sleep(0.02)


def kinds(run: StepRun, step: str) -> list[str]:
    """What became of a step's attempts."""
    ends = {"STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY"}
    return [event.event_type_value for event in run.events(step=step) if event.event_type_value in ends]


def memory(run: StepRun, step: str) -> list[str]:
    """The memory limit of each Job of a step."""
    jobs = [job.body["spec"]["template"]["spec"]["containers"][0] for job in run.server.of_step(step)]
    return [container.get("resources", {}).get("limits", {}).get("memory", "") for container in jobs]


class StepRun:
    """A run of steps, and what its event log says.

    Args:
        instance: Where the run is.
        server: Where its Jobs go.
        folder: Shared with the steps.
        environment: Sets the variables that the job is made from.
    """

    # How long a pod of a scenario about waiting may take; a real one has its image to fetch first.
    start_timeout = 1.0
    # How often run monitoring is said to replace the run worker.
    resumes = 0

    def __init__(
        self, instance: dg.DagsterInstance, server: ApiServer, folder: Path, environment: pytest.MonkeyPatch
    ) -> None:
        self.instance, self.server, self.folder, self._environment = instance, server, folder, environment
        self.run_id = ""
        self._thread: threading.Thread | None = None
        self._process: StepProcess | None = None

    def describe(self, steps: dict[str, dict[str, Any]], executor: dict[str, Any] | str) -> None:
        """Say what the job is made of."""
        if isinstance(executor, dict):
            executor = self.settings(executor)
        # Dagster keeps the last job that it has loaded, and cannot know what this one is made from.
        ReconstructableJob.get_definition.cache_clear()
        ReconstructableJob.get_repository_definition.cache_clear()
        self._environment.setenv("TEST_KUBECONFIG", self.kubeconfig)
        self._environment.setenv(step_jobs.STEPS, json.dumps(steps))
        self._environment.setenv(step_jobs.EXECUTOR, json.dumps(executor))
        self._environment.setenv(step_jobs.FOLDER, str(self.folder))
        self._environment.setenv("DAGSTER_STEP_DELEGATING_EXECUTOR_SLEEP_SECONDS", "0.05")
        self._environment.setenv("PYTHONPATH", str(Path(__file__).parent))

    def describe_in_pods(self, steps: dict[str, dict[str, Any]], executor: dict[str, Any]) -> None:
        """Say what the job is made of whose run worker is in a pod."""
        self.describe(steps, executor)

    @property
    def kubeconfig(self) -> str:
        return str(self.server.kubeconfig)

    def settings(self, executor: dict[str, Any]) -> dict[str, Any]:
        """What the executor is made with."""
        return {
            **FAST,
            "image": "project:1",
            "load_incluster_config": False,
            "kubeconfig_file": self.kubeconfig,
            **executor,
        }

    def job(self) -> ReconstructableJob:
        """The job that was described, as a step's process finds it."""
        return dg.reconstructable(step_jobs.make_job)

    def start(
        self,
        steps: dict[str, dict[str, Any]],
        executor: dict[str, Any] | str,
        tags: Mapping[str, str] | None = None,
    ) -> StepRun:
        """Begin a run in a thread."""
        self.describe(steps, executor)
        job = self.job()
        self.run_id = self.instance.create_run_for_job(
            job.get_definition(), job_code_origin=job.get_python_origin(), tags=dict(tags or {})
        ).run_id

        def execute() -> None:
            run = self.instance.get_run_by_id(self.run_id)
            assert run is not None
            execute_run(job, run, self.instance)

        self._thread = threading.Thread(target=self._quietly, args=(execute,))
        self._thread.start()
        return self

    def start_worker(self, *, resume: bool = False) -> None:
        """Begin, or go on with, the run in a run worker's own process."""
        job = self.job()
        if not resume:
            self.run_id = self.instance.create_run_for_job(
                job.get_definition(), job_code_origin=job.get_python_origin()
            ).run_id
        kind = ResumeRunArgs if resume else ExecuteRunArgs
        arguments = kind(job.get_python_origin(), self.run_id, self.monitored(self.instance.get_ref()))
        entry_point = len(job.repository.entry_point)
        command = ["dagster", *arguments.get_command_args()[entry_point:]]
        self._process = StepProcess([part for part in command if part], os.environ)

    def launch_worker(self, *, resume: int = 0, job_spec: Mapping[str, Any] | None = None) -> None:
        """Begin the run in a run worker's own pod; or go on with it there, as run monitoring does.

        Args:
            resume: How many run workers there were before, less one.
            job_spec: Of the run's Job.
        """
        job = self.job()
        if not resume:
            env = [{"name": name, "value": os.environ[name]} for name in self.in_pods(os.environ)]
            self.run_id = self.instance.create_run_for_job(
                job.get_definition(),
                job_code_origin=job.get_python_origin(),
                tags={
                    "dagster-k8s/config": json.dumps(
                        {"container_config": {"env": env}, "job_spec_config": job_spec or {}}
                    )
                },
            ).run_id
        run = self.instance.get_run_by_id(self.run_id)
        assert run is not None
        if resume:
            self.instance.report_engine_event(RESUME_RUN_LOG_MESSAGE, run)
        kind = ResumeRunArgs if resume else ExecuteRunArgs
        arguments = kind(job.get_python_origin(), self.run_id, self.monitored(self.ref_in_pods()))
        launcher = self.instance.run_launcher
        assert isinstance(launcher, K8sRunLauncher)
        launcher._launch_k8s_job_with_args(
            get_job_name_from_run_id(self.run_id, resume), arguments.get_command_args(), run
        )

    def in_pods(self, environment: Mapping[str, str]) -> list[str]:
        """Names of the variables that a run worker's pod has to be given."""
        return [
            name for name in (step_jobs.STEPS, step_jobs.EXECUTOR, step_jobs.FOLDER) if name in environment
        ]

    def ref_in_pods(self) -> InstanceRef:
        """The instance, as a run worker in a pod opens it."""
        return self.instance.get_ref()

    def monitored(self, reference: InstanceRef) -> InstanceRef:
        """The instance with run monitoring as often as ``resumes`` says."""
        monitoring = {"enabled": self.resumes > 0, "max_resume_run_attempts": self.resumes}
        return reference._replace(settings={**reference.settings, "run_monitoring": monitoring})

    def ends(self) -> bool:
        """Wait for the end of a run whose workers are in pods, and say whether it succeeded."""
        eventually(lambda: self.status.is_finished, f"{self.status} is the end")
        return self.status.is_success

    @property
    def status(self) -> DagsterRun:
        """The run as it is now."""
        run = self.instance.get_run_by_id(self.run_id)
        assert run is not None
        return run

    @property
    def worker(self) -> StepProcess:
        assert self._process is not None
        return self._process

    def finish(self) -> bool:
        """Wait for the run's end, and say whether it succeeded."""
        if self._thread is not None:
            self._thread.join(PATIENCE)
            assert not self._thread.is_alive(), self.messages()
        if self._process is not None:
            self._process.wait(PATIENCE)
        run = self.instance.get_run_by_id(self.run_id)
        assert run is not None
        return bool(run.is_success)

    def events(self, kind: str = "", step: str = "") -> list[DagsterEvent]:
        """The events of the run, by type and step."""
        entries = self.instance.all_logs(self.run_id)
        found = [entry.dagster_event for entry in entries if entry.dagster_event is not None]
        return [
            event
            for event in found
            if (not kind or event.event_type_value == kind) and (not step or event.step_key == step)
        ]

    def messages(self, kind: str = "", step: str = "") -> list[str]:
        return [event.message or "" for event in self.events(kind, step)]

    def said(self, text: str, step: str = "") -> list[str]:
        """The messages that hold a text."""
        return [message for message in self.messages(step=step) if text in message]

    def metadata(self, event: DagsterEvent) -> dict[str, Any]:
        """What is shown beside an event."""
        data = event.event_specific_data
        shown = getattr(data, "metadata", None) or data.user_failure_data.metadata  # type: ignore[union-attr]
        return {name: item.value for name, item in shown.items()}

    def begun(self, step: str) -> int:
        """How many attempts of a step have begun to run."""
        return len(self.events("STEP_START", step)) + len(self.events("STEP_RESTARTED", step))

    def release(self, step: str) -> None:
        """Let a step that waits go on, and each later attempt of it."""
        key = step_jobs.release_key(self.run_id, step)
        self.instance.daemon_cursor_storage.set_cursor_values({key: "now"})

    def go(self, step: str) -> None:
        """Let a step that holds end."""
        (self.folder / f"{step}.go").touch()

    def began(self, step: str, attempt: int = 0) -> Path:
        """The file by which a step that holds says that it began."""
        return self.folder / f"{step}.began.{attempt}"

    def abandon(self) -> None:
        """End whatever still runs."""
        for step in json.loads(os.environ.get(step_jobs.STEPS, "{}")):
            self.go(step)
            self.release(step)
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @staticmethod
    def _quietly(execute: Callable[[], None]) -> None:
        """What a run raises is in its event log."""
        try:
            execute()
        except Exception:  # noqa: BLE001
            return
