"""Where a credential stands in a text, other than as ``name=value``: what is before it, and after.

The patterns are ours. detect-secrets (1.5.0, Yelp's) was tried on these forms: without its entropy plugins
it found one of the thirteen, and with them it took every digest, run id and longer word of healthy logs.
"""

from __future__ import annotations

import re

from dagster_plus_k8s_helpers.credentials.names import kind_of_name
from dagster_plus_k8s_helpers.secrets.value import MASK

__all__ = ["OTHERS", "PASSWORDS", "mask_places"]

# "pass" alone is a word of its own: a test's, a bypass's. It is a password's in DB_PASS and in dbPass.
_BRIEF = (
    r"(?-i:(?<=[A-Z0-9]_)PASS(?![A-Za-z]))"
    r"|(?<![a-z])(?:db|database|user|root|admin|smtp|proxy|key)[_-]?pass(?![a-z])"
)
PASSWORDS = f"passwords?|passwd|passphrase|pwd|{_BRIEF}"
"""Names of passwords, which may be numbers; a pattern that ignores case."""
_KEYS = (
    "(?:api|access|account|auth|encryption|master|private|secret|service|shared|signing|storage)[_-]?keys?"
)
OTHERS = f"{_KEYS}|secrets?|credentials?|token(?!iz)s?"
"""Names of other credentials."""

_WORD = rf"(?:{PASSWORDS}|{OTHERS})(?:[_-][\w-]{{0,20}})?"
_NAME = rf"(?P<name>[\w.-]{{0,60}}?{_WORD})"
_Q = r"(?:\\{0,15}[\"'])"
_QUOTED = r"[^\"'\n\\]{1,2000}"
_WHOLE = r"[^\s\"']{1,500}"
# After a quotation mark that the head ends in, up to the next; without one, a word.
_OPENED = r"(?:[bBuUN](?=\\{0,15}[\"']))?(?P<quote>\\{0,15}[\"'])?"
_VALUE = r"(?(quote)[^\"'\n\\]{1,2000}|[^\s,;&<>\"'\\)\]}]{1,2000})"
_KEY = rf"^(?P<in>[ \t]*)(?:- )?[\"']?{_NAME}[\"']?[ \t]*:[ \t]*"
_CDATA, _END_OF_CDATA = r"(?:<!\[CDATA\[)?", r"(?:\]\]>)?"
_DEEPER = r"(?P=in)[ \t]+"
_3D, _22, _3A, _20 = (rf"%(?:25)?{code}" for code in ("3D", "22", "3A", "(?:20)"))
_STATEMENT = r"(?:(?-i:\bIDENTIFIED)|\b(?:create|alter|grant)\b[^\n;]{0,300}?\bidentified)"
_OPTIONS = r"\s(?:[^\n]{0,300}?\s)?"

_PLACES: tuple[tuple[str, str, str], ...] = (
    # YAML: the lines below "password: |" that are further in, or one word on the line below "password:".
    (rf"{_KEY}[|>][+-]?\d?[ \t]*\r?\n{_DEEPER}", rf"\S[^\n]*(?:\n{_DEEPER}\S[^\n]*)*", ""),
    (rf"{_KEY}\r?\n{_DEEPER}", r"(?![\w.-]+:|-\s)\S+", r"[ \t]*$"),
    # A pair: ('password', 'hunter2'). In square brackets it is more often a list of names.
    (rf"\({_Q}{_NAME}{_Q},\s{{0,3}}b?{_Q}", _QUOTED, rf"{_Q}\)"),
    # A user and a password: auth=('bob', 'hunter2'), HTTPBasicAuth('bob', 'hunter2').
    (
        (
            rf"\b(?:auth{_Q}?\s?[=:]|\w{{0,20}}basic_?auth(?:{_Q}?\s?[=:])?)\s?[(\[]\s?b?{_Q}{_QUOTED}{_Q}"
            rf",\s{{0,3}}b?{_Q}"
        ),
        _QUOTED,
        _Q,
    ),
    # XML: <password>hunter2</password>, <entry key="password">hunter2</entry>.
    (
        rf"<(?:[\w-]{{1,60}}:)?{_NAME}(?:\s[^<>\n]{{0,300}})?>{_CDATA}",
        r"[^<>]{1,2000}",
        rf"{_END_OF_CDATA}</",
    ),
    (
        rf"<[\w:.-]{{1,60}}\s[^<>\n]{{0,200}}?[\"']{_NAME}[\"'][^<>\n]{{0,200}}>{_CDATA}",
        r"[^<>]{1,2000}",
        rf"{_END_OF_CDATA}</",
    ),
    # A name and a value, as containers have their variables: {'name': 'DB_PASSWORD', 'value': ...}.
    (
        (
            rf"\b(?:name|key){_Q}?\s{{0,3}}[:=]\s{{0,3}}{_Q}?{_NAME}{_Q}?,?\s{{1,40}}{_Q}?value{_Q}?"
            rf"\s{{0,3}}[:=]\s{{0,3}}(?!None\b|null\b){_OPENED}"
        ),
        _VALUE,
        "",
    ),
    # SQL. In prose a customer is identified by a number, so the statement, or its capitals, go with it.
    (
        rf"{_STATEMENT}\s+(?:with\s+\S{{1,60}}\s+)?by\s+(?:password\s+|values\s+)?{_OPENED}",
        _VALUE,
        "",
    ),
    (r"\bpassword(?:\s{1,3}|\s{0,3}\(\s{0,3})'", r"[^'\n]{1,500}", "'"),
    # A query within a query: password%3Dhunter2%26, %22password%22%3A%22hunter2%22; encoded once or twice.
    (rf"{_WORD}{_3D}", r"(?:[^\s&\"'%]|%(?!(?:25)?26)){1,2000}", ""),
    (
        rf"{_WORD}{_22}(?:{_20}|\+)?{_3A}(?:{_20}|\+)?{_22}",
        r"(?:[^\s&\"'%]|%(?!(?:25)?22)){1,2000}",
        "",
    ),
    # Signed URLs: Azure's, AWS', Google's.
    (
        rf"(?:[?&;]|\\u0026|%(?:25)?26|%3F)(?:sig|(?:X-(?:Amz|Goog)-)?Signature)(?:=|{_3D})",
        r"[\w%+/=.~-]{8,2000}",
        "",
    ),
    # Commands, with the user left as it is.
    (
        (
            rf"\bcurl{_OPTIONS}(?:-[a-z]{{0,8}}u|--user|--proxy-user)[\s=]{{0,3}}[\"']?"
            r"(?!\w{1,20}://)[^\s:\"'-][^\s:\"']{0,200}:"
        ),
        _WHOLE,
        "",
    ),
    (
        (
            rf"\b(?:sshpass\s+-p\s?|redis-cli{_OPTIONS}-a\s+|docker\s+login{_OPTIONS}-p\s+"
            rf"|(?-i:mysql(?:dump|admin)?{_OPTIONS}-p(?!ort\b|rotocol\b|assword\b|lugin))"
            rf"|(?-i:(?:sqlcmd|bcp|osql|isql|unzip|zip){_OPTIONS}-P\s?)"
            rf"|(?-i:(?:mongo(?:sh|dump|restore)?|(?:podman|oc|az|registry)\s+login){_OPTIONS}-p\s+)"
            rf"|(?-i:ldap\w{{2,10}}{_OPTIONS}-w\s+)"
            r"|(?:smbclient|rpcclient|smbget|net)\s(?:[^\n]{0,300}?\s)?-U\s?[\"']?[^\s%\"']{1,100}%"
            r")[\"']?"
        ),
        _WHOLE,
        "",
    ),
    (r"(?<!\S)-pass(?:in|out)?\s{1,3}[\"']?pass:", _WHOLE, ""),
    (
        r"(?:\bsqlplus\s(?:[^\n]{0,300}?\s)?|\bjdbc:oracle:\w{1,10}:)[\"']?[\w$#.-]{1,100}/",
        r"[^\s@\"']{1,500}",
        "@",
    ),
    # .netrc, on one line or several.
    (
        r"\b(?:machine\s{1,3}\S{1,200}|default)\s{1,3}(?:login\s{1,3}\S{1,200}\s{1,3})?password\s{1,3}",
        r"\S{1,500}",
        "",
    ),
    # .pgpass: host:port:database:user:password. https://www.postgresql.org/docs/current/libpq-pgpass.html
    (
        r"^(?=[^\s:]{0,200}[g-z.*-])[^\s:]{1,200}:(?:\d{4,5}|\*):[^\s:]{1,100}:[^\s:]{1,100}:",
        r"\S{1,500}",
        r"[ \t]*$",
    ),
    (r"(?<!\S)[^\s:/]{1,200}:(?:5432|6432):[^\s:]{1,100}:[^\s:]{1,100}:", r"[^\s:]{1,500}", ""),
)
"""What stands before a value, what the value may be made of, and what follows it."""

_PATTERNS = tuple(
    re.compile(rf"(?P<head>{head}){value}(?P<tail>{tail})", re.IGNORECASE | re.MULTILINE)
    for head, value, tail in _PLACES
)


def mask_places(text: str) -> str:
    """A text with the credentials at such places masked."""
    for pattern in _PATTERNS:
        text = pattern.sub(_masked, text)
    return text


def _masked(found: re.Match[str]) -> str:
    name = found.groupdict().get("name")
    if name is not None and kind_of_name(name) is None:
        return found[0]
    return f"{found['head']}{MASK}{found['tail']}"
