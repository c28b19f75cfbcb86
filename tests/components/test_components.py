"""The components of this package, in a folder of definitions that is loaded in this process."""

from __future__ import annotations

import traceback
from typing import Any

import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox
from dg_projects import COMPONENTS, TEMPLATES, cause, definitions_of

from dagster_plus_k8s_helpers import (
    ArgumentError,
    EnvSecrets,
    K8sConfig,
    Resources,
    VaultSecrets,
    VaultTokenAuth,
)
from dagster_plus_k8s_helpers.components import K8sDefaultsComponent, K8sExecutorComponent, SecretsComponent
from tests.secrets.frames import exposed

pytestmark = pytest.mark.filterwarnings("ignore::dagster.PreviewWarning", "ignore::dagster.BetaWarning")

ASSETS = """
import dagster as dg
from dagster_plus_k8s_helpers import k8s_tags


@dg.asset
def orders() -> None: ...


@dg.asset(op_tags=k8s_tags(memory="8Gi"), group_name="ml")
def model() -> None: ...
"""
DEFAULTS = f"""
type: {COMPONENTS}.K8sDefaultsComponent
attributes:
  config:
    resources: {{cpu: 500m, memory: 2Gi}}
"""


def configs(definitions: dg.Definitions) -> dict[str, K8sConfig]:
    """What each asset asks for."""
    return {
        asset.key.to_user_string(): K8sConfig.from_tags(asset.op.tags)
        for asset in definitions.assets or ()
        if isinstance(asset, dg.AssetsDefinition)
    }


def config(**amounts: Any) -> K8sConfig:
    return K8sConfig(resources=Resources(**amounts))


def test_a_folder_gives_its_assets_a_config_beneath_their_own() -> None:
    with definitions_of({"shop/defs.yaml": DEFAULTS, "shop/assets.py": ASSETS, "other.py": "import dagster as dg\n@dg.asset\ndef raw() -> None: ...\n"}) as found:  # fmt: skip
        assert configs(found) == {
            "orders": config(cpu="500m", memory="2Gi"),
            "model": config(cpu="500m", memory="8Gi"),
            "raw": K8sConfig(),
        }


def test_a_folder_further_in_wins() -> None:
    inner = DEFAULTS.replace("cpu: 500m, memory: 2Gi", "memory: 4Gi")

    with definitions_of(
        {"defs.yaml": DEFAULTS, "a/b/defs.yaml": inner, "a/b/assets.py": ASSETS, "a/script/defs.yaml": SCRIPT}
    ) as found:
        assert configs(found) == {
            "orders": config(cpu="500m", memory="4Gi"),
            "model": config(cpu="500m", memory="8Gi"),
            "report": config(cpu=1, memory="2Gi"),
        }


SCRIPT = f"""
type: dagster.PythonScriptComponent
template_vars_module: {TEMPLATES}
attributes:
  execution:
    path: report.py
    tags: "{{{{ k8s(cpu=1) }}}}"
  assets:
    - key: report
"""


def test_any_component_that_takes_tags_of_an_op_takes_a_config() -> None:
    with definitions_of({"report/defs.yaml": SCRIPT}) as found:
        assert configs(found) == {"report": config(cpu=1)}


def test_only_selected_assets_are_reached() -> None:
    selected = DEFAULTS + "  selection: group:ml\n  size: {by: usage, maximum: 64Gi}\n"

    with definitions_of({"shop/defs.yaml": selected, "shop/assets.py": ASSETS}) as found:
        assert configs(found) == {"orders": K8sConfig(), "model": config(cpu="500m", memory="8Gi")}
        sized = {a.key.to_user_string(): "dagster-plus-k8s/size" in a.op.tags for a in found.assets or ()}  # type: ignore[union-attr]
        assert sized == {"orders": False, "model": True}


def test_a_config_that_is_a_template_needs_no_module_named() -> None:
    written = f"type: {COMPONENTS}.K8sDefaultsComponent\nattributes:\n  config: \"{{{{ k8s(gpu(1), memory='8Gi') }}}}\"\n"

    with definitions_of({"shop/defs.yaml": written, "shop/assets.py": ASSETS}) as found:
        assert configs(found)["orders"].resources == Resources(memory="8Gi", gpu=1)


def test_the_definitions_of_a_folder_can_be_built_again() -> None:
    """Dagster loads a project once more for each run and each step."""
    for _ in range(2):
        with definitions_of({"shop/defs.yaml": DEFAULTS, "shop/assets.py": ASSETS}) as found:
            job = found.resolve_implicit_global_asset_job_def()
            assert job.execute_in_process().success


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"shop/defs.yaml": DEFAULTS + "  selection: group:m\n", "shop/assets.py": ASSETS},
            "shop/defs.yaml:6 - attributes.selection the selection 'group:m' matches no asset",
        ),
        (
            {"shop/defs.yaml": DEFAULTS},
            "shop/defs.yaml:3 - attributes.selection the selection (everything) matches no asset",
        ),
        (
            {"shop/defs.yaml": DEFAULTS.replace("2Gi", "2GB"), "shop/assets.py": ASSETS},
            "shop/defs.yaml:5 - attributes.config.resources.memory '2GB' is not a Kubernetes quantity",
        ),
        (
            {"run/defs.yaml": f"type: {COMPONENTS}.K8sExecutorComponent\nattributes:\n  branch: k8s\n"},
            "run/defs.yaml:2 - attributes no executor was given for running locally, only branch=...; add local=... or default=...",
        ),
        (
            {"run/defs.yaml": f"type: {COMPONENTS}.K8sExecutorComponent\nattributes:\n  local:\n    max_concurrent: 0\n"},
            "run/defs.yaml:4 - attributes.local.max_concurrent 0 is below 1; leave it out for no limit",
        ),
        (
            {"run/defs.yaml": f"type: {COMPONENTS}.K8sExecutorComponent\nattributes:\n  deployments:\n    prod:\n      step_config: {{cpu: 1}}\n"},
            "run/defs.yaml:5 - attributes.deployments.prod.step_config.cpu K8sConfig has no field 'cpu'; write resources: {cpu: ...}",
        ),
        (
            {"run/defs.yaml": f"type: {COMPONENTS}.K8sExecutorComponent\nattributes:\n  local: docker\n"},
            "run/defs.yaml:3 - attributes.local must be in_process, multiprocess, k8s, or a mapping",
        ),
        (
            {"s/defs.yaml": f"type: {COMPONENTS}.SecretsComponent\nattributes:\n  local:\n    type: valt\n"},
            "s/defs.yaml:4 - attributes.local.type a backend of secrets is one of vault, aws, env, files, chain; did you mean 'vault'?",
        ),
        (
            {"s/defs.yaml": f"type: {COMPONENTS}.SecretsComponent\nattributes:\n  local:\n    type: vault\n    auth: {{type: kubernetes, role: a}}\n"},
            "s/defs.yaml:3 - attributes.local VaultSecrets: url: is missing; write url=...",
        ),
        (
            {"s/defs.yaml": f"type: {COMPONENTS}.SecretsComponent\nattributes:\n  local:\n    type: chain\n    backends: [{{type: env}}, {{type: env, file: .env}}]\n"},
            "s/defs.yaml:5 - attributes.local.backends.1.file EnvSecrets has no field 'file'; did you mean 'env_file'?",
        ),
        (
            {"a/defs.yaml": f"type: {COMPONENTS}.K8sDefaultsComponent\nattributes:\n  cofig: {{}}\n"},
            "a/defs.yaml:3 - attributes.cofig K8sDefaultsComponent has no attribute 'cofig'; did you mean 'config'?",
        ),
        (
            {"a/defs.yaml": f"type: {COMPONENTS}.K8sDefaultsComponent\nattributes:\n  memory: 2Gi\n"},
            "a/defs.yaml:3 - attributes.memory K8sDefaultsComponent has no attribute 'memory'; write config: {resources: {memory: ...}}",
        ),
        (
            {"run/defs.yaml": f"type: {COMPONENTS}.K8sExecutorComponent\nattributes:\n  prod: k8s\n"},
            "run/defs.yaml:3 - attributes.prod K8sExecutorComponent has no attribute 'prod'; for a deployment of that name write deployments: {prod: ...}",
        ),
        (
            {"run/defs.yaml": f"type: {COMPONENTS}.K8sExecutorComponent\nattributes:\n  max_concurrent: 5\n"},
            "run/defs.yaml:3 - attributes.max_concurrent K8sExecutorComponent has no attribute 'max_concurrent'; write default: {max_concurrent: ...}",
        ),
        (
            {"run/defs.yaml": f"type: {COMPONENTS}.K8sExecutorComponent\nattributes:\n  local:\n    container_config: {{}}\n"},
            "run/defs.yaml:4 - attributes.local.container_config k8s_executor has no field 'container_config'; write step_config: {container_config: ...}",
        ),
        (
            {"run/defs.yaml": f"type: {COMPONENTS}.K8sExecutorComponent\nattributes:\n  local: K8S\n"},
            "run/defs.yaml:3 - attributes.local must be in_process, multiprocess, k8s, or a mapping of settings of k8s_executor; did you mean 'k8s'?",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_at_its_line(files: dict[str, str], told: str) -> None:
    with pytest.raises(Exception, match="Error while") as refused, definitions_of(files):
        pass

    first = cause(refused.value).splitlines()[0]
    assert f"/{told}" in first


NOBODYS = "hunter22-of-the-test"


@pytest.mark.parametrize(
    "attributes",
    [
        f"resource: {{token: {NOBODYS}}}",
        f"deployments: {NOBODYS}",
        f"deployments: [{NOBODYS}]",
        f"local: {NOBODYS}",
        f"local: {{type: vault, token: {NOBODYS}}}",
        f"local: {{type: {NOBODYS}}}",
        f"tokn: {NOBODYS}",
        "local: {type: vault, url: 'https://me:{{ env.HIDDEN }}@vault', auth: {type: token, tken: a}}",
        "local: '{{ env.HIDDEN }}'",
    ],
)
def test_nothing_that_is_refused_of_secrets_is_shown_nor_held_by_our_frames(
    attributes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIDDEN", NOBODYS)
    files = {"s/defs.yaml": f"type: {COMPONENTS}.SecretsComponent\nattributes:\n  {attributes}\n"}

    with pytest.raises(Exception, match="Error while") as refused, definitions_of(files):
        pass

    assert NOBODYS not in "".join(traceback.format_exception(refused.value))
    held = exposed(refused.value, NOBODYS)
    # What the file itself says, Dagster's frames hold as well.
    assert [name for name in held if name.startswith("read: ") and ": context" not in name] == []


@pytest.mark.parametrize("written", ["config: '{{ env.HIDDEN }}'", "config: {resources: '{{ env.HIDDEN }}'}"])
def test_what_a_template_gives_is_not_repeated(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIDDEN", NOBODYS)
    files = {"s/defs.yaml": f"type: {COMPONENTS}.K8sDefaultsComponent\nattributes:\n  {written}\n"}

    with pytest.raises(Exception, match="Error while") as refused, definitions_of(files):
        pass

    assert NOBODYS not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    ("kind", "written", "told"),
    [
        (K8sDefaultsComponent, "confg", "did you mean 'config'?"),
        (K8sExecutorComponent, "prod", "for the deployment of that name write deployments={'prod': ...}"),
        (SecretsComponent, "locl", "did you mean 'local'?"),
    ],
)
def test_a_slip_in_python_is_answered(kind: Any, written: str, told: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        kind(**{written: 1})

    assert str(refused.value) == f"{kind.__name__} has no argument {written!r}; {told}"


def test_what_stands_in_python_is_told_what_to_write() -> None:
    code = f"import dagster as dg\nfrom {COMPONENTS} import K8sDefaultsComponent\n\n\n@dg.component_instance\ndef load(context) -> K8sDefaultsComponent:\n    return K8sDefaultsComponent()\n"

    with (
        pytest.raises(Exception, match="Error while") as refused,
        definitions_of({"shop/component.py": code}),
    ):
        pass

    assert cause(refused.value).endswith("stands in a defs.yaml; in Python write with_k8s_config(...)")


EXECUTOR = f"""
type: {COMPONENTS}.K8sExecutorComponent
attributes:
  local: in_process
  branch: multiprocess
  deployments:
    prod:
      name: prod
      max_concurrent: 20
      step_config: {{resources: {{memory: 2Gi}}}}
      per_step_config: {{orders: "{{{{ k8s(cpu=2) }}}}"}}
      memory_ladder: {{maximum: 64Gi}}
      size: {{by: usage}}
      tag_concurrency_limits: [{{key: warehouse, limit: 2}}]
  default: k8s
"""


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "in_process"),
        ({"DAGSTER_CLOUD_DEPLOYMENT_NAME": "abc", "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1"}, "multiprocess"),
        ({"DAGSTER_CLOUD_DEPLOYMENT_NAME": "prod"}, "prod"),
        ({"DAGSTER_CLOUD_DEPLOYMENT_NAME": "staging"}, "k8s"),
    ],
)
def test_the_executor_is_that_of_the_deployment(
    environment: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)

    with definitions_of({"executor/defs.yaml": EXECUTOR}) as found:
        assert isinstance(found.executor, dg.ExecutorDefinition)
        assert found.executor.name == name


SECRETS = f"""
type: {COMPONENTS}.SecretsComponent
attributes:
  resource: warehouse_secrets
  local: {{type: env, env_file: .env}}
  default:
    type: chain
    backends:
      - type: vault
        url: "{{{{ env.VAULT_ADDR }}}}"
        auth: {{type: token, token: "{{{{ env('VAULT_TOKEN') }}}}"}}
        kv_version: 2
      - type: aws
        client: {{region_name: eu-west-1}}
"""


def test_the_secrets_are_those_of_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    with definitions_of({"secrets/defs.yaml": SECRETS}) as found:
        assert found.resources == {"warehouse_secrets": EnvSecrets(env_file=".env")}

    monkeypatch.setenv("DAGSTER_CLOUD_DEPLOYMENT_NAME", "prod")
    with definitions_of({"secrets/defs.yaml": SECRETS}) as found:
        chain: Any = (found.resources or {})["warehouse_secrets"]
        assert [type(backend).__name__ for backend in chain.backends] == ["VaultSecrets", "AwsSecrets"]


def test_a_variable_stays_a_variable_until_a_run_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", "https://vault.example.com")
    monkeypatch.setenv("VAULT_TOKEN", "hvs.not-to-be-seen")
    made = SecretsComponent.resolve_from_yaml("""
        default:
          type: vault
          url: "{{ env.VAULT_ADDR }}"
          auth: {type: token, token: "{{ env.VAULT_TOKEN }}"}
    """)

    assert isinstance(made.default, VaultSecrets)
    assert made.default.url == dg.EnvVar("VAULT_ADDR")
    assert isinstance(made.default.auth, VaultTokenAuth)
    assert made.default.auth.token == dg.EnvVar("VAULT_TOKEN")
    assert "not-to-be-seen" not in repr(made)


def test_a_secret_in_the_file_is_refused_and_not_shown() -> None:
    with pytest.raises(Exception, match=r"auth.token is a secret, and whoever can read") as refused:
        SecretsComponent.resolve_from_yaml(
            "default:\n  type: vault\n  url: https://vault\n  auth: {type: token, token: hvs.secret}\n"
        )

    assert "hvs.secret" not in "".join(map(str, (refused.value, refused.value.__cause__)))


def test_a_secret_at_a_name_that_there_is_not_is_not_shown() -> None:
    written = f"type: {COMPONENTS}.SecretsComponent\nattributes:\n  token: hvs.secret\n"

    with pytest.raises(Exception, match="Error while") as refused, definitions_of({"s/defs.yaml": written}):
        pass

    assert "s/defs.yaml:3 - attributes.token SecretsComponent has no attribute 'token'" in cause(
        refused.value
    )
    shown = "".join(traceback.format_exception(refused.value))
    assert "hvs.secret" not in shown
    assert SecretsComponent.get_model_cls().model_json_schema()["additionalProperties"] is False


@pytest.mark.parametrize("kind", [K8sExecutorComponent, SecretsComponent, K8sDefaultsComponent])
def test_what_dg_scaffolds_loads_as_it_is(kind: type[dg.Component]) -> None:
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.scaffold_component(component_cls=kind)
        (folder / "assets.py").write_text(ASSETS, "utf-8")
        with sandbox.load_component_and_build_defs(folder) as (component, found):
            assert type(component) is kind
            assert found.executor or found.resources or configs(found)["orders"]
