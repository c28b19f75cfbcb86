"""`SecretsComponent`: the secrets resource of a project, by deployment."""

# Dagster reads the annotations themselves: no postponed ones here.
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any

import dagster as dg

from dagster_plus_k8s_helpers._dagster.components import refused_by
from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.components.attributes import KnownAttributes
from dagster_plus_k8s_helpers.components.backends import backend_of, backend_schema, with_env_vars
from dagster_plus_k8s_helpers.components.models import as_written, read
from dagster_plus_k8s_helpers.components.scaffolds import starting_with
from dagster_plus_k8s_helpers.components.schemas import TEXT, Schema, mapping_of
from dagster_plus_k8s_helpers.components.values import entries_of
from dagster_plus_k8s_helpers.deployment import BY_NAME, secrets_for_deployment
from dagster_plus_k8s_helpers.errors import DeploymentError, K8sConfigError
from dagster_plus_k8s_helpers.secrets.resource import SecretsResource

__all__ = ["SecretsComponent"]


@cache
def backends_schema() -> Schema:
    """What may be written for backends by the name of a deployment."""
    return {
        "title": "Backends",
        "examples": [{"prod": {"type": "aws"}}],
        **mapping_of(backend_schema(), "a mapping such as {prod: {type: vault}}"),
    }


def name_schema() -> Schema:
    """What may be written for the name of a resource."""
    return {"title": "Resource", **TEXT}


NameModel = as_written("NameModel", "The name of a resource.", name_schema)
BackendModel = as_written("BackendModel", "A backend of secrets.", backend_schema)
BackendsModel = as_written(
    "BackendsModel", "Backends of secrets by the name of a deployment.", backends_schema
)


def _name(context: dg.ResolutionContext, written: Any) -> Any:
    return read(context, written, _text, with_lines=False)


def _text(value: object) -> str:
    # What it is may be a token: pydantic would show it.
    if not isinstance(value, str):
        raise K8sConfigError(f"must be the name of a resource, such as secrets, not {type(value).__name__}")
    return value


def _backend(context: dg.ResolutionContext, written: Any) -> Any:
    return read(
        context,
        with_env_vars(written.root),
        lambda value: None if value is None else backend_of(value),
        with_lines=False,
    )


def _resolved(description: str, example: object) -> dg.Resolver:
    """How an attribute becomes a backend.

    Args:
        description: When it is taken, as editors show it.
        example: What may be written.
    """
    return dg.Resolver(_backend, model_field_type=BackendModel, description=description, examples=[example])


def _backends(context: dg.ResolutionContext, written: Any) -> Any:
    return read(
        context,
        with_env_vars(written.root),
        lambda value: entries_of(value or {}, backend_of),
        with_lines=False,
    )


@dg.scaffold_with(starting_with({"local": {"type": "env"}}))
@answering(otherwise=BY_NAME)
@dataclass(kw_only=True)
class SecretsComponent(KnownAttributes, dg.Component):
    """The secrets of a project, by the deployment in which it loads: the most specific ones given.

    Each has a ``type``: ``vault``, ``aws``, ``env``, ``files``, or ``chain`` for several, and the settings of
    ``VaultSecrets``, ``AwsSecrets``, ``EnvSecrets`` or ``FileSecrets``. ``{{ env.NAME }}`` is read when a run
    begins; a secret itself is refused here. None of them connects to anything before a value is asked for.

    Args:
        resource: What assets call it: the name of their argument.
        local: Outside Dagster+: ``dg dev``, tests, CI.
        branch: In every branch deployment that ``deployments`` does not name.
        deployments: By the name of the deployment.
        default: Wherever none of the others applies.
    """

    SHOWS_LINES = False
    OTHERWISE = "for a deployment of that name write deployments: {{{name}: ...}}"

    resource: Annotated[
        str,
        dg.Resolver(
            _name,
            model_field_type=NameModel,
            description="What assets call it: the name of their argument.",
            examples=["secrets"],
        ),
    ] = "secrets"
    local: Annotated[
        SecretsResource | None,
        _resolved("Outside Dagster+: dg dev, tests, CI.", {"type": "env", "env_file": ".env"}),
    ] = None
    branch: Annotated[
        SecretsResource | None,
        _resolved("In every branch deployment that deployments does not name.", {"type": "env"}),
    ] = None
    deployments: Annotated[
        Mapping[str, SecretsResource],
        dg.Resolver(
            _backends,
            model_field_type=BackendsModel,
            description="By the name of the deployment.",
            examples=[{"prod": {"type": "aws", "client": {"region_name": "eu-west-1"}}}],
        ),
    ] = field(default_factory=dict)
    default: Annotated[
        SecretsResource | None,
        _resolved(
            "Wherever none of the others applies.",
            {
                "type": "vault",
                "url": "{{ env.VAULT_ADDR }}",
                "auth": {"type": "kubernetes", "role": "dagster"},
            },
        ),
    ] = None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The secrets for the deployment in which this loads, as a resource."""
        try:
            found = secrets_for_deployment(
                local=self.local, branch=self.branch, deployments=self.deployments, default=self.default
            )
        except DeploymentError as error:
            raise refused_by(context, "", str(error)) from None
        return dg.Definitions(resources={self.resource: found})
