# ruff: noqa: INP001 - a script beside the package
"""Runs the whole project on this machine, then shows the pods it would get in a cluster.

    python example_project/demo.py

Nothing is imitated: first Dagster runs the project's own jobs, in a temporary folder, and one step takes its
secret from a real server (OpenBao) that the demo starts and stops; what follows are the manifests that
``dagster_k8s`` builds for the same jobs in the deployment "prod". It talks to no cluster.
"""

import os
import secrets
import sys
import tempfile
import uuid
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from dagster_plus_k8s_helpers import Deployment
from dagster_plus_k8s_helpers.plan.manifests import Manifest, run_manifest, step_manifests

sys.path.insert(0, str(Path(__file__).parent))  # the project itself need not be installed

from demo_vault import vault_with
from flight_delays import pods
from flight_delays.definitions import definitions_for

HOME = Deployment("local")
PROD = Deployment("full", "prod", in_cluster=True)
MONTHS = ("2013-01-01", "2013-04-01", "2013-07-01", "2013-10-01")
RUNS = (("nightly", None), *(("monthly_reports", month) for month in MONTHS))
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def main() -> bool:
    """Whether every step and every check succeeded."""
    # Dagster's own Pipes clients use what Dagster marks as a preview.
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
    fixed_width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 100
    console = Console(width=fixed_width, highlight=False)

    console.print("\n[bold]Materializing every asset on this machine[/]")
    succeeded = materialize(console, total=sum(len(steps) for _, steps in pods_of_jobs().values()))

    console.print("\n[bold]The same jobs in a cluster: a pod for each run and for each step[/]")
    console.print(table_of_pods())
    return succeeded


def pods_of_jobs() -> dict[str, tuple[Manifest, Mapping[str, Manifest]]]:
    """For each job what a run of it is in a cluster: its own Job, and one a step."""
    prod = definitions_for(PROD)
    jobs = {name: prod.resolve_job_def(name) for name, _ in RUNS}
    return {name: (run_manifest(job), step_manifests(job)) for name, job in jobs.items()}


def table_of_pods() -> Table:
    """A row for each of these pods."""
    table = new_table()
    for name, (run, steps) in pods_of_jobs().items():
        table.add_row(f"[bold]{name}[/] [dim]run[/]", *described(run))
        for step, manifest in steps.items():
            table.add_row(f"  {step}", *described(manifest))
            if step == "busiest_routes":
                table.add_row("  [dim]└[/] its script, by Pipes", *described(pipes_manifest()))
    return table


def materialize(console: Console, total: int) -> bool:
    """Runs every job, with a line for each step as it ends; whether every step and check succeeded."""
    succeeded = True
    progress = Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeElapsedColumn(),
        console=console,
    )
    key = {"signing_key": secrets.token_hex(32)}
    with tempfile.TemporaryDirectory() as folder, vault_with("model-registry", key) as vault, progress:
        home = definitions_for(HOME, development_secrets=vault)
        instance = dg.DagsterInstance.ephemeral(folder)
        task = progress.add_task("", total=total)

        def show(entry: dg.EventLogEntry, partition: str | None) -> None:
            """Called by Dagster with each event of a run, as it happens."""
            nonlocal succeeded
            if not entry.is_dagster_event:
                return
            event = entry.get_dagster_event()
            name = f"{event.step_key} {partition[:7]}" if partition else str(event.step_key)
            if event.is_step_start:
                progress.update(task, description=f"{name:<36}")
            elif event.is_step_success:
                seconds = event.step_success_data.duration_ms / 1000
                progress.console.print(
                    f"[green]✓[/] {name:<36}{seconds:5.1f} s   {noted.pop(event.step_key, '')}"
                )
                progress.advance(task)
            elif event.is_step_failure:
                progress.console.print(
                    f"[red]✗[/] {name}\n{escape(event.step_failure_data.error_display_string)}"
                )
            elif event.is_step_materialization:
                noted[event.step_key] = summary(event.materialization.metadata)
            elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                evaluation = event.asset_check_evaluation_data
                succeeded &= evaluation.passed
                passed = "check passed" if evaluation.passed else "[red]check failed[/]"
                noted[event.step_key] = f"{passed} · {summary(evaluation.metadata)}"

        noted: dict[str | None, str] = {}
        for job_name, partition in RUNS:
            run_id = str(uuid.uuid4())
            instance.add_event_listener(run_id, lambda entry, month=partition: show(entry, month))
            result = home.resolve_job_def(job_name).execute_in_process(
                QUIET, instance, partition_key=partition, run_id=run_id, raise_on_error=False
            )
            succeeded &= result.success
        progress.update(task, description="")
    return succeeded


def summary(metadata: Mapping[str, dg.MetadataValue[Any]]) -> str:
    """The first few figures that an asset or a check reports."""

    def figures() -> Iterator[str]:
        for name, entry in metadata.items():
            label = name.replace("_", " ")
            if isinstance(entry, dg.FloatMetadataValue):
                yield f"{label} {entry.value:.3g}"
            elif isinstance(entry, dg.IntMetadataValue):
                yield f"{label} {entry.value:,}"
            elif isinstance(entry, dg.TextMetadataValue):
                yield f"{label} {entry.text}"

    return f"[dim]{' · '.join(list(figures())[:2])}[/]"


def new_table() -> Table:
    """The head of the table of pods."""
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        caption="request / limit; a single figure is a limit alone, and Kubernetes then requests as much",
        caption_justify="left",
        padding=(0, 1, 0, 0),
    )
    for heading in ("Pod of", "CPU", "Memory", "GPU"):
        table.add_column(heading, no_wrap=True, justify="left" if heading == "Pod of" else "right")
    table.add_column("Node selector, tolerations", overflow="fold")
    return table


def described(manifest: Manifest) -> tuple[str, str, str, str]:
    """CPU, memory, GPU and the nodes of the pod in a Job's manifest."""
    return described_pod(manifest["spec"]["template"]["spec"])


def pipes_manifest() -> Manifest:
    """The pod of the script, as ``PipesK8sClient`` builds it, in a shape like that of a Job."""
    from dagster_k8s.pipes import build_pod_body
    from kubernetes.client import ApiClient

    pod = build_pod_body("script", "image", None, {}, pods.SCRIPT.pod_metadata(), pods.SCRIPT.pod_spec())
    return {"spec": {"template": ApiClient().sanitize_for_serialization(pod)}}


def described_pod(pod: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """The cells of a pod's row."""
    resources = pod["containers"][0].get("resources", {})
    limits, requests = resources.get("limits", {}), resources.get("requests", {})

    def amount(name: str) -> str:
        limit = limits.get(name, "-")
        request = requests.get(name, limit)
        return limit if request == limit else f"{request} / {limit}"

    nodes = [f"{label}={value}" for label, value in pod.get("nodeSelector", {}).items()]
    for toleration in pod.get("tolerations", ()):
        value = f"={toleration['value']}" if "value" in toleration else ""
        nodes.append(f"tolerates {toleration.get('key', 'everything')}{value}")
    return amount("cpu"), amount("memory"), amount("nvidia.com/gpu"), "\n".join(nodes) or "any"


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
