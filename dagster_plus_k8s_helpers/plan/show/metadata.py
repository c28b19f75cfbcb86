"""`with_pod_metadata`: each asset's pod in Dagster's own catalog."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import dagster as dg

from dagster_plus_k8s_helpers import _dagster as dagster_internals
from dagster_plus_k8s_helpers._dagster import planning
from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.plan.merge.jobs import job_of, loaded
from dagster_plus_k8s_helpers.plan.resolve import plan_of_job
from dagster_plus_k8s_helpers.plan.show.node_words import node_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dagster_plus_k8s_helpers.deployment import Deployment
    from dagster_plus_k8s_helpers.plan.merge.from_files import Settings
    from dagster_plus_k8s_helpers.plan.merge.pods import Template
    from dagster_plus_k8s_helpers.plan.run_plan import StepPlan

    Row: TypeAlias = tuple[str, str, str]
    """A setting, what it says, and the layer that says it."""

__all__ = ["POD_KEY", "REPORT_KEY", "with_pod_metadata"]

POD_KEY = "dagster-plus-k8s/pod"
REPORT_KEY = "dagster-plus-k8s/report"


@answering
def with_pod_metadata(
    definitions: dg.Definitions,
    *,
    agent: Settings | None = None,
    location: Settings | None = None,
    deployment: Deployment | None = None,
    report_url: str | None = None,
) -> dg.Definitions:
    """Shows in the catalog which pod each asset gets when it is materialized.

    The metadata of an asset gets a table of what its step's pod requests and may use, its image and the
    nodes it wants, each with the layer that says so; or a sentence where the asset gets no pod of its own.
    The pod is that of *Materialize* in the UI, so no job's tags are in it.

    Args:
        definitions: The definitions, with the executor of the deployment; they are not changed. Assets that
            Dagster loads late, and ``SourceAsset``, are passed over.
        agent: The agent's Helm values; see `plan`.
        location: The code location's entry in ``dagster_cloud.yaml``.
        deployment: The Dagster+ deployment the definitions are for.
        report_url: Where the team publishes its `html_report`; each asset then links to it.

    Returns:
        A copy. Applied again, it replaces what it wrote before.

    Raises:
        PlanError: A layer is not shaped like one, Dagster refuses a config, or the URL is none.

    Source: https://docs.dagster.io/guides/build/assets/metadata-and-tags
    """
    if not isinstance(definitions, dg.Definitions):
        raise PlanError(f"definitions: must be dagster.Definitions, not {type(definitions).__name__}")
    link = _link(report_url)
    steps = _steps_by_asset(definitions, agent, location, deployment)
    # Steps of the same settings share a template.
    rows_of = cache(lambda template: tuple(_rows(template)))

    def described(spec: dg.AssetSpec) -> dg.AssetSpec:
        kept = {key: value for key, value in spec.metadata.items() if key not in (POD_KEY, REPORT_KEY)}
        pod = _metadata(steps.get(spec.key, []), rows_of)
        return spec.replace_attributes(metadata={**kept, POD_KEY: pod, **link})

    return dagster_internals.with_specs(definitions, described)


def _link(report_url: str | None) -> dict[str, dg.MetadataValue[Any]]:
    if report_url is None:
        return {}
    if not isinstance(report_url, str) or not re.match(r"https?://\S+$", report_url):
        raise PlanError(f"report_url: must be a URL that begins with https://, not {report_url!r}")
    return {REPORT_KEY: dg.MetadataValue.url(report_url)}


def _steps_by_asset(
    definitions: dg.Definitions,
    agent: Settings | None,
    location: Settings | None,
    deployment: Deployment | None,
) -> dict[dg.AssetKey, list[StepPlan]]:
    """The steps that compute each asset when the UI materializes it."""
    assets = [item for item in definitions.assets or () if isinstance(item, dg.AssetsDefinition)]
    if not any(item.is_executable for item in assets):
        return {}
    job = job_of(loaded(definitions, deployment), None, None)
    plan = plan_of_job(job, agent=agent, location=location, deployment=deployment)
    of_node: dict[str, list[StepPlan]] = {}
    for step in plan.steps.values():
        node = re.split(r"[.\[]", step.key, maxsplit=1)[0]
        of_node.setdefault(node, []).append(step)
    return {key: of_node.get(node, []) for key, node in planning.nodes_of_assets(job).items()}


def _metadata(
    steps: Sequence[StepPlan], rows_of: Callable[[Template], Sequence[Row]]
) -> dg.MetadataValue[Any]:
    if not steps:
        return dg.MetadataValue.text("no pod: nothing here materializes this asset")
    if steps[0].runs_in == "run pod":
        return dg.MetadataValue.text("no pod of its own: it runs in the run's pod and shares its limits")
    if steps[0].runs_in == "elsewhere":
        return dg.MetadataValue.text("not known: its executor decides where it runs")
    rows = [(step.key, *row) for step in steps for row in rows_of(step.own_pod.template)]
    # The key of the only step would be no news in each row.
    columns = _COLUMNS if len(steps) > 1 else _COLUMNS[1:]
    records = [dict(zip(columns, row[-len(columns) :], strict=True)) for row in rows]
    return dg.MetadataValue.table(
        [dg.TableRecord(record) for record in records],
        dg.TableSchema([dg.TableColumn(name) for name in columns]),
    )


_COLUMNS = ("step", "setting", "value", "set by")
_CONTAINER = "spec.template.spec.containers[0]"
_SPEC = "spec.template.spec"


def _rows(template: Template) -> Iterator[Row]:
    spec = template.sent.manifest["spec"]["template"]["spec"]
    resources = spec["containers"][0].get("resources") or {}

    def layer(path: str) -> str:
        return template.history.origin(path).layer.name

    for name in sorted({*(resources.get("requests") or {}), *(resources.get("limits") or {})}):
        for kind in ("requests", "limits"):
            amount = (resources.get(kind) or {}).get(name)
            if amount is not None:
                yield f"{name} {kind[:-1]}", str(amount), layer(f"{_CONTAINER}.resources.{kind}.{name}")
    if not resources.get("requests") and not resources.get("limits"):
        yield "resources", "none: it is the first to go when its node runs short", "nobody"
    yield "image", str(spec["containers"][0].get("image")), layer(f"{_CONTAINER}.image")
    for word in node_words(spec):
        yield word.kind, word.text, layer(f"{_SPEC}.{word.path}")
    if spec.get("serviceAccountName"):
        yield "service account", spec["serviceAccountName"], layer(f"{_SPEC}.serviceAccountName")
