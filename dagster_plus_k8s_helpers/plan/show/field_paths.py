"""The fields of a manifest that are meant by the end of their path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dagster_plus_k8s_helpers.errors import PlanError, did_you_mean

__all__ = ["fields_named"]


def fields_named(manifest: Mapping[str, Any], text: str) -> list[str]:
    """Paths of the fields that a text means: the one whose path it is, else all whose paths end with it.

    Args:
        manifest: The Job.
        text: A path or the end of one, in Kubernetes' spelling or in snake_case.

    Raises:
        PlanError: There is no such field.
    """
    paths = list(_paths(manifest, ""))
    if text in paths:
        return [text]
    wanted = _plain(text)
    found = [path for path in paths if re.search(rf"(^|[.\]]){re.escape(wanted)}$", _plain(path))]
    if found:
        return [path for path in found if not any(path.startswith((f"{top}.", f"{top}[")) for top in found)]
    if re.split(r"[.\[]", text)[0] in manifest:
        return [text]  # the rest of it is what is wrong, which looking for it says
    names = sorted({re.split(r"[.\[]", path)[-1] for path in paths if not path.endswith("]")})
    last = re.split(r"[.\[]", text)[-1]
    raise PlanError(f"no layer sets {text!r} in the Job{did_you_mean(last, names)}")


def _paths(value: object, path: str) -> Iterator[str]:
    if path:
        yield path
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _paths(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, f"{path}[{index}]")


def _plain(path: str) -> str:
    return path.replace("_", "").lower()
