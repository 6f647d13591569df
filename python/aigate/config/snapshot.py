"""`Written` → `Snapshot`: names become places, references become secrets, places get their prices.

The one step of loading that looks outside the text: at the environment, secret and certificate files and the price
book. Invariant: the hash depends on what the policy says and on nothing it refers to, so it can be shown anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from aigate.domain import (
    ANY_MODEL,
    Price,
    Principal,
    Provider,
    Route,
    Secret,
    Snapshot,
    StaticKey,
    Target,
    Timeouts,
)
from aigate.prices import PriceBook, encoding_of

from .checks import DEFAULT_BASE_URLS, ECHO_FIELDS, key_digest, key_id, normal_base_url, target_text
from .faults import Findings, Where, shown
from .notyet import NOT_YET
from .secret_refs import SecretReader, scheme
from .units import written_duration, written_share
from .written import Written, WrittenPrices, WrittenProvider, WrittenStaticKey, WrittenTimeouts

MAX_CA_BYTES = 1024 * 1024
_OFFLINE = Price(input=0, output=0, version="offline")
_UNBUILT_TYPES = frozenset(value for row in NOT_YET if row.path == "providers.*.type" for value in row.values)


def policy_hash(written: Written) -> str:
    """First 12 hex digits of the SHA-256 of the policy's canonical JSON, secrets as references."""
    return hashlib.sha256(msgspec.json.encode(written, order="deterministic")).hexdigest()[:12]


class Outside(msgspec.Struct):
    """What a policy refers to.

    Attributes:
        secrets: follows references.
        book: prices.
        day: ISO date on which the prices must hold.
        files: files that were looked at, certificates included.
    """

    secrets: SecretReader
    book: PriceBook
    day: str
    files: list[Path] = []


def compile_policy(written: Written, outside: Outside, findings: Findings) -> Snapshot:
    """The snapshot of a checked policy. What has a fault is left out of it, and what fails here is in `findings`."""
    providers = {
        name: _provider(name, provider, outside, findings)
        for name, provider in written.providers.items()
        if provider.type not in _UNBUILT_TYPES
    }
    known = {target.name: target for provider in providers.values() for target in _listed(provider, outside)}
    return Snapshot(
        hash=policy_hash(written),
        providers=providers,
        models={name: _route(name, written, providers, outside, findings) for name in written.models},
        direct={} if written.models else _bare_names(known),
        known=known,
        keys=tuple(_key(key) for where, key in findings.each(("keys",), written.keys) if not findings.bad(where)),
    )


# --- providers ---


def _provider(name: str, written: WrittenProvider, outside: Outside, findings: Findings) -> Provider:
    where: Where = ("providers", name)
    url = written.base_url or dict(DEFAULT_BASE_URLS).get(written.type, "")
    key = written.api_key
    headers = written.headers.items()
    return Provider(
        name=name,
        type=written.type,
        base_url=normal_base_url(url) if url and not findings.bad((*where, "base_url")) else "",
        api_key=_secret(key, (*where, "api_key"), outside, findings) if key is not None else None,
        headers=tuple((name, _header(text, (*where, "headers", name), outside, findings)) for name, text in headers),
        timeouts=_timeouts(written.timeouts) if written.timeouts else Timeouts(),
        price=_price(written.prices) if written.prices else _OFFLINE if written.type == "echo" else None,
        options=_echo_options(written) if written.type == "echo" else (),
        ca_file=_ca_file(written.ca_file, (*where, "ca_file"), outside, findings) if written.ca_file else "",
    )


def _secret(ref: str, where: Where, outside: Outside, findings: Findings) -> Secret:
    try:
        return outside.secrets.read(ref)
    except ValueError as error:
        findings.fault(where, str(error))
        return Secret("")


def _header(text: str, where: Where, outside: Outside, findings: Findings) -> Secret:
    return _secret(text, where, outside, findings) if scheme(text) else Secret(text)


def _timeouts(written: WrittenTimeouts) -> Timeouts:
    return Timeouts(
        connect_ms=written.connect,
        first_byte_ms=written.first_byte,
        answer_ms=written.answer,
        idle_ms=written.idle,
        total_ms=written.total,
    )


def _price(written: WrittenPrices) -> Price:
    return Price(
        input=written.input,
        output=written.output,
        cache_read=written.cache_read,
        cache_write=written.cache_write,
        audio_input=written.audio_input,
        audio_output=written.audio_output,
        per_request=written.per_request,
        version="policy",
    )


def _echo_options(written: WrittenProvider) -> tuple[tuple[str, str], ...]:
    """The settings as echo reads them."""
    options = []
    for field in ECHO_FIELDS:
        value = getattr(written, field)
        if field in {"latency", "pace"} and value is not None:
            options.append((field, written_duration(value, ("s", "ms"))))
        elif field == "fail_rate" and value is not None:
            options.append((field, written_share(value)))
        elif value is not None and value is not False:
            options.append((field, "1" if value is True else str(value)))
    return tuple(options)


def _ca_file(name: str, where: Where, outside: Outside, findings: Findings) -> str:
    path = Path(name)
    outside.files.append(path)
    try:
        if not path.is_file():
            findings.fault(where, f"file {shown(name)} does not exist or is not a file")
            return ""
        with path.open("rb") as file:
            data = file.read(MAX_CA_BYTES + 1)
    except OSError as error:
        findings.fault(where, f"file {shown(name)} cannot be read: {error.strerror}")
        return ""
    if len(data) > MAX_CA_BYTES or b"-----BEGIN CERTIFICATE-----" not in data:
        findings.fault(where, f"file {shown(name)} is not a PEM file of certificates")
    return name


# --- models ---


def _target(provider: Provider, model: str, outside: Outside) -> Target:
    known = outside.book.lookup(provider.type, model, outside.day)
    if known is None:
        return Target(provider, model, encoding=encoding_of(model), price=provider.price)
    entry = known.entry
    return Target(provider, model, entry.encoding, known.price, entry.max_output, entry.context)


def _listed(provider: Provider, outside: Outside) -> list[Target]:
    """Every model of `provider` that can be named without asking it."""
    names = ("echo",) if provider.type == "echo" else outside.book.names(provider.type)
    return [_target(provider, name, outside) for name in names]


def _bare_names(known: Mapping[str, Target]) -> dict[str, Target]:
    """By the model's own name; of several providers the first has it."""
    bare: dict[str, Target] = {}
    for target in known.values():
        bare.setdefault(target.model, target)
    return bare


def _route(
    name: str, written: Written, providers: Mapping[str, Provider], outside: Outside, findings: Findings
) -> Route:
    targets = []
    for where, item in findings.each(("models", name, "targets"), written.models[name].targets):
        provider, _, model = target_text(item).partition("/")
        if provider not in providers:
            continue  # has a fault already
        target = _target(providers[provider], model, outside)
        if target.price is None:
            findings.warn(where, f"{target.name} has no price, so its calls are recorded without a cost")
        targets.append(target)
    return Route(name, tuple(targets))


# --- the rest ---


def _key(written: WrittenStaticKey) -> StaticKey:
    principal = Principal(
        key=key_id(written),
        org=written.org,
        team=written.team,
        service=written.service,
        user=written.user,
        models=(ANY_MODEL,) if written.models is None else tuple(written.models),
        tags=tuple(written.tags.items()),
        require_tags=tuple(written.require_tags),
        forbid_tags=tuple(written.forbid_tags),
        expires_ms=written.expires or 0,
    )
    return StaticKey(bytes.fromhex(key_digest(written)), principal)
