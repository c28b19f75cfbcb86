"""What credentials look like, and masking whatever does in text that leaves the cluster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.credential_places import OTHERS, PASSWORDS, mask_places
from dagster_plus_k8s_helpers.secrets.value import MASK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["FORMS", "literal_credentials", "mask_credentials"]

FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----")),
    ("an AWS access key id", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a JSON web token", re.compile(r"\beyJ[\w-]{8,300}\.eyJ[\w-]{8,4000}\.[\w-]{8}")),
    ("a GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})")),
    ("a GitLab token", re.compile(r"\bglpat-[\w-]{16,}")),
    ("a Slack token", re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}")),
    ("a Slack webhook", re.compile(r"hooks\.slack\.com/services/T\w+/B\w+/\w{10,}")),
    ("a Google API key", re.compile(r"\bAIza[\w-]{35}\b")),
    ("a Stripe key", re.compile(r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}")),
    ("an API key", re.compile(r"\bsk-(?:[a-z]+-)*[A-Za-z0-9_-]{24,}")),
    ("a Databricks token", re.compile(r"\bdapi[0-9a-f]{32}\b")),
    ("a Vault token", re.compile(r"\bhvs\.[\w-]{20,}")),
    ("a Slack token", re.compile(r"\bxapp-\d-[A-Za-z0-9-]{10,}")),
    ("a Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{20,}")),
    ("an npm token", re.compile(r"\bnpm_[A-Za-z0-9]{30,}")),
    ("a PyPI token", re.compile(r"\bpypi-AgE[\w-]{50,}")),
    ("a SendGrid key", re.compile(r"\bSG\.[\w-]{22}\.[\w-]{43}")),
    ("an Azure key", re.compile(r"\b(?:AccountKey|SharedAccessKey|SharedAccessSignature)=[\w+/%-]{16,}")),
    # A word that somebody wrote has no digit, and no capital after a small letter.
    (
        "the value of an Authorization header",
        re.compile(r"\b(?:Bearer|Basic)\s{1,5}(?=\S{0,200}(?:\d|[a-z][A-Z]))[\w.~+/-]{8,}"),
    ),
    ("a Dagster+ token", re.compile(r"\b(?:agent|user):[\w-]+:[0-9a-f]{24,}\b")),
)
"""What a credential is called and how it is recognised, of kinds that show by themselves what they are."""

# A literal shorter than this is too likely to be part of an innocent word.
_SHORTEST = 6
_ENDS_AS_CREDENTIAL = re.compile(
    rf"(?:(?:^|[_-]){PASSWORDS}|password|(?:^|[_-])(?:{OTHERS}))(?:[_-]?\d+)?$", re.IGNORECASE
)
_IS_A_PLACE = frozenset({"PWD", "OLDPWD"})

_VALUE = r"""(?:"[^"\n]{1,2000}|'[^'\n]{1,2000}|\\["'][^"'\\\n]{1,2000}|[^\s,;&"'\\)\]}]{1,2000})"""
# On the next line only where that is no list, nothing nested and no other key.
_TO_VALUE = r"(?:[^\S\n]{0,3}(?:\n(?![\s-]|[\w.-]{1,60}:))?)"
_OPENING = r"[\[{(](?:[\s\"'\])}]|\Z)"
_BLOCK = r"[|>][+-]?\d?[ \t]*(?:\r?\n|\Z)"
"""How the value of a YAML key begins that stands on the lines below it."""
_PEM = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)"
    # The first of the last lines of a log may be in the midst of it.
    r"|(?:^[A-Za-z0-9+/=]{16,100}\s+)+-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
    re.DOTALL | re.MULTILINE,
)
# What follows a colon may hold a slash, unless it is a port.
_USERINFO = re.compile(
    r"(\b[a-z][a-z0-9+.-]{1,30}://)(?:[^\s/@\"']{1,500}|[^\s/:@]{0,200}:(?!\d{1,5}/)[^\s\"'@]{1,500})@",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"((?:authorization|x-vault-token|x-api-key|cookie)\\?[\"']?\s{0,3}[:=]\s{0,3}\\?[\"']?)[^\n\"']{1,4000}",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(Bearer|Basic)(\s{1,5})(?=\S{0,400}[\d=A-Z])[\w.~+/=-]{6,}")
_NAMED = re.compile(
    rf"((?P<word>{PASSWORDS}|{OTHERS}|(?-i:(?<![a-z])KEYS?))(?P<rest>[\w-]{{0,60}}))"
    rf"(?P<sep>\\?[\"']?\s{{0,3}}(?:=>|:=|[=:]){_TO_VALUE})(?P<value>(?!{_BLOCK}|{_OPENING}){_VALUE})",
    re.IGNORECASE,
)
_FLAG = re.compile(
    rf"((?<!-)--(?=\w)[\w-]{{0,60}}(?:{PASSWORDS}|{OTHERS})\s{{1,3}})(?!-){_VALUE}", re.IGNORECASE
)
# ECMA-48 8.3.117, as bytes and as JSON writes them.
_COLOUR = re.compile(r"(?:\x1b|\\u001b|\\x1b)\[[0-9;:]{0,40}m", re.IGNORECASE)
_SAYS_NOTHING = re.compile(r"\\?[\"']?(?:\d{1,6}|true|false|none|null|\*+)", re.IGNORECASE)
_EXCEPTION = re.compile(r"\w*(?:Error|Exception|Warning)")


def mask_credentials(text: str, literals: Iterable[str] = ()) -> str:
    """A text with whatever looks like a credential in it masked.

    It errs on the side of masking: what is lost of a text can be looked up where it was written. The colours
    of a terminal go too: a name and its value would stand apart with them in between.

    Args:
        text: Such as the last lines of a log.
        literals: Values that are known to be credentials.
    """
    text = _COLOUR.sub("", text)
    for literal in sorted(set(literals), key=len, reverse=True):
        text = text.replace(literal, MASK)
    text = _PEM.sub(MASK, text)
    text = _HEADER.sub(rf"\g<1>{MASK}", text)
    text = _SCHEME.sub(rf"\g<1>\g<2>{MASK}", text)
    for form in _WHOLE_FORMS:
        text = form.sub(MASK, text)
    text = _USERINFO.sub(rf"\g<1>{MASK}@", text)
    text = _FLAG.sub(rf"\g<1>{MASK}", text)
    return _NAMED.sub(_masked, mask_places(text))


def literal_credentials(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The values of those environment variables that are credentials by their names.

    Args:
        environment: Values by name.
    """
    return tuple(
        value
        for name, value in environment.items()
        if name not in _IS_A_PLACE and len(value) >= _SHORTEST and _ENDS_AS_CREDENTIAL.search(name)
    )


# A form needs only the beginning of a token to recognise it; all of it is to be masked.
_WHOLE_FORMS = tuple(re.compile(rf"(?:{form.pattern})[\w.~+/=-]*") for _kind, form in FORMS)


def _masked(found: re.Match[str]) -> str:
    is_password = re.fullmatch(PASSWORDS, found["word"], re.IGNORECASE)
    if _EXCEPTION.fullmatch(found["rest"]) or (not is_password and _SAYS_NOTHING.fullmatch(found["value"])):
        return found[0]
    quote = re.match(r"\\?[\"']?", found["value"])
    return f"{found[1]}{found['sep']}{quote[0] if quote else ''}{MASK}"
