"""The signed ``sts:GetCallerIdentity`` request of Vault's AWS IAM login.

https://developer.hashicorp.com/vault/api-docs/auth/aws#login. botocore signs it rather than hvac, whose
signer knows only the global endpoint and a clock call that Python 3.12 has deprecated.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.secrets.boto import quiet_botocore
from dagster_plus_k8s_helpers.secrets.errors import SecretsAuthError

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

__all__ = ["signed_identity"]

_BODY = "Action=GetCallerIdentity&Version=2011-06-15"
_GLOBAL_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class SignedIdentity:
    """The ``iam_*`` parameters of a login, and which texts in them an error must not repeat."""

    parameters: dict[str, str]
    secrets: dict[str, str]


def signed_identity(
    *,
    region: str,
    server_id: str | None,
    profile_name: str | None,
    keys: tuple[str | None, str | None, str | None],
) -> SignedIdentity | SecretsAuthError:
    """The signed request, or why there is none.

    Args:
        region: Of the STS endpoint.
        server_id: Value of the X-Vault-AWS-IAM-Server-ID header, or None.
        profile_name: A profile, or None.
        keys: Access key id, secret access key, session token; all None to let boto3 look.
    """
    # All of it: looking for credentials may ask STS, and signing logs the session token.
    with quiet_botocore():
        credentials = _credentials(profile_name, keys)
        if isinstance(credentials, SecretsAuthError):
            return credentials
        return _signed(region, server_id, credentials)


def _credentials(
    profile_name: str | None, keys: tuple[str | None, str | None, str | None]
) -> ReadOnlyCredentials | SecretsAuthError:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    problem = "no AWS credentials were found"
    try:
        found = boto3.Session(*keys, profile_name=profile_name).get_credentials()
        if found is not None:
            frozen: ReadOnlyCredentials = found.get_frozen_credentials()
            return frozen
    # ClientError: what STS says to the pod's web identity; it holds the whole answer.
    except (BotoCoreError, ClientError) as failure:
        problem = f"the AWS credentials cannot be loaded ({type(failure).__name__})"
    return SecretsAuthError(problem, check="Does the pod's service account have a role (IRSA, Pod Identity)?")


def _signed(region: str, server_id: str | None, credentials: ReadOnlyCredentials) -> SignedIdentity:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    host = "sts.amazonaws.com" if region == _GLOBAL_REGION else f"sts.{region}.amazonaws.com"
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "Host": host}
    if server_id:
        headers["X-Vault-AWS-IAM-Server-ID"] = server_id
    request = AWSRequest("POST", f"https://{host}/", headers=headers, data=_BODY)
    SigV4Auth(credentials, "sts", region).add_auth(request)
    signed = {name: [value] for name, value in request.headers.items()}
    parameters = {
        "iam_http_request_method": "POST",
        "iam_request_url": _base64(f"https://{host}/"),
        "iam_request_body": _base64(_BODY),
        "iam_request_headers": _base64(json.dumps(signed)),
    }
    secrets = {
        "headers": parameters["iam_request_headers"],
        "signature": request.headers["Authorization"],
        "session": request.headers.get("X-Amz-Security-Token", ""),
    }
    return SignedIdentity(parameters, secrets)


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
