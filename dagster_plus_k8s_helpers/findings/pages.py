"""Where the docs say more of a finding: on their site, once they have one, and in the repository."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, metadata

__all__ = ["HOMEPAGE", "findings_page", "read_on", "site"]

HOMEPAGE = "https://pypi.org/project/dagster-plus-k8s-helpers/"
"""Where whoever has no shell at hand reads on; the ``Homepage`` of pyproject.toml."""

_PAGE = "reference/findings"


@cache
def site() -> str:
    """The address of the site of docs/, without a slash at its end.

    It is said in one place: the ``Documentation`` among the URLs of pyproject.toml, which the metadata of the
    package has. Empty while there is none.
    """
    try:
        urls = metadata("dagster-plus-k8s-helpers").get_all("Project-URL") or []
    except PackageNotFoundError:  # imported from a folder that nobody has installed
        return ""
    named: dict[str, str] = dict(url.split(", ", 1) for url in urls if ", " in url)
    return named.get("Documentation", "").rstrip("/")


def findings_page() -> str:
    """The page of findings: its address on the site, else its file in the repository and the sdist."""
    return f"{site()}/{_PAGE}.html" if site() else f"docs/{_PAGE}.md"


def read_on(code: str) -> str:
    """Where the page of findings says more of a code, such as ``docs/reference/findings.md#dpk533``."""
    return f"{findings_page()}#{code.lower()}"
