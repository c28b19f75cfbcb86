"""Components for ``dg`` projects: pod configs, the executor and secrets, written in ``defs.yaml``.

Every public name is imported on first use, so that a project pays for those that its files name.
"""

import lazy_loader

from .resolvable import make_resolvable

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

OPEN = (
    "resolvable",
    "template_vars",
)
"""The modules of it that other rooms may use, beside what it says itself."""

make_resolvable()
