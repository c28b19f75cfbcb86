"""What AWS says went wrong, as this package's errors.

Codes: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html and
https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.secrets.errors import (
    SecretAccessDenied,
    SecretDeleted,
    SecretKmsDenied,
    SecretNotFound,
    SecretRefError,
    SecretsAuthError,
    SecretsBackendUnavailable,
    SecretsConfigError,
    SecretsError,
    SecretsThrottled,
    SecretWrongRegion,
)

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

    from dagster_plus_k8s_helpers.secrets.ref import SecretRef

__all__ = ["code_of", "failure_of_code", "failure_of_sdk", "wrong_region"]

_LONGEST = 300

_THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
    }
)
_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "NotAuthorized",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_BAD_REQUEST = frozenset({"InvalidParameterException", "InvalidParameterValue", "ValidationException"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})
_DELETED = re.compile(r"marked (for deletion|deleted)|scheduled for deletion|pending deletion", re.IGNORECASE)


def code_of(failure: ClientError) -> tuple[str, str, int]:
    """Error code, message and HTTP status of a refusal."""
    error = failure.response.get("Error", {})
    status = failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return str(error.get("Code", "")), str(error.get("Message", "")), int(status)


def failure_of_code(code: str, message: str, status: int, *, backend: str, ref: str) -> SecretsError:
    """The error for a code of the Secrets Manager API."""
    kind, what, check = _meaning(code, " ".join(message.split())[:_LONGEST], status)
    return kind(what, check=check, backend=backend, ref=ref)


def failure_of_sdk(failure: BotoCoreError, *, backend: str, ref: str) -> SecretsError:
    """The error for what boto3 raises without an answer from AWS. Its text is not repeated."""
    from botocore import exceptions as sdk

    name = type(failure).__name__
    kind: type[SecretsError] = SecretsBackendUnavailable
    what, check = f"the request failed ({name})", "Are the region and the endpoint right, and reachable?"
    credentials = (
        sdk.NoCredentialsError,
        sdk.PartialCredentialsError,
        sdk.CredentialRetrievalError,
        sdk.TokenRetrievalError,
        sdk.SSOError,
        sdk.MetadataRetrievalError,
    )
    if isinstance(failure, credentials):
        kind, what = SecretsAuthError, f"no AWS credentials ({name})"
        check = "Does the pod's service account have a role (IRSA, Pod Identity)?"
    elif isinstance(failure, (sdk.NoRegionError, sdk.ProfileNotFound, sdk.InvalidRegionError)):
        kind, what = SecretsConfigError, f"the client cannot be made ({name})"
        check = "Set region_name and profile_name of the SecretsManagerResource"
    elif isinstance(failure, sdk.ParamValidationError):
        kind, what, check = SecretRefError, "the name or version is not one that AWS takes", ""
    return kind(what, check=check, backend=backend, ref=ref)


def wrong_region(ref: SecretRef, secret_id: str, region: str, backend: str) -> SecretWrongRegion | None:
    """The error for an ARN of another region, which AWS would report as not found."""
    parts = secret_id.split(":")
    if parts[0] != "arn" or len(parts) <= 3 or parts[3] in ("", region):
        return None
    return SecretWrongRegion(
        f"the secret is in {parts[3]}, the client in {region}",
        check=f"Make another AwsSecrets with SecretsManagerResource(region_name={parts[3]!r})",
        backend=backend,
        ref=str(ref),
    )


def _meaning(code: str, message: str, status: int) -> tuple[type[SecretsError], str, str]:  # noqa: PLR0911  (a table)
    if code == "ResourceNotFoundException":
        return (
            SecretNotFound,
            "there is no such secret or version",
            "Check spelling, prefix, region and account",
        )
    if _DELETED.search(message):
        return (
            SecretDeleted,
            "it is deleted and waits for its recovery window to end",
            "`aws secretsmanager restore-secret` brings it back",
        )
    if code == "DecryptionFailure" or (code in _DENIED and re.search(r"\bkms\b", message, re.IGNORECASE)):
        return (
            SecretKmsDenied,
            f"its KMS key may not be used ({code})",
            "The role needs kms:Decrypt on the key, and the key's policy must allow the role",
        )
    if code in _DENIED:
        return (
            SecretAccessDenied,
            f"the role may not read it: {message}",
            "The role needs secretsmanager:GetSecretValue; see the secret's resource policy too",
        )
    if code in _CREDENTIALS:
        # AWS explains a bad signature with the request it expected, session token included.
        return (
            SecretsAuthError,
            f"AWS refused the credentials ({code})",
            "Have they run out, or is the clock wrong?",
        )
    if code in _THROTTLED:
        return (
            SecretsThrottled,
            f"too many requests ({code})",
            "Read more in one get_many(), or raise cache_ttl",
        )
    if code in _BAD_REQUEST:
        return SecretRefError, f"the name or version is not one that AWS takes: {message}", ""
    if status >= 500 or code in ("InternalServiceError", "ServiceUnavailable"):
        return SecretsBackendUnavailable, f"AWS failed ({code or status})", "See the AWS Health dashboard"
    return SecretsConfigError, f"AWS refused the request ({code or status}): {message}", ""
