"""Images in files: checked, unless something fills them in before Dagster+ reads the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import AfterValidator

from dagster_plus_k8s_helpers.pod.names import check_image, check_image_tag, check_repository

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ImageText", "RepositoryText", "check_tag_text"]

_FILLED_IN_LATER = re.compile(r"\{\{|\{%|\$\{|\$\(|\$[A-Za-z_]|#\{|%\(|@@")
"""How templates are written: of Jinja and Helm, of the shell and envsubst, of pipelines."""


def _unless_filled_in(check: Callable[[str], None]) -> AfterValidator:
    def checked(text: str) -> str:
        if text and not _FILLED_IN_LATER.search(text):
            check(text)
        return text

    return AfterValidator(checked)


def check_tag_text(tag: str) -> None:
    """The tag of an image, as a text that a file holds.

    Raises:
        K8sConfigError: It is none.
    """
    if tag and not _FILLED_IN_LATER.search(tag):
        check_image_tag(tag)


ImageText: TypeAlias = Annotated[str, _unless_filled_in(check_image)]
"""An image reference; empty where there is none."""

RepositoryText: TypeAlias = Annotated[str, _unless_filled_in(check_repository)]
"""The same without a tag."""
