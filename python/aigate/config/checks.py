"""What must hold in a policy beyond the types of its fields.

Pure: a `Written` in, findings out; no file, no environment, no price. Whatever can be told from the text alone is told
here, with its line, so that a policy that passes can only fail on what is outside it (a secret, a file).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from urllib.parse import urlsplit

from .faults import Findings, Where, shown
from .notyet import NOT_YET, NotYet
from .tree import Fields, Items, Leaf, Node, is_null
from .units import written_duration
from .written import Written, WrittenModel, WrittenProvider, WrittenStaticKey, WrittenTimeouts, WrittenUse

DEFAULT_BASE_URLS = (
    ("openai", "https://api.openai.com/v1"),
    ("vllm", "http://127.0.0.1:8000/v1"),
    ("ollama", "http://127.0.0.1:11434/v1"),
)
"""By provider type. TGI's and llama.cpp's usual port is the gateway's own, so theirs must be written."""
ECHO_FIELDS = (
    "latency",
    "pace",
    "tokens",
    "seed",
    "fail",
    "fail_rate",
    "retry_after",
    "error_after",
    "cut_after",
    "stall_after",
    "garbage",
    "usage",
)
"""The settings of `echo`, in the order of the schema."""

MAX_DEADLINE_MS = 24 * 3_600_000
MAX_ECHO_WAIT_MS = 600_000
MAX_NAME = 200

_PROVIDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_TAG_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", re.ASCII)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}", re.ASCII)
_OWN_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def check(written: Written, tree: Fields, findings: Findings) -> None:
    """Note every fault of `written`, which was read from `tree`."""
    for row in NOT_YET:
        _check_not_yet(tree, row, row.steps, (), findings)
    if not findings.has(("version",)):
        findings.fault((), "version missing; expected `version: 1`")
    if not written.providers and not findings.bad(("providers",)):
        findings.fault(("providers",), "names no provider")
    for name, provider in written.providers.items():
        _check_provider(name, provider, findings)
    for name, model in written.models.items():
        _check_model(name, model, written, findings)
    _check_keys(written, findings)


def _check_not_yet(node: Node, row: NotYet, steps: tuple[str, ...], where: Where, findings: Findings) -> None:
    """Follow the steps of one row down the tree; what is there and not empty is refused."""
    if not steps:
        empty = is_null(node) if isinstance(node, Leaf) else node.size == 1
        text = node.text if isinstance(node, Leaf) else ""
        named = next((value for value in row.values if text == value or text.startswith(f"{value}:")), None)
        if named:
            findings.fault(where, f"{named}: {row.reason}")
        elif not row.values and not empty:
            findings.fault(where, row.reason)
        return
    for step, inner in _inner(node):
        if steps[0] in {"*", step}:
            _check_not_yet(inner, row, steps[1:], (*where, step), findings)


def _inner(node: Node) -> Iterator[tuple[str | int, Node]]:
    match node:
        case Fields(entries=entries):
            yield from ((key, entry.node) for key, entry in entries.items())
        case Items(items=items):
            yield from enumerate(items)


# --- providers ---


def _check_provider(name: str, provider: WrittenProvider, findings: Findings) -> None:
    where: Where = ("providers", name)
    if not _PROVIDER_NAME.fullmatch(name):
        findings.fault(where, "a provider's name is up to 64 letters, digits, '.', '_' and '-', without a slash")
    if provider.type == "echo":
        _check_echo(provider, where, findings)
        return
    for field in ECHO_FIELDS:
        if getattr(provider, field) is not None and getattr(provider, field) is not False:
            findings.fault((*where, field), "is a setting of type echo")
    if provider.base_url is not None:
        _check_base_url(provider.base_url, (*where, "base_url"), findings)
    elif provider.type in {"openai_compatible", "tgi", "llamacpp"} and not findings.has((*where, "base_url")):
        findings.fault(where, f"type {provider.type} needs a base_url such as http://127.0.0.1:9000/v1")
    if provider.type == "openai" and provider.base_url is None and not findings.has((*where, "api_key")):
        findings.warn(where, "has no api_key")
    _check_headers(provider.headers, (*where, "headers"), findings)
    if provider.timeouts is not None:
        _check_timeouts(provider.timeouts, (*where, "timeouts"), findings)


def _check_echo(provider: WrittenProvider, where: Where, findings: Findings) -> None:
    for field in ("base_url", "api_key", "headers", "ca_file", "timeouts"):
        if getattr(provider, field):
            findings.warn((*where, field), "type echo is offline and has no use for it")
    for field in ("latency", "pace"):
        if (getattr(provider, field) or 0) > MAX_ECHO_WAIT_MS:
            findings.fault((*where, field), f"longer than {written_duration(MAX_ECHO_WAIT_MS)}")


def normal_base_url(text: str) -> str:
    """`text` without a trailing slash. Raises ValueError that says what is wrong, and repeats nothing secret."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("expected a URL such as https://host/v1") from None
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError("has a space or another character that no URL may have")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a credential; put it into api_key")
    if "?" in text or "#" in text:
        raise ValueError("has a query or a fragment; expected a URL such as https://host/v1")
    host = parts.netloc.removesuffix(f":{port}") if port is not None else parts.netloc.removesuffix(":")
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        raise ValueError(f"expected a URL such as https://host/v1, got {shown(text)}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _check_base_url(text: str, where: Where, findings: Findings) -> None:
    try:
        normal_base_url(text)
    except ValueError as error:
        findings.fault(where, str(error))


def _check_headers(headers: dict[str, str], where: Where, findings: Findings) -> None:
    seen: set[str] = set()
    for name in headers:
        lower = name.lower()
        if not _HEADER_NAME.fullmatch(name):
            findings.fault((*where, name), "is not a header name")
        elif lower == "authorization":
            findings.fault((*where, name), "is written from api_key")
        elif lower in _OWN_HEADERS:
            findings.fault((*where, name), "is the gateway's own to write")
        elif lower in seen:
            findings.fault((*where, name), "is there already, in other letters")
        seen.add(lower)


def _check_timeouts(timeouts: WrittenTimeouts, where: Where, findings: Findings) -> None:
    for field in WrittenTimeouts.__struct_fields__:
        value = getattr(timeouts, field)
        if not 0 < value <= MAX_DEADLINE_MS:
            findings.fault((*where, field), f"expected more than 0s and at most 24h, got {written_duration(value)}")
        elif value > timeouts.total and findings.has((*where, field)):
            findings.fault((*where, field), f"longer than total, which is {written_duration(timeouts.total)}")


# --- models ---


def target_text(target: str | WrittenUse) -> str:
    """`provider/model` of a target, however it is written."""
    return target if isinstance(target, str) else target.use


def _check_model(name: str, model: WrittenModel, written: Written, findings: Findings) -> None:
    where: Where = ("models", name)
    if not _is_name(name):
        findings.fault(where, f"a model's name is 1 to {MAX_NAME} characters without spaces")
    has_targets, has_rules = findings.has((*where, "targets")), findings.has((*where, "rules"))
    if has_targets and has_rules:
        findings.fault((*where, "rules"), "can never match: targets apply to every request; use one of the two")
    if not model.targets and not model.rules and not findings.bad(where):
        findings.fault(where, "has no targets")
    _check_targets(model.targets, (*where, "targets"), written, findings)
    always: Where | None = None
    for place, rule in findings.each((*where, "rules"), model.rules):
        if always is not None:
            findings.fault(place, f"can never match: rule {always[-1]} has no `when` and takes every request")
        if rule.when is None and always is None:
            always = place
        _check_targets(rule.targets, (*place, "targets"), written, findings)
    if model.shadow is not None:
        _check_target(model.shadow.target, (*where, "shadow", "target"), written, findings)


def _check_targets(targets: list[str | WrittenUse], where: Where, written: Written, findings: Findings) -> None:
    seen: dict[str, Where] = {}
    for place, target in findings.each(where, targets):
        text = target_text(target)
        _check_target(text, place, written, findings)
        if text in seen:
            findings.fault(place, f"is the same target as targets[{seen[text][-1]}]")
        seen.setdefault(text, place)


def _check_target(text: str, where: Where, written: Written, findings: Findings) -> None:
    provider, _, model = text.partition("/")
    if not provider or not _is_name(model):
        findings.fault(where, f"expected provider/model, got {shown(text)}")
    elif not findings.has(("providers", provider)):
        findings.fault(where, f"unknown provider {shown(provider)}{findings.near(provider, written.providers)}")


def _is_name(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME and text.isprintable() and not any(char.isspace() for char in text)


# --- keys ---


def key_digest(key: WrittenStaticKey) -> str:
    """The 64 hexadecimal digits of a key's hash, in lower case. Raises ValueError when there are none."""
    given = [text for text in (key.hash, key.sha256 and f"sha256:{key.sha256}") if text is not None]
    if len(given) != 1:
        raise ValueError("needs either sha256 or hash")
    scheme, _, digits = given[0].partition(":")
    if scheme != "sha256" or not _SHA256.fullmatch(digits):
        raise ValueError("expected the SHA-256 of the key, 64 hexadecimal digits; `aigate keys create` prints it")
    return digits.lower()


def key_id(key: WrittenStaticKey) -> str:
    """What the ledger calls the key."""
    return key.id if key.id is not None else key_digest(key)[:12]


def _check_keys(written: Written, findings: Findings) -> None:
    digests: dict[str, Where] = {}
    ids: dict[str, Where] = {}
    may_match = cache(lambda pattern: _may_match(pattern, written, findings))  # many keys, few patterns
    for where, key in findings.each(("keys",), written.keys):
        _check_patterns(key, where, may_match, written, findings)
        _check_key(key, where, findings)
        try:
            digest, ident = key_digest(key), key_id(key)
        except ValueError as error:
            if not findings.bad((*where, "sha256")) and not findings.bad((*where, "hash")):
                findings.fault(where, str(error))
            continue
        if digest in digests:
            findings.fault(where, f"is the same key as keys[{digests[digest][-1]}]")
        if ident in ids:
            findings.fault(where, f"has the same id as keys[{ids[ident][-1]}]")
        digests.setdefault(digest, where)
        ids.setdefault(ident, where)


def _check_patterns(
    key: WrittenStaticKey, where: Where, may_match: Callable[[str], bool], written: Written, findings: Findings
) -> None:
    if key.models == [] and not findings.bad((*where, "models")):
        findings.fault((*where, "models"), "names no model, so the key can call nothing")
    for place, pattern in findings.each((*where, "models"), key.models or []):
        if not may_match(pattern):
            findings.fault(place, f"{shown(pattern)} matches no model{findings.near(pattern, written.models)}")


def _check_key(key: WrittenStaticKey, where: Where, findings: Findings) -> None:
    if key.id is not None and not _KEY_ID.fullmatch(key.id):
        findings.fault((*where, "id"), "a key's id is up to 64 letters, digits, '.', '_' and '-'")
    for name in key.tags:
        _check_tag(name, (*where, "tags", name), findings)
    for place, name in findings.each((*where, "require_tags"), key.require_tags):
        _check_tag(name, place, findings)
        if name in key.forbid_tags:
            findings.fault(place, "is required and forbidden, so the key can call nothing")
    for place, name in findings.each((*where, "forbid_tags"), key.forbid_tags):
        _check_tag(name, place, findings)


def _check_tag(name: str, where: Where, findings: Findings) -> None:
    if not _TAG_NAME.fullmatch(name):
        findings.fault(where, "a tag's name is up to 64 letters, digits, '.', '_' and '-'")


def _may_match(pattern: str, written: Written, findings: Findings) -> bool:
    """Whether some name that can be called fits `pattern`; with no `models` listed, any bare name may be one."""
    if not findings.has(("models",)) or pattern in written.models:
        return True
    literal = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    if literal != pattern and any(fnmatchcase(name, pattern) for name in written.models):
        return True
    direct = [f"{name}/" for name in written.providers]
    return any(literal.startswith(name) or (literal != pattern and name.startswith(literal)) for name in direct)
