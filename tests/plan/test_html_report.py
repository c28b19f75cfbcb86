"""What the HTML report of a plan says, and that nothing in a plan can break it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import dagster as dg
import pytest

from dagster_plus_k8s_helpers import Deployment, K8sConfig, Resources, gpu, k8s_executor, k8s_tags
from dagster_plus_k8s_helpers.capacity.nodes import NodePool, read_nodes
from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.findings.finding import Finding, Rule, Severity, Where
from dagster_plus_k8s_helpers.plan import RunPlan, plan
from dagster_plus_k8s_helpers.plan.show.html import html_report

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)> '{{ 7 * 7 }} \u202e\u05d0\u05d1 \U0001f600 ]]>--!>"
VALUES = {"workspace": {"resources": {"limits": {"cpu": "250m"}}, "envVars": ["DB_PASSWORD=hunter2-is-long"]}}


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id" and value]

    def handle_endtag(self, tag: str) -> None:
        self.text += " " if tag in ("td", "th", "dt", "dd", "h3") else ""

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] not in ("style", "script"):
            self.text += data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def definitions() -> dg.Definitions:
    @dg.asset(op_tags=k8s_tags(cpu="500m", memory="1Gi"))
    def orders() -> None: ...

    @dg.asset(op_tags=k8s_tags(cpu="500m", memory="1Gi"))
    def customers() -> None: ...

    @dg.asset(
        op_tags=(K8sConfig(resources=Resources(cpu=("2", "4"), memory="8Gi")) | gpu(1)).tags,
        deps=[orders, customers],
        retry_policy=dg.RetryPolicy(max_retries=2),
    )
    def churn_model() -> None: ...

    return dg.Definitions(assets=[orders, customers, churn_model], executor=k8s_executor(max_concurrent=4))


def planned(**more: Any) -> RunPlan:
    return plan(definitions(), agent=VALUES, deployment=Deployment("full", "prod"), **more)


def pools(gpus: int) -> list[NodePool]:
    return read_nodes(f"""
        pools:
          - name: batch
            count: 3
            labels: {{nvidia.com/gpu.present: "{str(gpus > 0).lower()}"}}
            allocatable: {{cpu: 8, memory: 32Gi, nvidia.com/gpu: {gpus}}}
    """)


def finding(severity: Severity, message: str, path: str = "", steps: tuple[str, ...] = ()) -> Finding:
    found = Rule("DPK999", severity, "why", "mend it").at(Where("values.yaml", 3, 1, path), message)
    return replace(found, steps=steps)


def test_it_says_whether_anybody_has_checked() -> None:
    assert "Nobody has checked this run." in Page(html_report(planned())).words
    assert "Nothing is found to be wrong." in Page(html_report(planned(), findings=[])).words


def test_it_shows_steps_sizes_peak_and_origins() -> None:
    page = Page(html_report(planned()))
    text = page.words

    assert "2 CPU, 8Gi memory, 1 GPU" in text
    assert "Waits for customers, orders" in text
    assert "up to 2, each a new Job" in text
    assert "op tags replaced agent says 250m, overridden" in text
    labels = [str(link["aria-label"]) for link in page.all("a") if link.get("aria-label")]
    assert "churn_model: 2 CPU, 8Gi memory, 1 GPU; waits for customers, orders" in labels


def test_every_link_leads_to_something_on_the_page() -> None:
    page = Page(html_report(planned(), pools=pools(1)))

    targets = [str(link["href"]) for link in page.all("a")]
    assert targets
    assert [target for target in targets if target[1:] not in page.ids] == []
    assert len(page.ids) == len(set(page.ids))


def test_what_steps_have_in_common_is_there_once() -> None:
    html = html_report(planned())

    assert html.count("DAGSTER_RUN_STEP_KEY") == 1
    assert "the same as in customers" in html


@pytest.mark.parametrize(
    ("gpus", "said"),
    [
        (1, "fits batch"),
        (
            0,
            "fits nowhere 0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector, 3 Insufficient nvidia.com/gpu",
        ),
    ],
)
def test_it_says_where_a_pod_fits(gpus: int, said: str) -> None:
    text = Page(html_report(planned(), pools=pools(gpus))).words

    assert said in text
    assert ("exceeds every node" in text) == (gpus == 0)


def test_findings_come_with_their_fix_errors_first_and_lead_to_their_step() -> None:
    found = [
        finding(Severity.WARNING, "small"),
        finding(Severity.ERROR, "the step 'churn_model' is wrong", steps=("churn_model", "elsewhere")),
    ]

    page = Page(html_report(planned(), findings=found))

    assert page.text.index("churn_model' is wrong") < page.text.index("small")
    assert "mend it" in page.text
    assert "1 error, 1 warning" in page.text
    labels = [str(link["aria-label"]) for link in page.all("a") if link.get("aria-label")]
    assert [label for label in labels if "needs attention" in label] == [
        "churn_model: 2 CPU, 8Gi memory, 1 GPU; waits for customers, orders; needs attention"
    ]


def test_what_looks_like_a_credential_is_hidden() -> None:
    html = html_report(planned())

    assert "hunter2" not in html
    assert "&lt;hidden: looks like a credential, by the name &#39;DB_PASSWORD&#39;&gt;" in html


def test_hostile_text_stays_text() -> None:
    @dg.asset(op_tags=K8sConfig(annotations={"example.com/note": HOSTILE}).tags)
    def noted() -> None: ...

    of_hostile = plan(
        dg.Definitions(assets=[noted], executor=k8s_executor()),
        agent={"workspace": {"envVars": [f"NOTE={HOSTILE}"]}},
        location={"location_name": HOSTILE, "image": HOSTILE},
    )
    pool = NodePool(HOSTILE, pools(1)[0].allocatable)

    page = Page(html_report(of_hostile, pools=[pool], findings=[finding(Severity.ERROR, HOSTILE, HOSTILE)]))

    assert len(page.all("script")) == 1
    assert page.all("img") == []
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert page.text.count(HOSTILE) >= 5


def test_nothing_is_loaded() -> None:
    html = html_report(planned(), pools=pools(1))
    page = Page(html)

    assert "http://" not in html
    assert "https://" not in html
    assert not [a for tag in ("link", "script", "img", "iframe") for a in page.all(tag) if a]
    assert not re.search(r"url\(|@import", html)
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv")]
    assert str(policy).startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")


def test_it_can_be_read_out() -> None:
    page = Page(html_report(planned(), pools=pools(1)))

    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(cell["scope"] in ("row", "col") for cell in page.all("th"))
    figures = [svg for svg in page.all("svg") if svg.get("role")]
    assert figures
    assert all(svg.get("aria-label") for svg in figures)
    assert [label["for"] for label in page.all("label")] == ["filter"]


def test_steps_without_pods_are_shown_as_what_they_are() -> None:
    @dg.asset(op_tags=k8s_tags(cpu=2))
    def small() -> None: ...

    defs = dg.Definitions(assets=[small], executor=dg.multiprocess_executor)

    text = Page(html_report(plan(defs))).words

    assert "none of its own: it runs in the run\u2019s pod and shares its limits" in text
    assert "CPU no limit 2 2" in text


def test_a_quantity_that_is_none_is_an_error_of_the_plan() -> None:
    @dg.asset(
        op_tags={"dagster-k8s/config": {"container_config": {"resources": {"limits": {"cpu": "lots"}}}}}
    )
    def odd() -> None: ...

    with pytest.raises(PlanError, match="step 'odd': 'lots' is not a Kubernetes quantity"):
        html_report(plan(dg.Definitions(assets=[odd], executor=k8s_executor())))


def test_a_thousand_steps_stay_a_few_megabytes() -> None:
    def step(number: int) -> dg.AssetsDefinition:
        deps = [f"step_{earlier}" for earlier in (number - 10, number - 11) if earlier >= 0]

        @dg.asset(name=f"step_{number}", deps=deps, op_tags=k8s_tags(cpu=f"{1 + number % 50}"))
        def one() -> None: ...

        return one

    defs = dg.Definitions(assets=[step(number) for number in range(1000)], executor=k8s_executor())

    html = html_report(plan(defs, agent=VALUES))

    assert html.count('class="step') == 1001
    assert len(html.encode()) < 3_000_000
