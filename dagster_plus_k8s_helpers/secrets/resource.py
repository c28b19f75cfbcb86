"""The calls that every backend answers: ``SecretsResource``.

No ``from __future__ import annotations`` in modules that define resources: Dagster finds nested
resources by looking at the annotations themselves.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import dagster as dg
from pydantic import ConfigDict, ValidationError

from dagster_plus_k8s_helpers.arguments import answering, unknown_argument
from dagster_plus_k8s_helpers.errors import ArgumentError
from dagster_plus_k8s_helpers.secrets import redact
from dagster_plus_k8s_helpers.secrets.environment import fitting, in_environment, refuse_names
from dagster_plus_k8s_helpers.secrets.errors import (
    SecretNotFound,
    SecretRefError,
    SecretsConfigError,
    SecretsError,
)
from dagster_plus_k8s_helpers.secrets.fetched import Answers, FetchedSecret, fields_of, select
from dagster_plus_k8s_helpers.secrets.ref import SecretRef
from dagster_plus_k8s_helpers.secrets.value import SecretValue

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["CheckedResource", "SecretsResource"]


class CheckedResource(dg.ConfigurableResource[Any], ABC):
    """A resource whose settings are checked when it is made, and again once EnvVars have values.

    Raises:
        SecretsConfigError: A setting that cannot work, or that there is not. It says which, and never
            what its value was.
    """

    # Dagster ignores unknown settings; a misspelt one would be dropped in silence.
    model_config = ConfigDict(extra="forbid")

    ADVICE: ClassVar[Mapping[str, str]] = {}
    """What to write instead of settings that there are not."""

    def __init__(self, *placed: object, **data: object) -> None:
        problem = (
            self._by_name_only() if placed else self._initialised(data) or _problem_of(self.check_settings)
        )
        if problem is not None:
            # A traceback that shows locals shows this frame: no setting, not even a refused one, is in it.
            del self, placed, data
            raise problem

    @classmethod
    def _by_name_only(cls) -> ArgumentError:
        fields = cls.model_fields
        first = next((name for name, field in fields.items() if field.is_required()), next(iter(fields), ""))
        such_as = f", such as {first}=..." if first else ""
        return ArgumentError(f"{cls.__name__} takes its settings by name only{such_as}")

    def check_settings(self) -> None:
        """Raise SecretsConfigError for settings that cannot work; by default all can.

        A setting given as an EnvVar has no value yet: see :func:`known`.
        """

    def _initialised(self, data: Mapping[str, object]) -> SecretsConfigError | None:
        try:
            super().__init__(**data)
        except ValidationError as invalid:
            errors = invalid.errors(include_input=False, include_url=False, include_context=False)
            return SecretsConfigError(self._problems(errors, data), backend=type(self).__name__)
        # pydantic tries to make an abstract class of a dictionary.
        except TypeError:
            written_out = next((name for name, value in data.items() if isinstance(value, Mapping)), None)
            if written_out is None:
                raise
            return SecretsConfigError(
                f"{written_out} is a dictionary",
                check="Write the object itself, such as auth=VaultKubernetesAuth(role=...)",
                backend=type(self).__name__,
            )
        return None

    def _problems(self, errors: "Sequence[ErrorDetails]", data: Mapping[str, object]) -> str:
        """What is wrong with the settings, without what they are; first those that there are not."""
        fields = type(self).model_fields
        unknown = [str(error["loc"][0]) for error in errors if error["type"] == "extra_forbidden"]
        if unknown:
            return "; ".join(
                f"there is no setting {name!r}{unknown_argument(name, fields, self.ADVICE)}"
                for name in unknown
            )
        reasons: dict[str, str] = {}
        for error in errors:
            where = ".".join(map(str, error["loc"])) or "settings"
            name = str(error["loc"][0]) if error["loc"] else where
            if name in fields and name not in data:
                reasons[name] = f"is missing; write {name}=..."
            elif error["type"] in _OF_A_RESOURCE and name in fields:
                # One for each of the forms in which Dagster takes a resource.
                reasons.setdefault(name, _resource_wanted(str(error["loc"][-1]), data[name]))
            else:
                reasons[where] = _WANTED.get(error["type"], error["msg"])
        return "; ".join(f"{where}: {reason}" for where, reason in reasons.items())


_OF_A_RESOURCE = ("model_type", "dataclass_type", "is_instance_of")
_WANTED = {
    "bool_parsing": "must be True or False",
    "bool_type": "must be True or False",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "string_type": "must be text",
}
"""What pydantic's complaints come to."""


def _resource_wanted(kind: str, value: object) -> str:
    if isinstance(value, type):
        return f"is the class itself; write {value.__name__}(...)"
    return f"must be a {kind}, not {type(value).__name__}"


def _problem_of(check: Callable[[], None]) -> SecretsError | None:
    """The error that ``check`` raises, made anew: in the frames of the old one are the settings."""
    try:
        check()
    except SecretsError as failure:
        return failure.about(failure.ref)
    return None


def known(value: str | None) -> str | None:
    """A text setting, or None while it is an EnvVar that Dagster has not resolved."""
    return None if isinstance(value, dg.EnvVar) else value


@answering
class SecretsResource(CheckedResource, ABC):
    """Secrets, wherever they are kept; any other resource can take one as a dependency.

    A backend implements :attr:`backend` and :meth:`fetch`; everything else is the same on all of them.
    A reference is a :class:`SecretRef` or its text: ``name``, ``name#field``, ``name#field@version``.
    """

    @property
    @abstractmethod
    def backend(self) -> str:
        """How messages name this backend, such as ``Vault at https://vault:8200``."""

    @abstractmethod
    def fetch(self, refs: Sequence[SecretRef]) -> Answers:
        """Read whole secrets (the references have no field), in as few calls as the backend allows.

        Returns:
            For each reference the secret, or the error that says why there is none.

        Raises:
            SecretsError: Nothing could be read at all.
        """

    def get(self, ref: str | SecretRef, *, refresh: bool = False) -> SecretValue:
        """One value. Never None.

        Args:
            ref: The secret, or one field of it.
            refresh: Ask the backend even if the value is in the cache.

        Raises:
            SecretNotFound: There is no such secret or version.
            SecretFieldNotFound: It lacks the field; the message lists those it has.
            SecretsError: Anything else, each under its own name: see ``secrets/errors.py``.
        """
        ref = SecretRef.of(ref)
        return select(self._one(ref, refresh=refresh), ref)

    def get_many(self, refs: Iterable[str | SecretRef], *, refresh: bool = False) -> dict[str, SecretValue]:
        """Several values by reference, in as few calls as the backend allows.

        Args:
            refs: References; the keys of the result are their texts.
            refresh: Ask the backend even for values in the cache.

        Raises:
            SecretsError: For the first reference without a value; notes on it name the others.
        """
        if isinstance(refs, (str, SecretRef)) or not isinstance(refs, Iterable):
            raise SecretRefError("get_many() takes a list of references", check="For one, call get()")
        wanted = {str(ref): SecretRef.of(ref) for ref in refs}
        answers = self._answers(list(dict.fromkeys(ref.secret for ref in wanted.values())), refresh=refresh)
        found: dict[str, SecretValue] = {}
        failures: list[SecretsError] = []
        for text, ref in wanted.items():
            picked = _picked(answers[ref.secret], ref)
            if isinstance(picked, SecretsError):
                failures.append(picked)
            else:
                found[text] = picked
        if failures:
            first, *others = failures
            for other in others:
                first.add_note(f"Also: {other}")
            raise first
        return found

    def get_all(self, name: str | SecretRef, *, refresh: bool = False) -> dict[str, SecretValue]:
        """Every field of one secret.

        Raises:
            SecretFieldNotFound: The secret is plain text or binary.
            SecretsError: As for :meth:`get`.
        """
        ref = SecretRef.of(name)
        if ref.field is not None:
            raise SecretRefError(
                "get_all() takes a secret, not one field of it", check="Call get()", ref=str(ref)
            )
        return dict(fields_of(self._one(ref, refresh=refresh), ref))

    def as_env(self, variables: Mapping[str, str | SecretRef]) -> dict[str, str]:
        """Revealed values by variable name, for a subprocess or a Pipes pod; ``os.environ`` is untouched.

        Args:
            variables: Reference by environment variable name.

        Raises:
            SecretValueError: A value that no environment variable can hold: binary, or with a NUL in it.
            SecretsError: As for :meth:`get_many`.
        """
        return {name: value.reveal() for name, value in self._variables(variables).items()}

    def in_environment(self, variables: Mapping[str, str | SecretRef]) -> AbstractContextManager[None]:
        """``os.environ`` with these variables in it for a while; restored whatever happens.

        The environment belongs to the whole process: other threads see the variables too. Prefer
        :meth:`as_env` where the values can be handed over.

        Args:
            variables: Reference by environment variable name.

        Raises:
            SecretsError: As for :meth:`as_env`; nothing is set then.
        """
        self._check_variables(variables)
        return self._in_environment(variables)

    @contextmanager
    def _in_environment(self, variables: Mapping[str, str | SecretRef]) -> Iterator[None]:
        with in_environment(self._variables(variables)):
            yield

    def invalidate(self, ref: str | SecretRef | None = None) -> None:
        """Forget a cached secret, every version of it, or all of them; nothing to do without a cache.

        Args:
            ref: The secret (a field or version in it is ignored), or None for everything.
        """
        if ref is not None:
            SecretRef.of(ref)

    def _variables(self, variables: Mapping[str, str | SecretRef]) -> dict[str, SecretValue]:
        self._check_variables(variables)
        values = self.get_many(variables.values())
        return fitting({name: values[str(ref)] for name, ref in variables.items()}, variables, self.backend)

    @staticmethod
    def _check_variables(variables: Mapping[str, str | SecretRef]) -> None:
        if not isinstance(variables, Mapping):
            raise SecretRefError(
                "as_env() takes references by variable name",
                check='Write {"PGPASSWORD": "warehouse#password"}',
            )
        refuse_names(variables)

    def _lookup(self, refs: Sequence[SecretRef], *, refresh: bool) -> Answers:  # noqa: ARG002  (see cached.py)
        answers = self.fetch(refs)
        redact.notice(value for secret in answers.values() for value in _values(secret))
        return answers

    def _answers(self, refs: Sequence[SecretRef], *, refresh: bool) -> Answers:
        """What :meth:`_lookup` returns, or its error made anew: what was read is in the frames of the old."""
        try:
            return self._lookup(refs, refresh=refresh)
        except SecretsError as failure:
            problem = failure.about(failure.ref)
        raise problem

    def _one(self, ref: SecretRef, *, refresh: bool) -> FetchedSecret:
        answer = self._answers([ref.secret], refresh=refresh)[ref.secret]
        if isinstance(answer, SecretsError):
            raise _about(answer, ref)
        return answer


def _about(failure: SecretsError, ref: SecretRef) -> SecretsError:
    """A failure, told about the reference that was asked for; with the one that was meant, if that shows."""
    if type(failure) is SecretNotFound and "#" in ref.name and ref.field is None:
        check = f"The name itself has a '#' in it; for a field write SecretRef.parse({ref.name!r})"
        return SecretNotFound(failure.what, check=check, backend=failure.backend, ref=str(ref))
    meant = ref.with_field
    if type(failure) is not SecretNotFound or meant is None:
        return failure.about(str(ref))
    check = f"If {meant.field!r} is a field of it, write {meant}"
    return SecretNotFound(failure.what, check=check, backend=failure.backend, ref=str(ref))


def _values(answer: FetchedSecret | SecretsError) -> list[SecretValue]:
    return [] if isinstance(answer, SecretsError) else answer.values()


def _picked(answer: FetchedSecret | SecretsError, ref: SecretRef) -> SecretValue | SecretsError:
    if isinstance(answer, SecretsError):
        return _about(answer, ref)
    try:
        return select(answer, ref)
    except SecretsError as failure:
        return failure
