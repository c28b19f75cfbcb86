"""Reading AWS Secrets Manager: twenty secrets a call.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
"""

from __future__ import annotations

import re
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.secrets.aws.failures import (
    code_of,
    failure_of_code,
    failure_of_sdk,
    wrong_region,
)
from dagster_plus_k8s_helpers.secrets.boto import quiet_botocore
from dagster_plus_k8s_helpers.secrets.deadline import Deadline, call_each, call_within
from dagster_plus_k8s_helpers.secrets.errors import (
    SecretAccessDenied,
    SecretsAuthError,
    SecretsBackendUnavailable,
    SecretsError,
)
from dagster_plus_k8s_helpers.secrets.fetched import Answers, FetchedSecret
from dagster_plus_k8s_helpers.secrets.value import SecretValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dagster_plus_k8s_helpers.secrets.ref import SecretRef

__all__ = ["AwsConnection"]

_PAGE = 20
_AT_ONCE = 8
# Names of secrets in a note.
_NAMED = 5
# A version id is a ClientRequestToken, in practice a UUID; anything else is a stage, such as AWSPREVIOUS.
_VERSION_ID = re.compile(r"[0-9a-fA-F-]{32,64}")


class AwsConnection:
    """A Secrets Manager client, made at the first use; thread-safe.

    Args:
        make_client: Makes the boto3 client.
        prefix: Put before every name that is not an ARN.
        timeout: Seconds for one call, boto3's retries included.
        note: Told, once, that the policy forbids batch reads, and what a prefix leaves out.
    """

    def __init__(
        self,
        make_client: Callable[[], Any],
        *,
        prefix: str,
        timeout: float,
        note: Callable[[str], None],
    ) -> None:
        self._make_client = make_client
        self._prefix = prefix
        self._timeout = timeout
        self._note = note
        self._client: Any | None = None
        self._lock = threading.Lock()
        self._batch_allowed = True

    def fetch(self, refs: Sequence[SecretRef]) -> Answers:
        """Read secrets, current versions twenty a call, others one a call."""
        deadline = Deadline(self._timeout)
        answers: Answers = self._within(deadline, partial(self._fetch, refs, deadline))
        return answers

    def names_with_tag(self, key: str, value: str | None) -> list[str]:
        """Names of the secrets under the prefix with this tag, less the prefix; those left out are noted."""
        deadline = Deadline(self._timeout)
        names: list[str] = self._within(deadline, partial(self._names_with_tag, key, value, deadline))
        left_out = [name for name in names if not name.startswith(self._prefix)]
        if left_out:
            shown = ", ".join(map(repr, left_out[:_NAMED]))
            more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
            self._note(
                f"{self._backend}: of {len(names)} secrets with the tag {key!r}, {len(left_out)} are not "
                f"under the prefix {self._prefix!r} and left out: {shown}{more}"
            )
        return [name.removeprefix(self._prefix) for name in names if name.startswith(self._prefix)]

    def close(self) -> None:
        """Close the sockets."""
        if self._client is not None:
            self._client.close()

    def _within(self, deadline: Deadline, call: Callable[[], Any]) -> Any:
        late = False
        answer = None
        try:
            answer = call_within(deadline.left(), partial(self._translated, call))
        except TimeoutError:
            late = True
        if late:
            raise self._late(deadline)
        if isinstance(answer, SecretsError):
            raise answer
        return answer

    def _late(self, deadline: Deadline) -> SecretsBackendUnavailable:
        return SecretsBackendUnavailable(
            f"no answer within {deadline.seconds:g} s",
            check="Are the region and the endpoint right, and reachable?",
            backend=self._backend,
        )

    def _translated(self, call: Callable[[], Any], ref: str = "") -> Any:
        """What ``call`` returns, or the error to raise: boto3's own holds the whole response."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            with quiet_botocore():
                return call()
        except SecretsError as failure:
            return failure.about(ref)
        except ClientError as failure:
            return failure_of_code(*code_of(failure), backend=self._backend, ref=ref)
        except BotoCoreError as failure:
            return failure_of_sdk(failure, backend=self._backend, ref=ref)
        # A corrupted answer makes botocore's parsers raise whatever comes: KeyError, ValueError, ...
        except (AttributeError, LookupError, TypeError, ValueError, OSError, RecursionError) as failure:
            return SecretsBackendUnavailable(
                f"its answer cannot be read ({type(failure).__name__})", backend=self._backend, ref=ref
            )

    @property
    def _backend(self) -> str:
        region = "" if self._client is None else f" in {self._client.meta.region_name}"
        return f"AWS Secrets Manager{region}"

    def _ready(self, deadline: Deadline) -> Any:
        # Past the deadline nobody waits for this thread any more: it calls AWS no further.
        if not deadline.left():
            raise self._late(deadline)
        with self._lock:
            if self._client is None:
                self._client = self._make_client()
            return self._client

    def _id(self, ref: SecretRef) -> str:
        return ref.name if ref.name.startswith("arn:") else self._prefix + ref.name

    def _fetch(
        self, refs: Sequence[SecretRef], deadline: Deadline
    ) -> dict[SecretRef, FetchedSecret | SecretsError]:
        region = self._ready(deadline).meta.region_name
        answers: dict[SecretRef, FetchedSecret | SecretsError] = {}
        for ref in refs:
            wrong = wrong_region(ref, self._id(ref), region, self._backend)
            if wrong is not None:
                answers[ref] = wrong
        current = [ref for ref in refs if ref not in answers and ref.version is None]
        if len(current) > 1:
            for start in range(0, len(current), _PAGE):
                answers.update(self._batch(current[start : start + _PAGE], deadline))
        alone = [ref for ref in refs if ref not in answers]
        if len(alone) == 1:
            answers[alone[0]] = self._single(alone[0], deadline)
        elif alone:
            read = partial(self._single, deadline=deadline)
            answers.update(zip(alone, call_each(read, alone, _AT_ONCE), strict=True))
        return answers

    def _single(self, ref: SecretRef, deadline: Deadline) -> FetchedSecret | SecretsError:
        request = {"SecretId": self._id(ref)}
        if ref.version is not None:
            by_id = _VERSION_ID.fullmatch(ref.version)
            request["VersionId" if by_id else "VersionStage"] = ref.version

        def read() -> FetchedSecret:
            return self._secret(self._ready(deadline).get_secret_value(**request))

        answer: FetchedSecret | SecretsError = self._translated(read, str(ref))
        return answer

    def _batch(
        self, refs: Sequence[SecretRef], deadline: Deadline
    ) -> dict[SecretRef, FetchedSecret | SecretsError]:
        """What one call says about up to twenty secrets; nothing where a single read will say more."""
        if not self._batch_allowed:
            return {}
        ids = {ref: self._id(ref) for ref in refs}
        pages = self._translated(partial(self._pages, list(dict.fromkeys(ids.values())), deadline))
        if isinstance(pages, SecretAccessDenied):
            self._batch_allowed = False
            self._note(
                f"{self._backend}: the policy does not allow secretsmanager:BatchGetSecretValue; "
                "reading secrets one by one"
            )
            return {}
        if isinstance(pages, (SecretsAuthError, SecretsBackendUnavailable)):
            return {ref: pages.about(str(ref)) for ref in refs}
        if isinstance(pages, SecretsError):
            return {}
        answers: dict[SecretRef, FetchedSecret | SecretsError] = {}
        for ref, secret_id in ids.items():
            for found in pages["SecretValues"]:
                if _is(found, secret_id):
                    answers[ref] = self._translated(partial(self._secret, found), str(ref))
            for error in pages["Errors"]:
                if error.get("SecretId") == secret_id:
                    answers[ref] = failure_of_code(
                        error.get("ErrorCode", ""),
                        error.get("Message", ""),
                        0,
                        backend=self._backend,
                        ref=str(ref),
                    )
        return answers

    def _pages(self, ids: list[str], deadline: Deadline) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {"SecretValues": [], "Errors": []}
        request: dict[str, Any] = {"SecretIdList": ids}
        seen: set[str] = set()
        while True:
            page = self._ready(deadline).batch_get_secret_value(**request)
            for name, items in found.items():
                items.extend(page.get(name) or [])
            token = page.get("NextToken")
            if not token:
                return found
            if token in seen:
                raise SecretsBackendUnavailable(
                    "it sends the same page of a batch again and again", backend=self._backend
                )
            seen.add(token)
            request["NextToken"] = token

    def _names_with_tag(self, key: str, value: str | None, deadline: Deadline) -> list[str]:
        filters = [{"Key": "tag-key", "Values": [key]}]
        if value is not None:
            filters.append({"Key": "tag-value", "Values": [value]})
        names: list[str] = []
        # The paginator stops at a token that comes twice.
        for page in self._ready(deadline).get_paginator("list_secrets").paginate(Filters=filters):
            names += [
                secret["Name"]
                for secret in page["SecretList"]
                # The API's filters match prefixes, and key and value on different tags.
                if any(
                    tag["Key"] == key and value in (None, tag.get("Value")) for tag in secret.get("Tags", [])
                )
            ]
            if not deadline.left():
                raise self._late(deadline)
        return sorted(names)

    def _secret(self, answer: Mapping[str, Any]) -> FetchedSecret:
        text = answer.get("SecretString")
        if text is not None:
            return FetchedSecret.from_text(text, source=self._backend)
        return FetchedSecret(
            source=self._backend, whole=SecretValue(answer["SecretBinary"], source=self._backend)
        )


def _is(found: Mapping[str, Any], secret_id: str) -> bool:
    """Whether this is the secret asked for by name, ARN, or ARN without its random suffix."""
    arn = found.get("ARN", "")
    return secret_id in (found.get("Name"), arn, arn.rpartition("-")[0])
