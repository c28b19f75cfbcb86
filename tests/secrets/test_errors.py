"""The errors of the secrets package, and the resources' settings."""

from __future__ import annotations

import copy
import pickle

import dagster as dg
import pytest

from dagster_plus_k8s_helpers import DagsterPlusK8sError
from dagster_plus_k8s_helpers import secrets as package
from dagster_plus_k8s_helpers.secrets import (
    AwsSecrets,
    ChainedSecrets,
    EnvSecrets,
    FileSecrets,
    SecretsConfigError,
    SecretsError,
    VaultAppRoleAuth,
    VaultAwsIamAuth,
    VaultCertAuth,
    VaultJwtAuth,
    VaultKubernetesAuth,
    VaultSecrets,
    VaultTokenAuth,
    VaultUserpassAuth,
    errors,
)
from dagster_plus_k8s_helpers.testing import FakeSecrets

TOKEN = "hvs.a-token-that-nobody-may-see"
AUTH = VaultTokenAuth(token=TOKEN)
VAULT = {"url": "https://vault:8200", "auth": AUTH}


def test_every_public_name_resolves_and_is_sorted() -> None:
    assert package.__all__ == sorted(package.__all__)
    assert dir(package) == package.__all__
    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    assert not hasattr(package, "SecretsManager")


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_drawn_in_the_tree_and_travels(name: str) -> None:
    error = getattr(errors, name)("it is so", check="Look there", backend="Vault", ref="a#b")

    assert isinstance(error, DagsterPlusK8sError)
    assert f"── {name} " in (errors.__doc__ or "")
    assert str(error) == "Vault: secret 'a#b': it is so. Look there"
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert (str(twin), twin.ref, twin.backend) == (str(error), "a#b", "Vault")
    assert str(error.about("c")) == "Vault: secret 'c': it is so. Look there"


class Client:
    """Looks like dagster-aws' resource."""

    def get_client(self) -> None:
        """Never called: settings are checked before anything is made."""


BAD_SETTINGS = [
    (VaultSecrets, {**VAULT, "url": "vault:8200"}, "url is not an address"),
    (VaultSecrets, {**VAULT, "url": f"https://me:{TOKEN}@vault:8200"}, "without a path, user or password"),
    (VaultSecrets, {**VAULT, "url": "https://vault:99999"}, "url is not an address"),
    (VaultSecrets, {**VAULT, "mount": ""}, "mount"),
    (VaultSecrets, {**VAULT, "kv_version": 3}, "kv_version=3"),
    (VaultSecrets, {**VAULT, "timeout": 0.0}, "timeout"),
    (VaultSecrets, {**VAULT, "attempt_timeout": 0.0}, "attempt_timeout=0 is not a number of seconds above 0"),
    (VaultSecrets, {**VAULT, "client_cert": "/x.pem"}, "come together"),
    (VaultSecrets, {**VAULT, "cache_ttl": -1.0}, "cache_ttl"),
    (VaultSecrets, {**VAULT, "max_stale": float("inf")}, "max_stale"),
    (VaultSecrets, {**VAULT, "cache_size": 0}, "cache_size"),
    (VaultSecrets, {**VAULT, "adress": "x"}, "adress"),
    (VaultSecrets, {"url": "https://vault:8200"}, "auth"),
    (VaultTokenAuth, {}, "exactly one of token, token_file"),
    (VaultTokenAuth, {"token": TOKEN, "token_file": "/x"}, "2 are given"),
    (VaultTokenAuth, {"token": ""}, "token is empty"),
    (VaultTokenAuth, {"token": [TOKEN]}, "token: must be text"),
    (VaultKubernetesAuth, {"role": ""}, "role"),
    (VaultKubernetesAuth, {"role": "a b"}, "role"),
    (VaultJwtAuth, {"role": "r"}, "exactly one of jwt, jwt_path"),
    (VaultAppRoleAuth, {"role_id": "r"}, "exactly one of secret_id"),
    (VaultAppRoleAuth, {"role_id": "r", "secret_id": TOKEN, "wrapped_secret_id": TOKEN}, "2 are given"),
    (VaultUserpassAuth, {"username": "u", "password": ""}, "password is empty"),
    (VaultCertAuth, {"client_cert": "/c.pem", "client_key": ""}, "client_key is empty"),
    (VaultAwsIamAuth, {"role": "r", "access_key_id": TOKEN}, "secret_access_key"),
    (AwsSecrets, {"client": "secretsmanager"}, "client is of type str"),
    (AwsSecrets, {"client": VaultTokenAuth(token=TOKEN)}, "client is of type VaultTokenAuth"),
    (AwsSecrets, {"client": Client(), "assume_role_arn": "reader"}, "not the ARN of an IAM role"),
    (AwsSecrets, {"client": Client(), "external_id": "abc"}, "external_id is for assume_role_arn"),
    (AwsSecrets, {"client": Client(), "timeout": 0.0}, "timeout=0"),
    (EnvSecrets, {"env_file": ""}, "env_file is empty"),
    (EnvSecrets, {"prefix": "1-"}, "prefix"),
    (FileSecrets, {"directory": "secrets"}, "not absolute"),
    (ChainedSecrets, {"backends": []}, "not a list with a resource"),
    (ChainedSecrets, {"backends": EnvSecrets()}, "not a list with a resource"),
    (ChainedSecrets, {"backends": [EnvSecrets(), {"a": TOKEN}]}, r"backends\[1\] is of type dict"),
    (FakeSecrets, {"secrets": [TOKEN]}, "not a dictionary"),
    (FakeSecrets, {"secrets": {"a": 3}}, "a is of type int"),
]


@pytest.mark.parametrize(("kind", "settings", "told"), BAD_SETTINGS)
def test_a_setting_that_cannot_work_is_refused_when_made(
    kind: type[dg.ConfigurableResource[object]], settings: dict[str, object], told: str
) -> None:
    with pytest.raises(SecretsConfigError, match=told) as caught:
        kind(**settings)

    assert TOKEN not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "auth",
    [
        AUTH,
        VaultJwtAuth(role="r", jwt=TOKEN),
        VaultAppRoleAuth(role_id="r", secret_id=TOKEN),
        VaultAppRoleAuth(role_id=TOKEN, wrapped_secret_id=TOKEN),
        VaultUserpassAuth(username="u", password=TOKEN),
        VaultAwsIamAuth(role="r", access_key_id="AKIA", secret_access_key=TOKEN, session_token=TOKEN),
    ],
)
def test_credentials_carry_dagsters_secret_marker_and_are_not_shown(
    auth: dg.ConfigurableResource[object],
) -> None:
    schema = type(auth).to_config_schema().as_field().config_type
    marked = {name for name, field in schema.fields.items() if field.is_secret}  # type: ignore[attr-defined]

    assert {name for name, value in dict(auth).items() if value == TOKEN} <= marked
    assert TOKEN not in repr(auth)
    assert TOKEN not in repr(VaultSecrets(url="https://vault:8200", auth=auth))


def test_an_env_var_that_dagster_has_not_resolved_says_how_to_resolve_it() -> None:
    secrets = VaultSecrets(url=dg.EnvVar("VAULT_ADDR"), auth=VaultTokenAuth(token=dg.EnvVar("TOKEN")))

    with pytest.raises(SecretsConfigError, match=r"process_config_and_initialize_cm"):
        secrets.get("a")


def test_env_vars_are_checked_once_they_have_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", "no address")
    secrets = VaultSecrets(url=dg.EnvVar("VAULT_ADDR"), auth=AUTH)

    with (
        pytest.raises(SecretsConfigError, match="url is not an address"),
        secrets.process_config_and_initialize_cm(),
    ):
        pass


def test_a_fake_raises_the_error_it_is_given() -> None:
    fake = FakeSecrets(secrets={"a": errors.SecretAccessDenied("no", backend="Vault")})

    with pytest.raises(SecretsError, match="Vault: secret 'a#b': no"):
        fake.get("a#b")


def test_whole_numbers_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = VaultSecrets(
        url="https://vault:8200", auth=AUTH, cache_size=dg.EnvVar.int("SIZE"), kv_version=dg.EnvVar.int("KV")
    )
    with pytest.raises(
        SecretsConfigError, match=r"cache_size is EnvVar\.int\('SIZE'\), which Dagster resolves"
    ):
        secrets.get("a")

    monkeypatch.setenv("SIZE", "7")
    monkeypatch.setenv("KV", "2")
    with secrets.process_config_and_initialize_cm() as resolved:
        assert (resolved.cache_size, resolved.kv_version) == (7, 2)
    monkeypatch.setenv("KV", "3")
    with (
        pytest.raises(SecretsConfigError, match="kv_version=3 is neither 1 nor 2"),
        secrets.process_config_and_initialize_cm(),
    ):
        pass


@pytest.mark.parametrize("name", ["timeout", "attempt_timeout", "cache_ttl", "max_stale"])
def test_numbers_with_a_fraction_cannot(name: str) -> None:
    with pytest.raises(SecretsConfigError) as caught:
        VaultSecrets(url="https://vault:8200", auth=AUTH, **{name: dg.EnvVar.int("SECONDS")})

    assert str(caught.value) == (
        f"VaultSecrets: {name} is a number with a fraction, which Dagster reads from no environment variable. "
        "Write a number, or float(os.environ[...]) where the definitions are made"
    )
