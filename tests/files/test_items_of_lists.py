"""Lists in files of code locations and in values: every item that is wrong is found, and no other."""

from __future__ import annotations

import textwrap

import pytest

from dagster_plus_k8s_helpers.check.files.sources import Source, check_sources
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.files.locations.container_context import K8sContainerContext

MISTAKES: dict[str, tuple[str, str, list[str]]] = {
    "wrong names among good ones": (
        "container_context.yaml",
        """\
        k8s:
          env_secrets:
            - Bad_A
            - Bad_B
            - good-one
          volumes:
            - {name: Bad, empty_dir: {}}
            - {name: B_d, empty_dir: {}}
            - {name: good, empty_dir: {}}
          env:
            - {name: A, valu: x}
            - {name: B, valu: x}
            - {name: C, value: x}
        """,
        [
            "container_context.yaml:3:7 k8s.env_secrets[0]: error DPK301: env_secrets: 'Bad_A' must be at most 253 of a-z, 0-9, '-' and '.', and start and end with a letter or digit; write 'bad-a', in lower case and without underscores",
            "container_context.yaml:4:7 k8s.env_secrets[1]: error DPK301: env_secrets: 'Bad_B' must be at most 253 of a-z, 0-9, '-' and '.', and start and end with a letter or digit; write 'bad-b', in lower case and without underscores",
            "container_context.yaml:7:7 k8s.volumes[0]: error DPK301: volumes: volume name 'Bad' must be at most 63 of a-z, 0-9 and '-', and start and end with a letter or digit; write it in lower case",
            "container_context.yaml:8:7 k8s.volumes[1]: error DPK301: volumes: volume name 'B_d' must be at most 63 of a-z, 0-9 and '-', and start and end with a letter or digit; write 'b-d', in lower case and without underscores",
            "container_context.yaml:11:7 k8s.env[0]: warning DPK307: 'A' has neither a value nor a value_from and is set to empty text; write its value; where empty text is meant, value: \"\"",
            "container_context.yaml:11:17 k8s.env[0].valu: error DPK301: EnvVar has no field 'valu'; did you mean 'value'?; write 'value'",
            "container_context.yaml:12:7 k8s.env[1]: warning DPK307: 'B' has neither a value nor a value_from and is set to empty text; write its value; where empty text is meant, value: \"\"",
            "container_context.yaml:12:17 k8s.env[1].valu: error DPK301: EnvVar has no field 'valu'; did you mean 'value'?; write 'value'",
        ],
    ),
    "lists that name something twice": (
        "container_context.yaml",
        """\
        k8s:
          volumes:
            - {name: a, empty_dir: {}}
            - {name: a, empty_dir: {}}
            - {name: Bad, empty_dir: {}}
          volume_mounts:
            - {name: a, mount_path: /a}
            - {name: b, mountPath: /a}
          image_pull_secrets:
            - {name: a}
            - {name: a}
        """,
        [
            "container_context.yaml:4:7 k8s.volumes[1]: error DPK301: volumes: names 'a' twice, first on line 3; keep one of the two",
            "container_context.yaml:5:7 k8s.volumes[2]: error DPK301: volumes: volume name 'Bad' must be at most 63 of a-z, 0-9 and '-', and start and end with a letter or digit; write it in lower case",
            "container_context.yaml:8:7 k8s.volume_mounts[1]: error DPK301: volume_mounts: names '/a' twice, first on line 7; keep one of the two",
        ],
    ),
    "the same in a k8s config": (
        "container_context.yaml",
        """\
        k8s:
          run_k8s_config:
            container_config:
              env:
                - {name: A, value: x}
                - {name: A, value: y}
                - {name: B, valu: z}
              volume_mounts:
                - {name: a, mount_path: /a}
                - {name: a, mountPath: /a}
            pod_spec_config:
              volumes:
                - {name: a, empty_dir: {}}
                - {name: a, empty_dir: {}}
              image_pull_secrets:
                - {name: a}
                - {name: a}
              init_containers:
                - name: first
                  image: busybox
                  env:
                    - {name: A, value: x}
                    - {name: A, value: y}
        """,
        [
            "container_context.yaml:6:11 k8s.run_k8s_config.container_config.env[1]: error DPK306: 'A' is set twice for runs; line 5 sets it too; keep one of the two",
            "container_context.yaml:7:11 k8s.run_k8s_config.container_config.env[2]: warning DPK307: 'B' has neither a value nor a value_from and is set to empty text; write its value; where empty text is meant, value: \"\"",
            "container_context.yaml:7:21 k8s.run_k8s_config.container_config.env[2].valu: error DPK301: EnvVar has no field 'valu'; did you mean 'value'?; write 'value'",
            "container_context.yaml:10:11 k8s.run_k8s_config.container_config.volume_mounts[1]: error DPK301: volume_mounts: names '/a' twice, first on line 9; keep one of the two",
            "container_context.yaml:14:11 k8s.run_k8s_config.pod_spec_config.volumes[1]: error DPK301: volumes: names 'a' twice, first on line 13; keep one of the two",
            "container_context.yaml:23:15 k8s.run_k8s_config.pod_spec_config.init_containers[0].env[1]: error DPK301: env: names 'A' twice, first on line 22; keep one of the two",
        ],
    ),
    "variables that are none": (
        "container_context.yaml",
        """\
        k8s:
          env_vars:
            - =x
            - A B=1
            - " C=1"
            - export D=1
            - E=1
        """,
        [
            "container_context.yaml:3:7 k8s.env_vars[0]: error DPK301: env_vars: '' cannot name an environment variable: use printable ASCII without '='; write NAME=value",
            "container_context.yaml:4:7 k8s.env_vars[1]: error DPK301: env_vars: the name 'A B' has a space in it; write NAME=value",
            "container_context.yaml:5:7 k8s.env_vars[2]: error DPK301: env_vars: the name ' C' has a space in it; write NAME=value",
            "container_context.yaml:6:7 k8s.env_vars[3]: error DPK301: env_vars: the name 'export D' has a space in it; write NAME=value without export",
        ],
    ),
    "a variable twice in a location and once in the defaults": (
        "dagster_cloud.yaml",
        """\
        defaults: {container_context: {k8s: {env: [{name: A, value: x}]}}}
        locations:
          - location_name: a
            container_context:
              k8s:
                env:
                  - {name: A, value: x}
                  - {name: A, value: x}
        """,
        [
            "dagster_cloud.yaml:8:13 locations[0].container_context.k8s.env[1]: error DPK306: 'A' is set twice for runs; line 7 sets it too; keep one of the two",
        ],
    ),
    "mounts of the defaults that are lost to each other": (
        "dagster_cloud.yaml",
        """\
        defaults:
          container_context:
            k8s:
              volume_mounts:
                - {name: data, mount_path: /a}
                - {name: data, mount_path: /b}
        locations:
          - location_name: a
            container_context: {k8s: {volume_mounts: [{name: other, mount_path: /c}]}}
        """,
        [
            "dagster_cloud.yaml:5:11 defaults.container_context.k8s.volume_mounts[0]: error DPK311: of the volume 'data' only the mount on line 6 is kept; this one is lost; mount the volume once, or write the mounts in run_k8s_config and server_k8s_config",
        ],
    ),
    "items of lists in values": (
        "values.yaml",
        """\
        imagePullSecrets: [{name: Bad_A}, {name: Bad_B}, {name: good}]
        workspace:
          envVars:
            - export A=1
            - B=1
          runK8sConfig:
            containerConfig:
              env:
                - {name: A, value: x}
                - {name: A, value: y}
                - {name: B, valu: z}
          volumes:
            - {name: a, emptyDir: {}}
            - {name: a, emptyDir: {}}
            - {name: Bad, emptyDir: {}}
        """,
        [
            "values.yaml:1:20 imagePullSecrets[0]: error DPK201: 'Bad_A' must be at most 253 of a-z, 0-9, '-' and '.', and start and end with a letter or digit; write 'bad-a', in lower case and without underscores",
            "values.yaml:1:35 imagePullSecrets[1]: error DPK201: 'Bad_B' must be at most 253 of a-z, 0-9, '-' and '.', and start and end with a letter or digit; write 'bad-b', in lower case and without underscores",
            "values.yaml:4:7 workspace.envVars[0]: error DPK201: the name 'export A' has a space in it; write NAME=value without export",
            "values.yaml:10:11 workspace.runK8sConfig.containerConfig.env[1]: error DPK209: names 'A' twice, first on line 9; keep one of the two",
            "values.yaml:11:11 workspace.runK8sConfig.containerConfig.env[2]: error DPK209: the environment variable 'B' is set twice; envVars sets it too, in line 5; keep one of the two",
            "values.yaml:11:11 workspace.runK8sConfig.containerConfig.env[2]: warning DPK210: 'B' has neither a value nor a valueFrom and is set to empty text; write its value; where empty text is meant, value: \"\"",
            "values.yaml:11:21 workspace.runK8sConfig.containerConfig.env[2].valu: error DPK101: EnvVar has no field 'valu'; did you mean 'value'?; write 'value'",
            "values.yaml:14:7 workspace.volumes[1]: error DPK201: names 'a' twice, first on line 13; keep one of the two",
            "values.yaml:15:7 workspace.volumes[2]: error DPK201: volume name 'Bad' must be at most 63 of a-z, 0-9 and '-', and start and end with a letter or digit; write it in lower case",
        ],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_item_that_is_wrong_is_found_and_no_other(mistake: str) -> None:
    name, text, messages = MISTAKES[mistake]

    findings = check_sources([Source(name, textwrap.dedent(text).encode())])

    assert [str(finding) for finding in findings] == messages


@pytest.mark.parametrize(
    ("env_vars", "message"),
    [
        (
            ["=x"],
            "env_vars[0]: '' cannot name an environment variable: use printable ASCII without '='; "
            "write NAME=value",
        ),
        (["A=1", "B C=1"], "env_vars[1]: the name 'B C' has a space in it; write NAME=value"),
        (
            ["export A=1"],
            "env_vars[0]: the name 'export A' has a space in it; write NAME=value without export",
        ),
        (["ghp_" + "a" * 36], "env_vars[0]: looks like a value and not like a name; write NAME=value"),
        (["A=1", "A=2"], "env_vars[1]: names 'A' twice; keep one of the two"),
    ],
)
def test_python_refuses_the_same_variables(env_vars: list[str], message: str) -> None:
    with pytest.raises(K8sConfigError) as refusal:
        K8sContainerContext(env_vars=env_vars)

    assert str(refusal.value) == message


def test_what_is_found_in_a_list_hides_nothing_around_it() -> None:
    text = "locations:\n  - image: a\n    container_context: {k8s: {env_vars: [A=1, A=2]}}\n"

    findings = check_sources([Source("dagster_cloud.yaml", text.encode())])

    assert [(finding.where.path, finding.code) for finding in findings] == [
        ("locations[0].location_name", "DPK301"),
        ("locations[0].container_context.k8s.env_vars[1]", "DPK306"),
    ]


def test_it_is_said_that_a_long_list_was_not_read_to_its_end() -> None:
    volumes = "{name: a, emptyDir: {}}, " * 9_000
    text = f"k8s:\n  run_k8s_config: {{pod_spec_config: {{volumes: [\n{volumes}]}}}}\n"

    first, second, *_ = check_sources([Source("container_context.yaml", text.encode())])

    assert str(first) == (
        "container_context.yaml:1:1: error DPK301: there may be more mistakes in here than are shown; mend these and "
        "check again"
    )
    assert second.message == "volumes: names 'a' twice, first on line 3"


def test_hundreds_of_findings_of_one_rule_end_with_their_number() -> None:
    text = "k8s:\n  env_vars:\n" + "".join(f"    - A{number}\n" for number in range(500))

    findings = check_sources([Source("container_context.yaml", text.encode())])

    assert len(findings) == 201
    assert str(findings[-2]).startswith(
        "container_context.yaml:202:7 k8s.env_vars[199]: warning DPK307: 'A199' has"
    )
    assert str(findings[-1]) == (
        "container_context.yaml:203:7 k8s.env_vars[200]: warning DPK307: 300 more findings of DPK307, the first of them "
        "here; mend those before, then check again"
    )


def test_exactly_as_many_as_are_shown_end_without_a_number() -> None:
    text = "k8s:\n  env_vars:\n" + "".join(f"    - A{number}\n" for number in range(201))

    findings = check_sources([Source("container_context.yaml", text.encode())])

    assert [finding.message for finding in findings] == [f"'A{number}' has no value" for number in range(201)]
