"""Every error of the secrets package.

DagsterPlusK8sError
└── SecretsError                        names the backend, the ref and what to check
    ├── SecretRefError (ValueError)     a reference that cannot be read, or that this backend cannot serve
    ├── SecretsConfigError              a setting of a backend that cannot work
    ├── SecretValueError (TypeError)    a SecretValue handed to something that would write it down
    ├── SecretNotFound                  the backend has no such secret or version
    │   └── SecretDeleted               it had one; it is deleted, destroyed or pending deletion
    ├── SecretFieldNotFound             the secret exists and lacks the field
    ├── SecretAccessDenied              the credentials are good and do not reach this secret
    │   └── SecretKmsDenied             they reach it and may not use the key it is encrypted with
    ├── SecretWrongRegion               the secret lives in another region than the client
    ├── SecretsAuthError                the credentials themselves were refused, or could not be read
    ├── SecretLeaseEnded                dynamic credentials whose lease has run out
    └── SecretsBackendUnavailable       no usable answer before the deadline
        ├── SecretsBackendSealed        Vault is sealed
        └── SecretsThrottled            too many requests, until the deadline

No error holds a secret value, a token or a request header: not in its message, its args, its cause or
its context. That is why this package returns a failure out of the ``except`` block that noticed it and
raises it afterwards: an exception raised inside the block keeps the original as its ``__context__``,
response body and all.
"""

from __future__ import annotations

from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError

__all__ = [
    "SecretAccessDenied",
    "SecretDeleted",
    "SecretFieldNotFound",
    "SecretKmsDenied",
    "SecretLeaseEnded",
    "SecretNotFound",
    "SecretRefError",
    "SecretValueError",
    "SecretWrongRegion",
    "SecretsAuthError",
    "SecretsBackendSealed",
    "SecretsBackendUnavailable",
    "SecretsConfigError",
    "SecretsError",
    "SecretsThrottled",
]


class SecretsError(DagsterPlusK8sError):
    """Base of every error of the secrets package.

    Args:
        what: What is wrong.
        check: What to look at or to write instead; may be empty.
        backend: The backend that was asked, such as ``Vault at https://vault:8200``; may be empty.
        ref: The reference that was asked for; may be empty.
    """

    def __init__(self, what: str, *, check: str = "", backend: str = "", ref: str = "") -> None:
        where = f"{backend}: " if backend else ""
        which = f"secret {ref!r}: " if ref else ""
        super().__init__(f"{where}{which}{what}{f'. {check}' if check else ''}")
        self.what = what
        self.check = check
        self.backend = backend
        self.ref = ref

    def about(self, ref: str) -> SecretsError:
        """The same error, told about one reference; a new object, so that threads share no traceback."""
        return type(self)(self.what, check=self.check, backend=self.backend, ref=ref)


class SecretRefError(SecretsError, ValueError):
    """A reference that cannot be read, or that this backend cannot serve."""


class SecretsConfigError(SecretsError):
    """A setting of a backend that cannot work.

    Not a ValueError on purpose: pydantic turns a ValueError into a ValidationError, whose ``errors()``
    repeat the input, credentials included.
    """


class SecretValueError(SecretsError, TypeError):
    """A SecretValue handed to something that would write it down, or read in a way it cannot be."""


class SecretNotFound(SecretsError):
    """The backend has no such secret, or no such version of it."""


class SecretDeleted(SecretNotFound):
    """The secret, or this version of it, is deleted, destroyed or pending deletion."""


class SecretFieldNotFound(SecretsError):
    """The secret exists and lacks the field; the message lists the names of those it has."""


class SecretAccessDenied(SecretsError):
    """The credentials are good and do not reach this secret."""


class SecretKmsDenied(SecretAccessDenied):
    """The credentials reach the secret and may not use the KMS key it is encrypted with."""


class SecretWrongRegion(SecretsError):
    """The secret lives in another region than the one the client talks to."""


class SecretsAuthError(SecretsError):
    """The credentials themselves were refused, have run out, or could not be read."""


class SecretLeaseEnded(SecretsError):
    """Dynamic credentials whose lease has run out: the backend has withdrawn them."""


class SecretsBackendUnavailable(SecretsError):
    """No usable answer before the deadline."""


class SecretsBackendSealed(SecretsBackendUnavailable):
    """Vault is sealed: it answers, and can decrypt nothing until somebody unseals it."""


class SecretsThrottled(SecretsBackendUnavailable):
    """The backend turned requests away for their number until the deadline."""
