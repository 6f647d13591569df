"""The policy as it is written: the whole schema, field by field, with units. Nothing here decides or computes.

Values are already read in their units (integers), secrets are still references, so a `Written` can be hashed and
printed. What a field means is in the `Attributes` of its class; the reference in `docs/` is made from them. Fields
that no part of this build reads yet are listed in `notyet.py` and refused when they are used.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Duration = Annotated[int, Meta(extra={"unit": "duration"})]
Size = Annotated[int, Meta(extra={"unit": "size"})]
Usd = Annotated[int, Meta(extra={"unit": "usd"})]
PerMillion = Annotated[int, Meta(extra={"unit": "price"})]
Share = Annotated[int, Meta(extra={"unit": "share"})]
Rate = Annotated[str, Meta(extra={"unit": "rate"})]
Instant = Annotated[int, Meta(extra={"unit": "instant"})]
SecretRef = Annotated[str, Meta(extra={"unit": "secret"})]
HeaderValue = Annotated[str, Meta(extra={"unit": "header"})]
Positive = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]

ProviderType = Literal[
    "openai",
    "openai_compatible",
    "vllm",
    "tgi",
    "ollama",
    "llamacpp",
    "echo",
    "azure",
    "anthropic",
    "gemini",
    "vertex",
    "bedrock",
    "mistral",
    "cohere",
]
Strategy = Literal["ordered", "weighted", "least_busy", "latency", "cost"]
Action = Literal["block", "mask", "redact", "flag", "retry"]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A mapping of the policy file. Unknown fields are faults."""


class WrittenKey(_Section, frozen=True):
    """One of several credentials of a provider.

    Attributes:
        key: the credential.
        weight: its share of the requests, relative to the others.
    """

    key: SecretRef
    weight: Positive = 1


class WrittenTimeouts(_Section, frozen=True):
    """Deadlines of one attempt at a provider.

    Attributes:
        connect: TCP and TLS together.
        first_byte: from the request being sent to the first byte of a streamed answer.
        answer: the same for an answer that is not streamed: the model thinks first, then answers at once.
        idle: between two reads of an answer that has begun.
        total: the whole attempt.
    """

    connect: Duration = 5_000
    first_byte: Duration = 60_000
    answer: Duration = 600_000
    idle: Duration = 60_000
    total: Duration = 3_600_000


class WrittenPrices(_Section, frozen=True):
    """What the models of a provider cost that have no price of their own in the price book.

    Attributes:
        input: plain input tokens.
        output: output tokens, reasoning included.
        cache_read: input tokens that the provider had cached; as `input` when absent.
        cache_write: input tokens that the provider wrote to its cache; as `input` when absent.
        audio_input: audio in; as `input` when absent.
        audio_output: audio out; as `output` when absent.
        per_request: added to each request.
    """

    input: PerMillion
    output: PerMillion
    cache_read: PerMillion | None = None
    cache_write: PerMillion | None = None
    audio_input: PerMillion | None = None
    audio_output: PerMillion | None = None
    per_request: Usd = 0


class WrittenProvider(_Section, frozen=True):
    """One account at one provider. Its name in the policy is the first part of `provider/model`.

    Attributes:
        type: what is spoken there. `vllm`, `tgi`, `ollama`, `llamacpp` and `openai_compatible` speak OpenAI's dialect;
            `echo` is the built-in offline model.
        base_url: scheme, host and path prefix; `openai`, `vllm` and `ollama` have a default.
        api_key: the credential; absent when the server wants none.
        api_keys: several credentials, used in turn.
        headers: extra request headers; a value is a text or a secret reference.
        prices: what its models cost that the price book does not know.
        timeouts: deadlines of one attempt.
        ca_file: PEM file of the certificate authority to trust instead of the public ones.
        api_version: Azure's API version.
        deployments: Azure's deployment for each model name.
        project: Google Cloud project.
        location: Google Cloud location.
        credentials: Google service account, as JSON.
        region: AWS region.
        access_key_id: AWS credential.
        secret_access_key: AWS credential.
        session_token: AWS credential.
        profile: AWS profile name.
        latency: `echo` waits this long before an answer begins.
        pace: `echo` waits this long between the events of a stream.
        tokens: `echo` answers with about this many tokens instead of an echo.
        seed: `echo` words its answers and draws its failures from this number.
        fail: `echo` answers with this error status.
        fail_rate: `echo` fails only this share of the requests.
        retry_after: `echo` sends this many seconds with its failures.
        error_after: `echo` sends an error inside a 200 after this many events.
        cut_after: `echo` breaks the connection after this many events.
        stall_after: `echo` goes silent after this many events.
        garbage: `echo` answers with bytes that are no answer.
        usage: whether `echo` reports usage, leaves it out or lies about it.
    """

    type: ProviderType
    base_url: str | None = None
    api_key: SecretRef | None = None
    api_keys: list[WrittenKey] = []
    headers: dict[str, HeaderValue] = {}
    prices: WrittenPrices | None = None
    timeouts: WrittenTimeouts | None = None
    ca_file: str | None = None
    api_version: str | None = None
    deployments: dict[str, str] = {}
    project: str | None = None
    location: str | None = None
    credentials: SecretRef | None = None
    region: str | None = None
    access_key_id: SecretRef | None = None
    secret_access_key: SecretRef | None = None
    session_token: SecretRef | None = None
    profile: str | None = None
    latency: Duration | None = None
    pace: Duration | None = None
    tokens: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    seed: Count | None = None
    fail: Annotated[int, Meta(ge=400, le=599)] | None = None
    fail_rate: Share | None = None
    retry_after: Annotated[int, Meta(ge=0, le=86_400)] | None = None
    error_after: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    cut_after: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    stall_after: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    garbage: bool = False
    usage: Literal["honest", "none", "lie"] | None = None


class WrittenUse(_Section, frozen=True):
    """A target with more to say than its name.

    Attributes:
        use: `provider/model`.
        weight: its share of the requests, relative to the other targets; for `strategy: weighted`.
    """

    use: str
    weight: Positive | None = None


class WrittenShadow(_Section, frozen=True):
    """A second model that gets a copy of some requests; its answers are compared, never returned.

    Attributes:
        target: `provider/model`.
        share: how many of the requests.
    """

    target: str
    share: Share


class WrittenRule(_Section, frozen=True):
    """Where requests go that meet a condition.

    Attributes:
        targets: tried in this order.
        when: a CEL expression; absent = always.
        strategy: how one of the targets is chosen.
    """

    targets: list[str | WrittenUse]
    when: str | None = None
    strategy: Strategy | None = None


class WrittenModel(_Section, frozen=True):
    """A name that callers use, and where it leads.

    Attributes:
        targets: places, tried in this order until one answers; each is `provider/model` or `{use: provider/model}`.
        rules: the first one that matches the request decides.
        strategy: how one of the targets is chosen.
        shadow: a second model that gets a copy.
    """

    targets: list[str | WrittenUse] = []
    rules: list[WrittenRule] = []
    strategy: Strategy | None = None
    shadow: WrittenShadow | None = None


class WrittenLimit(_Section, frozen=True):
    """A rate limit; every one that matches a request applies.

    Attributes:
        name: shown in errors and metrics.
        per: dimensions; each combination of their values has its own counter.
        match: the requests it is about: dimension to value or values.
        tokens: tokens, input and output together.
        requests: requests.
        concurrent: requests in flight at once.
    """

    name: str
    per: list[str] = []
    match: dict[str, str | list[str]] = {}
    tokens: Rate | None = None
    requests: Rate | None = None
    concurrent: Positive | None = None


class WrittenBudget(_Section, frozen=True):
    """A spending limit; every one that matches a request applies.

    Attributes:
        name: shown in errors and metrics.
        usd: the limit of one period.
        period: when it starts anew.
        per: dimensions; each combination of their values has its own budget.
        match: the requests it is about: dimension to value or values.
        hard: refuse what does not fit, rather than only report it.
        alert_at: shares of the limit at which an alert is sent.
    """

    name: str
    usd: Usd
    period: Literal["hour", "day", "week", "month", "year"]
    per: list[str] = []
    match: dict[str, str | list[str]] = {}
    hard: bool = False
    alert_at: list[Share] = []


class WrittenExactCache(_Section, frozen=True):
    """Answers for requests that were made before.

    Attributes:
        ttl: how long an answer is kept.
    """

    ttl: Duration


class WrittenIndex(_Section, frozen=True):
    """The index of the semantic cache.

    Attributes:
        engine: which implementation.
        m: neighbours of each entry.
        ef_construction: candidates while building.
        ef_search: candidates while searching.
        quantization: how vectors are held.
        max_entries: the oldest entries leave beyond this.
    """

    engine: Literal["native", "hnswlib"] = "native"
    m: Positive = 16
    ef_construction: Positive = 200
    ef_search: Positive = 64
    quantization: Literal["i8", "f32"] = "i8"
    max_entries: Size = 1_000_000


class WrittenSemanticCache(_Section, frozen=True):
    """Answers for requests that mean the same as one made before.

    Attributes:
        mode: `static` compares with a threshold, `verified` learns one for each answer.
        threshold: similarity from which `static` answers.
        max_wrong: share of wrong answers that `verified` may give.
        ttl: how long an answer is kept.
        embedder: which sentence model.
        scope: dimensions whose values never share answers.
        version: changing it empties the cache.
        index: how neighbours are found.
    """

    mode: Literal["static", "verified"] = "static"
    threshold: Share | None = None
    max_wrong: Share | None = None
    ttl: Duration | None = None
    embedder: str = "local"
    scope: list[str] = []
    version: str = ""
    index: WrittenIndex | None = None


class WrittenCache(_Section, frozen=True):
    """Answers that need not be paid for again.

    Attributes:
        exact: the same request.
        semantic: the same meaning.
    """

    exact: WrittenExactCache | None = None
    semantic: WrittenSemanticCache | None = None


class WrittenGuard(_Section, frozen=True):
    """One check of what goes in or comes out; exactly one of `injection`, `pii`, `secrets` and `words`.

    Attributes:
        injection: prompt injection.
        pii: personal data.
        secrets: credentials.
        words: words and phrases.
        types: kinds of personal data; absent = all.
        action: what happens when one of `words` is found.
        on_fail: what happens when the answer is refused.
    """

    injection: Action | None = None
    pii: Action | None = None
    secrets: Action | None = None
    words: list[str] = []
    types: list[str] = []
    action: Action | None = None
    on_fail: Action | None = None


class WrittenGuards(_Section, frozen=True):
    """Checks, in order.

    Attributes:
        input: on requests.
        output: on answers.
    """

    input: list[WrittenGuard] = []
    output: list[WrittenGuard] = []


class WrittenStaticKey(_Section, frozen=True):
    """A caller's key, as its hash; `aigate keys create` makes one.

    Attributes:
        sha256: SHA-256 of the key, 64 hexadecimal digits.
        hash: the same as `sha256:…`; one of the two is needed.
        id: shown in the ledger; by default the first 12 digits of the hash.
        org: chargeback dimension.
        team: chargeback dimension.
        service: chargeback dimension.
        user: chargeback dimension.
        models: patterns (`*`, `?`, `[…]`) of the model names it may call; absent = all.
        tags: tags that its requests always have.
        require_tags: names of tags that its requests must bring.
        forbid_tags: names of tags that its requests may not bring.
        expires: from then on it is refused.
    """

    sha256: str | None = None
    hash: str | None = None
    id: str | None = None
    org: str = ""
    team: str = ""
    service: str = ""
    user: str = ""
    models: list[str] | None = None
    tags: dict[str, str] = {}
    require_tags: list[str] = []
    forbid_tags: list[str] = []
    expires: Instant | None = None


class WrittenState(_Section, frozen=True):
    """Where workers and hosts share limits, budgets and caches; absent = in the process.

    Attributes:
        url: `redis://…`.
    """

    url: str


class WrittenLedger(_Section, frozen=True):
    """Where receipts go; absent = SQLite in the data folder.

    Attributes:
        url: `sqlite:///absolute/path` or `sqlite:relative/path`; `clickhouse://…` for a fleet.
    """

    url: str


class Written(_Section, frozen=True):
    """A whole policy.

    Attributes:
        version: of this schema, always 1; every policy says so.
        providers: accounts, by the name that targets use; at least one.
        models: the names that callers use; with none, every model of the providers can be called by its own name.
        limits: rate limits.
        budgets: spending limits.
        cache: answers that need not be paid for again.
        guards: checks of what goes in and comes out.
        keys: callers' keys, as hashes; more can be made with `aigate keys create`.
        state: shared state of a fleet.
        ledger: where receipts go.
    """

    version: Literal[1] = 1
    providers: dict[str, WrittenProvider] = {}
    models: dict[str, WrittenModel] = {}
    limits: list[WrittenLimit] = []
    budgets: list[WrittenBudget] = []
    cache: WrittenCache | None = None
    guards: WrittenGuards | None = None
    keys: list[WrittenStaticKey] = []
    state: WrittenState | None = None
    ledger: WrittenLedger | None = None
