"""What the commands that look at a plan have in common: their options, and making the plan."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

import click

from dagster_plus_k8s_helpers.commands.completing import deployments, location_names
from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError
from dagster_plus_k8s_helpers.commands.given import FILE, STDIN_NAME, given
from dagster_plus_k8s_helpers.commands.progress import progress
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, InvalidFileError
from dagster_plus_k8s_helpers.terminal import echo, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import dagster as dg

    from dagster_plus_k8s_helpers.capacity.nodes import NodePool
    from dagster_plus_k8s_helpers.check.files.sources import Source
    from dagster_plus_k8s_helpers.deployment import Deployment
    from dagster_plus_k8s_helpers.findings.finding import Finding
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan
    from dagster_plus_k8s_helpers.rightsizing.asked import Asks

__all__ = [
    "Planning",
    "deployment_of",
    "env_option",
    "folder_option",
    "pairs",
    "plan_options",
    "refuse_lone",
    "refuse_lone_name",
]

P = ParamSpec("P")
R = TypeVar("R")

folder_option = click.option(
    "-d",
    "--working-directory",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where to import MODULE from, such as src; the working folder when left out.",
)
env_option = click.option(
    "--env", multiple=True, metavar="KEY=VALUE", help="A variable the definitions need to load."
)


class Planning(NamedTuple):
    """What the options say of the plan to make."""

    module: str
    folder: Path | None
    agent: Source | None
    location: Source | None
    location_name: str | None
    run_config: Mapping[str, object] | None
    deployment: str | None
    branch: bool
    partition: str | None
    tags: Mapping[str, str]
    env: Mapping[str, str]

    def plan(self, job: str | None, selection: str | None = None) -> RunPlan:
        """The plan of a job, or of the implicit asset job.

        Raises:
            CannotAnswerError: It cannot be made; the message says why.
        """
        from dagster_plus_k8s_helpers.plan import plan

        return self._made(plan, job=job, selection=selection)

    def asked(self, job: str | None) -> list[Asks]:
        """What the steps of a job ask for, or of every job.

        Raises:
            CannotAnswerError: There is no plan of it; the message says why.
        """
        from dagster_plus_k8s_helpers.rightsizing.asked import asked_of

        return self._made(asked_of, job=job)

    def _made(self, make: Callable[..., R], **of: str | None) -> R:
        """What is made of the definitions as these options have them."""
        try:
            with progress(f"loading {self.module}"):
                return make(
                    self._definitions,
                    **of,
                    agent=_agent(self.agent),
                    location=_location(self.location, self.location_name, self.module),
                    run_config=self.run_config,
                    partition=self.partition,
                    tags=dict(self.tags) or None,
                    deployment=self._deployment(),
                )
        except OSError as error:
            raise CannotAnswerError(f"cannot read {error.filename}: {error.strerror}") from None
        except DagsterPlusK8sError as error:
            raise CannotAnswerError(str(error)) from None

    def findings(self, plan: RunPlan, pools: Sequence[NodePool] = ()) -> list[Finding]:
        """What is wrong with a plan that these options made.

        Args:
            plan: The plan.
            pools: The nodes of the cluster.
        """
        from dagster_plus_k8s_helpers.plan import check

        found = check(
            self._definitions,
            job=plan.job,
            agent=_agent(self.agent),
            location=_location(self.location, self.location_name, self.module),
            nodes=pools,
            deployment=self._deployment(),
        )
        return [item for item in found if item.is_of_more_than_steps or plan.steps.keys() & set(item.steps)]

    def _deployment(self) -> Deployment:
        from dagster_plus_k8s_helpers.commands.code_location import values_of
        from dagster_plus_k8s_helpers.commands.served import first_deployment

        return deployment_of(self.deployment or first_deployment(values_of(self.agent)), branch=self.branch)

    def note(self) -> str:
        """What is odd about the deployment, see `served.unserved`."""
        from dagster_plus_k8s_helpers.commands.served import unserved

        return "" if self.deployment is None else unserved(self.agent, self.deployment, branch=self.branch)

    def _definitions(self) -> dg.Definitions | dg.RepositoryDefinition:
        """The definitions of the module, imported now: with the variables of the deployment."""
        from dagster_plus_k8s_helpers.commands.code_location import loader_of

        os.environ.update(self.env)
        return loader_of(self.module, self.folder)()


def deployment_of(name: str, *, branch: bool) -> Deployment:
    """The deployment that ``--deployment`` and ``--branch`` say."""
    from dagster_plus_k8s_helpers.deployment import Deployment

    if name == "local":
        return Deployment("local")
    return Deployment("branch" if branch else "full", name, in_cluster=True)


def pairs(option: str, texts: tuple[str, ...]) -> dict[str, str]:
    """What an option says that is given as ``KEY=VALUE`` any number of times."""
    found = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not key or not sign:
            raise click.BadParameter(f"{text!r} must be KEY=VALUE", param_hint=option)
        found[key] = value
    return found


def refuse_lone(options: Mapping[str, object], beside: str, *, is_there: bool) -> None:
    """Refuses options that mean nothing without another one.

    Args:
        options: What was given for each, by its name; nothing for those that were not.
        beside: The one that they go with.
        is_there: Whether that is given.
    """
    lone = [name for name, value in options.items() if value]
    if lone and not is_there:
        raise click.UsageError(f"{', '.join(lone)} {'goes' if len(lone) == 1 else 'go'} with {beside}")


def refuse_lone_name(location_name: str | None, location: object) -> None:
    """Refuses a name of a location without the file that has it, where it would mean nothing."""
    if location_name is not None and location is None:
        raise click.UsageError("--location-name names a location of a file; give that with --location")


def plan_options(command: Callable[..., R]) -> Callable[..., R]:
    """Gives a command the options by which a plan is made, as its first argument."""

    @click.option(
        "-m",
        "--module",
        required=True,
        metavar="MODULE[:NAME]",
        help="The definitions, as Python imports them.",
    )
    @folder_option
    @click.option("--agent", type=FILE, help="The agent's Helm values; - reads standard input.")
    @click.option("--location", type=FILE, help="The dagster_cloud.yaml of the code location, or -.")
    @click.option(
        "--location-name",
        metavar="NAME",
        shell_complete=location_names,
        help="Which of its locations MODULE is.",
    )
    @click.option(
        "--run-config",
        type=FILE,
        help="The run config of the launch, YAML or JSON, or -; the job's own when left out.",
    )
    @click.option(
        "--deployment",
        metavar="NAME",
        shell_complete=deployments,
        help="The Dagster+ deployment to plan for, local for a machine outside Dagster+; the agent's first, "
        "or prod, when left out.",
    )
    @click.option("--branch", is_flag=True, help="The deployment is a branch deployment.")
    @click.option("--partition", metavar="KEY", help="The partition of the run: its tags and its sizes.")
    @click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag of the launch.")
    @env_option
    @wraps(command)
    def with_options(
        *arguments: Any,
        module: str,
        folder: Path | None,
        agent: str | None,
        location: str | None,
        location_name: str | None,
        run_config: str | None,
        deployment: str | None,
        branch: bool,
        partition: str | None,
        tags: tuple[str, ...],
        env: tuple[str, ...],
        **options: Any,
    ) -> R:
        refuse_lone_name(location_name, location)
        planning = Planning(
            module,
            folder,
            _source(agent),
            _source(location),
            location_name,
            _run_config(_source(run_config)),
            deployment,
            branch,
            partition,
            pairs("--tag", tags),
            pairs("--env", env),
        )
        if planning.note():
            echo(one_line(planning.note()), err=True)
        return command(planning, *arguments, **options)

    return with_options


def _source(file: str | None) -> Source | None:
    return None if file is None else given(file)


def _run_config(source: Source | None) -> Mapping[str, object] | None:
    if source is None:
        return None
    from dagster_plus_k8s_helpers.documents.document import read_yaml

    documents, findings = read_yaml(source.content, source.name)
    if findings:
        raise CannotAnswerError("\n".join(map(str, findings)))
    data = documents[0].data if documents else {}
    if not isinstance(data, dict):
        raise CannotAnswerError(f"{source.name}: a run config must be a mapping, such as {{execution: ...}}")
    return data


def _agent(source: Source | None) -> Any:
    if source is None:
        return None
    from dagster_plus_k8s_helpers import AgentValues
    from dagster_plus_k8s_helpers.commands.code_location import refuse_other_file

    refuse_other_file("--agent", source)
    return _read(AgentValues.from_yaml, source)


def _location(source: Source | None, name: str | None, reference: str) -> Any:
    """The entry of a file for the location, as `check` finds it; a file with mistakes has none."""
    if source is None:
        return None
    from dagster_plus_k8s_helpers import DagsterCloudConfig
    from dagster_plus_k8s_helpers.commands.code_location import entry_of, refuse_other_file

    refuse_other_file("--location", source)
    _read(DagsterCloudConfig.from_yaml, source)
    return entry_of(source, name, reference)


def _read(reader: Callable[[Path | str], R], source: Source) -> R:
    """A file by its path, and standard input as text; messages name both as every other one does."""
    path = Path(source.name)
    if source.name != STDIN_NAME and path.is_file():
        return reader(path)
    try:
        return reader(source.content.decode("utf-8-sig", errors="replace"))
    except InvalidFileError as error:
        raise InvalidFileError(
            [replace(finding, where=replace(finding.where, file=source.name)) for finding in error.findings]
        ) from None
