"""docs/reference/findings.md says what the rules say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from dagster_plus_k8s_helpers.check.all_rules import ALL_RULES

ROOT = Path(__file__).parent.parent


def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("page", ROOT / "scripts" / "generate_findings_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert (ROOT / "docs" / "reference" / "findings.md").read_text("utf-8") == module.page()


def test_no_code_is_given_twice() -> None:
    codes = [rule.code for rule in ALL_RULES]

    assert sorted(set(codes)) == codes
    assert [code for code in codes if not re.fullmatch(r"DPK\d{3}", code)] == []


def test_every_rule_has_a_heading_of_its_own() -> None:
    headings = re.findall(
        r"^## (.+)$", (ROOT / "docs" / "reference" / "findings.md").read_text("utf-8"), re.MULTILINE
    )

    assert headings == [rule.code for rule in ALL_RULES]
