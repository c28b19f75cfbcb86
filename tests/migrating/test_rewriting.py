"""Modules as people write them: what becomes of each, and what stays and why."""

from __future__ import annotations

import textwrap
from typing import Any

import dagster as dg
import pytest

from dagster_plus_k8s_helpers import K8sConfig
from dagster_plus_k8s_helpers.migrating.finding import Elsewhere
from dagster_plus_k8s_helpers.migrating.rewriting import Rewritten, rewritten


def run(source: str) -> dict[str, Any]:
    made: dict[str, Any] = {"__name__": "sample"}
    exec(source, made)
    return made


def said(value: Any) -> Any:
    """What something made by a module says of pods, in whatever form."""
    if isinstance(value, dg.AssetsDefinition):
        return {key: item for key, item in value.op.tags.items() if key != K8sConfig.TAG} | {
            "config": K8sConfig.from_tags(value.op.tags)
        }
    if isinstance(value, dg.OpDefinition | dg.JobDefinition):
        return K8sConfig.from_tags(value.tags)
    if hasattr(value, "tags") and not isinstance(value, K8sConfig):  # a job of assets
        return K8sConfig.from_tags(value.tags or {})
    if isinstance(value, dict) and K8sConfig.TAG in value and not isinstance(value, K8sConfig):
        rest = {key: item for key, item in value.items() if key != K8sConfig.TAG}
        return {**rest, "config": K8sConfig.from_tags(value)}
    return None


SAMPLES = {
    "asset": """
        import dagster as dg

        @dg.asset(
            op_tags={
                "dagster-k8s/config": {
                    "container_config": {
                        "resources": {
                            "requests": {"cpu": "200m", "memory": "32Mi"},
                        }
                    },
                }
            }
        )
        def my_asset(): ...
    """,
    "op_from_the_documentation": """
        from dagster import op

        @op(
            tags={
                "dagster-k8s/config": {
                    "container_config": {
                        "resources": {
                            "requests": {"cpu": "200m", "memory": "32Mi"},
                        },
                        "volume_mounts": [{"name": "volume1", "mount_path": "foo/bar", "sub_path": "file.txt"}],
                    },
                    "pod_template_spec_metadata": {
                        "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"}
                    },
                    "pod_spec_config": {
                        "volumes": [
                            {"name": "volume1", "secret": {"secret_name": "volume-secret"}},
                        ],
                    },
                }
            }
        )
        def my_op(context):
            context.log.info("running")
    """,
    "job": """
        import dagster as dg

        nightly = dg.define_asset_job(
            name="nightly",
            selection="*",
            tags={
                "dagster/priority": "3",
                "dagster-k8s/config": {
                    "container_config": {"resources": {"limits": {"cpu": "2", "memory": "8Gi"}}},
                    "job_spec_config": {"ttl_seconds_after_finished": 7200},
                },
            },
        )
    """,
    "constant": """
        import dagster as dg

        GPU_CONFIG = {
            "container_config": {
                "resources": {"limits": {"nvidia.com/gpu": "1", "memory": "16Gi"}},
            },
            "pod_spec_config": {
                "node_selector": {"cloud.google.com/gke-accelerator": "nvidia-l4"},
                "tolerations": [
                    {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
                ],
            },
        }

        @dg.asset(op_tags={"dagster-k8s/config": GPU_CONFIG})
        def embeddings(): ...

        @dg.asset(op_tags={"dagster-k8s/config": GPU_CONFIG, "team": "ml"})
        def model(): ...
    """,
    "tags_constant": """
        import dagster as dg

        K8S_TAGS = {
            "dagster-k8s/config": {"container_config": {"resources": {"limits": {"memory": "4Gi"}}}},
        }

        @dg.asset(op_tags=K8S_TAGS)
        def orders(): ...

        @dg.asset(op_tags={**K8S_TAGS, "kind": "sql"})
        def customers(): ...
    """,
    "spread": """
        import dagster as dg

        COMMON = {"team": "data", "tier": "1"}

        @dg.asset(op_tags={**COMMON, "dagster-k8s/config": {"pod_spec_config": {"nodeSelector": {"pool": "a"}}}})
        def orders(): ...
    """,
    "json": """
        import json
        import dagster as dg

        @dg.op(tags={"dagster-k8s/config": json.dumps({"container_config": {"env": [{"name": "A", "value": "1"}]}})})
        def work(): ...
    """,
    "key_constant": """
        import dagster as dg
        from dagster_k8s.job import USER_DEFINED_K8S_CONFIG_KEY

        K8S_KEY = "dagster-k8s/config"
        A = {USER_DEFINED_K8S_CONFIG_KEY: {"container_config": {"image": "a:1"}}}
        B = {K8S_KEY: {"container_config": {"image": "b:1"}}}
    """,
    "assigned": """
        tags = {"team": "data"}
        tags["dagster-k8s/config"] = {"container_config": {"image": "a:1"}}
    """,
    "dict_call": """
        tags = {"dagster-k8s/config": dict(container_config=dict(image="a:1", resources=dict(limits=dict(cpu="1"))))}
    """,
    "expressions": """
        import os
        MEMORY = os.environ.get("MEMORY", "4Gi")
        REGISTRY = "registry.example.com"
        def image(name): return f"{REGISTRY}/{name}:1"
        TAGS = {
            "dagster-k8s/config": {
                "container_config": {
                    "image": image("etl"),
                    "resources": {"limits": {"memory": MEMORY}, "requests": {"memory": MEMORY, "cpu": "1"}},
                    "env": [{"name": "STAGE", "value": os.environ.get("STAGE", "dev")}],
                },
                "pod_template_spec_metadata": {"labels": {"team": f"data-{REGISTRY[:2]}"}},
            }
        }
    """,
    "spread_inside": """
        LABELS = {"team": "data"}
        MOUNTS = [{"name": "a", "mountPath": "/a"}]
        TAGS = {
            "dagster-k8s/config": {
                "container_config": {"volumeMounts": [*MOUNTS, {"name": "b", "mountPath": "/b"}]},
                "pod_template_spec_metadata": {"labels": {**LABELS, "tier": "1"}},
                "pod_spec_config": {"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}]},
            }
        }
    """,
    "function": """
        import dagster as dg

        def make(name, pool):
            @dg.asset(name=name, op_tags={"dagster-k8s/config": {"pod_spec_config": {"node_selector": {"pool": pool}}}})
            def made(): ...
            return made

        a, b = make("a", "small"), make("b", "big")
    """,
    "merged": """
        BASE = {"dagster-k8s/config": {"container_config": {"image": "a:1"}}, "a": "b"}
        TAGS = BASE | {"dagster-k8s/config": {"container_config": {"image": "b:1"}}}
        MORE = dict(BASE)
        MORE.update({"dagster-k8s/config": {"container_config": {"image": "c:1"}}})
    """,
    "camel_case_and_odd_kinds": """
        TAGS = {
            "dagster-k8s/config": {
                "container_config": {
                    "volumeMounts": [{"name": "nfs", "mountPath": "/nfs"}, {"name": "tls", "mountPath": "/tls", "readOnly": True}],
                    "envFrom": [{"configMapRef": {"name": "settings"}}, {"prefix": "DB_", "secretRef": {"name": "db"}}],
                    "securityContext": {"runAsUser": 1000},
                },
                "pod_spec_config": {
                    "serviceAccountName": "etl",
                    "imagePullSecrets": [{"name": "regcred"}],
                    "automountServiceAccountToken": False,
                    "securityContext": {"fsGroup": 1000},
                    "volumes": [
                        {"name": "nfs", "nfs": {"server": "10.0.0.1", "path": "/exports"}},
                        {"name": "tls", "secret": {"secretName": "tls", "items": [{"key": "tls.crt", "path": "crt"}]}},
                    ],
                },
                "merge_behavior": "SHALLOW",
            }
        }
    """,
    "in_a_function": """
        import dagster as dg

        def make(name, memory):
            limits = {"memory": memory}
            k8s_config = {"container_config": {"resources": {"limits": limits}}}
            other = {"container_config": {"image": "a:1"}}
            return [
                dg.define_asset_job(name, tags={"dagster-k8s/config": k8s_config}),
                dg.define_asset_job(name, tags={"dagster-k8s/config": other, "a": str(other)}),
            ]

        small, big = make("small", "1Gi")
    """,
    "whole_sections": """
        CONTAINER = {"image": "a:1"}
        BASE = {"hostNetwork": False}
        TAGS = {
            "dagster-k8s/config": {
                "container_config": CONTAINER,
                "pod_spec_config": {**BASE, "nodeSelector": {"a": "b"}},
                "job_metadata": {"labels": dict(team="a")},
            }
        }
    """,
    "in_a_class": """
        import dagster as dg

        class Pods:
            SMALL = {"dagster-k8s/config": {"container_config": {"resources": {"limits": {"cpu": 0.5}}}}}
            NAMED = {"big": {"dagster-k8s/config": {"container_config": {"resources": {"limits": {"cpu": 4}}}}}}

        small = Pods.SMALL
        big = Pods.NAMED["big"]
    """,
}


@pytest.mark.parametrize("name", SAMPLES)
def test_what_a_module_makes_is_the_same(name: str) -> None:
    source = textwrap.dedent(SAMPLES[name]).lstrip("\n")

    result = rewritten(source)

    assert result.left == ()
    assert result.done
    before, after = run(source), run(result.text)
    made = {key: said(value) for key, value in before.items() if said(value) is not None}
    assert made
    assert {key: said(after[key]) for key in made} == made
    assert rewritten(result.text) == Rewritten(result.text, wanted=rewritten(result.text).wanted)


def test_the_documentation_s_own_example() -> None:
    source = textwrap.dedent(SAMPLES["op_from_the_documentation"]).lstrip("\n")

    assert rewritten(source).text == textwrap.dedent("""\
        from dagster import op
        from dagster_plus_k8s_helpers import Volume, VolumeMount, k8s_tags

        @op(
            tags=k8s_tags(
                cpu=("200m", None),
                memory=("32Mi", None),
                volume_mounts=[VolumeMount("volume1", "foo/bar", sub_path="file.txt")],
                annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"},
                volumes=[Volume.secret("volume1", secret_name="volume-secret")],
            )
        )
        def my_op(context):
            context.log.info("running")
    """)


def test_a_constant_that_only_tags_use_becomes_a_config_and_keeps_its_name() -> None:
    source = textwrap.dedent(SAMPLES["constant"]).lstrip("\n")

    assert rewritten(source).text == textwrap.dedent("""\
        import dagster as dg
        from dagster_plus_k8s_helpers import K8sConfig, Resources, Toleration

        GPU_CONFIG = K8sConfig(
            resources=Resources(gpu="1", memory="16Gi"),
            node_selector={"cloud.google.com/gke-accelerator": "nvidia-l4"},
            tolerations=[Toleration("nvidia.com/gpu", effect="NoSchedule")],
        )

        @dg.asset(op_tags=GPU_CONFIG.tags)
        def embeddings(): ...

        @dg.asset(op_tags={**GPU_CONFIG.tags, "team": "ml"})
        def model(): ...
    """)


def test_comments_are_kept_where_they_belong() -> None:
    source = textwrap.dedent('''\
        """Doc."""  # first

        TAGS = {  # opened
            # about the config
            "dagster-k8s/config": {
                "container_config": {
                    # about resources
                    "resources": {
                        "limits": {
                            "cpu": "1",  # one is enough
                            # see the ticket
                            "memory": "4Gi",
                        },
                    },
                    "image": "a:1",  # pinned
                },
                # at the end
            },
        }  # closed
    ''')

    assert rewritten(source).text == textwrap.dedent('''\
        """Doc."""  # first

        from dagster_plus_k8s_helpers import k8s_tags

        TAGS = k8s_tags(
            # opened
            # about the config
            # about resources
            cpu="1",  # one is enough
            # see the ticket
            memory="4Gi",
            image="a:1",  # pinned
            # at the end
        )  # closed
    ''')


def of(value: str, before: str = "") -> str:
    return f'{before}TAGS = {{"dagster-k8s/config": {value}}}\n'


LEFT = {
    "make()": "its value is what a call returns; write a K8sConfig there",
    "A if B else C": "its value depends on a condition; make each side a K8sConfig by hand",
    "A | B": "its value is put together from others; merge K8sConfig objects with | instead",
    "'{}'": "its value is JSON in a text; write K8sConfig(...).run_tags",
    "{k: 1 for k in A}": "its value is a comprehension; write a K8sConfig there",
    "settings.K8S": "its value is taken from another object; write a K8sConfig where that is made",
    "UNKNOWN": "UNKNOWN is no dictionary that this module writes once",
    "{}": "it says nothing; leave it out",
    "{'container_config': {}}": "it says nothing; leave it out",
    "{**BASE, 'container_config': {}}": "its sections are spread out of BASE; merge K8sConfig objects with | instead",
    "{'containerConfig': {'image': 'a:1'}}": "dagster_k8s refuses it: Received unexpected config entry",
    "{'job_metadata': {}, 'job_metadata': {'labels': {'a': 'b'}}}": "'job_metadata' is there twice, and Python takes the last one",
    "{'container_config': {'image': f(1,\n2), 'command': 'a'}}": "must be a list, not str (tried with a value of ours for f(1, 2))",
    "{NAME(): {}}": "the program decides the name of one of its sections",
    "{'container_config': {'resources': {'limits': {'memory': '4GB'}}}}": "'4GB' is not a Kubernetes quantity; write '4Gi' or '4G'",
    "{'container_config': {'resorces': {}}}": "Container has no field 'resorces'; did you mean 'resources'?",
    "{'container_confg': {'image': 'a'}}": "has no field 'container_confg'; did you mean 'container_config'?",
    "{'node_selector': {'a': 'b'}}": "write pod_spec_config: {node_selector: ...}",
    "{'container_config': {'args': ['a']}}": "Dagster overwrites the arguments of its own pods",
    "{'pod_spec_config': {'tolerations': [{'key': 'a', 'operator': 'Exits'}]}}": "'Exits' is none of Exists, Equal",
}


@pytest.mark.parametrize("value", LEFT)
def test_what_cannot_be_rewritten_stays_and_says_why(value: str) -> None:
    source = of(value)

    result = rewritten(source)

    assert (result.text, result.done) == (source, ())
    (left,) = result.left
    assert left.line == 1
    assert LEFT[value] in left.reason


def test_a_mistake_keeps_no_other_place_from_being_rewritten() -> None:
    source = of("{'container_config': {'image': 'a:1'}}") + of("f()").replace("TAGS", "MORE")

    result = rewritten(source)

    assert (result.done, [left.line for left in result.left]) == ((1,), (2,)) or result.left[0].line == 2
    assert "TAGS = k8s_tags(image='a:1')" in result.text
    assert 'MORE = {"dagster-k8s/config": f()}' in result.text


@pytest.mark.parametrize(
    ("use", "reason"),
    [
        (
            'K8S["container_config"]["image"] = "b"',
            "K8S stays a dictionary: line 3 reads or changes it as one",
        ),
        ("K8S.update(x)", "K8S stays a dictionary: line 3 reads or changes it as one"),
        ("copy = K8S | {}", "K8S stays a dictionary: line 3 reads or changes it as one"),
    ],
)
def test_a_dictionary_that_the_program_reads_as_one_stays(use: str, reason: str) -> None:
    source = of("K8S", "K8S = {'container_config': {'image': 'a:1'}}\n") + use + "\n"

    result = rewritten(source)

    assert result.text == source
    assert [left.reason for left in result.left] == [reason]


def test_a_dictionary_that_is_used_otherwise_too_stays_one() -> None:
    source = of("K8S", "K8S = {'container_config': {'image': 'a:1'}}\n") + "print(K8S)\n"

    result = rewritten(source)

    assert "K8S = K8sConfig(image='a:1').to_dict()\n" in result.text
    assert 'TAGS = {"dagster-k8s/config": K8S}\nprint(K8S)\n' in result.text


def test_a_dictionary_with_a_type_or_in_all_stays_one() -> None:
    for before in (
        "K8S: dict = {'container_config': {'image': 'a:1'}}\n",
        "__all__ = ['K8S']\nK8S = {'container_config': {'image': 'a:1'}}\n",
    ):
        result = rewritten(of("K8S", before))

        assert "K8sConfig(image='a:1').to_dict()\n" in result.text
        assert '{"dagster-k8s/config": K8S}' in result.text


def test_tags_of_which_the_config_is_read_or_changed_stay() -> None:
    source = (
        of("{'container_config': {'image': 'a:1'}}") + 'TAGS["dagster-k8s/config"]["container_config"] = {}\n'
    )

    result = rewritten(source)

    assert result.text == source
    assert [left.reason for left in result.left] == ["line 2 reads or changes what it holds"]


@pytest.mark.parametrize(
    "use",
    [
        'inner = TAGS["dagster-k8s/config"]',
        'inner: dict = TAGS["dagster-k8s/config"]',
        'changed(TAGS["dagster-k8s/config"])',
        'for key in TAGS["dagster-k8s/config"]: pass',
        'inner = TAGS.get("dagster-k8s/config")',
        'inner = TAGS.pop("dagster-k8s/config", None)',
        "for key, value in TAGS.items(): pass",
    ],
)
def test_a_config_that_goes_where_it_may_be_changed_stays(use: str) -> None:
    """Its keys may be written otherwise there: volumeMounts, and volume_mounts when it is typed."""
    source = of("{'container_config': {'image': 'a:1'}}") + f"{use}\n"

    result = rewritten(source)

    assert result.text == source
    assert [left.reason for left in result.left] == ["line 2 reads or changes what it holds"]


@pytest.mark.parametrize(
    "use",
    [
        'OTHER = {"team": "a", "dagster-k8s/config": TAGS["dagster-k8s/config"]}',
        'other["dagster-k8s/config"] = TAGS["dagster-k8s/config"]',
        'text = json.dumps(TAGS["dagster-k8s/config"])',
        'team = TAGS.get("team")',
        "other = {**TAGS}",
    ],
)
def test_a_config_that_goes_into_other_tags_is_typed(use: str) -> None:
    result = rewritten(of("{'container_config': {'image': 'a:1'}}") + f"{use}\n")

    assert "TAGS = k8s_tags(image='a:1')\n" in result.text


@pytest.mark.parametrize("owner", ["Sizes", "self"])
def test_tags_of_a_class_of_which_the_config_is_read_stay(owner: str) -> None:
    tags = '{"dagster-k8s/config": {"container_config": {"image": "a:1"}}}'
    source = f'class Sizes:\n    SMALL = {tags}\n\n\ndef f(self):\n    return {owner}.SMALL["dagster-k8s/config"]["a"]\n'

    result = rewritten(source)

    assert result.text == source
    assert [left.reason for left in result.left] == ["line 6 reads or changes what it holds"]


def test_a_dictionary_that_is_copied_to_be_changed_stays() -> None:
    source = of(
        "K8S", "import copy\nK8S = {'container_config': {'image': 'a:1'}}\nbig = copy.deepcopy(K8S)\n"
    )

    assert [left.reason for left in rewritten(source).left] == [
        "K8S stays a dictionary: line 3 copies it, to change the copy as one"
    ]


def test_a_config_that_is_a_default_is_found() -> None:
    result = rewritten('tags.setdefault("dagster-k8s/config", {"container_config": {"image": "a:1"}})\n')

    assert 'tags.setdefault("dagster-k8s/config", K8sConfig(image="a:1").to_dict())\n' in result.text


def test_what_other_modules_do_with_a_name_counts() -> None:
    source = "K8S = {'container_config': {'image': 'a:1'}}\n"
    merged = rewritten(
        of("{'container_config': {'image': 'a:1'}}"), elsewhere=lambda _: Elsewhere(used=True, merged=True)
    )
    read = rewritten(
        source, wanted={"K8S"}, elsewhere=lambda _: Elsewhere(used=True, reads="a.py:1 reads it as one")
    )

    assert "TAGS = {**k8s_tags(image='a:1')}\n" in merged.text
    assert [left.reason for left in read.left] == ["K8S stays a dictionary: a.py:1 reads it as one"]
    assert "K8sConfig(image='a:1').to_dict()" in rewritten(source, wanted={"K8S"}).text


def test_what_is_compared_or_read_by_this_package_is_no_config_of_a_pod() -> None:
    compared = 'assert op.tags == {"dagster-k8s/config": {"container_config": {"image": "a:1"}}}\n'
    read = 'K8sConfig.from_tags({"dagster-k8s/config": {"container_config": {"image": "a:1"}}})\n'

    assert [left.reason for left in rewritten(compared).left] == [
        "it is compared with something, and gives no pod a config"
    ]
    assert rewritten(read) == Rewritten(read)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "import os\n\nimport dagster as dg\nimport pandas\nfrom pydantic import X\n",
            "import os\n\nimport dagster as dg\nimport pandas\nfrom dagster_plus_k8s_helpers import k8s_tags\nfrom pydantic import X\n",
        ),
        (
            "from __future__ import annotations\n",
            "from __future__ import annotations\n\nfrom dagster_plus_k8s_helpers import k8s_tags\n",
        ),
        ("# Of the tags.\n", "from dagster_plus_k8s_helpers import k8s_tags\n\n# Of the tags.\n"),
        ("# A license.\n\n", "# A license.\n\nfrom dagster_plus_k8s_helpers import k8s_tags\n\n"),
        (
            "#!/usr/bin/env python\n# coding: utf-8\n# Of the tags.\n",
            "#!/usr/bin/env python\n# coding: utf-8\nfrom dagster_plus_k8s_helpers import k8s_tags\n\n# Of the tags.\n",
        ),
        (
            '"""Doc."""\n\nfrom . import x\n',
            '"""Doc."""\n\nfrom dagster_plus_k8s_helpers import k8s_tags\nfrom . import x\n',
        ),
        (
            "from dagster_plus_k8s_helpers import gpu\n",
            "from dagster_plus_k8s_helpers import gpu, k8s_tags\n",
        ),
        (
            "from dagster_plus_k8s_helpers import k8s_tags\n",
            "from dagster_plus_k8s_helpers import k8s_tags\n",
        ),
        # What stands behind an import in its line may be what uses the new one.
        ("import os; x = 1\n", "from dagster_plus_k8s_helpers import k8s_tags\n\nimport os; x = 1\n"),
        (
            "import os\nimport sys; x = 1\n",
            "import os\nfrom dagster_plus_k8s_helpers import k8s_tags\nimport sys; x = 1\n",
        ),
        (
            "import dagster as dg  # noqa\r\n",
            "import dagster as dg  # noqa\r\nfrom dagster_plus_k8s_helpers import k8s_tags\r\n",
        ),
    ],
)
def test_imports_are_added_where_they_are_sorted(before: str, after: str) -> None:
    result = rewritten(before + of("{'container_config': {'image': 'a:1'}}"))

    assert result.text == f"{after}TAGS = k8s_tags(image='a:1')\n"


def test_a_name_that_the_module_has_for_another_thing_is_imported_under_another() -> None:
    value = "{'pod_spec_config': {'volumes': [{'name': 'a', 'emptyDir': {}}]}}"

    result = rewritten(of(value, "from audio import Volume\n"))

    assert "import Volume as K8sVolume, k8s_tags\n" in result.text
    assert "volumes=[K8sVolume.empty_dir('a')]" in result.text


def test_tabs_and_ends_of_lines_are_kept() -> None:
    source = "if True:\r\n\tTAGS = {\r\n\t\t'dagster-k8s/config': {\r\n\t\t\t# why\r\n\t\t\t'container_config': {'image': 'a:1'},\r\n\t\t},\r\n\t}\r\n\tx = '''a\nb'''\r\n"

    result = rewritten(source)

    assert result.text == (
        "from dagster_plus_k8s_helpers import k8s_tags\r\n\r\n"
        "if True:\r\n\tTAGS = k8s_tags(\r\n\t\t# why\r\n\t\timage='a:1',\r\n\t)\r\n\tx = '''a\nb'''\r\n"
    )


def test_what_a_call_returns_under_a_name_is_told_unless_it_is_typed() -> None:
    source = of("K8S", "K8S = make()\n")
    typed = of("K8S", "K8S = K8sConfig(image='a:1').to_dict()\n")

    assert [(left.line, left.reason) for left in rewritten(source).left] == [
        (2, "its value is what a call returns; write a K8sConfig there")
    ]
    assert rewritten(typed) == Rewritten(typed)


def test_names_that_a_module_has_twice_over_keep_it_as_it_is() -> None:
    source = of(
        "{'container_config': {'image': 'a:1'}}", "from a import k8s_tags\nfrom b import typed_k8s_tags\n"
    )

    result = rewritten(source)

    assert result.text == source
    assert result.left[0].reason.startswith("this module has other things by the names")


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ("{**4}", "** spreads out what is no dictionary, and Python refuses it"),
        ('{**[("a", "b")]}', "** spreads out what is no dictionary, and Python refuses it"),
        ('{"tolerations": [*4]}', "* spreads out what is no list, and Python refuses it"),
        ("{[]: 1}", "[] is no key, and Python refuses it"),
        ('{"node_selector": {(1, [2]): "b"}}', "(1, [2]) is no key, and Python refuses it"),
    ],
)
def test_a_dictionary_that_python_itself_refuses_stays(config: str, why: str) -> None:
    source = f'TAGS = {{"dagster-k8s/config": {{"pod_spec_config": {config}}}}}\n'

    found = rewritten(source)

    assert found.text == source
    assert [left.reason for left in found.left] == [why]
