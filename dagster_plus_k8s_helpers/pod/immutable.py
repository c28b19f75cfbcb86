"""Base classes of values: that they cannot change after they are made, and that YAML may hold them."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

__all__ = ["Checked", "FromYaml", "Immutable"]


class Immutable:
    """Refuses assignment; subclasses set their slots once with ``object.__setattr__``."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable; cannot set {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable; cannot delete {name!r}")


class Checked:
    """A value that checked itself when it was made, so that no reader needs to check it again."""

    __slots__ = ()

    MODEL: ClassVar[str]
    """What Kubernetes calls it, as the ``kubernetes`` package spells it: it can stand for nothing else."""

    def checked(self) -> dict[str, Any]:
        """What `schema.read` would make of it; a new dictionary."""
        raise NotImplementedError


class _Beneath:
    """What `FromYaml` begins with: Python lets such a base be joined by another of the same layout."""


class FromYaml(_Beneath):
    """A value that ``defs.yaml`` may hold.

    ``dagster.Resolvable`` is put beneath it, and so beneath every such value, once Dagster is there: see
    ``components.resolvable``. As a base from the beginning it would have whoever imports a value import
    Dagster. Neither class has ``__slots__``: Python must lay out their objects as those of ``Resolvable``.
    """
