"""The README and the guides tell the truth: their Python runs, their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg
import pytest
from configs import EVERY_FIELD

import dagster_plus_k8s_helpers as package
from dagster_plus_k8s_helpers import K8sConfig, Resources, gpu
from dagster_plus_k8s_helpers.pod.platforms import GPU_NODES, SPOT_NODES

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PUBLIC = {name: getattr(package, name) for name in package.__all__}


def namespace() -> dict[str, object]:
    """What a page may take for given: the package, Dagster, and definitions with a job."""

    @dg.asset(op_tags=gpu(1).tags)
    def churn_model() -> None: ...

    defs = dg.Definitions(
        assets=[churn_model],
        jobs=[dg.define_asset_job("nightly")],
        executor=package.k8s_executor(),
    )
    small = K8sConfig(resources=Resources(cpu=1))
    return {**PUBLIC, "dg": dg, "defs": defs, "SMALL": small, "TRAIN": small}


# The guide to secrets turns redaction on for the process; tests/secrets/test_docs.py holds its code.
RUN = [page for page in PAGES if page.name != "secrets.md"]


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page: Path) -> None:
    names = namespace()
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        exec(block, names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_errors_shown_in_the_readme_are_the_real_ones() -> None:
    readme = (ROOT / "README.md").read_text()
    for written, kind, message in re.findall(r">>> (.+)\n(\w+): (.+)", readme):
        with pytest.raises(PUBLIC[kind]) as refusal:
            eval(written, dict(PUBLIC))
        assert str(refusal.value) == message


def test_every_field_is_in_the_guide() -> None:
    guide = (ROOT / "docs" / "pod-config.md").read_text()

    assert [field for field in EVERY_FIELD if f"`{field}`" not in guide] == []


def test_the_platforms_are_named_in_the_docstrings() -> None:
    assert all(f"``{name}``" in str(package.gpu.__doc__) for name in GPU_NODES)
    assert all(f"``{name}``" in str(package.spot.__doc__) for name in SPOT_NODES)
