"""Components for ``dg`` projects: pod configs, the executor and secrets, written in ``defs.yaml``.

Every public name is imported on first use, so that a project pays for those that its files name.
"""

from typing import Any

import lazy_loader

from dagster_plus_k8s_helpers.errors import did_you_mean

from .resolvable import make_resolvable

_looked_up, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

OPEN = (
    "resolvable",
    "template_vars",
)
"""The modules of it that other rooms may use, beside what it says itself."""

make_resolvable()


def __getattr__(name: str) -> Any:
    """A public name, or which one was probably meant."""
    try:
        return _looked_up(name)
    except AttributeError as error:
        if name in __all__ or name.startswith("_"):
            raise
        raise AttributeError(f"{error}{did_you_mean(name, __all__)}") from None
