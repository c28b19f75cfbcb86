"""What looks like a credential, and what does not."""

from __future__ import annotations

import pytest

from dagster_plus_k8s_helpers.agent.credentials import find_credentials, looks_like_credential

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
        ("A", "AKIAIOSFODNN7EXAMPLE", "an AWS access key id"),
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
        ("TOKEN", "60s"),
        ("TOKEN", "vault:secret/data/x"),
        ("TOKEN_URL", "https://idp.example.com/token"),
        ("TOKEN_FILE", "token.txt"),
        ("PASSWORD_MIN_LENGTH", "twelve"),
        ("SECRET_NAME", "warehouse"),
        ("KEY", "value"),
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
            {"kind": "ConfigMap", "data": {"user": "x"}},
        ],
        1: "x",
    }

    assert find_credentials(data) == [
        (("env_vars", 0), "a credential, by the name 'A_TOKEN'"),
        (("env", 0, "value"), "a credential, by the name 'PASSWORD'"),
        (("docker", "args", 0), "a GitHub token"),
        (("extraManifests", 0, "data", "a"), "a value of a Secret"),
        (("extraManifests", 0, "stringData", "user"), "a value of a Secret"),
    ]
