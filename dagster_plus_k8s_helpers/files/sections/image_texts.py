"""Images in files: checked, unless something fills them in before Dagster+ reads the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import AfterValidator

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.files.sections.placeholders import check_with_placeholders, has_placeholder
from dagster_plus_k8s_helpers.pod.objects.names import check_image, check_image_tag, check_repository

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster_plus_k8s_helpers.documents.document import Path

__all__ = ["ImageText", "RepositoryText", "check_image_text", "check_tag_text", "is_filled_in_later"]


def check_image_text(image: str) -> None:
    """An image reference, as a text that a file holds.

    Raises:
        K8sConfigError: It is none, whatever is filled in.
    """
    if image:
        check_with_placeholders(image, check_image)


def check_tag_text(tag: str) -> None:
    """The tag of an image, as a text that a file holds; empty for that of the chart.

    Raises:
        K8sConfigError: It is none, whatever is filled in.
    """
    if tag:
        check_with_placeholders(tag, check_image_tag)


def _check_repository_text(repository: str) -> None:
    if repository:
        check_with_placeholders(repository, check_repository)


_CHECKS: dict[str | int, Callable[[str], None]] = {
    "image": check_image_text,
    "registry": _check_repository_text,
    "repository": _check_repository_text,
    "tag": check_tag_text,
}
"""Of what can be said, with placeholders in it, whether it can be right."""


def is_filled_in_later(data: object, path: Path, reason: str) -> bool:
    """Whether a refusal is of a value that is not what the file says: it has a placeholder in it.

    Args:
        data: What the file holds.
        path: Where the value stands that is refused, or what holds it.
        reason: Why it is refused.
    """
    value = data
    for part in path:
        try:
            value = value[part]  # type: ignore[index] # of what is no container nothing can be said
        except (LookupError, TypeError):
            value = None
    if not has_placeholder(value):
        # Of a name the object is refused that has it. One name twice is one name, whatever it becomes.
        return has_placeholder(reason) and "twice" not in reason
    # A file that is all text is none, whatever becomes of the text.
    if not path:
        return False
    try:
        _CHECKS.get(path[-1], str)(str(value))
    except K8sConfigError:
        return False
    return True


def _that_raises(check: Callable[[str], None]) -> AfterValidator:
    def checked(text: str) -> str:
        check(text)
        return text

    return AfterValidator(checked)


ImageText: TypeAlias = Annotated[str, _that_raises(check_image_text)]
"""An image reference; empty where there is none."""

RepositoryText: TypeAlias = Annotated[str, _that_raises(_check_repository_text)]
"""The same without a tag."""
