"""Running a script outside Dagster: in a pod when we are in a cluster, else in a process beside us."""

import sys
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from dagster_plus_k8s_helpers import K8sConfig


class Scripts(dg.ConfigurableResource):
    """Runs Python scripts that speak Dagster Pipes; an asset need not know where.

    Args:
        in_cluster: Whether to give each script a pod of its own.
    """

    in_cluster: bool

    def run(
        self,
        context: dg.AssetExecutionContext,
        script: Path,
        *,
        pod: K8sConfig,
        extras: Mapping[str, object],
    ) -> dg.MaterializeResult[None]:
        """Runs a script to its end and returns what it reported.

        Args:
            context: Of the asset that the script computes.
            script: A file of this project: the pod has the image of the run, so the path is the same.
            pod: What its pod needs; an image of its own goes in here.
            extras: What the script finds in its Pipes context.
        """
        command = [sys.executable, str(script)]
        op = context.op_execution_context  # Pipes asks for run_id, which an asset's own context deprecates
        if not self.in_cluster:
            client = dg.PipesSubprocessClient()
            return client.run(context=op, command=command, extras=dict(extras)).get_materialize_result()

        from dagster_k8s import PipesK8sClient  # needed in a cluster only

        pod = K8sConfig(image=context.run.tags["dagster/image"]) | pod
        invocation = PipesK8sClient().run(
            context=op,
            command=command,
            extras=dict(extras),
            base_pod_spec=pod.pod_spec(),
            base_pod_meta=pod.pod_metadata(),
        )
        return invocation.get_materialize_result()
