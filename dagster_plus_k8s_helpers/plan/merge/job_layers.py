"""The layers of a run and of its steps, each with what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers._dagster.planning import reason
from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.plan.merge.layers import RUN_LAYERS, STEP_LAYERS, Layer

if TYPE_CHECKING:
    import dagster as dg

    from dagster_plus_k8s_helpers._dagster.planning import Step
    from dagster_plus_k8s_helpers.plan.merge.layers import LayerName
    from dagster_plus_k8s_helpers.plan.merge.rendering import JobRenderer

__all__ = ["JobLayers"]


class JobLayers:
    """Those of one job; a layer that is not given is left out.

    Args:
        job: The job.
        renderer: Knows what each layer says.
        has_agent: Whether it is known what the agent says.
        has_location: Whether it is known what the code location says.
    """

    def __init__(
        self, job: dg.JobDefinition, renderer: JobRenderer, *, has_agent: bool, has_location: bool
    ) -> None:
        self._job = job
        self._renderer = renderer
        present: dict[LayerName, bool] = {
            "agent": has_agent,
            "Dagster+": bool(renderer.dagster_plus),
            "location": has_location,
        }
        self._absent = {name for name, is_there in present.items() if not is_there}

    def of_run(self) -> list[Layer]:
        """Those of the run's own pod.

        Raises:
            PlanError: One of them cannot be read.
        """
        return [self._layer(name, None) for name in RUN_LAYERS if name not in self._absent]

    def of_step(self, step: Step, size_source: str) -> list[Layer]:
        """Those of a step's pod.

        Args:
            step: The step.
            size_source: What has decided its size.

        Raises:
            PlanError: One of them cannot be read.
        """
        absent = self._absent if step.size else {*self._absent, "size"}
        return [self._layer(name, step, size_source) for name in STEP_LAYERS if name not in absent]

    def _layer(self, name: LayerName, step: Step | None, size_source: str = "") -> Layer:
        sources: dict[LayerName, str] = {
            "dagster": "dagster",
            "agent": "the agent's Helm values",
            "Dagster+": "environment variables of the deployment",
            "location": f"the code location {self._renderer.location.name or '<without a name>'!r}",
            "run tags": f"tags of the run of {self._job.name!r}",
            "executor": f"the executor {self._job.executor_def.name!r}",
        }
        if step is not None:
            sources["size"] = size_source
            sources["op tags"] = f"tags of the op {step.op_name!r}"
            sources["per_step_k8s_config"] = f"per_step_k8s_config[{step.op_name!r}] of the executor"
        try:
            config, namespace = self._renderer.said_by(name, step)
        # As in Template: dagster_k8s raises what it has at hand.
        except Exception as error:  # noqa: BLE001
            raise PlanError(f"{name} ({sources[name]}): {reason(error)}") from None
        return Layer(name, sources[name], config, namespace)
