"""What a failed call to the API means: try again, or take its answer."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

from urllib3.exceptions import NameResolutionError, ProtocolError

from dagster_plus_k8s_helpers.diagnosis.api_json import integer, items, text
from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind

__all__ = ["CallError", "answered", "causes_of", "late", "not_built", "refusal", "unreachable"]

# 410 is a page of a list that was asked for too late. 401 is among them because managed clusters give it now
# and then for tokens that are valid; dagster_k8s retries it too.
# Source: https://github.com/aws/containers-roadmap/issues/1810
_PASSING = frozenset({401, 408, 410, 429})

_FORBIDDEN, _NOT_FOUND = 403, 404
_NO_SUCH_API = "404 page not found"
_LONGEST_PAUSE = 60.0
# urllib3 puts it in front: "HTTPConnection(host=..., port=...): Failed to ...".
_CONNECTION = re.compile(r"^<?[\w.]*HTTPS?Connection\b.*?[)>]: ")


# Not frozen: whoever passes an exception on sets its traceback.
@dataclass(eq=False)
class CallError(Exception):
    """A call that brought no result.

    Args:
        status: HTTP status of the answer; 0 when there was none.
        reason: What the API, or the connection, said.
        body: The answer's ``Status`` object, as text.
        retry_after: Seconds the API asks to wait.
        waited: Seconds for which an answer was waited for in vain.
        is_foreign: Whether something in front of the API server answered in its place: a proxy, a login page.
    """

    status: int
    reason: str
    body: str = ""
    retry_after: float = 0.0
    waited: float = 0.0
    is_foreign: bool = False

    @property
    def is_passing(self) -> bool:
        """Whether the same call may well go through later."""
        return self.is_foreign or self.status == 0 or self.status in _PASSING or self.status >= 500

    @property
    def is_throttling(self) -> bool:
        """Whether the API is there and asks for patience."""
        return self.status == 429

    @property
    def is_absent(self) -> bool:
        """Whether the API server itself says that there is no such object."""
        return self.status == _NOT_FOUND and not self.is_foreign

    @property
    def is_of_no_api(self) -> bool:
        """Whether the cluster has no such API, or not in that version: it says so without an object."""
        return self.status == _NOT_FOUND and self.body.strip() == _NO_SUCH_API

    @property
    def is_forbidden(self) -> bool:
        """Whether the API server itself says that who asks may not."""
        return self.status == _FORBIDDEN and not self.is_foreign

    @property
    def is_unauthorized(self) -> bool:
        """Whether the API is there and does not know who asks: a token has expired, or was revoked."""
        return self.status == 401

    def __str__(self) -> str:
        if self.status == 0:
            return self.reason
        said = f"HTTP {self.status} {text(_status(self.body), 'message') or self.reason}".rstrip(". ")
        return f"{said}, which the API server does not say" if self.is_foreign else said


def answered(
    status: int | None, reason: str | None, body: str | None, retry_after: str | None = None
) -> CallError:
    """The error of a call that was answered."""
    try:
        seconds = float(retry_after or 0)
    except ValueError:
        seconds = 0.0
    seconds = min(max(seconds, 0.0), _LONGEST_PAUSE) if math.isfinite(seconds) else 0.0
    error = CallError(status or 0, reason or "", body or "", seconds)
    # The API server explains an error in an object; what may pass is retried whoever says it.
    error.is_foreign = not error.is_passing and not _is_own(status or 0, body or "")
    return error


def late(seconds: float, *, has_begun: bool = False) -> CallError:
    """The error of a call whose time was up.

    Args:
        seconds: How much it had.
        has_begun: Whether a part of the answer came.
    """
    said = "the answer has not ended within" if has_begun else "no answer within"
    return CallError(0, f"{said} {seconds:g} s", waited=seconds)


def unreachable(error: BaseException) -> CallError:
    """The error of a call that never got an answer; the innermost cause says the most."""
    while (inner := _cause_of(error)) is not None:
        error = inner
    return CallError(0, _CONNECTION.sub("", str(error)).strip() or type(error).__name__)


def _cause_of(error: BaseException) -> BaseException | None:
    # It alone says which name.
    if isinstance(error, NameResolutionError):
        return None
    within = error.args[-1] if isinstance(error, ProtocolError) and error.args else None
    causes = (getattr(error, "reason", None), error.__cause__, within)
    return next((cause for cause in causes if isinstance(cause, BaseException)), None)


def causes_of(error: CallError) -> list[tuple[str, str]]:
    """The fields that the API names in an answer, and what it says of each."""
    return [
        (text(cause, "field"), text(cause, "message"))
        for cause in items(_status(error.body).get("details"), "causes")
        if text(cause, "message")
    ]


def refusal(error: CallError, job_name: str) -> Diagnosis:
    """Why the API took no Job, with the fields it names.

    Args:
        error: The answer.
        job_name: Name of the Job that was refused.
    """
    status = _status(error.body)
    causes = causes_of(error)
    fields = ", ".join(dict.fromkeys(field for field, _ in causes if field))
    said = "; ".join(f"{field}: {message}" if field else message for field, message in causes)
    hints = {
        403: "The run's service account may not create Jobs in the namespace, or a policy refuses this one.",
        409: "Another Job has its name.",
    }
    return Diagnosis(
        DiagnosisKind.JOB_REFUSED,
        f"The API server refused the Job (HTTP {error.status} {text(status, 'reason') or error.reason}): "
        f"{said or text(status, 'message') or error.reason}".rstrip(". ")
        + ".",
        {"http_status": error.status, "field": fields, "job": job_name},
        hint=hints.get(error.status, "Correct the step's Kubernetes config."),
        retryable=False,
    )


def not_built(said: str) -> Diagnosis:
    """Why there was no Job to send: an error in what it is built from.

    Args:
        said: What the error says.
    """
    return Diagnosis(
        DiagnosisKind.JOB_REFUSED,
        f"The Job of the step could not be built: {said}".rstrip(". ") + ".",
        hint="Correct the step's Kubernetes config.",
        retryable=False,
    )


def _status(body: str) -> dict[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_own(status: int, body: str) -> bool:
    """Whether an error is in the API server's words; of one that means "gone", that must be certain."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if status != _NOT_FOUND:
        return isinstance(said, dict)
    return text(said, "kind") == "Status" or integer(said, "code") == _NOT_FOUND
