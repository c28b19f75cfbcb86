"""What `import dagster_plus_k8s_helpers` offers, and what it must not pull in."""

from __future__ import annotations

import subprocess
import sys

import dagster_plus_k8s_helpers as package

HEAVY = ("kubernetes", "dagster_k8s", "dagster_aws", "boto3", "botocore", "hvac", "kubernetes_validate")


def test_all_is_sorted_and_every_name_resolves() -> None:
    assert package.__all__ == sorted(package.__all__)
    assert dir(package) == package.__all__
    for name in package.__all__:
        assert getattr(package, name).__name__ == name


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    assert not hasattr(package, "k8s_tagz")


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = f"import sys, dagster_plus_k8s_helpers; print([m for m in {HEAVY} if m in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert loaded.stdout.strip() == "[]"


def test_a_plan_waits_for_no_database() -> None:
    """It makes the executor, which reads the event log of a run: SQLAlchemy takes longer than a plan."""
    code = (
        "import sys, dagster, dagster_k8s, dagster_plus_k8s_helpers.executor.loop; "
        "print([m for m in ('sqlalchemy', 'alembic') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
