"""Writes docs/reference/findings.md: every rule of `dagster-plus-k8s check`, from the tables in the package.

python scripts/generate_findings_page.py
"""

from __future__ import annotations

from pathlib import Path

from dagster_plus_k8s_helpers.check.all_rules import ALL_RULES

TARGET = Path(__file__).parent.parent / "docs" / "reference" / "findings.md"

HEAD = """\
# What `dagster-plus-k8s check` finds

`dagster-plus-k8s check FILE...` checks the agent's Helm values, dagster_cloud.yaml,
container_context.yaml and build.yaml, told apart by what they hold. Values and code locations that are given
together are paired by their queues, and the pods of runs and of code servers that come of both are merged by
`dagster_k8s` and judged; no definitions are needed for that. What two files say against each other is found
at the line of the later layer, the code location, and names the line of the other.

With `-m MODULE` it plans every job of your definitions, and the implicit asset job, and checks the pods that
come of it, such as with
`dagster-plus-k8s check -m my_project.definitions --agent values.yaml --location dagster_cloud.yaml`.
What a line of a file says is found at that line then, too, and once for all jobs.

- `--job` checks one job; `--location-name` says which of several locations the module is.
- `--deployment` is the deployment to load the module for: the first one the agent serves when left out.
- `--nodes` is a file of node pools, or what `kubectl get nodes -o json` prints: which step fits no node?
- `--kubernetes-version 1.31` checks each Job by the schemas of that version (extra `check`).

`--format` writes the findings as `text`, `json`, `github` (annotations in a pull request) or `sarif` (code
scanning). A finding is an error, a warning, or a notice: of what could not be judged. The exit code is 0 when
nothing is found, 1 when there is a finding at or above `--fail-on` (`error`, `warning` or `notice`), and 2
when a file could not be read or the module could not be loaded.

`dagster-plus-k8s explain-code DPK533` prints what this page says of a code, and how it is waived.
`dagster_plus_k8s_helpers.plan.check` is the same as the command in Python.

One cause is one finding. A Secret that is not there is told once, however many variables, steps and jobs
read it: the message names the first place, `+ 29 more` counts the others, and JSON (`places`) and SARIF
(`relatedLocations`) list every one. In text what has errors stands first, and errors before warnings.

No cluster is asked, unless you write `--cluster`: then the cluster of your kubeconfig (`--context`,
`--namespace`) is asked whether the namespaces, Secrets, ConfigMaps, service accounts, claims and classes that
pods name are there. The user needs the right to `get` them. What they hold is not asked for, unless you write
more:

- `--keys` reads Secrets and ConfigMaps, to see whether they have the keys that pods read. Values are
  neither kept nor shown.
- `--dry-run` has the API server judge each Job, and the pod that would come of it, once for each that
  differs in more than its names;
  [nothing is made](https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run).
  It knows of admission webhooks, policies,
  [LimitRanges](https://kubernetes.io/docs/concepts/policy/limit-range/) and
  [quotas](https://kubernetes.io/docs/concepts/policy/resource-quotas/). These refuse pods and not Jobs, so
  the pod is asked about too: a Job whose pod is refused waits for ever. The user needs the right to `create`
  `jobs` (group `batch`) and `pods` in the namespace, for a dry run is authorised like the call itself. Where
  a webhook has side effects the API server does not judge, which is said too. What only the launch knows,
  such as a run id, is sent as something valid.

With `--usage` it reads what steps used in their newest runs, where `--instance` or `--url` says, as
`dagster-plus-k8s rightsize` does ([what steps use](../how-to/rightsize.md)), and finds steps that ask for far
more, or need nearly all that they have.

What a `PipesK8sClient` is given is read in the source of the asset, where it can be read there.

Of one rule a file has 200 findings at most; one more says how many others there are.

A finding that is meant to be so is waived by a comment on its line, with its code and a reason:

```yaml
k8s:
  env_vars:
    - REGION  # dagster-plus-k8s: ignore[DPK307] every agent has it
```

Metadata of the `Definitions`, as below, waives what is found in the files given with them as well.

In Python the comment stands at the decorator or inside the function of an asset, asset check or op. Metadata
does the same, and also waives for a whole job (metadata of the job) or for everything (metadata of the
`Definitions`, which is how to waive what is found of runs of the implicit asset job). An op that no function
of yours makes has it in its tags:

```python
import dagster as dg
from dagster_plus_k8s_helpers import K8sConfig, Resources

SMALL = K8sConfig(resources=Resources(cpu="500m", memory="2Gi"))


@dg.asset(op_tags=SMALL.tags)  # dagster-plus-k8s: ignore[DPK501] the laptop is all it needs
def small() -> None: ...


@dg.asset(metadata={"dagster-plus-k8s/ignore": {"DPK501": "the laptop is all it needs"}})
def as_small() -> None: ...


defs = dg.Definitions(
    assets=[small, as_small],
    metadata={"dagster-plus-k8s/ignore": {"DPK508": "this cluster has nodes with GPUs only"}},
)
```

A waiver without a reason, or of a code that there is not, is itself found. So is one of what is not found,
when every job is checked with `--agent` and `--location`, and with `--nodes` and `--kubernetes-version` where
the code needs them: with less, nobody knows.

This page is written by `scripts/generate_findings_page.py`.
"""


def main() -> None:
    """Write the page."""
    TARGET.write_text(page(), "utf-8")
    print(f"wrote {TARGET}")


def page() -> str:
    """The page: a section a rule, its heading the code that findings link to."""
    sections = [
        f"## {rule.code}\n\n{rule.severity.value.capitalize()}. {rule.reason}\n\nWhat to do: {rule.fix}.\n"
        for rule in ALL_RULES
    ]
    return "\n".join([HEAD, *sections])


if __name__ == "__main__":
    main()
