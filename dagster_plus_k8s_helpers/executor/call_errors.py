"""What a failed call to the API means: try again, or take its answer."""

from __future__ import annotations

import json
from dataclasses import dataclass

from dagster_plus_k8s_helpers.executor.api_json import items, text
from dagster_plus_k8s_helpers.executor.diagnosis_kind import Diagnosis, DiagnosisKind

__all__ = ["CallError", "answered", "causes_of", "not_built", "refusal", "unreachable"]

# 401 is among them because managed clusters give it now and then for tokens that are valid; dagster_k8s
# retries it too. Source: https://github.com/aws/containers-roadmap/issues/1810
_PASSING = frozenset({401, 408, 429})


# Not frozen: whoever passes an exception on sets its traceback.
@dataclass(eq=False)
class CallError(Exception):
    """A call that brought no result.

    Args:
        status: HTTP status of the answer; 0 when there was none.
        reason: What the API, or the connection, said.
        body: The answer's ``Status`` object, as text.
        retry_after: Seconds the API asks to wait.
    """

    status: int
    reason: str
    body: str = ""
    retry_after: float = 0.0

    @property
    def is_passing(self) -> bool:
        """Whether the same call may well go through later."""
        return self.status == 0 or self.status in _PASSING or self.status >= 500

    @property
    def is_throttling(self) -> bool:
        """Whether the API is there and asks for patience."""
        return self.status == 429

    @property
    def is_unauthorized(self) -> bool:
        """Whether the API is there and does not know who asks: a token has expired, or was revoked."""
        return self.status == 401

    def __str__(self) -> str:
        if self.status == 0:
            return self.reason
        return f"HTTP {self.status} {text(_status(self.body), 'message') or self.reason}".rstrip(". ")


def answered(
    status: int | None, reason: str | None, body: str | None, retry_after: str | None = None
) -> CallError:
    """The error of a call that was answered."""
    try:
        seconds = float(retry_after or 0)
    except ValueError:
        seconds = 0.0
    return CallError(status or 0, reason or "", body or "", min(max(seconds, 0.0), 60.0))


def unreachable(error: Exception) -> CallError:
    """The error of a call that never got an answer; the innermost cause says the most."""
    while (inner := getattr(error, "reason", None) or error.__cause__) and isinstance(inner, Exception):
        error = inner
    said = str(error)
    # urllib3 puts the connection's repr in front: "<HTTPConnection(host=...) at 0x...>: Failed to ...".
    said = said.rpartition(">: ")[2] if said.startswith("<") else said
    return CallError(0, said or type(error).__name__)


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
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
