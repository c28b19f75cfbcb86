"""What credentials look like, and masking whatever does in text that leaves the cluster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.credentials.names import Kind, kind_of_name
from dagster_plus_k8s_helpers.credentials.surroundings import OTHERS, PASSWORDS, mask_places
from dagster_plus_k8s_helpers.credentials.values import is_prose, is_reference, value_spans
from dagster_plus_k8s_helpers.secrets.value import MASK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["FORMS", "MASK", "literal_credentials", "mask_credentials"]

# A word that somebody wrote has no digit, and no capital after a small letter. What Basic sends has a colon
# in it, which base64 writes in one of three ways, by where it stands.
_SCHEMES = (
    r"\bBearer\s{1,5}(?=\S{0,200}(?:\d|[a-z][A-Z]))[\w.~+/-]{8,}"
    r"|\bBasic\s{1,5}(?:[\w+/]{4}){0,60}?"
    r"(?:O[g-v][\w+/]{2}|[\w+/][DTjz][opqr][\w+/=]|[\w+/]{2}[AEIMQUYcgkosw048]6)[\w+/=]*"
)

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
    (
        "an API key",
        re.compile(
            r"\bsk-(?=[\w-]{0,200}(?:[A-Za-z]\d|\d[A-Za-z]))(?!(?!proj|ant|svcacct|admin|live|test|or-|lf)[a-z]{3,20}-)[\w-]{24,}"
        ),
    ),
    ("a Databricks token", re.compile(r"\bdapi[0-9a-f]{32}\b")),
    ("a Vault token", re.compile(r"\bhvs\.[\w-]{20,}")),
    ("a Slack token", re.compile(r"\bxapp-\d-[A-Za-z0-9-]{10,}")),
    ("a Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{20,}")),
    ("an npm token", re.compile(r"\bnpm_[A-Za-z0-9]{30,}")),
    ("a PyPI token", re.compile(r"\bpypi-AgE[\w-]{50,}")),
    ("a SendGrid key", re.compile(r"\bSG\.[\w-]{22}\.[\w-]{43}")),
    ("an Azure key", re.compile(r"\b(?:AccountKey|SharedAccessKey|SharedAccessSignature)=[\w+/%-]{16,}")),
    (
        "the value of an Authorization header",
        re.compile(_SCHEMES),
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
_SCHEME = re.compile(rf"(?:{_SCHEMES})[\w.~+/=-]*")
# After \n in a repr the n is no part of the name; what follows an ARN's "secret:" is a name.
_ARN = r"\barn:[\w-]{1,20}:secretsmanager:[\w-]{0,40}:\d{0,20}:secret:[\w/+=.@-]{1,600}"
_NAMED = re.compile(
    rf"{_ARN}|(?:(?<=\\[nrt])|(?<![\w.-])(?!(?<=\\)[nrt]\w))(?P<name>[\w.-]{{1,120}}+)"
    rf"(?P<sep>\\{{0,15}}[\"']?\s{{0,3}}(?:=>|:=|[=!]=|=|:(?!:)){_TO_VALUE})"
)
_FLAG = re.compile(r"(?<![\w-])--?(?P<name>[A-Za-z][\w-]{1,60}+)\s{1,3}(?!-)")
# ECMA-48 8.3.117, as bytes and as JSON writes them.
_COLOUR = re.compile(r"(?:\x1b|\\u001b|\\x1b)\[[0-9;:]{0,40}m", re.IGNORECASE)
_BLOCK_OR_OPENING = re.compile(rf"{_BLOCK}|{_OPENING}")
_SAYS_NOTHING = re.compile(r"true|false|none|null|nil|undefined|\*+|<[\w.]+", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,6}")
_PUNCTUATION = re.compile(r"[^\w\s]{1,3}")
_OF_A_PARSER = re.compile(
    r"(?:unexpected|unknown|illegal|bad|near|at|next|expected|last)\s{1,3}\Z", re.IGNORECASE
)
_NOT_EXPECTED = re.compile(r"\\*[\"']?\s{1,3}(?:(?:is|was)\s)?(?:unexpected|not\s|invalid)", re.IGNORECASE)
_CLASS = re.compile(r"[A-Z]\w*[a-z]\w*")
_ENDS_A_CLASS = re.compile(r"(?:Secrets?(?:String|Binary)?|Token|Password|Credentials?|Key|Passphrase)\d*\Z")
_BEGINS_A_KEY = re.compile(r"(?:^|[{(,;])[ \t\\\"'-]*\Z", re.MULTILINE)


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
    text = _SCHEME.sub(_after_scheme, text)
    for form in _WHOLE_FORMS:
        text = form.sub(MASK, text)
    text = _USERINFO.sub(rf"\g<1>{MASK}@", text)
    return _mask_named(_mask_named(mask_places(text), _FLAG), _NAMED)


def literal_credentials(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The values of those environment variables that are credentials by their names.

    Args:
        environment: Values by name.
    """
    return tuple(
        value
        for name, value in environment.items()
        if name not in _IS_A_PLACE and len(value) >= _SHORTEST and _is_known_by_name(name)
    )


# A form needs only the beginning of a token to recognise it; all of it is to be masked.
_WHOLE_FORMS = tuple(re.compile(rf"(?:{form.pattern})[\w.~+/=-]*") for _kind, form in FORMS)


def _is_known_by_name(name: str) -> bool:
    kind = kind_of_name(name)
    return kind is Kind.PASSWORD or (kind is not None and bool(_ENDS_AS_CREDENTIAL.search(name)))


def _after_scheme(found: re.Match[str]) -> str:
    scheme = re.match(r"\w+\s+", found[0])
    return f"{scheme[0] if scheme else ''}{MASK}"


def _mask_named(text: str, pattern: re.Pattern[str]) -> str:
    """A text with the values behind names of credentials masked."""
    parts: list[str] = []
    end = 0
    for found in pattern.finditer(text):
        if found.start() < end or found["name"] is None:
            continue
        for start, stop in _values(text, found):
            parts += [text[end:start], MASK]
            end = stop
    return "".join([*parts, text[end:]])


def _values(text: str, found: re.Match[str]) -> list[tuple[int, int]]:
    """Where the credentials stand behind a name."""
    name, separator = found["name"], found.groupdict().get("sep", " ")
    before = text[max(0, found.start() - 24) : found.start()]
    if name.lower() in {"key", "keys"} and (of := re.search(r"([A-Za-z]{1,20}) \Z", before)):
        name = f"{of[1].lower()}_{name.lower()}"
    kind = kind_of_name(name)
    if kind is None or (":" in separator and _is_class(name)) or _is_nested(text, found, kind):
        return []
    spans = value_spans(text, found.end(), in_list=kind is Kind.PASSWORD)
    if not spans:
        return []
    start, stop = spans[0]
    is_bare = start == found.end()
    is_left = (
        _says_nothing(text[start:stop], kind, is_bare=is_bare)
        or (name in _IS_A_PLACE and text.startswith("/", start))
        or (kind is Kind.PASS and ":" in separator and not _BEGINS_A_KEY.search(before))
        or _is_of_a_parser(text, name, before, spans[0])
    )
    return [] if is_left else spans


def _says_nothing(value: str, kind: Kind, *, is_bare: bool) -> bool:
    """Whether a value is none: a word such as null, a reference, prose; of what is no password, a number."""
    if _SAYS_NOTHING.fullmatch(value) or is_reference(value) or (is_bare and is_prose(value)):
        return True
    return kind is not Kind.PASSWORD and bool(_NUMBER.fullmatch(value) or _PUNCTUATION.fullmatch(value))


def _is_nested(text: str, found: re.Match[str], kind: Kind) -> bool:
    """Whether what follows is no value but a block, a list or a mapping; a list of passwords is one."""
    opening = _BLOCK_OR_OPENING.match(text, found.end())
    if opening is None:
        return False
    is_list = kind is Kind.PASSWORD and re.match(r"[\[(][\"']", opening[0])
    return not is_list


def _is_class(name: str) -> bool:
    """Whether a name is that of an error or another class, such as SecretNotFound."""
    return bool(_CLASS.fullmatch(name.rpartition(".")[2])) and not _ENDS_A_CLASS.search(name)


def _is_of_a_parser(text: str, name: str, before: str, span: tuple[int, int]) -> bool:
    """Whether a token is one of a language: unexpected token: '}'."""
    if name.lower() == "tokens":
        return text[slice(*span)].isdigit()
    of_a_parser = _OF_A_PARSER.search(before) or _NOT_EXPECTED.match(text, span[1])
    return name.lower() == "token" and bool(of_a_parser)
