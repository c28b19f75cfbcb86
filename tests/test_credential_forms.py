"""What looks like a credential is masked in a text, and what only sounds like one is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_plus_k8s_helpers.credential_forms import literal_credentials, mask_credentials

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA0123456789\nabcdefghijklmnop\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("connect postgresql://svc:hunter2@db/x", "connect postgresql://********@db/x"),
        ("redis://:p/w0rd@cache:6379/0", "redis://********@cache:6379/0"),
        ("https://tok3n@git.example.com/a.git", "https://********@git.example.com/a.git"),
        ("Authorization: Bearer abcdef", "Authorization: ********"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz'}", "{'Authorization': '********'}"),
        ("X-Vault-Token: s.abcdef", "X-Vault-Token: ********"),
        ("sent Bearer abcdef0123456789.xyz to it", "sent Bearer ******** to it"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG", "AWS_SECRET_ACCESS_KEY=********"),
        ("DB_PASSWORD=1234", "DB_PASSWORD=********"),
        ("DB_PASSWORD_PROD: 'with space', x", "DB_PASSWORD_PROD: '********', x"),
        ("SIGNING_KEY_V2=abc", "SIGNING_KEY_V2=********"),
        ("ENCRYPTIONKEY=abc", "ENCRYPTIONKEY=********"),
        ('{"password": "hunter2", "user": "svc"}', '{"password": "********", "user": "svc"}'),
        (r"{\"api_key\": \"hunter2\"}", r"{\"api_key\": \"********\"}"),
        ("host=db password=hunter2 user=svc", "host=db password=******** user=svc"),
        ("GET /?access_token=abc&x=1", "GET /?access_token=********&x=1"),
        ("clientSecret: abc", "clientSecret: ********"),
        ("tool --db-password hunter2 --yes", "tool --db-password ******** --yes"),
        ("AKIAIOSFODNN7EXAMPLE is the id", "******** is the id"),
        ("hvs.CAESIJabcdefghijklmnopqrstuv is the token", "******** is the token"),
        (f"got {JWT}.", "got ********"),
        (f"a\n{KEY}\nb", "a\n********\nb"),
        ("MIIEowIBAAKCAQEA0123456789\nabcdefghijklmnop\n-----END PRIVATE KEY-----\nb", "********\nb"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEA", "********"),
    ],
)
def test_masked(text: str, masked: str) -> None:
    assert mask_credentials(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'customer_id'",
        "TokenExpiredError: the token has expired",
        "asset_key: orders partition_key=2024-01-01",
        "max_tokens=512",
        "use_token: true",
        "tokenizer: bert",
        "a primary key is missing",
        "http://db:5432/x",
        "http://user.example.com/a?b=c",
        "Basic training is over",
        "mail@example.com",
        "password is not set",
        'File "/app/tokens/load.py", line 3, in get_secret',
        "Segmentation fault",
    ],
)
def test_left(text: str) -> None:
    assert mask_credentials(text) == text


def test_known_values_are_masked_wherever_they_stand() -> None:
    environment = {
        "DB_PASSWORD": "correct horse",
        "API_KEY": "correct horse battery",
        "SHORT_TOKEN": "abc",
        "DAGSTER_RUN_STEP_KEY": "features",
        "PWD": "/opt/dagster",
    }

    known = literal_credentials(environment)

    assert sorted(known) == ["correct horse", "correct horse battery"]
    assert mask_credentials("abc features: correct horse battery staple", known) == (
        "abc features: ******** staple"
    )


@given(st.text())
def test_no_text_makes_it_raise_and_what_is_masked_stays_so(text: str) -> None:
    masked = mask_credentials(text)

    assert mask_credentials(masked) == masked


@pytest.mark.parametrize("unit", ["a", "token", "-", "--a", "x.", "http://", "AAAAAAAAAAAAAAAAAAAA\n"])
def test_a_log_of_64_kilobytes_in_one_piece_is_left(unit: str) -> None:
    text = (unit * 65_536)[:65_536]

    assert mask_credentials(text) == text
