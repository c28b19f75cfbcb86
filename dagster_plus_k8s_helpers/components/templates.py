"""Templates in what ``defs.yaml`` says of a pod: ``{{ ... }}`` anywhere in a value.

Dagster reads text once more after it has been rendered, as Python: the label ``"1.10"`` becomes the number
1.1, and so does ``{{ env.VERSION }}``. In Kubernetes text is text, so what is rendered here stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jinja2

from dagster_plus_k8s_helpers._dagster.components import ResolutionException, refused
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError

if TYPE_CHECKING:
    import dagster as dg

__all__ = ["rendered"]

_WHOLE = re.compile(r"\s*\{\{((?:(?!\}\}).)*)\}\}\s*", re.DOTALL)


def rendered(context: dg.ResolutionContext, written: Any) -> Any:
    """What was written, with what its templates give: for text that is one template the object itself.

    Raises:
        ResolutionException: A template that cannot be rendered, at its line.
    """
    if isinstance(written, Mapping):
        return {key: rendered(context.at_path(key), value) for key, value in written.items()}
    if isinstance(written, list | tuple):
        return [rendered(context.at_path(place), value) for place, value in enumerate(written)]
    if not isinstance(written, str) or "{{" not in written:
        return written
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701 - no HTML is made
    whole = _WHOLE.fullmatch(written)
    try:
        if whole is None:
            return environment.from_string(written).render(**context.scope)
        value = environment.compile_expression(whole[1], undefined_to_none=False)(**context.scope)
        if isinstance(value, jinja2.Undefined):
            str(value)
    except jinja2.UndefinedError as error:
        names = ", ".join(sorted(context.scope))
        raise refused(context, "", f"{error.message}; there are {names}") from None
    except jinja2.TemplateSyntaxError as error:
        raise refused(context, "", f"is no template: {error.message}") from None
    except DagsterPlusK8sError as error:
        raise refused(context, "", str(error)) from None
    except ResolutionException as error:
        raise refused(context, "", str(error)) from None
    return value
