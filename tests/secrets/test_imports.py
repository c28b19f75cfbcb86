"""What the package of the secrets may import, and when."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import dagster_plus_k8s_helpers

HEAVY = ("kubernetes", "dagster_k8s", "dagster_aws", "boto3", "botocore", "hvac")
PACKAGE = Path(dagster_plus_k8s_helpers.__file__).parent / "secrets"


def test_the_secrets_import_nothing_of_ours_but_the_errors_and_what_is_inside_dagster() -> None:
    imported = {
        node.module
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dagster_plus_k8s_helpers")
    }
    others = {module for module in imported if not module.startswith("dagster_plus_k8s_helpers.secrets")}

    assert others == {
        "dagster_plus_k8s_helpers.arguments",
        "dagster_plus_k8s_helpers.errors",
        "dagster_plus_k8s_helpers._dagster",
    }


def test_defining_resources_loads_no_client() -> None:
    code = (
        "import sys; from dagster_plus_k8s_helpers import *;"
        "from dagster_plus_k8s_helpers.testing import FakeSecrets;"
        "VaultSecrets(url='https://vault:8200', auth=VaultAppRoleAuth(role_id='r', secret_id='s'));"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )

    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert loaded.stdout.strip() == "[]"
