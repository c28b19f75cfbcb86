"""What looks like a credential is masked in a text, and what only sounds like one is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_plus_k8s_helpers.credentials.forms import literal_credentials, mask_credentials

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
        ("DB_PASS=hunter2", "DB_PASS=********"),
        ("export SMTP_PASS='a b'", "export SMTP_PASS='********'"),
        ("db_pass: hunter2, dbPass=hunter2", "db_pass: ********, dbPass=********"),
        ("password: |\n  hunter2\n  more\nuser: svc", "password: |\n  ********\nuser: svc"),
        ("db:\n  api_key: >-\n    abc\n  user: svc", "db:\n  api_key: >-\n    ********\n  user: svc"),
        ("- password:\n      hunter2\n", "- password:\n      ********\n"),
        ("('password', 'hunter2')", "('password', '********')"),
        ("get(url, auth=('bob', 'hunter2'))", "get(url, auth=('bob', '********'))"),
        ('HTTPBasicAuth("bob", "hunter2")', 'HTTPBasicAuth("bob", "********")'),
        ("'basic_auth': ['bob', 'hunter2']", "'basic_auth': ['bob', '********']"),
        ("<password><![CDATA[hunter2]]></password>", "<password><![CDATA[********]]></password>"),
        ("{'SecretString': 'hunter2'}", "{'SecretString': '********'}"),
        ('"SecretBinary": "aHVudGVyMg=="', '"SecretBinary": "********"'),
        ("passcode=hunter2", "passcode=********"),
        ("[('user', 'svc'), ('DB_TOKEN', b'abc')]", "[('user', 'svc'), ('DB_TOKEN', b'********')]"),
        ("password => hunter2", "password => ********"),
        ("{:password=>\"hunter2\", 'token' => 'abc'}", "{:password=>\"********\", 'token' => '********'}"),
        ("password := hunter2", "password := ********"),
        ("<password>hunter2</password>", "<password>********</password>"),
        (
            "<c:dbPassword type='x'>\nhunter2\n</c:dbPassword>",
            "<c:dbPassword type='x'>********</c:dbPassword>",
        ),
        ('<entry key="db.password">hunter2</entry>', '<entry key="db.password">********</entry>'),
        ('<add key="ApiKey" value="abc"/>', '<add key="ApiKey" value="********"/>'),
        ("{'name': 'DB_PASSWORD', 'value': 'hunter2'}", "{'name': 'DB_PASSWORD', 'value': '********'}"),
        ("- name: DB_TOKEN\n  value: hunter2", "- name: DB_TOKEN\n  value: ********"),
        ("CREATE USER x IDENTIFIED BY 'hunter2'", "CREATE USER x IDENTIFIED BY '********'"),
        (
            "alter user x identified with sha256_password by 'h 2';",
            "alter user x identified with sha256_password by '********';",
        ),
        ("ALTER ROLE x WITH PASSWORD 'hunter2'", "ALTER ROLE x WITH PASSWORD '********'"),
        ("SET PASSWORD FOR x TO PASSWORD('hunter2')", "SET PASSWORD FOR x TO PASSWORD('********')"),
        ("\x1b[36mpassword\x1b[0m=\x1b[35mhunter2\x1b[0m", "password=********"),
        ("\x1b[32m'api_key'\x1b[39m: \x1b[1;32m'abc'\x1b[0m", "'api_key': '********'"),
        (r"\u001b[36mpassword\u001b[0m=hunter2", "password=********"),
        ("next=%2Fa%3Fpassword%3Dhunt%20er2%26x%3D1", "next=%2Fa%3Fpassword%3D********%26x%3D1"),
        ("next=%252Fa%253Ftoken%253Dabc%2526x", "next=%252Fa%253Ftoken%253D********%2526x"),
        ("q=%7B%22password%22%3A%22hunter2%22%7D", "q=%7B%22password%22%3A%22********%22%7D"),
        (
            "https://a.blob.core.windows.net/c?sv=1&sig=abcdEFGH1234%2Fab%3D&se=2",
            "https://a.blob.core.windows.net/c?sv=1&sig=********&se=2",
        ),
        ("https://b.s3/k?X-Amz-Signature=0123456789abcdef", "https://b.s3/k?X-Amz-Signature=********"),
        ("+ curl -sSu svc:hunter2 https://x", "+ curl -sSu svc:******** https://x"),
        ("curl --user 'svc:hunter2' https://x", "curl --user 'svc:********' https://x"),
        ("sshpass -p hunter2 ssh x", "sshpass -p ******** ssh x"),
        ("mysql -h db -usvc -phunter2 sales", "mysql -h db -usvc -p******** sales"),
        ("db.example.com:5432:sales:svc:hunter2", "db.example.com:5432:sales:svc:********"),
        ("*:*:*:svc:hun:ter2", "*:*:*:svc:********"),
        ("line 3: db:5432:sales:svc:hunter2 is bad", "line 3: db:5432:sales:svc:******** is bad"),
        ("password=b'hunter2xyz9'", "password=b'********'"),
        ("{'password': b'hunter2', 'a': 1}", "{'password': b'********', 'a': 1}"),
        ("SET PASSWORD = N'hunter2'", "SET PASSWORD = N'********'"),
        ("password=$'hunter2'", "password=$'********'"),
        ('password=SecretStr("hunter2")', 'password=SecretStr("********")'),
        ("{'password': ['hunter2', 'other']}", "{'password': ['********', '********']}"),
        ("password=('hunter2',)", "password=('********',)"),
        ("password: !!str hunter2", "password: !!str ********"),
        ("password: &shared hunter2", "password: &shared ********"),
        ("def f(password: str = 'hunter2')", "def f(password: str = '********')"),
        ("if password == 'hunter2':", "if password == '********':"),
        (r"{\\\"password\\\":\\\"x y\\\"}", r"{\\\"password\\\":\\\"********\\\"}"),
        (r"password='it\'s x', y", "password='********', y"),
        ("password: 'it''s x'", "password: '********'"),
        (r"{\"password\": \"a\\\"b\", \"c\": 1}", r"{\"password\": \"********\", \"c\": 1}"),
        ("pass: x", "pass: ********"),
        ('{"user": "u", "pass": "x"}', '{"user": "u", "pass": "********"}'),
        ("user=bob, pass=x", "user=bob, pass=********"),
        ("DB_PW=x", "DB_PW=********"),
        ("pw=x pswd=x pgpass=x creds=x", "pw=******** pswd=******** pgpass=******** creds=********"),
        ("API key: abc", "API key: ********"),
        (r"line\npw=x, b", r"line\npw=********, b"),
        ("machine h login bob password x", "machine h login bob password ********"),
        ("machine h\n  login bob\n  password x\n", "machine h\n  login bob\n  password ********\n"),
        ("jdbc:oracle:thin:bob/x@h", "jdbc:oracle:thin:bob/********@h"),
        ("sqlplus -S bob/x@h", "sqlplus -S bob/********@h"),
        ("sqlcmd -S db -P x", "sqlcmd -S db -P ********"),
        ("openssl rsa -passin pass:x -in k", "openssl rsa -passin pass:******** -in k"),
        ("smbclient -U u%x //h/s", "smbclient -U u%******** //h/s"),
        ("ldapsearch -D cn=a -w x", "ldapsearch -D cn=a -w ********"),
        ("tool -password x", "tool -password ********"),
        ("sk-" + "0123456789abcdef" * 2, "********"),
        (f"sk-proj-{'aB3_-' * 9}x", "********"),
        (f"pypi-AgEIcHlwaS5vcmc{'x' * 60}", "********"),
    ],
)
def test_masked(text: str, masked: str) -> None:
    assert mask_credentials(text) == masked
    assert mask_credentials(masked) == masked


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
        "first_pass: 3, bypass=true, DB_PASSTHROUGH=on",
        "tests pass: 12",
        "columns: ['user', 'password', 'email']",
        "usage: login <user> <password> [options]",
        "{'name': 'SECRET_NAME', 'value_from': {'secret_key_ref': {'name': 'x'}}}",
        "{'name': 'DB_PASSWORD', 'value': None, 'value_from': 1}",
        "customer identified by 'C-123' not found",
        "rows identified by id",
        "main.py:1234:5: error: x",
        "fe80:1234:abcd:ef01:2345",
        "10:15:30:123:456",
        "curl -s https://x:8080/a",
        "curl -u svc https://x",
        "https://x/a?sig=1&signal=abcdefghij",
        "mysql -h db -P 3306 -p sales",
        "credentials:\n  user: svc",
        "secrets:\n  - warehouse",
        "SecretNotFound: secret 'warehouse'",
        "dagster_plus_k8s_helpers.SecretAccessDenied: secret 'warehouse': no policy",
        "SecretLeaseEnded: the lease is over",
        "SyntaxError: unexpected token: '}'",
        "Token: 'foo' unexpected",
        "invalid token: expected ;",
        "jwt.InvalidToken: Signature is bad",
        "password_file=/run/x token_path=/x private_key_path=/x PASSWORD_FILE=/run/x",
        "secretName: warehouse-credentials, secret_name=warehouse",
        "token_type=bearer token_expiry: 2024 passwordLength: twelve",
        "<password_file>/run/x</password_file> ('secret_name', 'warehouse')",
        "name: SECRET_NAME\nvalue: warehouse",
        "KEYSPACE=orders MONKEY=banana TURKEY: x HOTKEY=x KEY_COLUMNS=id KEY_VAULT_NAME=kv",
        "PARTITION_KEY=2024-01-01 PRIMARY_KEY=id secretary: bob",
        "tokens=1200000 max_tokens: gpt prompt_tokens: few",
        "FIRST_PASS=done pass=12 fail=3 first pass: done --- PASS: test_x",
        "password: expected str, got None",
        "password: field required",
        "--token must be set, --password is missing",
        "password=None token: null password=${DB_PASSWORD} PASSWORD: $(DB_PASSWORD)",
        "def f(password: str, token: bytes)",
        "password = os.environ['DB_PASSWORD']",
        "creds=<botocore.credentials.Credentials object at 0x7f>",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:warehouse-AbCdEf",
        "curl -sS -u http://x",
        "mysql -port 3306",
        "Basic configuration1 done",
        "Basic Authentication failed, Bearer Authentication too",
        "sk-learn-contrib-pipeline-2024-01-01-features-v2",
        "PWD=/opt/dagster",
        "std::token::Token",
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


UNITS = [
    "a",
    "token",
    "-",
    "--a",
    "x.",
    "http://",
    "AAAAAAAAAAAAAAAAAAAA\n",
    "<a ",
    "('",
    "curl ",
    "a:",
    " ",
    "create ",
]


@pytest.mark.parametrize("unit", UNITS)
def test_a_log_of_64_kilobytes_in_one_piece_is_left(unit: str) -> None:
    text = (unit * 65_536)[:65_536]

    assert mask_credentials(text) == text
