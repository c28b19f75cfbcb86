"""A Secrets Manager client in another account: the injected one's settings, an assumed role's credentials."""

from __future__ import annotations

from typing import Any

__all__ = ["client_with_role"]


def client_with_role(resource: Any, *, role_arn: str, external_id: str | None, session_name: str) -> Any:
    """A client whose credentials are those of the role, renewed by botocore before they run out.

    Args:
        resource: dagster-aws' SecretsManagerResource: its credentials assume the role, and its endpoint,
            region, retry and TLS settings are kept. STS is asked at its own endpoint for the region.
        role_arn: The role to assume.
        external_id: What the role's trust policy asks for, or None.
        session_name: As CloudTrail shows it.
    """
    import boto3
    import botocore.session
    from botocore.config import Config
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    source = boto3.Session(
        resource.aws_access_key_id,
        resource.aws_secret_access_key,
        resource.aws_session_token,
        region_name=resource.region_name,
        profile_name=resource.profile_name,
    )
    extra = {"RoleSessionName": session_name, **({"ExternalId": external_id} if external_id else {})}
    fetcher = AssumeRoleCredentialFetcher(
        source._session.create_client,  # noqa: SLF001  (the botocore session of a boto3 one has no public name)
        source.get_credentials(),
        role_arn,
        extra_args=extra,
    )
    target = botocore.session.get_session()
    target._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")  # noqa: SLF001 - as above
    client: Any = boto3.Session(botocore_session=target).client(
        "secretsmanager",
        region_name=source.region_name,
        use_ssl=resource.use_ssl,
        verify=resource.verify,
        endpoint_url=resource.endpoint_url,
        config=Config(retries={"max_attempts": resource.max_attempts, "mode": "standard"}),
    )
    return client
