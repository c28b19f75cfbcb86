"""What looks like a credential, and what does not."""

from __future__ import annotations

import pytest

from dagster_plus_k8s_helpers.credentials.telling import find_credentials, looks_like_credential

BY_NAME = "a credential, by the name '{}'"


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("PASSWORD", "hunter2", BY_NAME),
        ("DB_PASSWORD", "12345678", BY_NAME),
        ("SNOWFLAKE_PWD", "x1", BY_NAME),
        ("API_KEY", "0f0f", BY_NAME),
        ("APIKEY", "0f0f", BY_NAME),
        ("awsSecretAccessKey", "wJalrXUtnFEMI", BY_NAME),
        ("CLIENT_SECRET_2", "abc", BY_NAME),
        ("SLACK_TOKEN", "abc", BY_NAME),
        ("DB_PASSWORD", "changeme", BY_NAME),
        ("PGPASSWORD", "hunter2", BY_NAME),
        ("DBPASSWORD", "hunter2", BY_NAME),
        ("REDISPASSWORD", "hunter2", BY_NAME),
        ("PASSWORD_PROD", "hunter2", BY_NAME),
        ("API_TOKEN_STAGING_2", "x1y2", BY_NAME),
        ("PASSWORD", "12345", BY_NAME),
        ("PASSWORD", "secret:x", BY_NAME),
        ("SECRET", "hunter", BY_NAME),
        ("CLIENT_SECRET", "hunter", BY_NAME),
        ("IMAGE_PULL_SECRET", "s3cr3t", BY_NAME),
        ("A", "AKIAIOSFODNN7EXAMPLE", "an AWS access key id"),
        (
            "A",
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + "Zm9v" * 10 + "==;EndpointSuffix=x",
            "an Azure key",
        ),
        ("A", "jdbc:postgresql://db/x?user=a&password=hunter2", "a connection string with a password"),
        ("A", "Server=db;Uid=a;Pwd=hunter2;", "a connection string with a password"),
        ("A", "host=db password=hunter2", "a connection string with a password"),
        ("A", "hf_" + "a" * 34, "a Hugging Face token"),
        ("A", "npm_" + "a" * 36, "an npm token"),
        ("A", "xapp-1-A0123456789-abc", "a Slack token"),
        ("A", "Bearer 0f9a8b7c6d5e", "the value of an Authorization header"),
        ("A", "Authorization: Basic dXNlcjpwYXNz", "the value of an Authorization header"),
        ("A", "-----BEGIN RSA PRIVATE KEY-----\nMIIE", "a private key"),
        ("A", "-----BEGIN PRIVATE KEY-----", "a private key"),
        ("A", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w", "a JSON web token"),
        ("A", "ghp_" + "a" * 36, "a GitHub token"),
        ("A", "glpat-" + "a" * 20, "a GitLab token"),
        ("A", "xoxb-123456789012-abc", "a Slack token"),
        ("A", "hvs." + "a" * 24, "a Vault token"),
        ("A", "postgresql://user:s3cret@db:5432/x", "a URL with a password"),
        ("DATABASE_URL", "redis://:s3cret@cache", "a URL with a password"),
    ],
)
def test_a_credential_is_recognised_and_not_repeated(name: str, value: str, kind: str) -> None:
    found = looks_like_credential(name, value)

    assert found == kind.format(name)
    assert value not in found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PASSWORD", ""),
        ("PASSWORD", "  "),
        ("PASSWORD", "${DB_PASSWORD}"),
        ("PASSWORD", "$(DB_PASSWORD)"),
        ("PASSWORD", "$DB_PASSWORD"),
        ("PASSWORD", "{{ password }}"),
        ("PASSWORD", "<your password>"),
        ("PASSWORD", "********"),
        ("PASSWORD", "/run/secrets/password"),
        ("TOKEN", "true"),
        ("ALLOW_EMPTY_PASSWORD", "1"),
        ("TOKEN", "60s"),
        ("TOKEN", "vault:secret/data/x"),
        ("TOKEN_URL", "https://idp.example.com/token"),
        ("TOKEN_FILE", "token.txt"),
        ("PASSWORD_MIN_LENGTH", "twelve"),
        ("SECRET_NAME", "warehouse"),
        ("KEY", "value"),
        ("IMAGE_PULL_SECRET", "regcred"),
        ("DAGSTER_TOKEN_SECRET", "agent-token"),
        ("TOKEN", "12345"),
        ("BYPASSWORDS", "x1y2"),
        ("PASSWORD_PRODUCER", "a"),
        ("A", "jdbc:postgresql://db/x?user=a&password=${DB_PASSWORD}"),
        ("A", "Basic authentication is used"),
        ("A", "Bearer authentication-scheme"),
        ("A", "npm_config_cache"),
        ("A", "the password=<yours>"),
        ("COMPASS", "north"),
        ("PATTERN", "abc"),
        ("PATH", "bin"),
        ("URL", "postgresql://user@db/x"),
        ("URL", "postgresql://user:${PASSWORD}@db/x"),
        ("URL", "https://example.com:8080/a@b"),
        ("IMAGE", "registry.example.com/team/tokens:1.2"),
        ("", "-----BEGIN CERTIFICATE-----"),
        ("", "AKIA"),
    ],
)
def test_what_is_no_credential_is_left_alone(name: str, value: str) -> None:
    assert looks_like_credential(name, value) == ""


def test_credentials_are_found_at_every_depth() -> None:
    data = {
        "env_vars": ["A_TOKEN=abc", "LEVEL=info"],
        "env": [{"name": "PASSWORD", "value": "abc"}, {"name": "PASSWORD", "value_from": {}}],
        "docker": {"args": ["ghp_" + "a" * 36]},
        "extraManifests": [
            {
                "kind": "Secret",
                "data": {"a": "eA=="},
                "stringData": {"user": "admin", "ref": "{{ .Values.user }}"},
            },
            {"kind": "ConfigMap", "data": {"user": "x", "DB_PASSWORD": "hunter2", "n": 1}},
        ],
        1: "x",
        "args": [
            "--password=hunter2",
            "--level=info",
            "--token",
            "x1y2",
            "--user",
            "a",
            "--secret",
            "--dry-run",
        ],
        "computeLogs": {
            "custom": {
                "config": {
                    "bucket": "logs",
                    "secret_key": "x1y2",
                    "secret_credential": {"client_secret": "x1y2", "client_id": "a"},
                    "password": {"env": "PASSWORD"},
                }
            }
        },
    }

    assert find_credentials(data) == [
        (("env_vars", 0), "a credential, by the name 'A_TOKEN'"),
        (("env", 0, "value"), "a credential, by the name 'PASSWORD'"),
        (("docker", "args", 0), "a GitHub token"),
        (("extraManifests", 0, "data", "a"), "a value of a Secret"),
        (("extraManifests", 0, "stringData", "user"), "a value of a Secret"),
        (("extraManifests", 1, "data", "DB_PASSWORD"), "a credential, by the name 'DB_PASSWORD'"),
        (("args", 0), "a credential, by the name 'password'"),
        (("args", 3), "a credential, by the name 'token'"),
        (("computeLogs", "custom", "config", "secret_key"), "a credential, by the name 'secret_key'"),
        (
            ("computeLogs", "custom", "config", "secret_credential", "client_secret"),
            "a credential, by the name 'client_secret'",
        ),
    ]
