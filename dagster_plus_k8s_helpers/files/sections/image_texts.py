"""Images in files: checked, unless something fills them in before Dagster+ reads the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import AfterValidator

from dagster_plus_k8s_helpers.pod.objects.names import check_image, check_image_tag, check_repository

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ImageText", "RepositoryText", "check_image_text", "check_tag_text"]

_FILLED_IN_LATER = re.compile(r"\{\{|\{%|\$\{|\$\(|\$[A-Za-z_]|#\{|%\(|@@")
"""How templates are written: of Jinja and Helm, of the shell and envsubst, of pipelines."""


def check_image_text(image: str) -> None:
    """An image reference, as a text that a file holds.

    Raises:
        K8sConfigError: It is none.
    """
    if image and not _FILLED_IN_LATER.search(image):
        check_image(image)


def check_tag_text(tag: str) -> None:
    """The tag of an image, as a text that a file holds.

    Raises:
        K8sConfigError: It is none.
    """
    if tag and not _FILLED_IN_LATER.search(tag):
        check_image_tag(tag)


def _check_repository_text(repository: str) -> None:
    if repository and not _FILLED_IN_LATER.search(repository):
        check_repository(repository)


def _that_raises(check: Callable[[str], None]) -> AfterValidator:
    def checked(text: str) -> str:
        check(text)
        return text

    return AfterValidator(checked)


ImageText: TypeAlias = Annotated[str, _that_raises(check_image_text)]
"""An image reference; empty where there is none."""

RepositoryText: TypeAlias = Annotated[str, _that_raises(_check_repository_text)]
"""The same without a tag."""
