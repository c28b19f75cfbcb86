"""Kubernetes' rules for names, labels and images; each check raises a K8sConfigError or returns nothing.

Sources: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/,
https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set and
https://github.com/distribution/reference for images.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.errors import K8sConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "check_annotations",
    "check_dns_label",
    "check_dns_subdomain",
    "check_env_name",
    "check_image",
    "check_image_tag",
    "check_label_value",
    "check_labels",
    "check_qualified_name",
    "check_repository",
]

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_DNS_SUBDOMAIN = re.compile(rf"{_DNS_LABEL.pattern}(\.{_DNS_LABEL.pattern})*", re.ASCII)
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", re.ASCII)
_PATH_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST_PART = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[[0-9a-fA-F:]+\])"
_REPOSITORY = rf"(?:{_HOST}(?::[0-9]+)?/)?{_PATH_COMPONENT}(?:/{_PATH_COMPONENT})*"
_TAG = r"\w[\w.-]{0,127}"
_DIGEST = r"@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_IMAGE = re.compile(rf"{_REPOSITORY}(?::{_TAG})?(?:{_DIGEST})?", re.ASCII)
_LONGEST_LABEL = 63
_LONGEST_SUBDOMAIN = 253
_MOST_ANNOTATION_BYTES = 256 * 1024


def check_dns_label(name: str, what: str = "") -> None:
    """A container, volume or port name: at most 63 of ``a-z``, ``0-9`` and ``-``."""
    if len(name) > _LONGEST_LABEL or not _DNS_LABEL.fullmatch(name):
        raise K8sConfigError(
            f"{_subject(what)}{_shown(name)} must be at most 63 of a-z, 0-9 and '-', and start and end "
            f"with a letter or digit{_name_hint(name, _DNS_LABEL, _LONGEST_LABEL)}"
        )


def check_dns_subdomain(name: str, what: str = "") -> None:
    """The name of an object such as a Secret: at most 253 of ``a-z``, ``0-9``, ``-`` and ``.``."""
    if len(name) > _LONGEST_SUBDOMAIN or not _DNS_SUBDOMAIN.fullmatch(name):
        raise K8sConfigError(
            f"{_subject(what)}{_shown(name)} must be at most 253 of a-z, 0-9, '-' and '.', and start and "
            f"end with a letter or digit{_name_hint(name, _DNS_SUBDOMAIN, _LONGEST_SUBDOMAIN)}"
        )


def check_qualified_name(key: str, what: str) -> None:
    """A label key, annotation key or resource name: an optional DNS prefix, ``/``, and a name."""
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > _LONGEST_SUBDOMAIN or not _DNS_SUBDOMAIN.fullmatch(prefix)):
        raise K8sConfigError(
            f"{what} {_shown(key)}: the part before '/' must be a DNS name such as 'example.com'"
        )
    if len(name) > _LONGEST_LABEL or not _LABEL_NAME.fullmatch(name):
        raise K8sConfigError(
            f"{what} {_shown(key)}: the name must be at most 63 of A-Z, a-z, 0-9, '-', '_' and '.', and "
            "start and end with a letter or digit"
        )


def check_label_value(value: str, key: str, what: str = "value of label") -> None:
    """A label value: empty, or at most 63 of letters, digits, ``-``, ``_`` and ``.``."""
    if value and (len(value) > _LONGEST_LABEL or not _LABEL_NAME.fullmatch(value)):
        advice = "; longer text belongs in an annotation" if what == "value of label" else ""
        raise K8sConfigError(
            f"the {what} {key!r}, {_shown(value)}, must be empty or at most 63 of A-Z, a-z, 0-9, '-', '_' "
            f"and '.', and start and end with a letter or digit{advice}"
        )


def check_labels(labels: Mapping[str, str]) -> None:
    """Keys and values of labels or of a node selector."""
    for key, value in labels.items():
        try:
            check_qualified_name(key, "label key")
            check_label_value(value, key)
        except K8sConfigError as error:
            raise error.within(f"[{key!r}]") from None


def check_annotations(annotations: Mapping[str, str]) -> None:
    """Keys of annotations, whose case Kubernetes does not mind, and their size all together (256 KiB)."""
    for key in annotations:
        try:
            check_qualified_name(key.lower(), "annotation key")
        except K8sConfigError as error:
            raise error.within(f"[{key!r}]") from None
    size = sum(len(part.encode(errors="replace")) for item in annotations.items() for part in item)
    if size > _MOST_ANNOTATION_BYTES:
        raise K8sConfigError(f"take {size} bytes together; Kubernetes takes {_MOST_ANNOTATION_BYTES}")


def check_env_name(name: str) -> None:
    """The name of an environment variable: printable ASCII without ``=`` (Kubernetes 1.30 and newer)."""
    if not name or "=" in name or not (name.isascii() and name.isprintable()):
        raise K8sConfigError(
            f"{_shown(name)} cannot name an environment variable: use printable ASCII without '='"
        )


def check_image(image: str) -> None:
    """An image reference: ``registry/repository:tag@digest``, the repository in lower case."""
    if not _IMAGE.fullmatch(image):
        raise K8sConfigError(
            f"{_shown(image)} is not an image reference such as 'registry.example.com/team/project:1.2'"
            f"{_image_hint(image)}"
        )


def check_repository(repository: str) -> None:
    """An image reference without tag and digest, which are added to it."""
    if re.fullmatch(_REPOSITORY, repository, re.ASCII):
        return
    if _IMAGE.fullmatch(repository):
        bare = re.sub(rf"(?::{_TAG})?(?:{_DIGEST})?$", "", repository)
        raise K8sConfigError(f"{_shown(repository)} has a tag, where another is added; write {bare!r}")
    raise K8sConfigError(
        f"{_shown(repository)} is not a repository of images such as 'registry.example.com/team/project'"
        f"{_image_hint(repository)}"
    )


def check_image_tag(tag: str) -> None:
    """The tag of an image: at most 128 of letters, digits, ``_``, ``.`` and ``-``; a digest may follow."""
    if not re.fullmatch(rf"{_TAG}(?:{_DIGEST})?", tag, re.ASCII):
        raise K8sConfigError(
            f"{_shown(tag)} is no tag: use at most 128 of A-Z, a-z, 0-9, '_', '.' and '-', the first none of "
            "the last two"
        )


def _subject(what: str) -> str:
    """What a name is the name of, where the place that an error names does not say so."""
    return f"{what} " if what else ""


def _shown(name: str) -> str:
    longest = 80
    return repr(name) if len(name) <= longest else f"{name[:longest]!r}... ({len(name)} characters)"


def _image_hint(image: str) -> str:
    """What to write instead of what is no image; nothing where that is anybody's guess."""
    scheme, separator, rest = image.partition("://")
    if separator and _IMAGE.fullmatch(rest):
        return f"; write {rest!r}, without {scheme}://"
    if _IMAGE.fullmatch(image.lower()):
        return "; write it in lower case"
    if _IMAGE.fullmatch(image.strip()):
        end = "beginning" if image[0].isspace() else "end"
        return f"; drop the space at the {end}"
    return next((f"; {advice}" for wrong, advice in _NO_IMAGES if re.search(wrong, image)), "")


_NO_IMAGES = (
    (r"<[^<>]*>", "write what is meant in the place of <...>"),
    (r"\s", "write it without a space"),
    (r"@sha256:(?![0-9a-f]{64}$)", "write a digest of 64 hexadecimal digits"),
    (r"^@", "write the name of the image before the '@'"),
    (r"^/|//", "write it without an empty part before or between '/'"),
    (r":$", "write a tag after the ':', or drop the ':'"),
    (rf"[^/]:{_TAG}:{_TAG}$", "keep one of the two tags"),
)
"""What images are often spoilt by, and what to write instead."""


def _name_hint(name: str, valid: re.Pattern[str], longest: int) -> str:
    """What to write instead of a name, where that can be said."""
    meant = re.sub(r"[^a-z0-9.-]+" if valid is _DNS_SUBDOMAIN else r"[^a-z0-9-]+", "-", name.lower())
    if meant == name.lower():
        return "; write it in lower case" if valid.fullmatch(meant) and len(meant) <= longest else ""
    meant = meant.strip("-.")
    if len(meant) > longest or not valid.fullmatch(meant) or re.search(r"[^\w .-]", name):
        return ""
    changes = ((name != name.lower(), "in lower case"), ("_" in name, "without underscores"))
    said = " and ".join(words for is_so, words in changes if is_so)
    return f"; write {meant!r}{', ' if said else ''}{said}"
