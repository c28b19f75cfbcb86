"""``AwsSecrets``: secrets from AWS Secrets Manager, through dagster-aws' own client resource."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.secrets.aws.assume_role import client_with_role
from dagster_plus_k8s_helpers.secrets.aws.connection import AwsConnection
from dagster_plus_k8s_helpers.secrets.boto import aws_environment
from dagster_plus_k8s_helpers.secrets.cached import CachedSecretsResource
from dagster_plus_k8s_helpers.secrets.environment import fitting, in_environment, refuse_names
from dagster_plus_k8s_helpers.secrets.errors import SecretRefError, SecretsConfigError
from dagster_plus_k8s_helpers.secrets.ref import SecretRef
from dagster_plus_k8s_helpers.secrets.resource import known
from dagster_plus_k8s_helpers.secrets.value import SecretValue

if TYPE_CHECKING:
    from dagster_aws.secretsmanager import SecretsManagerResource as Client
else:
    # Importing dagster_aws takes longer than dagster itself, and without the extra "aws" it is not there.
    # A ResourceDependency is checked by what it can do, below, not by its class.
    Client = Any

__all__ = ["AwsSecrets"]


@answering
class AwsSecrets(CachedSecretsResource):
    """Secrets of AWS Secrets Manager. Needs the extra ``aws``.

    ``client`` is a ``dagster_aws.secretsmanager.SecretsManagerResource``: its region, profile, keys,
    endpoint and TLS settings apply, and without keys boto3's chain does (IRSA, Pod Identity). A reference
    names a secret by name or ARN; its fields are those of the JSON object in it; its version is a
    version id or a stage, such as AWSPREVIOUS.
    """

    ADVICE = {  # noqa: RUF012 - as pydantic has it
        **dict.fromkeys(
            (
                "region_name",
                "region",
                "profile_name",
                "endpoint_url",
                "aws_access_key_id",
                "aws_secret_access_key",
                "aws_session_token",
                "max_attempts",
                "use_ssl",
                "verify",
            ),
            "write client=SecretsManagerResource({name}=...), of dagster_aws.secretsmanager",
        ),
        "region": "write client=SecretsManagerResource(region_name=...), of dagster_aws.secretsmanager",
        "role_arn": "write assume_role_arn=...",
        "secrets": "name each where it is read, as in get('warehouse#password')",
    }

    client: dg.ResourceDependency[Client]
    prefix: str = Field(
        default="", description="Put before every name that is not an ARN, such as prod/dagster/."
    )
    assume_role_arn: str | None = Field(
        default=None, description="A role to assume first, for the secrets of another account."
    )
    external_id: str | None = Field(
        default=None, description="The external id that the role's trust policy asks for."
    )
    role_session_name: str = Field(
        default="dagster-plus-k8s-helpers", description="The session's name in CloudTrail."
    )
    timeout: float = Field(
        default=30.0, description="Seconds for one call; the retries within it are the client's."
    )

    @property
    def backend(self) -> str:
        region = getattr(self.client, "region_name", None)
        return "AWS Secrets Manager" + (f" in {region}" if region and known(region) else "")

    def check_settings(self) -> None:
        super().check_settings()
        role = known(self.assume_role_arn)
        problem = ""
        if not callable(getattr(self.client, "get_client", None)) and not _is_partial(self.client):
            problem = (
                f"client is of type {type(self.client).__name__}: "
                "write dagster_aws.secretsmanager.SecretsManagerResource(region_name=...)"
            )
        elif role is not None and not re.fullmatch(r"arn:[\w-]+:iam::\d{12}:role/\S+", role):
            problem = f"assume_role_arn={role!r} is not the ARN of an IAM role"
        elif self.external_id is not None and self.assume_role_arn is None:
            problem = "external_id is for assume_role_arn, which is not given"
        elif not 0 < self.timeout < float("inf"):
            problem = f"timeout={self.timeout:g} is not a number of seconds above 0"
        if problem:
            raise SecretsConfigError(problem, backend="AwsSecrets")

    def get_by_tag(self, key: str, value: str | None = None) -> dict[str, SecretValue]:
        """Every secret with a tag, whole, by name less the prefix.

        Secrets with the tag that are not under the prefix are left out; the log says how many, and which.
        Two kinds of call: ListSecrets, a page of 100 at a time, then the values, 20 a call, from then on
        in the cache. The role needs secretsmanager:ListSecrets.

        Args:
            key: The tag's key, exactly.
            value: Its value, exactly; None takes any.

        Raises:
            SecretsError: As for :meth:`get`.
        """
        if not key:
            raise SecretRefError("the key of a tag is not empty", backend=self.backend)
        refs = [SecretRef(name) for name in self._aws().names_with_tag(key, value)]
        values = self.get_many(refs)
        return {ref.name: values[str(ref)] for ref in refs}

    def tagged_as_env(self, key: str, value: str | None = None) -> dict[str, str]:
        """Every secret with a tag as a variable of its name less the prefix, whole; as :meth:`as_env`.

        Args:
            key: The tag's key, exactly.
            value: Its value, exactly; None takes any.

        Raises:
            SecretValueError: A value that no environment variable can hold: binary, or with a NUL in it.
            SecretsError: As for :meth:`get_by_tag`.
        """
        return {name: secret.reveal() for name, secret in self._tagged(key, value).items()}

    @contextmanager
    def tagged_in_environment(self, key: str, value: str | None = None) -> Iterator[tuple[str, ...]]:
        """``os.environ`` with every secret with a tag in it for a while; as :meth:`in_environment`.

        What ``secrets_in_environment(secrets_tag=...)`` of dagster-aws does, in fewer calls:
        ``with secrets.tagged_in_environment("dagster"): ...``. Yields the names of the variables.

        Args:
            key: The tag's key, exactly.
            value: Its value, exactly; None takes any.

        Raises:
            SecretsError: As for :meth:`tagged_as_env`; nothing is set then.
        """
        secrets = self._tagged(key, value)
        with in_environment(secrets):
            yield tuple(secrets)

    def connect(self) -> AwsConnection:
        client, role = self.client, self.assume_role_arn
        external_id, session_name = self.external_id, self.role_session_name

        def make_client() -> Any:
            if role is None:
                return client.get_client()
            return client_with_role(client, role_arn=role, external_id=external_id, session_name=session_name)

        note = dg.get_dagster_logger("secrets").info
        return AwsConnection(make_client, prefix=self.prefix, timeout=self.timeout, note=note)

    def identity(self) -> object:
        """The environment that boto3's chain goes by."""
        return aws_environment()

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        # dagster-aws' resource shows its keys.
        for name, value in super().__repr_args__():
            yield name, type(value).__name__ if name == "client" else value

    def _tagged(self, key: str, value: str | None) -> dict[str, SecretValue]:
        secrets = self.get_by_tag(key, value)
        refuse_names(secrets)
        return fitting(secrets, {name: str(SecretRef(name)) for name in secrets}, self.backend)

    def _aws(self) -> AwsConnection:
        connection = self._shared().connection
        if not isinstance(connection, AwsConnection):
            raise TypeError(type(connection).__name__)
        return connection


def _is_partial(resource: object) -> bool:
    # SecretsManagerResource.configure_at_launch(): Dagster makes it a client before the run.
    return type(resource).__name__ == "PartialResource"
