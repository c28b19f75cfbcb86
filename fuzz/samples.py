"""What fuzzing begins with: the files that the documentation shows, and short texts of every form."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

__all__ = ["TEXTS", "WORDS", "data_of", "files_of"]

_DOCS = Path(__file__).resolve().parents[1] / "docs"
_BLOCK = re.compile(r"^```yaml\n(# ?(?:[\w./-]*/)?([\w.-]+)\n.*?)^```", re.MULTILINE | re.DOTALL)

_QUEUES = """\
apiVersion: kueue.x-k8s.io/v1beta1
kind: ClusterQueue
metadata: {name: team}
spec:
  cohort: all
  resourceGroups:
  - coveredResources: [cpu, memory]
    flavors:
    - name: spot
      resources:
      - {name: cpu, nominalQuota: 40, borrowingLimit: 8}
      - {name: memory, nominalQuota: 256Gi, lendingLimit: 1Gi}
status:
  pendingWorkloads: 2
  flavorsUsage:
  - {name: spot, resources: [{name: cpu, total: 3, borrowed: 1}]}
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: LocalQueue
metadata: {name: runs, namespace: dagster}
spec: {clusterQueue: team}
"""
_CONFIG = """\
container_config:
  image: registry.example.com/team:1.2
  resources: {limits: {cpu: 500m, memory: 2Gi, nvidia.com/gpu: 1}, requests: {cpu: 250m}}
  env: [{name: LEVEL, value: info}, {name: KEY, value_from: {secret_key_ref: {name: a, key: b}}}]
  env_from: [{secret_ref: {name: api, optional: true}, prefix: A_}]
  volume_mounts: [{name: tmp, mount_path: /tmp, sub_path: a}]
pod_spec_config:
  node_selector: {pool: batch}
  tolerations: [{key: pool, operator: Equal, value: batch, effect: NoSchedule, toleration_seconds: 30}]
  affinity:
    node_affinity:
      required_during_scheduling_ignored_during_execution:
        node_selector_terms: [{match_expressions: [{key: zone, operator: In, values: [a, b]}]}]
  volumes: [{name: tmp, empty_dir: {size_limit: 10Gi, medium: Memory}}]
  init_containers: [{name: wait, image: busybox, restart_policy: Always}]
pod_template_spec_metadata: {labels: {team: data}, annotations: {note: x}}
job_spec_config: {ttl_seconds_after_finished: 60, active_deadline_seconds: 600}
job_metadata: {labels: {a: b}}
merge_behavior: DEEP
"""

TEXTS: dict[str, tuple[str, ...]] = {
    "quantity": (
        "1",
        "500m",
        "2Gi",
        "1e3",
        "1.5E-2",
        "0.000000001",
        "12E",
        "1Ei",
        "4GB",
        "100mi",
        "-1",
        "+.5k",
    ),
    "secret_ref": (
        "warehouse#password",
        "a/b@2",
        r"a\#b#c\@d@AWSCURRENT",
        "arn:aws:secretsmanager:eu:1:secret:x#y",
    ),
    "helm_set": ("a.b=c,d[0]={x,y}", r"a\.b=1,c=null", "workspace.envVars[0]=A=1", "a={},b=0.5,c=-3,d=\\,"),
    "pair": ("values and code locations", "a" * 24),
    "path": ("locations\n0\ncontainer_context", "a\nb.c\n1", "it's\n\\", 'a\\b"\n'),
    "edit": (
        "a.b=1\nworkspace:\n  envVars:\n  - A=1 # why\n  labels: {a: b}\n",
        "workspace.envVars[1]=B\nworkspace: {envVars: [A=1, ], labels: &a {x: y}}\ndagsterCloud: *a\n",
        "dagsterCloud.deployment=prod\n# c\n---\n? a\n: |+\n  text\n\n...\n",
    ),
    "size": (
        '{"by":"partition","sizes":{"a":{"memory":"1Gi"}},"default":{"cpu":1}}',
        '{"by":"usage","percentile":95,"headroom":1.2,"runs":5}',
        "module:name",
        "off",
    ),
    "message": (
        '{"dagster-plus-k8s-usage":1,"memory_max_bytes":1,"cpu_seconds":0.5,"wall_seconds":2} tail',
        "plain text",
    ),
    "waiver": ("x: 1  # dagster-plus-k8s: ignore[DPK101, dpk2] why", "# dagster-plus-k8s: ignore"),
    "log": (
        "password=hunter2 token: 'abc' Authorization: Bearer eyJhbGciOi.eyJzdWI.abc",
        'postgres://user:pass@host/db {"api_key": "AKIAIOSFODNN7EXAMPLE"} --secret x',
        "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
    ),
    "plan_file": (
        (
            '{"job":"a","run":{"manifest":{"kind":"Job","spec":{}},"namespace":"d","settings":0},"settings":[{"origins":'
            '{"cpu":{"layer":"agent"}}}],"steps":{"s":{"manifest":null,"namespace":null,"runs_in":"run","depends_on":'
            '[],"max_retries":0}},"max_concurrent":1}'
        ),
        "# step s, in the namespace d\nkind: Job\nspec: {}\n",
    ),
    "env_file": ("A=1\nexport B='two words' # c\nC=\"a\\nb\"\n", "A\n=\nB=${A}\n"),
    "yaml": (
        "a: &x [1, 2]\nb: *x\n<<: {c: d}\n",
        "--- !!float '1'\n...\n---\n? [a]\n: |+\n  x\n",
        "\"\\ud800\": ''\n",
    ),
    "migrated": (
        "T = {'dagster-k8s/config': {'container_config': {'resources': {'limits': {'cpu': '1'}}}}}\n",
        'T = {"dagster-k8s/config": {"pod_spec_config": {**A, "node_selector": {"a": f"{b}"}}}}  # why\n',
        "from dagster_k8s import k8s_job_executor\nX = k8s_job_executor.configured({'max_concurrent': 3})\n",
    ),
}
"""For each target that reads a text: some that it may read."""

WORDS: tuple[str, ...] = (
    *(
        "{",
        "}",
        "[",
        "]",
        ": ",
        "- ",
        "? ",
        "&a ",
        "*a",
        "<<: ",
        "!!float ",
        "!!binary ",
        "!!set ",
        "--- ",
        "... ",
    ),
    *(
        "|+\n ",
        ">-\n ",
        "'",
        '"',
        "\\",
        "#",
        "@",
        " # ",
        "\t",
        "\r\n",
        "\x00",
        "\ufeff",
        "\u2028",
        "\x85",
        "\ud800",
    ),
    *(
        "1e",
        "0x",
        "0o7",
        "1_0",
        ".inf",
        ".nan",
        "-0",
        "1:1",
        "~",
        "yes",
        "null",
        "2026-01-01",
        "Ki",
        "m",
        "E",
        "n",
    ),
    *(
        "=",
        ",",
        "${A}",
        "{{ x }}",
        "{% if %}",
        "$(A)",
        "../",
        "://",
        "Bearer ",
        "password",
        "ignore[",
        "DPK101",
    ),
)
"""What means something in one of the forms."""


def files_of(kind: str) -> tuple[str, ...]:
    """Texts of files of a kind, named as the documentation names them."""
    own = {"queues.yaml": (_QUEUES,), "config.yaml": (_CONFIG,)}
    return (*own.get(kind, ()), *_shown().get(kind, ()))


@cache
def data_of(kind: str) -> tuple[Any, ...]:
    """What stands in those files, as far as JSON can say it."""
    documents = [data for text in files_of(kind) for data in yaml.safe_load_all(text) if data]
    return tuple(json.loads(json.dumps(data, default=str)) for data in documents)


@cache
def _shown() -> dict[str, tuple[str, ...]]:
    shown: dict[str, tuple[str, ...]] = {}
    for page in sorted(_DOCS.rglob("*.md")):
        for text, name in _BLOCK.findall(page.read_text("utf-8")):
            shown[name] = (*shown.get(name, ()), text)
    return shown
