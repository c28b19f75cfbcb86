"""What a project may be called, and what it is told otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dagster_plus_k8s_helpers.errors import StartError
from dagster_plus_k8s_helpers.starting.answers import Answers, name_for

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Shop", "is not made of small letters, digits, - and _, from a letter on; write 'shop'"),
        (
            "shop.orders",
            "is not made of small letters, digits, - and _, from a letter on; write 'shop-orders'",
        ),
        (
            "shop--orders",
            "is not made of small letters, digits, - and _, from a letter on; write 'shop-orders'",
        ),
        ("2nd shop", "is not made of small letters, digits, - and _, from a letter on; write 'nd-shop'"),
        ("数据9", "is not made of small letters, digits, - and _, from a letter on; write 'shop-orders'"),
        ("Class", "is not made of small letters, digits, - and _, from a letter on; write 'class-project'"),
        ("shop-", "is not made of small letters, digits, - and _, from a letter on; write 'shop'"),
        ("42", "is not made of small letters, digits, - and _, from a letter on; write 'shop-orders'"),
        ("", "is not made of small letters, digits, - and _, from a letter on; write 'shop-orders'"),
        ("Größe", "is not made of small letters, digits, - and _, from a letter on; write 'grosse'"),
        ("shop\n", "is not made of small letters, digits, - and _, from a letter on; write 'shop'"),
        ("../shop", "is not made of small letters, digits, - and _, from a letter on; write 'shop'"),
        ("class", "is a word of Python itself; write 'class-project'"),
        ("match", "is a word of Python itself; write 'match-project'"),
        ("queue", "is a module of Python, which the package would take the place of; write 'queue-project'"),
        (
            "dagster",
            "is an installed package, dagster, which it would take the place of; write 'dagster-project'",
        ),
        (
            "dagster-k8s",
            "is an installed package, dagster_k8s, which it would take the place of; write 'dagster-k8s-project'",
        ),
        ("tests", "is that of a folder beside the package; write 'tests-project'"),
        ("deploy", "is that of a folder beside the package; write 'deploy-project'"),
        ("s" * 41, "has 41 characters; names of Kubernetes are made of it, write 40 at most"),
    ],
)
def test_a_name_that_will_not_do_is_told_what_to_write(name: str, reason: str) -> None:
    with pytest.raises(StartError) as refusal:
        Answers(name)

    assert str(refusal.value) == f"the name {name!r} {reason}"


@pytest.mark.parametrize("name", ["shop", "shop-orders", "shop_orders", "s3", "a-b-c", "s" * 40])
def test_a_name_that_will_do(name: str) -> None:
    assert Answers(name).package == name.replace("-", "_")


def test_a_package_of_the_working_folder_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop_orders").mkdir()
    (tmp_path / "shop_orders" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    assert Answers("shop-orders").name == "shop-orders"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cloud": "gcp"}, "cloud cannot be 'gcp'; write one of gke, eks, aks, other"),
        ({"cloud": "GKE"}, "cloud cannot be 'GKE'; did you mean 'gke'?"),
        ({"secrets": "kubernete"}, "secrets cannot be 'kubernete'; did you mean 'kubernetes'?"),
    ],
)
def test_another_answer_is_told_the_alternatives(given: dict[str, str], message: str) -> None:
    with pytest.raises(StartError) as refusal:
        Answers("shop", **given)  # type: ignore[arg-type]

    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("shop-orders", "shop-orders"),
        ("Shop Orders", "shop-orders"),
        ("shop_orders", "shop-orders"),
        ("shop.orders", "shop-orders"),
        ("...", "project"),
        ("Café Größe", "cafe-grosse"),
        ("数据", "project"),
        ("2024-shop", "shop"),
        ("dagster", "dagster-project"),
        ("test", "test-project"),
        ("a" * 39 + "-bcd", "a" * 39),
    ],
)
def test_a_project_is_called_as_its_folder(folder: str, name: str, tmp_path: Path) -> None:
    assert name_for(tmp_path / folder) == name
